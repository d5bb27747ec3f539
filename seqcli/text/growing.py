"""What keeps growing while data is read: tables of ids, and numbers, on the disk when many."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]

MAPPED_BYTES = 50 << 20
BLOCK = 1 << 22  # numbers copied at a time


def numbered(known: Iterable[str] = ()) -> defaultdict[str, int]:
    """A dictionary that gives each new key the next number; `known` have theirs, from 0."""
    table: defaultdict[str, int] = defaultdict(None, {name: n for n, name in enumerate(known)})
    table.default_factory = table.__len__
    return table


class Growing:
    """A growing array: held up to MAPPED_BYTES, then in a scratch file without a name, and mapped.

    `scratch`: the folder for that file; None: the system's for temporary files.
    """

    def __init__(self, dtype: np.dtype[Any], scratch: Path | None) -> None:
        self.dtype, self.scratch = dtype, scratch
        self.size = 0
        self._blocks: list[Integers] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def append(self, numbers: Integers) -> None:
        """Add (N,) numbers that `dtype` can hold."""
        self._blocks.append(numbers.astype(self.dtype, copy=False))
        self._held += len(numbers)
        self.size += len(numbers)
        if self._held * self.dtype.itemsize > MAPPED_BYTES:
            self._spill()

    def array(self) -> Integers:
        """All of them, (size,), held or mapped; nothing can be added after this."""
        if self._file is None:
            return np.concatenate(self._blocks) if self._blocks else np.empty(0, self.dtype)
        self._spill()
        with self._file:  # the map has a handle of its own
            self._file.flush()
            return np.memmap(self._file, self.dtype, "r", shape=(self.size,))

    def wide(self) -> Growing:
        """The same numbers as int32; itself if it is that already."""
        if self.dtype == np.int32:
            return self
        numbers, wider = self.array(), Growing(np.dtype(np.int32), self.scratch)
        for at in range(0, len(numbers), BLOCK):
            wider.append(numbers[at : at + BLOCK])
        return wider

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self.scratch)  # noqa: SIM115 (the map needs it)
        for block in self._blocks:
            self._file.write(block.data)
        self._blocks, self._held = [], 0
