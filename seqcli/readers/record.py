"""What every reader takes and gives: records with named fields."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from seqcli.settings.sections import Text

ANSWERS = frozenset({"label"})  # fields that a model is to find: what it reads goes without them
WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")
BOOLEANS = ("true", "false")


class Record(NamedTuple):
    """One example, and where it stands: the line (table row in parquet) counts from 1.

    A field that the file does not have is empty.
    """

    path: str
    line: int
    text: str = ""
    label: str = ""  # as `spelled_label` gives it


class Piece(NamedTuple):
    """One file to read, with its label where the file's or folder's name gives it."""

    path: Path
    label: str = ""


Needs = tuple[str, ...]  # names of fields
Reader = Callable[[Piece, Text, Needs], Iterator[Record]]


@lru_cache(1 << 12)  # there are few labels, and many records
def spelled_label(label: str) -> str:
    """The one spelling of a label: composed, no white space around it; 1.0 is 1, True is true."""
    label = label.strip()
    if not label.isascii():
        return unicodedata.normalize("NFC", label)
    if label.lower() in BOOLEANS:
        return label.lower()
    if label.endswith("0"):
        whole = WHOLE_NUMBER.fullmatch(label)
        return str(int(whole[1])) if whole else label
    return label
