"""Documents of labeled texts, each begun and ended by an end mark, as padded batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.data.labeled import Examples
from seqcli.data.padded import Padded
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.text.sequences import Sequences


@dataclass(frozen=True, eq=False)
class Documents:
    """A split: R texts with labels, the most tokens that are read of one (0: all), the end mark.

    unknown_share: of the texts' tokens, those the vocabulary lacks.
    """

    examples: Examples
    longest: int
    end: int
    unknown_share: float = 0.0

    def __len__(self) -> int:
        """R."""
        return len(self.examples)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Places of the labels, (R,)."""
        return self.examples.labels

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Which texts are longer than what is read of them, (R,): they have no end."""
        sizes = self.examples.tokens.lengths
        return sizes > self.longest if self.longest else np.zeros(len(sizes), np.bool_)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Predictions in each text, (R,): its tokens and, of a whole one, the end."""
        return np.where(self.cut, self.longest, self.examples.tokens.lengths + 1)

    def take(self, rows: NDArray[np.int64]) -> Documents:
        """These texts alone."""
        return replace(self, examples=self.examples.take(rows))


@dataclass(frozen=True)
class DocumentBatch:
    """B texts: what is read, and at each step what follows."""

    text: Padded  # (B, T)
    targets: Tensor  # (B, T) int64
    labels: Tensor  # (B,) int64
    share: float = 1.0  # of all ranks' predictions

    @property
    def tokens(self) -> int:
        """Predictions."""
        return self.text.tokens

    def to(self, device: torch.device) -> DocumentBatch:
        """The batch on `device`."""
        if device.type == "cpu":
            return self
        targets, labels = (
            part.to(device, non_blocking=True) for part in (self.targets, self.labels)
        )
        return DocumentBatch(self.text.to(device), targets, labels, self.share)


@dataclass(frozen=True)
class Epoch:
    """One epoch's batches over a split."""

    split: Documents
    order: list[NDArray[np.int64]]
    ranks: Ranks = ALONE

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.order)

    def to(self, device: torch.device) -> Epoch:
        """Batches are made where the texts are, and each is moved by itself."""
        return self

    def __getitem__(self, index: int) -> DocumentBatch:
        """This rank's part of batch `index`."""
        rows = self.order[index]
        own = self.ranks.own(rows)
        batch = gather(self.split, own)
        if self.ranks.world == 1:
            return batch
        return replace(batch, share=batch.tokens / int(self.split.take(rows).lengths.sum()))


def gather(split: Documents, rows: NDArray[np.int64]) -> DocumentBatch:
    """The texts `rows` as one padded batch: the end mark is read first, and predicted last."""
    part = split.take(rows)
    tokens = part.examples.tokens.cut(split.longest, "first")
    offsets = np.concatenate(([0], np.cumsum(part.lengths, dtype=np.int64)))
    starts = offsets[:-1]
    targets = np.full(offsets[-1], split.end, np.int32)
    shift = np.repeat(starts - tokens.offsets[:-1], tokens.lengths)
    targets[np.arange(len(tokens.ids)) + shift] = tokens.ids
    read = np.empty_like(targets)
    read[1:] = targets[:-1]
    read[starts] = split.end
    return DocumentBatch(
        Padded.of(Sequences(read, offsets)),
        Padded.of(Sequences(targets, offsets)).values.long(),
        torch.from_numpy(part.labels),
    )
