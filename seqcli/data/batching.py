"""Batches: texts of like length together, padded; language-model windows over parallel columns.

What is in batch i of epoch e follows from (seed, e, i) alone, so a run can go on at any batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.data.corpus import Stream
from seqcli.data.labeled import Examples
from seqcli.data.padded import Padded
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.text.ngrams import Ngrams
from seqcli.text.sequences import Sequences

EVALUATION_TOKENS = 1 << 14  # of a batch that is only read: bounded memory whatever the lengths


Bags = tuple[Tensor, Tensor, Tensor]  # what nn.wide.Wide takes


@dataclass(frozen=True)
class TextBatch:
    """Padded texts, and the features beside them."""

    text: Padded  # (B, T)
    labels: Tensor  # (B,) int64
    features: Bags | None = None
    share: float = 1.0  # of all ranks' weight

    def to(self, device: torch.device) -> TextBatch:
        """The batch on `device`."""
        if device.type == "cpu":
            return self
        features = self.features
        return TextBatch(
            self.text.to(device),
            self.labels.to(device, non_blocking=True),
            None if features is None else _moved(features, device),
            self.share,
        )

    @property
    def tokens(self) -> int:
        """Real tokens in the batch."""
        return self.text.tokens


def _moved(features: Bags, device: torch.device) -> Bags:
    buckets, starts, weights = (part.to(device, non_blocking=True) for part in features)
    return buckets, starts, weights


def bags(rows: Sequences, weights: NDArray[np.float32]) -> Bags:
    """Rows of buckets and a weight for each -> buckets (N,), starts (B,), weights (N,)."""
    starts = rows.offsets[:-1] - rows.offsets[0]
    ids = np.ascontiguousarray(rows.ids, np.int64)
    return (
        torch.from_numpy(ids),
        torch.from_numpy(starts.astype(np.int64)),
        torch.from_numpy(weights),
    )


@dataclass(frozen=True)
class Epoch:
    """One epoch's batches over a split."""

    split: Examples
    order: list[NDArray[np.int64]]
    grams: Ngrams | None
    ranks: Ranks = ALONE
    weights: NDArray[np.float64] | None = None  # of the labels, where they are not equal

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.order)

    def to(self, device: torch.device) -> Epoch:
        """Batches are made where the texts are, and each is moved by itself."""
        return self

    def __getitem__(self, index: int) -> TextBatch:
        """This rank's part of batch `index`."""
        rows = self.order[index]
        own = self.ranks.own(rows)
        part = share(self.split.labels, own, rows, self.weights)
        return replace(gather(self.split, own, self.grams), share=part)


def share(
    labels: NDArray[np.int64],
    own: NDArray[np.int64],
    rows: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
) -> float:
    """How much of the weight of a batch's `rows` one rank's `own` have.

    labels: of all rows; weights: of the labels, None where they are equal.
    """
    if weights is None or len(own) == len(rows):
        return len(own) / len(rows)
    return float(weights[labels[own]].sum() / weights[labels[rows]].sum())


def gather(split: Examples, rows: NDArray[np.int64], grams: Ngrams | None) -> TextBatch:
    """The examples `rows` as one padded batch."""
    text = Padded.of(split.tokens.take(rows))
    labels = torch.from_numpy(split.labels[rows])
    features = None
    if grams is not None and split.features is not None:
        picked = split.features.take(rows)
        features = bags(picked, grams.weights(picked))
    return TextBatch(text, labels, features)


@dataclass(frozen=True)
class Window:
    """`steps` tokens of each column, and the tokens that follow them."""

    ids: Tensor  # (B, T) int64
    targets: Tensor  # (B, T) int64
    share: float = 1.0  # of all ranks' columns

    @property
    def tokens(self) -> int:
        """Tokens read."""
        return self.ids.numel()

    def to(self, device: torch.device) -> Window:
        """The window on `device`."""
        if device.type == "cpu":
            return self
        ids = self.ids.to(device, non_blocking=True)
        return Window(ids, self.targets.to(device, non_blocking=True), self.share)


@dataclass(frozen=True, eq=False)
class Columns:
    """A stream cut into B parallel columns, read in windows of `steps` (Zaremba et al. 2014).

    What does not fill the columns or the last window is not read, unless `exact`. Each of several
    ranks reads columns of its own.
    """

    ids: Stream
    columns: int
    steps: int
    exact: bool = False
    ranks: Ranks = ALONE

    @property
    def length(self) -> int:
        """Tokens of a column."""
        return len(self.ids) // self.columns

    @property
    def own(self) -> int:
        """Columns that this rank reads."""
        return len(self.ranks.own(range(self.columns)))

    def parts(self, count: int) -> list[Columns]:
        """This rank's columns in `count` parts, at most as many as there are columns."""
        rank, world = self.ranks.rank, self.ranks.world
        ranks = [Ranks(rank + world * part, world * count) for part in range(count)]
        return [replace(self, ranks=part) for part in ranks]

    def __len__(self) -> int:
        """Windows."""
        predictions = max(self.length - 1, 0)
        if self.exact:
            return -(-predictions // self.steps)
        return max(predictions // self.steps, min(predictions, 1))

    def __getitem__(self, index: int) -> Window:
        """Window `index`, every column's at the same place."""
        # One copy: targets are the same numbers one step on.
        ids = torch.from_numpy(self.grid()[:, self.span(index)].astype(np.int64))
        return Window(ids[:, :-1], ids[:, 1:], self.share)

    @property
    def share(self) -> float:
        """This rank's part of the columns."""
        return self.own / self.columns

    def grid(self) -> Stream:
        """This rank's columns, (own, length): a view."""
        every = self.ids[: self.length * self.columns].reshape(self.columns, self.length)
        own: Stream = self.ranks.own(every)
        return own

    def span(self, index: int) -> slice:
        """What window `index` reads of each column: its ids, and the one after them."""
        start = index * self.steps
        return slice(start, min(start + self.steps, self.length - 1) + 1)

    def to(self, device: torch.device) -> Columns | Resident:
        """On a GPU the ids themselves, if they are not too many."""
        if device.type != "cuda" or self.ids.nbytes > RESIDENT_BYTES:
            return self
        return Resident.of(self, device)


RESIDENT_BYTES = 2 << 30


@dataclass(frozen=True, eq=False)
class Resident:
    """`Columns` whose ids lie on a device: a step copies nothing from the host."""

    columns: Columns
    grid: Tensor  # (own columns, length)

    @classmethod
    def of(cls, columns: Columns, device: torch.device) -> Resident:
        """This rank's columns on `device`."""
        own = columns.grid()
        small = np.uint8 if own.dtype == np.uint8 else np.int32  # torch's own integer types
        return cls(columns, torch.from_numpy(own.astype(small)).to(device))

    def __len__(self) -> int:
        """Windows."""
        return len(self.columns)

    def to(self, device: torch.device) -> Resident:
        """They are there."""
        return self

    def __getitem__(self, index: int) -> Window:
        """As that of the columns."""
        piece = self.grid[:, self.columns.span(index)].long()
        return Window(piece[:, :-1], piece[:, 1:], self.columns.share)


def generator(seed: int, epoch: int) -> np.random.Generator:
    """The private stream that orders one epoch."""
    return np.random.default_rng([seed, epoch])


def bucketed_order(
    lengths: NDArray[np.int64], batch_size: int, pool: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Row numbers of each batch: shuffled, then sorted by length within `pool` batches.

    `pool` 1 is a plain shuffle. Every row occurs once; the last batch may be smaller.
    """
    order = random.permutation(len(lengths))
    span = batch_size * pool
    if pool > 1:
        pools = [order[at : at + span] for at in range(0, len(order), span)]
        order = np.concatenate(
            [rows[np.argsort(lengths[rows], kind="stable")] for rows in pools] or [order]
        )
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    if pool > 1:
        batches = [batches[i] for i in random.permutation(len(batches))]
    return batches


def label_order(
    labels: NDArray[np.int64], batch_size: int, draws: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """`draws` row numbers: a label uniformly, then one of its rows, again and again."""
    present, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    grouped = np.argsort(inverse, kind="stable")
    starts = np.cumsum(counts) - counts
    drawn = random.integers(len(present), size=draws)
    rows = grouped[starts[drawn] + (random.random(draws) * counts[drawn]).astype(np.int64)]
    return [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]


def reading_order(lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Row numbers of batches for evaluation: by length, each of a bounded number of tokens."""
    order = np.argsort(lengths, kind="stable")
    batches, at = [], 0
    while at < len(order):
        # Lengths rise: as many rows as fit if all were as long as the longest of them.
        size = 1
        while at + size < len(order) and size < 1024:
            wider = min(size * 2, len(order) - at, 1024)
            longest = max(int(lengths[order[at + wider - 1]]), 1)
            if longest * wider > EVALUATION_TOKENS:
                break
            size = wider
        batches.append(order[at : at + size])
        at += size
    return batches
