"""Batches of sentences for a tagger: each distinct word of a batch is there once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.data import batching
from seqcli.data.padded import Padded
from seqcli.data.pieces import Pieces
from seqcli.data.tagged import TaggedSentences
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.tagging import Sentences
from seqcli.text.sequences import Sequences
from seqcli.text.spelling import Words
from seqcli.text.windows import windows

UNKNOWN_TAG = -1
TOKENS = 1 << 12  # of a batch that is only read: what the gates leave fits a core's cache
PAIRS = 1 << 26  # numbers of a step of the best path: one for each pair of tags in each row


@dataclass(frozen=True, eq=False)
class Split:
    """Sentences as the network reads them.

    spelled: the distinct words, of which `words` are places; words, tags: P pieces, tags of the
    network or UNKNOWN_TAG.
    """

    sentences: TaggedSentences
    pieces: Pieces
    words: Sequences
    tags: Sequences
    spelled: Words

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each piece, (P,)."""
        return self.words.lengths

    @property
    def tokens(self) -> int:
        """Of all sentences."""
        return len(self.sentences.words.ids)


@dataclass(frozen=True)
class TagBatch:
    """B pieces, and their tags (B, T)."""

    sentences: Sentences
    tags: Tensor
    share: float = 1.0  # of all ranks' tokens

    @property
    def tokens(self) -> int:
        """Real tokens."""
        lengths = self.sentences.lengths
        return self.tags.numel() if lengths is None else int(lengths.sum())

    def to(self, device: torch.device) -> TagBatch:
        """The batch on `device`."""
        if device.type == "cpu":
            return self
        parts: dict[str, Any] = {
            name: part if part is None else part.to(device, non_blocking=True)
            for name, part in self.sentences._asdict().items()
        }
        return TagBatch(Sentences(**parts), self.tags.to(device, non_blocking=True), self.share)


@dataclass(frozen=True)
class Epoch:
    """One epoch's batches over a split; `buckets`: rows of the table of windows, 0 without."""

    split: Split
    order: list[NDArray[np.int64]]
    buckets: int
    ranks: Ranks = ALONE

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.order)

    def to(self, device: torch.device) -> Epoch:
        """Batches are made where the sentences are, and each is moved by itself."""
        return self

    def __getitem__(self, index: int) -> TagBatch:
        """This rank's part of batch `index`."""
        rows = self.order[index]
        own = self.ranks.own(rows)
        lengths = self.split.lengths
        share = 1.0 if self.ranks.world == 1 else float(lengths[own].sum() / lengths[rows].sum())
        return gather(self.split, own, self.buckets, share)


def gather(split: Split, rows: NDArray[np.int64], buckets: int, share: float = 1.0) -> TagBatch:
    """The pieces `rows` as one padded batch."""
    words, spelled = split.words.take(rows), split.spelled
    distinct, places = np.unique(words.ids, return_inverse=True)
    read = Padded.of(Sequences(spelled.rows[words.ids], words.offsets))
    characters = Padded.of(spelled.characters.take(distinct))
    lengths = characters.lengths
    if lengths is None:
        lengths = torch.full((len(distinct),), characters.values.shape[1])
    features = None
    if buckets:
        found = windows(spelled.codes, words.ids, words.lengths, buckets)
        features = torch.from_numpy(np.ascontiguousarray(found))
    sentences = Sentences(
        read.values,
        read.lengths,
        Padded.of(Sequences(places.reshape(-1), words.offsets)).values,
        torch.from_numpy(spelled.shapes[distinct]),
        torch.from_numpy(spelled.affixes[distinct]),
        characters.values,
        lengths,
        features,
    )
    tags = Padded.of(split.tags.take(rows)).values.long()
    return TagBatch(sentences, tags, share)


def reading_order(split: Split, tags: int) -> list[NDArray[np.int64]]:
    """Pieces of batches that are only read: bounded memory, also for pairs of many tags."""
    found = []
    for rows in batching.reading_order(split.lengths):
        longest = max(int(split.lengths[rows[-1]]), 1)  # lengths rise
        most = max(min(PAIRS // tags**2, TOKENS // longest), 1)
        found += [rows[at : at + most] for at in range(0, len(rows), most)]
    return found


def put(
    found: NDArray[np.generic],
    offsets: NDArray[np.int64],
    pieces: Pieces,
    rows: NDArray[np.int64],
    values: NDArray[np.generic],
) -> None:
    """Write what a batch gives (B, T) to the tokens (N,) for which its pieces answer."""
    for value, piece in zip(values, rows.tolist(), strict=True):
        at = offsets[pieces.rows[piece]]
        start, first, last = pieces.starts[piece], pieces.first[piece], pieces.last[piece]
        found[at + first : at + last] = value[first - start : last - start]
