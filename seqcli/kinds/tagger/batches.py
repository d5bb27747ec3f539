"""Batches of sentences for a tagger: each distinct word of a batch is there once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.data.padded import ROUND, Padded
from seqcli.data.pieces import Pieces
from seqcli.data.tagged import TaggedSentences
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.tagging import Sentences, Spellings
from seqcli.nn.tagging import Tagger as Network
from seqcli.text.sequences import Ids, Sequences
from seqcli.text.spelling import Words
from seqcli.text.windows import windows

UNKNOWN_TAG = -1
TOKENS = 1 << 12  # of a batch that is only read: what the gates leave fits a core's cache
FILL = 16  # words of like length are filled up to a multiple: oneDNN keeps code for every shape
SPELLED = 1 << 11  # words spelled at a time where all are spelled before they are read
WASTE = 1 << 8  # steps of padding that cost as much as a batch does by itself
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

    def __len__(self) -> int:
        """Sentences."""
        return len(self.sentences)

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
        sentences = self.sentences
        parts: dict[str, Any] = {
            name: part if part is None else part.to(device, non_blocking=True)
            for name, part in sentences._asdict().items()
            if name != "words"
        }
        words = None if sentences.words is None else on(sentences.words, device)
        tags = self.tags.to(device, non_blocking=True)
        return TagBatch(Sentences(words=words, **parts), tags, self.share)


def on(words: Spellings, device: torch.device) -> Spellings:
    """The words on `device`."""
    if device.type == "cpu":
        return words
    shapes, affixes, characters, lengths = words
    return Spellings(
        shapes.to(device, non_blocking=True),
        affixes.to(device, non_blocking=True),
        tuple(group.to(device, non_blocking=True) for group in characters),
        lengths.to(device, non_blocking=True),
    )


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


def gather(
    split: Split,
    rows: NDArray[np.int64],
    buckets: int,
    share: float = 1.0,
    slots: NDArray[np.int64] | None = None,
) -> TagBatch:
    """The pieces `rows` as one padded batch; slots: of the words, where they are spelled before."""
    words, spelled = split.words.take(rows), split.spelled
    read = Padded.of(Sequences(spelled.rows[words.ids], words.offsets))
    own = None
    if slots is None:
        distinct, inverse = np.unique(words.ids, return_inverse=True)
        own, found = spellings(spelled, distinct)
        places = found[inverse.reshape(-1)]
    else:
        places = slots[words.ids]
    features = None
    if buckets:
        features = torch.from_numpy(
            np.ascontiguousarray(windows(spelled.codes, words.ids, words.lengths, buckets))
        )
    sentences = Sentences(
        read.values,
        read.lengths,
        Padded.of(Sequences(places, words.offsets)).values,
        own,
        features,
    )
    tags = Padded.of(split.tags.take(rows)).values.long()
    return TagBatch(sentences, tags, share)


def spellings(words: Words, chosen: Ids) -> tuple[Spellings, NDArray[np.int64]]:
    """The words `chosen` (N,), grouped by length, and the row of each among them, (N,)."""
    lengths = words.characters.lengths[chosen]
    rounds = -(-lengths // ROUND)
    slots, groups, used = np.zeros(len(chosen), np.int64), list[Tensor](), 0
    for size in np.unique(rounds).tolist():
        own = np.flatnonzero(rounds == size)
        slots[own] = used + np.arange(len(own))
        ids = np.zeros((-(-len(own) // FILL) * FILL, size * ROUND), np.int32)
        found = words.characters.take(chosen[own])
        ids[: len(own)][np.arange(ids.shape[1]) < found.lengths[:, None]] = found.ids
        groups.append(torch.from_numpy(ids))
        used += len(ids)
    shapes, sizes = np.zeros(used, np.int64), np.zeros(used, np.int64)
    affixes = np.zeros((used, words.affixes.shape[1]), np.int64)
    shapes[slots], affixes[slots], sizes[slots] = (
        words.shapes[chosen],
        words.affixes[chosen],
        lengths,
    )
    parts = torch.from_numpy(shapes), torch.from_numpy(affixes)
    return Spellings(*parts, tuple(groups), torch.from_numpy(sizes)), slots


def spelled_ahead(
    model: Network, words: Words, device: torch.device
) -> tuple[Tensor, NDArray[np.int64]]:
    """What the network makes of all words (U,) by themselves, (U', S), and each one's row there.

    For text that is only read: a word is spelled once, however many batches it stands in.
    """
    order: NDArray[np.int64] = np.argsort(words.characters.lengths, kind="stable")
    slots, found, used = np.zeros(len(words), np.int64), list[Tensor](), 0
    for start in range(0, len(words), SPELLED):
        chosen = order[start : start + SPELLED]
        own, places = spellings(words, chosen)
        found.append(model.spell(on(own, device)))
        slots[chosen] = used + places
        used += len(own.lengths)
    return torch.cat(found), slots


def reading_order(split: Split, tags: int) -> list[NDArray[np.int64]]:
    """Pieces of batches that are only read, by length: bounded memory, and little padding.

    A batch ends where one more piece would pad the others by more than another batch costs.
    """
    order = np.argsort(split.lengths, kind="stable")
    widths = (-(-np.maximum(split.lengths[order], 1) // ROUND) * ROUND).tolist()
    most = max(PAIRS // tags**2, 1)
    found, first, used = list[NDArray[np.int64]](), 0, 0
    for place, width in enumerate(widths):  # they rise
        rows = place - first + 1
        padded = rows * width
        if rows > 1 and (rows > most or padded > TOKENS or padded - used - width > WASTE):
            found.append(order[first:place])
            first, used = place, 0
        used += width
    if len(order):
        found.append(order[first:])
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
