"""Batches of recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.data.batching import share
from seqcli.data.numbers import Recordings
from seqcli.data.padded import Padded
from seqcli.data.varied import Variation
from seqcli.machine.distributed import ALONE, Ranks


@dataclass(frozen=True)
class SignalBatch:
    """Padded recordings, and a label for each."""

    signals: Padded  # (B, T, E)
    labels: Tensor  # (B,) int64
    share: float = 1.0  # of all ranks' weight

    @property
    def tokens(self) -> int:
        """Real steps in the batch."""
        return self.signals.tokens

    def to(self, device: torch.device) -> SignalBatch:
        """The batch on `device`."""
        if device.type == "cpu":
            return self
        labels = self.labels.to(device, non_blocking=True)
        return SignalBatch(self.signals.to(device), labels, self.share)


@dataclass(frozen=True, eq=False)
class Epoch:
    """One epoch's batches over a split; see `Batches`."""

    split: Recordings
    order: list[NDArray[np.int64]]
    ranks: Ranks = ALONE
    weights: NDArray[np.float64] | None = None  # of the labels, where they are not equal
    variation: Variation | None = None
    stream: tuple[int, int] = (0, 0)  # seed and epoch, of which versions are drawn

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.order)

    def to(self, device: torch.device) -> Epoch:
        """Batches are made where the numbers are, and each is moved by itself."""
        return self

    def __getitem__(self, index: int) -> SignalBatch:
        """This rank's part of batch `index`."""
        rows = self.order[index]
        own = self.ranks.own(rows)
        frames = self.split.frames.take(self.split.rows[own])
        if self.variation is not None:
            random = np.random.default_rng([*self.stream, index])
            drawn = self.variation.drawn(len(rows), random)  # alike, however many ranks there are
            frames = self.variation(frames, self.ranks.own(drawn))
        labels = torch.from_numpy(self.split.labels[own])
        part = share(self.split.labels, own, rows, self.weights)
        return SignalBatch(frames.padded, labels, part)


def gather(split: Recordings, rows: NDArray[np.int64], part: float = 1.0) -> SignalBatch:
    """The recordings `rows` as one padded batch."""
    frames = split.frames.take(split.rows[rows])
    return SignalBatch(frames.padded, torch.from_numpy(split.labels[rows]), part)
