"""Rows of ids of any length, kept as one flat array and the places where rows begin."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.text.growing import Growing

Ids = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
BLOCK = 1 << 20  # ids worked on at a time
WAITING = 1 << 18  # characters of texts whose features are made together


@dataclass(frozen=True, eq=False)
class Sequences:
    """R rows in one array: row i is `ids[offsets[i]:offsets[i + 1]]`.

    ids (N,) integers; offsets (R + 1,) int64, from 0 to N.
    """

    ids: Ids
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        """R, the number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of ids in each row, (R,)."""
        return np.diff(self.offsets)

    def row(self, index: int) -> Ids:
        """Row `index` as a view, (lengths[index],). IndexError for a row that is not there."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        index %= len(self)
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def take(self, indices: Ids) -> Sequences:
        """The rows `indices` (K,) in that order, copied; a row may be taken more than once."""
        if len(indices) == 1:  # training by single examples takes nothing else
            row = self.row(int(indices[0]))
            return Sequences(row.copy(), np.array([0, len(row)], np.int64))
        places, offsets = pieces(self.offsets, np.asarray(indices, dtype=np.int64))
        return Sequences(self.ids[places], offsets)

    def cut(self, max_tokens: int, keep: str) -> Sequences:
        """At most `max_tokens` ids of each row, from its "first" or its "last"; 0 = no limit."""
        if max_tokens <= 0 or len(self) == 0:
            return self
        lengths = np.minimum(self.lengths, max_tokens)
        starts = self.offsets[:-1] if keep == "first" else self.offsets[1:] - lengths
        return self._gather(starts, lengths)

    def where(self, mask: Bools) -> Sequences:
        """The same rows with only the ids for which `mask` (N,) is true."""
        kept = np.concatenate(([0], np.cumsum(mask, dtype=np.int64)))
        return Sequences(self.ids[mask], kept[self.offsets])

    def spelled(self, table: Sequences) -> Sequences:
        """The same rows with row `id` of `table` in place of each id."""
        lengths = table.lengths
        if np.all(lengths == 1):
            return Sequences(table.ids[self.ids], self.offsets)
        found = table.take(self.ids)
        ends = np.concatenate(([0], np.cumsum(lengths[self.ids], dtype=np.int64)))
        return Sequences(found.ids, ends[self.offsets])

    def _gather(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Sequences:
        """Copy the pieces `starts`, `lengths` (K,) behind each other."""
        places, offsets = _laid(starts, lengths)
        return Sequences(self.ids[places], offsets)

    @classmethod
    def from_rows(cls, rows: Iterable[Iterable[int]]) -> Sequences:
        """Rows of integers (below 2**31) as Sequences of int32."""
        builder = SequencesBuilder()
        for row in rows:
            builder.append(row)
        return builder.build()


def pieces(
    offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the items of `rows` (K,) stand in a flat array, one behind another; their offsets."""
    starts = offsets[:-1][rows]
    return _laid(starts, offsets[1:][rows] - starts)


def _laid(
    starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    places = np.arange(offsets[-1], dtype=np.int64)
    places += np.repeat(starts - offsets[:-1], lengths)
    return places, offsets


@dataclass(frozen=True, eq=False)
class Chosen:
    """Some rows of a table that may be too large to copy: row i is row `rows[i]` of `table`."""

    table: Sequences
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def take(self, indices: Ids) -> Sequences:
        """As `Sequences.take`."""
        return self.table.take(self.rows[indices])

    def blocks(self) -> Iterator[tuple[slice, Sequences]]:
        """All rows, copied a block at a time; with the place of each block."""
        ends = np.cumsum(self.table.lengths[self.rows])
        at = 0
        while at < len(self):
            before = ends[at - 1] if at else 0
            stop = max(int(np.searchsorted(ends, before + BLOCK, "right")), at + 1)
            yield slice(at, stop), self.table.take(self.rows[at:stop])
            at = stop


class SequencesBuilder:
    """Grows row by row at 4 bytes an id and 8 a row: no list of arrays, no object an id.

    Many ids lie in a file in `scratch`, as in `Growing`.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._ids = Growing(np.dtype(np.int32), scratch)
        self._waiting = array("i")
        self._offsets = array("q", [0])

    def __len__(self) -> int:
        """Number of rows so far."""
        return len(self._offsets) - 1

    def append(self, row: Iterable[int]) -> None:
        """Add one row of integers below 2**31 (OverflowError above)."""
        self._waiting.extend(row)
        self._offsets.append(self._ids.size + len(self._waiting))
        if len(self._waiting) >= BLOCK:
            self._settle()

    def extend(self, rows: Sequences) -> None:
        """Add rows of int32, all at once."""
        self._settle()
        before = self._ids.size
        self._ids.append(np.ascontiguousarray(rows.ids, np.int32))
        self._offsets.frombytes((rows.offsets[1:] + before).astype(np.int64).tobytes())

    def build(self) -> Sequences:
        """All rows, int32; the builder can grow no more after this."""
        self._settle()
        return Sequences(self._ids.array(), np.frombuffer(self._offsets, np.int64))

    def _settle(self) -> None:
        if self._waiting:
            self._ids.append(np.frombuffer(self._waiting, np.int32))
            self._waiting = array("i")


class Made:
    """Rows that `features` makes of texts, many at a time: each call costs as much as many texts.

    None in place of a function: no rows.
    """

    def __init__(self, features: Features | None, scratch: Path | None = None) -> None:
        self._features, self._done = features, SequencesBuilder(scratch)
        self._waiting: list[str] = []
        self._held = 0

    def add(self, text: str) -> None:
        """One text more."""
        if self._features is not None:
            self._waiting.append(text)
            self._held += len(text) + 1
            if self._held >= WAITING:
                self._make(self._features)

    def build(self) -> Sequences | None:
        """A row for each text, None where nobody asked for any; then nothing can be added."""
        if self._features is None:
            return None
        self._make(self._features)
        return self._done.build()

    def _make(self, features: Features) -> None:
        self._done.extend(features(self._waiting))
        self._waiting, self._held = [], 0


Features = Callable[[Sequence[str]], Sequences]  # a row for each text
