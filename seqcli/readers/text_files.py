"""Text files whose name, or whose folder's name, is the label."""

from __future__ import annotations

from collections.abc import Iterator

from seqcli.readers.lines import lines
from seqcli.readers.record import Piece, Record
from seqcli.settings.sections import LabeledText


def whole_file(piece: Piece, data: LabeledText) -> Iterator[Record]:
    """The file as one text (`pos/0_9.txt`); the line end that closes it is no part of it."""
    text = "\n".join(lines(piece.path, data.encoding))
    yield Record(text, piece.label, str(piece.path), 1)


def each_line(piece: Piece, data: LabeledText) -> Iterator[Record]:
    """Each line of the file as a text (`Russian.txt`); empty lines are skipped."""
    path = str(piece.path)
    for number, line in enumerate(lines(piece.path, data.encoding), start=1):
        if line.strip():
            yield Record(line, piece.label, path, number)
