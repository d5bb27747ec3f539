"""What every reader of labeled text takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from seqcli.errors import DataError
from seqcli.settings.sections import LabeledText


class Record(NamedTuple):
    """One labeled text, and where it stands: the line (table row in parquet) counts from 1."""

    text: str
    label: str
    path: str
    line: int


class Piece(NamedTuple):
    """One file to read, with its label where the file's or folder's name gives it."""

    path: Path
    label: str = ""


Reader = Callable[[Piece, LabeledText], Iterator[Record]]


def checked_label(label: str, path: Path, line: int) -> str:
    """The label without white space around it; DataError where nothing is left."""
    label = label.strip()
    if not label:
        raise DataError(
            path, line, "a label expected, none found", "give the row a label or take it out"
        )
    return label
