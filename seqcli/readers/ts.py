"""`.ts`, the text format of the UCR and UEA archives (sktime, aeon): a recording a line.

Channels are parted by colons, their numbers by commas, the label stands behind the last colon.
Headers (`@equalLength`, `@missing`, …) are left out or lie often: the rows count, and what a header
says otherwise is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.readers.lines import lines
from seqcli.readers.numerals import Numerals, at_line
from seqcli.readers.record import Piece, spelled_label
from seqcli.readers.recording import Recording, Wanted, numbered
from seqcli.settings.sections import Series

STAMPS = "leave the time stamps out: equally spaced values, in order, are what is read"


def ts(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """The recordings of a .ts file. Errors: DataError with the line."""
    if wanted.each:
        problem = "a label for every step expected, .ts has one a recording"
        raise DataError(piece.path, 0, problem, "a long table, or one csv a recording, has them")
    header, numerals = _Header(piece.path, wanted.tell), Numerals(data.missing)
    begun, labeled, channels, count = False, False, 0, 0
    for number, line in enumerate(lines(piece.path, data.encoding), start=1):
        line = line.strip()
        if not line or line.startswith(("#", "%")):
            continue
        if not begun and line.startswith("@"):
            begun = header.take(line, number)
            continue
        begun = True
        parts = line.split(":")
        if "(" in line:
            raise DataError(piece.path, number, "numbers expected, time stamps found", STAMPS)
        if not channels:
            labeled = header.labeled if header.labeled is not None else _has_label(parts)
            channels = len(parts) - labeled
            if wanted.label and not labeled:
                problem = "a label behind the last colon expected, none found"
                raise DataError(piece.path, number, problem, "does the header say @classLabel?")
        if len(parts) - labeled != channels or not channels:
            expected = f"{channels} channel{'s' * (channels != 1)}" + " and a label" * labeled
            problem = f"{expected} expected, as in the first row, {len(parts)} parts found"
            raise DataError(piece.path, number, problem, "colons part channels and the label")
        values = _values(parts[:channels], numerals, piece.path, number)
        label = spelled_label(parts[-1]) if labeled else ""
        count += 1
        header.compare(values, label, number)
        yield Recording(
            values, numbered(channels), str(piece.path), number, str(count), label or piece.label
        )


def _has_label(parts: list[str]) -> bool:
    """Without a header: whether a single value stands behind several of them."""
    return len(parts) > 1 and "," not in parts[-1] and "," in parts[0]


def _values(parts: list[str], numerals: Numerals, path: Path, number: int) -> NDArray[np.float64]:
    """The channels of a row, (T, C)."""
    cells = [part.split(",") for part in parts]
    for place, row in enumerate(cells, start=1):
        if len(row) != len(cells[0]):
            problem = f"{len(cells[0])} numbers in channel {place} expected, {len(row)} found"
            raise DataError(path, number, problem, "all channels of a recording are as long")
    flat = numerals.read([cell for row in cells for cell in row], path, at_line(number))
    return flat.reshape(len(cells), -1).T


class _Header:
    """What the header says."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path, self._tell = path, tell
        self.labeled: bool | None = None
        self._labels: tuple[str, ...] = ()
        self._said: dict[str, Any] = {}
        self._length: int | None = None

    def take(self, line: str, number: int) -> bool:
        """A line of it; True where the data begins. Errors: DataError for what is not read."""
        key, *words = line[1:].split()
        key = key.lower()
        yes = bool(words) and words[0].lower() == "true"
        if key == "data":
            return True
        if key == "timestamps" and yes:
            raise DataError(self._path, number, "no time stamps expected, some found", STAMPS)
        if key == "targetlabel" and yes:
            problem = "labels expected, numbers to be predicted (@targetLabel) found"
            raise DataError(self._path, number, problem, "make classes of them, as low and high")
        if key == "classlabel":
            self.labeled, self._labels = yes, tuple(map(spelled_label, words[1:]))
        elif key in ("equallength", "missing", "univariate"):
            self._said[key] = yes
        elif key in ("dimensions", "dimension", "serieslength"):
            self._said[key.removesuffix("s")] = words[0] if words else ""
        return False

    def compare(self, values: NDArray[np.float64], label: str, number: int) -> None:
        """Tell what it says otherwise, each only once."""
        steps, channels = values.shape
        length = self._length = steps if self._length is None else self._length
        said, found = self._said, dict[str, str]()
        if steps != length:
            found["equallength"] = (
                f"lengths {length} and {steps}" if said.get("equallength") else ""
            )
        if said.get("missing") is False and np.isnan(values).any():
            found["missing"] = "missing numbers"
        if said.get("univariate") and channels > 1:
            found["univariate"] = f"{channels} channels"
        if said.get("dimension", str(channels)) != str(channels):
            found["dimension"] = f"{channels} channels"
        if (
            said.get("serieslength", str(steps)) != str(steps)
            and said.get("equallength") is not False
        ):
            found["serieslength"] = f"a length of {steps}"
        if self._labels and label and label not in self._labels:
            found["classlabel"] = f"a label {label!r}"
        for key, words in found.items():
            if words and key not in self._said.get("told", set()):
                self._said.setdefault("told", set()).add(key)
                self._tell(f"{self._path}, line {number}: the header's @{key} is wrong: {words}")
