"""Answers for texts without labels, in order and in bounded memory: groups in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from seqcli import kinds
from seqcli.answers.loading import Loaded
from seqcli.errors import SeqcliError
from seqcli.interrupts import interrupts
from seqcli.kinds.abilities import Classifies, Mark
from seqcli.machine.device import Runtime
from seqcli.text.normal import whole

ROWS = 1024  # of a group
CHARACTERS = 1 << 20  # of a group: a text more may pass it
FIRST = (8, 16, 32, 64, 128, 256, 512, ROWS)  # rows: the first answers come at once
DECIMALS = 4  # of every probability and share that leaves the program


class Answer(NamedTuple):
    """One text's answer; `probs` by label."""

    text: str
    label: str
    prob: float
    probs: dict[str, float]
    unknown_share: float


@dataclass(frozen=True)
class Group:
    """Texts answered together; `rows`: the cells around each text, None for bare lines."""

    texts: list[str]
    rows: list[Sequence[Any]] | None = None

    @property
    def cells(self) -> list[Sequence[Any]]:
        """The row of each text; a bare text is a row of one cell."""
        return [(text,) for text in self.texts] if self.rows is None else self.rows


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the model says of R texts, rounded to DECIMALS once, so that every output agrees.

    labels (C,); probabilities (R, C) float64; best (R,): the likeliest label's place, decided
    before rounding; unknown_share (R,): of the text's tokens, those the vocabulary lacks, 1 where
    it has none: then nothing is known either; said: what a person should know of some of them.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    best: NDArray[np.int64]
    unknown_share: NDArray[np.float64]
    _scores: NDArray[np.float32]
    said: str = ""

    @classmethod
    def of(
        cls,
        labels: Sequence[str],
        scores: NDArray[np.float32],
        unknown: NDArray[np.float64],
        said: str = "",
    ) -> Predictions:
        """From log-probabilities (R, C) and unknown shares (R,)."""
        rounded = np.exp(scores.astype(np.float64)).round(DECIMALS)
        return cls(tuple(labels), rounded, scores.argmax(1), unknown.round(DECIMALS), scores, said)

    def __len__(self) -> int:
        """R."""
        return len(self.best)

    @property
    def best_probabilities(self) -> NDArray[np.float64]:
        """The probability of the best label, (R,)."""
        picked: NDArray[np.float64] = self.probabilities[np.arange(len(self)), self.best]
        return picked

    def top(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places and probabilities of the likeliest labels, best first, (R, min(count, C)) each."""
        order = np.argsort(-self._scores, axis=1, kind="stable")[:, :count]
        return order, np.take_along_axis(self.probabilities, order, 1)

    def names(
        self,
        threshold: float | None = None,
        abstain: str = "",
        max_unknown: float | None = None,
    ) -> list[str]:
        """The label of each text.

        It is `abstain` where its probability is below `threshold`, or the share that is unknown
        above `max_unknown`.
        """
        names = [self.labels[place] for place in self.best.tolist()]
        unsure = np.zeros(len(self), np.bool_)
        if threshold is not None:
            # "not at least", so that a broken model's NaN abstains too
            unsure |= ~(self.best_probabilities >= threshold)
        if max_unknown is not None:
            unsure |= self.unknown_share > max_unknown
        for row in np.flatnonzero(unsure).tolist():
            names[row] = abstain
        return names

    def answers(
        self,
        texts: Sequence[str],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        abstain: str = "",
        max_unknown: float | None = None,
    ) -> Iterator[Answer]:
        """Answers one by one; `probs` in label order, or the `top_k` likeliest, best first."""
        names = self.names(threshold, abstain, max_unknown)
        best = self.best_probabilities.tolist()
        shares = self.unknown_share.tolist()
        if top_k is None:
            rows = self.probabilities.tolist()
            tables = [dict(zip(self.labels, row, strict=True)) for row in rows]
        else:
            tables = [
                {self.labels[place]: value for place, value in zip(*pair, strict=True)}
                for pair in zip(*(part.tolist() for part in self.top(top_k)), strict=True)
            ]
        return map(Answer, texts, names, best, tables, shares)


@dataclass(frozen=True)
class Predictor:
    """A model that gives texts labels, in eval mode on its device."""

    kind: Classifies
    model: nn.Module
    runtime: Runtime

    @classmethod
    def of(cls, loaded: Loaded) -> Predictor:
        """Errors: SeqcliError for a kind that has no labels."""
        kinds.refuse(loaded.kind.spec, "classify", loaded.path)
        return cls(cast(Classifies, loaded.kind), loaded.model, loaded.runtime)

    def predict(self, texts: Sequence[str]) -> Predictions:
        """One group's predictions; whatever else is in the group changes none of them."""
        found = self.kind.answer(self.model, texts, self.runtime, interrupts.poll)
        return Predictions.of(self.kind.labels, *found)

    def explain(self, text: str, label: int) -> list[Mark]:
        """What carried the label (its place) of a text."""
        return self.kind.explain(self.model, text, label, self.runtime, interrupts.poll)

    def stream(self, groups: Iterable[Group]) -> Iterator[tuple[Group, Predictions]]:
        """Each group with its predictions, as soon as it is there."""
        for group in groups:
            if group.texts:
                yield group, self.predict(group.texts)

    def classify(
        self,
        texts: Iterable[str],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        abstain: str = "",
    ) -> list[Answer]:
        """The answer to each text, in order: the entry for a program rather than the shell."""
        groups = grouped((text, (text,)) for text in map(whole, texts))
        return [
            answer
            for group, found in self.stream(groups)
            for answer in found.answers(
                group.texts, top_k=top_k, threshold=threshold, abstain=abstain
            )
        ]


def grouped(
    rows: Iterable[tuple[str, Sequence[Any]]],
    *,
    most: int = ROWS,
    characters: int = CHARACTERS,
    size: Callable[[str, Sequence[Any]], int] = lambda text, cells: len(text),
    idle: Callable[[], bool] = lambda: False,
) -> Iterator[Group]:
    """Texts with their cells, gathered to groups of bounded size.

    size: of one, which is bounded by `characters` in all; idle: whether the next row would have to
    be waited for: then the group goes on as it is. An error among the rows comes after the group of
    those before it.
    """
    texts: list[str] = []
    cells: list[Sequence[Any]] = []
    held = 0
    fault: SeqcliError | None = None
    source = iter(rows)
    while True:
        try:
            text, row = next(source)
        except StopIteration:
            break
        except SeqcliError as error:
            fault = error
            break
        texts.append(text)
        cells.append(row)
        held += size(text, row)
        if len(texts) >= most or held >= characters or idle():
            yield Group(texts, cells)
            texts, cells, held = [], [], 0
    if texts:
        yield Group(texts, cells)
    if fault is not None:
        raise fault


def recut(groups: Iterable[Group], sizes: Iterable[int]) -> Iterator[Group]:
    """The same rows in groups of at most these sizes, the last of which holds from then on.

    A group never spans two of the given ones: what has come is not kept waiting for more.
    """
    following = iter(sizes)
    size = next(following)
    for group in groups:
        begun = 0
        while begun < len(group.texts):
            end = begun + size
            rows = None if group.rows is None else group.rows[begun:end]
            yield Group(group.texts[begun:end], rows)
            begun, size = end, next(following, size)


def sharded(groups: Iterable[Group], place: int, count: int) -> Iterator[Group]:
    """Of all rows, counted from 0 over all groups, those with row % count == place."""
    done = 0
    for group in groups:
        skip = (place - done) % count
        done += len(group.texts)
        rows = None if group.rows is None else group.rows[skip::count]
        yield Group(group.texts[skip::count], rows)
