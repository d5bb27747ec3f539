"""Plain text files as records; their name, or their folder's, may be the label."""

from __future__ import annotations

from collections.abc import Iterator

from seqcli.readers.lines import lines
from seqcli.readers.record import Needs, Piece, Record, spelled_label
from seqcli.settings.sections import Text


def whole_file(piece: Piece, data: Text, needs: Needs) -> Iterator[Record]:
    """The file as one text (`pos/0_9.txt`); the line end that closes it is no part of it."""
    text = "\n".join(lines(piece.path, data.encoding))
    yield Record(str(piece.path), 1, text, spelled_label(piece.label))


def each_line(piece: Piece, data: Text, needs: Needs) -> Iterator[Record]:
    """Each line of the file as a text (`Russian.txt`); empty lines are skipped."""
    path, label = str(piece.path), spelled_label(piece.label)
    for number, line in enumerate(lines(piece.path, data.encoding), start=1):
        if line.strip():
            yield Record(path, number, line, label)
