"""Pieces of recordings in batches, with a label for each step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.data.frames import Frames
from seqcli.data.numbers import NONE, Recordings
from seqcli.data.padded import Padded
from seqcli.data.pieces import Pieces
from seqcli.machine.distributed import ALONE, Ranks

Numbers = NDArray[np.int64]
Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Split:
    """Recordings, their steps' labels (M,), NONE where there is none, and pieces to read them in.

    offsets (R + 1,): where the steps of each recording begin among these M.
    """

    recordings: Recordings
    labels: Labels
    offsets: Numbers
    pieces: Pieces

    @classmethod
    def of(cls, recordings: Recordings, most: int) -> Split:
        """Recordings in pieces of at most `most` steps."""
        lengths = recordings.lengths
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        steps, starts = recordings.steps, recordings.frames.offsets[recordings.rows]
        assert steps is not None
        parts = [
            steps[start : start + length] for start, length in zip(starts, lengths, strict=True)
        ]
        labels = np.concatenate(parts) if parts else np.zeros(0, np.int32)
        return cls(recordings, labels.astype(np.int32), offsets, Pieces.of(lengths, most))

    @property
    def lengths(self) -> Numbers:
        """Steps of each piece, (P,)."""
        return self.pieces.ends - self.pieces.starts

    def by_recording(self, values: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Values of all M steps, recording by recording."""
        return np.split(values, self.offsets[1:-1])


@dataclass(frozen=True)
class FrameBatch:
    """B padded pieces, and the labels (B, T) of their steps, NONE where nothing is asked."""

    signals: Padded
    labels: Tensor
    share: float = 1.0  # of all ranks' weight

    @property
    def tokens(self) -> int:
        """Real steps in the batch."""
        return self.signals.tokens

    def to(self, device: torch.device) -> FrameBatch:
        """The batch on `device`."""
        if device.type == "cpu":
            return self
        labels = self.labels.to(device, non_blocking=True)
        return FrameBatch(self.signals.to(device), labels, self.share)


@dataclass(frozen=True, eq=False)
class Epoch:
    """One epoch's batches over a split's pieces; see `Batches`.

    weights: of the labels, where they are not equal.
    """

    split: Split
    order: list[Numbers]
    ranks: Ranks = ALONE
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.order)

    def to(self, device: torch.device) -> Epoch:
        """Batches are made where the numbers are, and each is moved by itself."""
        return self

    def __getitem__(self, index: int) -> FrameBatch:
        """This rank's part of batch `index`."""
        rows = self.order[index]
        own = gather(self.split, self.ranks.own(rows))
        if self.ranks.world == 1:
            return own
        whole = self._weight(gather(self.split, rows).labels)
        return replace(own, share=self._weight(own.labels) / whole)

    def _weight(self, labels: Tensor) -> float:
        found = labels[labels != NONE].numpy()
        return float(len(found) if self.weights is None else self.weights[found].sum())


def gather(split: Split, rows: Numbers) -> FrameBatch:
    """The pieces `rows` as one padded batch; labels of what is context alone are NONE."""
    pieces, recordings = split.pieces, split.recordings
    frames = recordings.frames
    signals, labels = list[NDArray[np.float32]](), list[Labels]()
    for piece in rows.tolist():
        row, start, end = (int(part[piece]) for part in (pieces.rows, pieces.starts, pieces.ends))
        base = int(frames.offsets[recordings.rows[row]])
        signals.append(frames.values[base + start : base + end])
        own = np.full(end - start, NONE, np.int32)
        first, last = int(pieces.first[piece]), int(pieces.last[piece])
        at = int(split.offsets[row])
        own[first - start : last - start] = split.labels[at + first : at + last]
        labels.append(own)
    padded = Frames.of(signals, frames.channels).padded
    wide = np.full(padded.values.shape[:2], NONE, np.int64)
    for place, own in enumerate(labels):
        wide[place, : len(own)] = own
    return FrameBatch(padded, torch.from_numpy(wide))


def asked(split: Split) -> NDArray[np.bool_]:
    """Which pieces have a label to learn from, (P,)."""
    there = np.concatenate(([0], np.cumsum(split.labels != NONE)))
    pieces = split.pieces
    base = split.offsets[pieces.rows]
    found: NDArray[np.bool_] = there[base + pieces.last] > there[base + pieces.first]
    return found
