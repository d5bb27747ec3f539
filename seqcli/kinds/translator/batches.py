"""Batches of pairs for a translator: sources, and targets as they are read and as they follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.data import batching
from seqcli.data.padded import Padded
from seqcli.data.pairs import Texts
from seqcli.kinds.translator.sides import END
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.text.sequences import Sequences

MULTIPLE = 2  # padded lengths: of pairs with captions' lengths 8 makes a third more work


@dataclass(frozen=True, eq=False)
class Split:
    """Texts, and P pairs as the network reads them: a source with several targets is several.

    sources, targets: P rows of ids, the end mark last; rows (P,): the place of each pair's text;
    long: how many pairs were left out, or (`cut`) cut, since a side has more than data.max_tokens.
    """

    texts: Texts
    sources: Sequences
    targets: Sequences
    rows: NDArray[np.int64]
    long: int = 0
    cut: bool = False

    def __len__(self) -> int:
        """P."""
        return len(self.rows)

    def take(self, pairs: NDArray[np.int64]) -> Split:
        """The pairs (K,), with all texts."""
        taken = self.sources.take(pairs), self.targets.take(pairs), self.rows[pairs]
        return replace(self, sources=taken[0], targets=taken[1], rows=taken[2])


@dataclass(frozen=True)
class PairBatch:
    """B pairs; targets are read one step behind, from an end mark on."""

    source: Tensor  # (B, S)
    source_lengths: Tensor  # (B,)
    before: Tensor  # (B, T) what is read at each step
    target: Tensor  # (B, T) what follows it
    target_lengths: Tensor  # (B,)
    share: float = 1.0  # of all ranks' target tokens

    @property
    def tokens(self) -> int:
        """Real tokens of the targets."""
        return int(self.target_lengths.sum())

    def to(self, device: torch.device) -> PairBatch:
        """The batch on `device`."""
        if device.type == "cpu":
            return self
        moved: dict[str, Any] = {
            name: part.to(device, non_blocking=True)
            for name, part in vars(self).items()
            if isinstance(part, Tensor)
        }
        return replace(self, **moved)


@dataclass(frozen=True)
class Epoch:
    """One epoch's batches over a split."""

    split: Split
    order: list[NDArray[np.int64]]
    ranks: Ranks = ALONE

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.order)

    def to(self, device: torch.device) -> Epoch:
        """Batches are made where the texts are, and each is moved by itself."""
        return self

    def __getitem__(self, index: int) -> PairBatch:
        """This rank's part of batch `index`."""
        rows = self.order[index]
        own = self.ranks.own(rows)
        lengths = self.split.targets.lengths
        share = 1.0 if self.ranks.world == 1 else float(lengths[own].sum() / lengths[rows].sum())
        return gather(self.split, own, share)


def gather(split: Split, pairs: NDArray[np.int64], share: float = 1.0) -> PairBatch:
    """The pairs as one padded batch."""
    source, target = padded(split.sources.take(pairs)), padded(split.targets.take(pairs))
    begin = target[0].new_full((len(target[0]), 1), END)
    return PairBatch(*source, torch.cat([begin, target[0][:, :-1]], 1), *target, share)


def padded(rows: Sequences) -> tuple[Tensor, Tensor]:
    """Rows of ids -> (B, T) int64 and lengths (B,)."""
    found = Padded.of(rows, MULTIPLE)
    lengths = found.lengths
    if lengths is None:
        lengths = torch.full((len(found.values),), found.values.shape[1])
    return found.values.long(), lengths


def order_of(
    split: Split, batch_size: int, pool: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Pairs of each batch: their longer sides are of like length, and for equal ones the targets.

    By the target's length alone sources would be padded to half as much again.
    """
    targets = split.targets.lengths
    longer = np.maximum(split.sources.lengths, targets)
    keys = longer * (int(longer.max(initial=0)) + 1) + targets
    return batching.bucketed_order(keys, batch_size, pool, random)


def reading_order(split: Split) -> list[NDArray[np.int64]]:
    """Pairs of batches that are only read: a bounded number of tokens on the longer side."""
    return batching.reading_order(np.maximum(split.sources.lengths, split.targets.lengths))
