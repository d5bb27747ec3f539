"""What kinds can do for a person: a protocol for each ability, and what it answers with.

A kind has an ability if its spec names the command or option (`Spec.commands`, `Spec.options`); the
command line, `seqcli.load` and the writers of tables know abilities, never kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from seqcli.data.scaling import Scaler
from seqcli.data.trained import Keys
from seqcli.kinds.contract import Figures, Kind, Poll
from seqcli.machine.device import Runtime
from seqcli.nn.models import LanguageModel
from seqcli.settings.searching import Searching
from seqcli.settings.sections import Series
from seqcli.text.vocab import Vocab


class Scores(NamedTuple):
    """Log-probabilities (R, C) of R texts, and the share of each one's tokens not known (R,).

    said: what a person should know of some of these answers.
    """

    scores: NDArray[np.float32]
    unknown_share: NDArray[np.float64]
    said: str = ""


@dataclass(frozen=True)
class Mark:
    """The token at text[start:end] and what it adds to the log-odds of the label, in nats."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class Mistake:
    """A text, its label, and the other one that the model gave it with probability `prob`.

    It stands at `line` of the file `path`, counted from 1 (row of a parquet table).
    """

    text: str
    label: str
    predicted: str
    prob: float
    path: str
    line: int


@dataclass(frozen=True)
class Miswritten:
    """A text, what should have been written for it, and what was: `distance` characters apart.

    It stands at `line` of the file `path`, counted from 1.
    """

    text: str
    reference: str
    written: str
    distance: int
    path: str
    line: int


class Classifies(Protocol):
    """`classify`: a label for each text."""

    @property
    def labels(self) -> tuple[str, ...]:
        """C labels, in the order of their probabilities."""

    def answer(
        self, model: nn.Module, texts: Sequence[str], runtime: Runtime, poll: Poll
    ) -> Scores:
        """Of one group of texts; what else is in the group changes no answer."""

    def explain(
        self, model: nn.Module, text: str, label: int, runtime: Runtime, poll: Poll
    ) -> list[Mark]:
        """A mark for each token that is read, in the order of the text; `label` by its place."""


class ClassifiesNumbers(Protocol):
    """`classify`: a label for each recording."""

    @property
    def labels(self) -> tuple[str, ...]:
        """C labels, in the order of their probabilities."""

    @property
    def channels(self) -> tuple[str, ...]:
        """What the numbers of a step are called, in the order in which they are read."""

    @property
    def reading(self) -> Series:
        """How files of recordings are read for it."""

    def answer_numbers(
        self,
        model: nn.Module,
        recordings: Sequence[NDArray[np.float64]],
        runtime: Runtime,
        poll: Poll,
    ) -> NDArray[np.float32]:
        """Arrays (T, channels), NaN where missing -> log-probabilities (R, C).

        What else is in the group changes no answer.
        """


class Errs(Protocol):
    """`eval --mistakes`: what to look at first."""

    def mistakes(
        self, model: nn.Module, split: Any, place: Place, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, Sequence[Mistake] | Sequence[Miswritten]]:
        """Figures of a split, and its worst mistakes: the surest, or those farthest off."""


class Place(NamedTuple):
    """Where a split came from, and how many of its mistakes are asked for at most."""

    path: Path
    split: str
    most: int


class Parts(NamedTuple):
    """A figure that is sum(above) / sum(below) over R rows: F1 of twice the right, and of all."""

    above: NDArray[np.int64]
    below: NDArray[np.int64]


class Each(NamedTuple):
    """What a model makes of each of R rows (R predictions, or stretches of several).

    units: what the rows are; of two models equal rows of equal units are the same. parts: figures
    that rows add up to, by name; none: accuracy, the share of `right`.
    """

    units: str
    rows: NDArray[np.int64]
    losses: NDArray[np.float64]  # nats, summed over a row
    counts: NDArray[np.int64]  # predictions in it; 0 where it has no loss
    right: NDArray[np.bool_] | None  # None for a kind whose answers are not right or wrong
    parts: Mapping[str, Parts] = {}

    def shares(self) -> Mapping[str, Parts]:
        """The figures that rows add up to."""
        if self.parts or self.right is None:
            return self.parts
        right = self.right.astype(np.int64)
        return {"accuracy": Parts(right, np.ones_like(right))}


class Compares(Protocol):
    """`eval` with several models: which is better on the same rows."""

    def each(
        self, model: nn.Module, split: Any, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, Each]:
        """Figures of a split, and what they are made of."""


class Remembers(Protocol):
    """`eval --exclude-trained`: which rows of a split a model was trained on."""

    @property
    def row(self) -> str:
        """What a row is, in the plural: "texts"."""

    def size(self, split: Any) -> str:
        """How much a split holds, for a person: "836 texts"."""

    def keys(self, split: Any) -> Keys | None:
        """A number for each row, (R,), that equal rows share; None for what has no rows."""

    def only(self, split: Any, rows: NDArray[np.int64]) -> Any:
        """A split of these rows alone."""


def remembering(kind: Kind) -> Remembers | None:
    """The kind, if it has this ability."""
    return cast(Remembers, kind) if "--exclude-trained" in kind.spec.options else None


class Refits(Protocol):
    """`train.refit`: training and validation rows trained on together."""

    def together(self, train: Any, valid: Any) -> tuple[Kind, Any]:
        """The kind as it begins on both splits, and both as one split.

        Vocabulary and labels stay those of the training split: the weights have their sizes.
        """


def refitting(kind: Kind) -> Refits:
    """The kind, whose settings have that."""
    return cast(Refits, kind)


class Approximates(Protocol):
    """`eval --batch-size`: figures that are a little off, sooner."""

    def approximate(
        self, model: nn.Module, split: Any, runtime: Runtime, poll: Poll, *, columns: int
    ) -> tuple[Figures, str]:
        """Figures of `columns` read side by side, and what makes them approximate, in words.

        Errors: ConfigError for too many columns.
        """


class Writes(Protocol):
    """`sample`: new text."""

    @property
    def vocab(self) -> Vocab:
        """Its tokens."""

    @property
    def unit(self) -> str:
        """ "words", "subwords" or "characters"."""

    @property
    def between(self) -> str:
        """What stands in a text where one document ends and the next begins."""

    @property
    def start(self) -> int | None:
        """What an empty prompt is read as; None where there is no such token."""

    @property
    def starts(self) -> Mapping[int, int]:
        """Where there is none: how often each id began a text that was trained on."""

    @property
    def carries(self) -> bool:
        """Whether a document that follows another one in a text knows of it."""

    def context(self, text: str) -> tuple[list[int], list[str]]:
        """The ids a text to be gone on with is read as, and its tokens that are unknown."""

    def text(self, ids: Iterable[int], before: str = "") -> str:
        """Ids as readable text, that goes on from `before`."""


class Told(Writes, Protocol):
    """`sample --label`: new text for a label."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What a text can be written for."""

    def told(self, model: nn.Module, label: int) -> LanguageModel:
        """The model that writes for a label, by its place."""


class Marked(NamedTuple):
    """Tokens from `start` up to, not with, `end`: a span of a type, and its probability."""

    start: int
    end: int
    type: str
    prob: float


class Tagged(NamedTuple):
    """The answer to one sentence: a tag and its probability for each token, and the spans.

    unknown_share: of its tokens, those the vocabulary lacks.
    """

    tags: list[str]
    probs: list[float]
    spans: list[Marked]
    unknown_share: float


class Framed(NamedTuple):
    """The answer to a piece of T steps: a label by its place, and all C probabilities.

    The label is that of the best path, which need not be the likeliest one at a step.
    """

    labels: NDArray[np.int64]  # (T,)
    probs: NDArray[np.float32]  # (T, C)


class TagsNumbers(Protocol):
    """`tag` of a kind that reads numbers: a label for every step."""

    @property
    def labels(self) -> tuple[str, ...]:
        """C labels, in the order of their probabilities."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in the order in which the model reads them."""

    @property
    def reading(self) -> Series:
        """How files are read: the settings it was trained with, and its channels by name."""

    @property
    def most(self) -> int:
        """Steps of the longest piece; see `data.pieces` for how longer recordings are cut."""

    def scaled(self, blocks: Iterable[NDArray[np.float64]]) -> Scaler:
        """What makes numbers (T, channels) of a recording such as the model reads.

        blocks: all of the recording, gone through once if it is scaled by itself, else not at all.
        """

    def tag_numbers(
        self, model: nn.Module, pieces: Sequence[NDArray[np.float32]], runtime: Runtime, poll: Poll
    ) -> list[Framed]:
        """The answer to each scaled piece; what else is in the group changes none."""


class Tags(Protocol):
    """`tag`: a label for every token."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Tags, as the training data wrote them."""

    @property
    def outside(self) -> str | None:
        """The tag of tokens in no span; None where tags write no spans."""

    @property
    def tokenization(self) -> str:
        """How text becomes tokens, in words."""

    def tokens(self, text: str) -> list[tuple[int, int]]:
        """Where the tokens of a text stand in it."""

    def tag(
        self,
        model: nn.Module,
        sentences: Sequence[Sequence[str]],
        threshold: float,
        runtime: Runtime,
        poll: Poll,
    ) -> list[Tagged]:
        """The answer to each sentence of a group; what else is in the group changes none.

        Spans less probable than `threshold` are left out, of the tags too.
        """


class Written(NamedTuple):
    """A text that was written for another, and its score; a higher one is better."""

    text: str
    score: float


class Translated(NamedTuple):
    """The answer to one text: one output or several, the best first (drawn ones as they came).

    source_tokens (S), tokens (T): the text as it was read, and the best output; attention (T, S):
    what each token looked at, None where nobody asked or there is none; unknown_share: of the
    source's tokens, those the vocabulary lacks; cut: the text was longer than the model reads;
    ended: the best output came to its end before the limit.
    """

    outputs: list[Written]
    source_tokens: list[str]
    tokens: list[str]
    attention: NDArray[np.float32] | None
    unknown_share: float
    cut: bool = False
    ended: bool = True


class Translates(Protocol):
    """`translate`: a text for a text."""

    def translate(
        self,
        model: nn.Module,
        texts: Sequence[str],
        numbers: Sequence[int],
        wanted: Searching,
        runtime: Runtime,
        poll: Poll,
    ) -> list[Translated]:
        """The answer to each text of a group; what else is in the group changes none.

        numbers: of each text, from 0 in the whole input, for what is drawn; `wanted` has its seed
        then. A text without any token has an empty output.
        """
