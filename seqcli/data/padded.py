"""Rows of different length as one tensor, padded at their ends: of ids, or of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.nn.ragged import length_mask
from seqcli.text.sequences import Sequences

ROUND = 8  # padded lengths are multiples of this: oneDNN keeps code and buffers for every shape


@dataclass(frozen=True, eq=False)
class Padded:
    """B rows of up to T steps: an id or E numbers a step, zero past a row's length."""

    values: Tensor  # (B, T) int32, or (B, T, E) float32
    lengths: Tensor | None = None  # (B,) int64; None: every row is T long

    @classmethod
    def of(cls, rows: Sequences, multiple: int = ROUND) -> Padded:
        """Rows of ids -> (B, T), T rounded up to a multiple where rows differ in length."""
        return cls._of(rows.ids, rows.lengths, np.dtype(np.int32), multiple)

    @classmethod
    def of_frames(cls, frames: NDArray[np.floating[Any]], offsets: NDArray[np.int64]) -> Padded:
        """Rows of frames (N, E), row i in `frames[offsets[i]:offsets[i + 1]]` -> (B, T, E)."""
        return cls._of(frames, np.diff(offsets), np.dtype(np.float32), ROUND)

    @classmethod
    def _of(
        cls, flat: NDArray[Any], lengths: NDArray[np.int64], dtype: np.dtype[Any], multiple: int
    ) -> Padded:
        rows, longest = len(lengths), int(lengths.max(initial=1))
        if rows and int(lengths.min()) == longest:
            whole = flat.reshape(rows, longest, *flat.shape[1:])
            return cls(torch.from_numpy(whole.astype(dtype)))
        time = -(-longest // multiple) * multiple
        values = np.zeros((rows, time, *flat.shape[1:]), dtype)
        values[np.arange(time) < lengths[:, None]] = flat
        return cls(torch.from_numpy(values), torch.from_numpy(lengths.astype(np.int64)))

    @property
    def tokens(self) -> int:
        """Real steps of all rows."""
        if self.lengths is None:
            return self.values.shape[0] * self.values.shape[1]
        return int(self.lengths.sum())

    @property
    def mask(self) -> Tensor:
        """(B, T), True at real steps."""
        batch, time = self.values.shape[:2]
        if self.lengths is None:
            return self.values.new_ones(batch, time, dtype=torch.bool)
        return length_mask(self.lengths, time)

    def to(self, device: torch.device) -> Padded:
        """The rows on `device`."""
        if device == self.values.device:
            return self
        lengths = self.lengths
        return Padded(
            self.values.to(device, non_blocking=True),
            None if lengths is None else lengths.to(device, non_blocking=True),
        )
