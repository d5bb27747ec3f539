"""Which parts of a text carried its label: each is left out in turn, and the rest read anew.

The weight of a token is what the log-odds of the label lose without it. That holds for whatever
the network is made of, and it is what a person means by "because of this word". Tokens the model
does not read are not marked. What is left out is gone for the n-grams too: its neighbors become
neighbors of each other. The tokens that a recurrent layer reads move up, and none from past the
model's limit takes the free place: it would change the answer by itself.

Reading a text of n tokens n times takes n * n steps. Above BUDGET neighbors are left out together
and share their weight, and then the heaviest of these blocks are taken apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seqcli.kinds.abilities import Mark
from seqcli.settings.sections import LabeledText
from seqcli.text.ngrams import Ngrams
from seqcli.text.sequences import Ids, Sequences
from seqcli.text.tokens import Span, tokenizer
from seqcli.text.vocab import Vocab

BUDGET = 200_000  # tokens read in each of two passes: a second of one core
LETTERS = 32  # characters whose n-grams take the time of one token
DECIMALS = 4  # of a weight
FEWEST = 8  # blocks of a pass, however long the text

Block = tuple[int, int]  # units from, up to but without


@dataclass(frozen=True)
class Reader:
    """How a model reads a text; `score`: rows of ids and of n-grams -> log-probabilities (R, C)."""

    data: LabeledText
    vocab: Vocab
    grams: Ngrams | None
    score: Callable[[Sequences, Sequences | None], NDArray[np.float32]]


def explain(reader: Reader, text: str, label: int) -> list[Mark]:
    """A mark for each token that the model reads, in the order of the text; `label` by its place.

    Tokens of one and the same place in the text (a syllable taken apart by cleaning) are one.
    """
    reading = _Reading.of(reader, text)
    blocks = reading.parted([(0, len(reading.units))])
    weights = reading.weights(blocks, label)
    each = np.zeros(len(reading.units))
    _share(each, blocks, weights)
    heaviest = np.argsort(-np.abs(weights), kind="stable").tolist()
    coarse = [blocks[place] for place in heaviest if blocks[place][1] - blocks[place][0] > 1]
    if coarse:
        finer = reading.parted(coarse)
        _share(each, finer, reading.weights(finer, label))
    rounded = (each.round(DECIMALS) + 0.0).tolist()  # -0.0 is 0.0
    return [Mark(*unit, weight) for unit, weight in zip(reading.units, rounded, strict=True)]


def _share(
    each: NDArray[np.float64], blocks: Sequence[Block], weights: NDArray[np.float64]
) -> None:
    """Give the units of each block its weight in equal parts."""
    for (first, last), weight in zip(blocks, weights, strict=True):
        each[first:last] = weight / (last - first)


@dataclass(frozen=True, eq=False)
class _Reading:
    """A text as the model reads it.

    ids (N,): what the recurrent layers get; owners (N,), rising: each one's unit; units: spans of
    the text, one a token that is read by any part of the model.
    """

    reader: Reader
    text: str
    ids: Ids
    owners: NDArray[np.int64]
    units: list[Span]

    @classmethod
    def of(cls, reader: Reader, text: str) -> _Reading:
        data, split = reader.data, tokenizer(reader.data, reader.vocab.subwords)
        spans, ids = split.spans(text), reader.vocab.places(split.split(text))
        kept = np.flatnonzero(ids >= 0)  # below 0: unknown to a vocabulary without such a row
        if data.max_tokens:
            first = data.kept_end == "first"
            kept = kept[: data.max_tokens] if first else kept[-data.max_tokens :]
        units: list[Span] = []
        owner = np.zeros(len(ids), np.int64)
        for place in kept.tolist() if reader.grams is None else range(len(ids)):
            start, end = spans[place]
            if units and start < units[-1][1]:
                units[-1] = (units[-1][0], max(units[-1][1], end))
            else:
                units.append((start, end))
            owner[place] = len(units) - 1
        return cls(reader, text, ids[kept], owner[kept], units)

    def parted(self, blocks: Sequence[Block]) -> list[Block]:
        """The blocks in turn, each cut as finely as there is time for, until there is none."""
        cost = len(self.ids) + (0 if self.reader.grams is None else len(self.text) // LETTERS)
        room = max(BUDGET // max(cost, 1), FEWEST)
        found: list[Block] = []
        for first, last in blocks:
            parts = min(last - first, room - len(found))
            if parts < 1:
                break
            edges = np.linspace(first, last, parts + 1).round().astype(int).tolist()
            found += pairwise(edges)
        return found

    def weights(self, blocks: Sequence[Block], label: int) -> NDArray[np.float64]:
        """What the log-odds lose without each block, (len(blocks),)."""
        rows, texts = [self.ids], [self.text]
        for first, last in blocks:
            begin, end = np.searchsorted(self.owners, (first, last))
            rows.append(np.concatenate((self.ids[:begin], self.ids[end:])))
            texts.append(self.text[: self.units[first][0]] + self.text[self.units[last - 1][1] :])
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        features = None if self.reader.grams is None else self.reader.grams.rows(texts)
        scores = self.reader.score(Sequences(np.concatenate(rows), offsets), features)
        odds = _log_odds(scores, label)
        left: NDArray[np.float64] = odds[0] - odds[1:]
        return left


def _log_odds(scores: NDArray[np.float32], label: int) -> NDArray[np.float64]:
    """Log-probabilities (R, C) -> log(p / (1 - p)) of the label's p, (R,)."""
    exact = scores.astype(np.float64)
    others = np.logaddexp.reduce(np.delete(exact, label, axis=1), axis=1)
    odds: NDArray[np.float64] = exact[:, label] - others
    return odds
