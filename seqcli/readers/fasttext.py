"""fastText's training format: `__label__spam text of the message`, one a line."""

from __future__ import annotations

from collections.abc import Iterator

from seqcli.errors import DataError
from seqcli.readers.lines import lines
from seqcli.readers.record import Needs, Piece, Record, spelled_label
from seqcli.settings.sections import Text

MARK = "__label__"


def fasttext(piece: Piece, data: Text, needs: Needs) -> Iterator[Record]:
    """The records of a file with one `__label__` in front of each text; empty lines are skipped.

    Errors: DataError for a line without a label, or with several.
    """
    path = str(piece.path)
    for number, line in enumerate(lines(piece.path, data.encoding), start=1):
        if not line.strip():
            continue
        head, text = [*line.split(None, 1), ""][:2]
        if not head.startswith(MARK):
            problem = f"{MARK}NAME and a text expected, found: {head[:40]}"
            raise DataError(path, number, problem, "start each line with its label")
        if text.startswith(MARK):
            problem = f"one label expected, a second found: {text.split(None, 1)[0][:40]}"
            raise DataError(path, number, problem, "a text has one label here: keep one of them")
        yield Record(path, number, text, spelled_label(head.removeprefix(MARK)))
