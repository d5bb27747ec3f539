"""Rows of frames of any length: one flat array, and the places where rows begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.data.padded import Padded
from seqcli.text.growing import Growing
from seqcli.text.sequences import pieces

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Frames:
    """R rows in one array: row i is `values[offsets[i]:offsets[i + 1]]`.

    values (N, C), held or mapped; offsets (R + 1,) int64, from 0 to N.
    """

    values: Floats
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        """R."""
        return len(self.offsets) - 1

    @property
    def channels(self) -> int:
        """C."""
        return int(self.values.shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each row, (R,)."""
        return np.diff(self.offsets)

    def row(self, index: int) -> Floats:
        """Row `index`, (T, C), a view."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: NDArray[np.int64]) -> Frames:
        """These rows in that order, copied."""
        places, offsets = pieces(self.offsets, rows)
        return Frames(self.values[places], offsets)

    @property
    def padded(self) -> Padded:
        """All rows as one tensor, (R, T, C)."""
        return Padded.of_frames(self.values, self.offsets)

    @classmethod
    def of(cls, rows: list[Floats], channels: int) -> Frames:
        """Rows (T, C) behind each other."""
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        flat = np.concatenate(rows) if rows else np.zeros((0, channels), np.float32)
        return cls(flat, offsets)


class GrowingFrames:
    """Rows (T, C) of one number of channels, kept flat; many lie in a file, as in `Growing`."""

    def __init__(self, channels: int, dtype: np.dtype[Any], scratch: Path | None) -> None:
        self.channels = channels
        self._flat = Growing(dtype, scratch)

    def append(self, row: NDArray[Any]) -> None:
        """A row more, (T, channels)."""
        self._flat.append(np.ascontiguousarray(row).ravel())

    def build(self) -> NDArray[Any]:
        """All of them, (N, channels); nothing can be added after this."""
        flat: NDArray[Any] = self._flat.array()
        return flat.reshape(-1, self.channels)
