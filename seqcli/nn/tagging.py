"""A network that gives every token of a sentence a tag.

Letters: B sentences, T steps, C tags, U distinct words of the batch, A rows of affixes a word, F
features a window.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.nn import chance
from seqcli.nn.crf import Allowed, Chain, LinearChain, log_likelihood, marginals, viterbi
from seqcli.nn.dropout import dropout, dropout_mask
from seqcli.nn.ragged import length_mask
from seqcli.nn.recurrent import Recurrent


class Spellings(NamedTuple):
    """U distinct words, those of like length together."""

    shapes: Tensor  # (U,)
    affixes: Tensor  # (U, A)
    characters: tuple[Tensor, ...]  # (U', K) each, U in all: K as the longest of these needs it
    lengths: Tensor  # (U,) in characters; 0 for a row that only fills up


class Sentences(NamedTuple):
    """What the network reads. Distinct words are spelled once, and looked up by `places`.

    words: None where they were spelled before, see `Tagger.spell`.
    """

    rows: Tensor  # (B, T) rows of the vocabulary
    lengths: Tensor | None  # (B,); None: all T
    places: Tensor  # (B, T) below U
    words: Spellings | None
    windows: Tensor | None  # (N, F), of all real tokens, row by row


class Characters(nn.Module):
    """Characters of U words -> (U, 2 * hidden): where each direction's reading ends."""

    def __init__(self, rows: int, size: int, hidden: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.embedding = nn.Embedding(rows, size, _weight=torch.empty(rows, size))
        self.recurrent = Recurrent(size, (hidden,), bidirectional=True)
        self.width = self.recurrent.width

    def forward(self, groups: tuple[Tensor, ...], lengths: Tensor) -> Tensor:
        """See the class and `Spellings`; lengths (U,)."""
        found = []
        sizes = [len(ids) for ids in groups]
        for ids, own in zip(groups, torch.split(lengths, sizes), strict=True):
            x = dropout(self.embedding(ids), self.rate, self.training, locked=False)
            found.append(self.recurrent(x, own).last)
        return torch.cat(found)


class Affixes(nn.Module):
    """(U, A) rows -> (U, size): their sum."""

    def __init__(self, rows: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, size))

    def forward(self, ids: Tensor) -> Tensor:
        """See the class."""
        return F.embedding_bag(ids, self.weight, mode="sum")


class Windows(nn.Module):
    """(N, F) hashed features -> (N, C): rows of a table, summed, as a linear tagger scores."""

    def __init__(self, buckets: int, tags: int, scale: float, rate: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(buckets, tags))
        self.scale, self.rate = scale, rate

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        weights = None
        if self.training and self.rate:
            weights = dropout_mask(tuple(features.shape), self.rate, self.table)
        found = F.embedding_bag(features, self.table, mode="sum", per_sample_weights=weights)
        return found * self.scale


class Tagger(nn.Module):
    """Words and their spelling -> two-way stack -> a score a tag; with a chain, sums over paths."""

    drop_shares: Tensor

    def __init__(
        self,
        embedding: nn.Embedding,
        shapes: nn.Embedding | None,
        affixes: Affixes | None,
        characters: Characters | None,
        recurrent: Recurrent,
        tags: int,
        *,
        windows: Windows | None,
        chained: bool,
        allowed: Allowed | None,
        drop_shares: Tensor,
        answer_bias: Tensor,
    ) -> None:
        """drop_shares (V,): how often a word reads as unknown (row 0) in training.

        answer_bias (C,): added to the scores when answering, not in training.
        """
        super().__init__()
        self.embedding, self.shapes = embedding, shapes
        self.affixes, self.characters = affixes, characters
        self.recurrent, self.windows = recurrent, windows
        self.output = nn.Linear(recurrent.width, tags)
        self.chain = LinearChain(tags, allowed) if chained else None
        self.register_buffer("drop_shares", drop_shares, persistent=False)
        self.register_buffer("answer_bias", answer_bias, persistent=False)

    def spell(self, words: Spellings) -> Tensor:
        """-> what the parts of U words give, (U, S); S = 0 for a network without such parts."""
        parts = []
        if self.shapes is not None:
            parts.append(self.shapes(words.shapes))
        if self.affixes is not None:
            parts.append(self.affixes(words.affixes))
        if self.characters is not None:
            parts.append(self.characters(words.characters, words.lengths))
        return torch.cat(parts, 1) if parts else self.output.weight.new_zeros(len(words.lengths), 0)

    def forward(self, batch: Sentences, spelled: Tensor | None = None) -> Tensor:
        """-> a score for each tag, (B, T, C), in float32.

        spelled (U, S): what `spell` gave, for a batch without words of its own.
        """
        rows = batch.rows
        if self.training:
            drawn = chance.uniform(rows) < self.drop_shares[rows]
            rows = rows.masked_fill(drawn, 0)
        if batch.words is not None:
            spelled = self.spell(batch.words)
        assert spelled is not None
        parts = [self.embedding(rows)]
        if spelled.shape[1]:
            parts.append(F.embedding(batch.places, spelled))
        encoded = self.recurrent(torch.cat(parts, 2), batch.lengths)
        scores: Tensor = self.output(encoded.outputs).float()
        if self.windows is not None and batch.windows is not None:
            found = self.windows(batch.windows)
            if batch.lengths is None:
                scores = scores + found.view_as(scores)
            else:
                real = length_mask(batch.lengths, scores.shape[1]).flatten().nonzero().squeeze(1)
                scores = scores.flatten(0, 1).index_add(0, real, found).view_as(scores)
        return scores if self.training else scores + self.get_buffer("answer_bias")

    def loss(self, scores: Tensor, tags: Tensor, lengths: Tensor | None) -> Tensor:
        """scores (B, T, C), tags (B, T) -> -log p of each sentence's tags, (B,)."""
        if self.chain is not None:
            return -log_likelihood(scores, tags, lengths, self.chain.chain())
        each = F.cross_entropy(scores.flatten(0, 1), tags.flatten(), reduction="none")
        each = each.view_as(tags)
        if lengths is not None:
            each = each.masked_fill(~length_mask(lengths, tags.shape[1]), 0)
        return each.sum(1)

    def answers(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """scores (B, T, C) -> the likeliest tags (B, T), anything past a row's length."""
        if self.chain is None:
            return scores.argmax(2)
        return viterbi(scores, lengths, self.chain.chain())[0]

    def probabilities(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """scores (B, T, C) -> p(tag at t), (B, T, C), anything past a row's length."""
        if self.chain is None:
            return scores.softmax(2)
        return marginals(scores, lengths, self.chain.chain())

    def scores_of_paths(self) -> Chain:
        """Scores between neighboring tags: zeros without a chain."""
        if self.chain is not None:
            return self.chain.chain()
        tags = self.output.out_features
        zeros = self.output.weight.new_zeros(tags)
        return Chain(zeros.expand(tags, tags), zeros, zeros)
