"""Long rows read in pieces that overlap, so that every step is answered with context around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcli.text.sequences import Sequences


@dataclass(frozen=True, eq=False)
class Pieces:
    """How P pieces of rows are read: all but the longest rows are one piece each.

    rows (P,): the row; starts, ends (P,): what is read of it; first, last (P,): for which of
    that the answer counts, the rest is context. Places are those of steps in the row.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def of(
        cls, lengths: NDArray[np.int64], most: int, shifts: NDArray[np.int64] | None = None
    ) -> Pieces:
        """Rows of these lengths in pieces of at most `most` steps, an eighth of it context.

        shifts (R,), below `stride(most)`: how many steps sooner all ends of a longer row's pieces
        lie.
        """
        if not (lengths > most).any():
            zeros = np.zeros(len(lengths), np.int64)
            return cls(np.arange(len(lengths)), zeros, lengths, zeros, lengths)
        found = [
            (row, *piece)
            for row, length in enumerate(lengths.tolist())
            for piece in _pieces(length, most, 0 if shifts is None else int(shifts[row]))
        ]
        return cls(*np.array(found, np.int64).T)

    def cut(self, sentences: Sequences) -> Sequences:
        """The pieces of rows of these lengths."""
        if len(self.rows) == len(sentences):
            return sentences
        offsets = sentences.offsets[self.rows]
        bounds = zip((offsets + self.starts).tolist(), (offsets + self.ends).tolist(), strict=True)
        parts = [sentences.ids[start:end] for start, end in bounds]
        ends = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return Sequences(np.concatenate(parts), ends)


def context(most: int) -> int:
    """Steps at each end of a piece that are read, and answered by its neighbor."""
    return most // 8


def stride(most: int) -> int:
    """Steps from one piece to the next."""
    return most - 2 * context(most)


def _pieces(length: int, most: int, shift: int) -> Iterator[tuple[int, int, int, int]]:
    start = -shift if length > most else 0
    while True:
        end = min(start + most, length)
        first = start + context(most) if start > 0 else 0
        last = end - context(most) if end < length else length
        yield max(start, 0), end, first, last
        if end == length:
            return
        start += stride(most)
