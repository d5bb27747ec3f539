"""What every search for an output has in common: the network's side, the rules, what was found.

A decoder is asked step by step: what it makes of the tokens before says how likely each next one
is. Which hypotheses go on is the searches' part (`beam`, `walk`); they know the network through
`Decodes` alone.

A hypothesis Y of a source X, its end mark among its |Y| tokens, has the score

    log p(Y | X) / |Y|^A

A = 0 is the plain log-probability, which favors short outputs; A = 1 the mean of a token. The
probabilities are the model's own: a forbidden token's share is not given to the others.

Letters: B sources, K hypotheses of each that are under way (rows of one source side by side),
R = B * K rows, S source steps, V tokens, N results of each source.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor

USUAL_EXTRA = 50  # tokens of an output beyond twice its source's


class Takes(Protocol):
    """What a network keeps of each row."""

    def take(self, rows: Tensor) -> Self:
        """The rows (R,), each as often as it is named."""


State = TypeVar("State", bound=Takes)
StateOut = TypeVar("StateOut", bound=Takes, covariant=True)
Memory = TypeVar("Memory", bound=Takes)


class Stepped(Protocol[StateOut]):
    """What one step gives."""

    @property
    def logits(self) -> Tensor:
        """(R, V)."""

    @property
    def state(self) -> StateOut:
        """Of R rows."""

    @property
    def attention(self) -> Tensor:
        """(R, S), each row's sum 1."""


class Decodes(Protocol[Memory, State]):
    """A network that writes an output token by token, in eval mode."""

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """Source ids (B, S), lengths (B,): what is kept of them, and where the decoder starts."""

    def step(self, ids: Tensor, state: State, memory: Memory) -> Stepped[State]:
        """The step after ids (R,); the state has R rows, the memory B, and R is B times K."""


@dataclass(frozen=True)
class Rules:
    """What may be written.

    begin: id that the first step reads; end: id that ends an output; forbidden: ids that are never
    written; no_repeat: no so many tokens in a row stand twice in an output, 0: no such rule.
    """

    begin: int
    end: int
    forbidden: tuple[int, ...] = ()
    no_repeat: int = 0

    def apply(
        self, logits: Tensor, written: Tensor | None, at_limit: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities (R, V) of logits (R, V), minus infinity for what may not follow.

        written (R, T); at_limit (R,): only the end mark may. With it (R,): whether an end would
        follow there by itself, or what is written may go on.
        """
        logprobs, natural = logits.log_softmax(1), ~at_limit
        if self.forbidden:
            logprobs[:, list(self.forbidden)] = -torch.inf
        if written is not None:
            rows, ids = repeating(written, self.no_repeat)
            logprobs[rows, ids] = -torch.inf
        if at_limit.any():
            ends = logprobs[at_limit, self.end]
            natural[at_limit] = logprobs[at_limit].argmax(1) == self.end
            logprobs[at_limit] = -torch.inf
            logprobs[at_limit, self.end] = ends
        return logprobs, natural

    def history(self, rows: int, device: torch.device) -> Tensor | None:
        """Nothing written yet (rows, 0); None where nobody asks what was."""
        if not self.no_repeat:
            return None
        return torch.empty(rows, 0, dtype=torch.int64, device=device)


def repeating(written: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rows and ids (N,) each: which id would make the last `size` tokens of a row stand twice.

    written (R, T): what each row holds so far.
    """
    places = written.shape[1] - size + 1  # where a whole one may begin
    if places <= 0:
        return (torch.empty(0, dtype=torch.int64, device=written.device),) * 2
    same = torch.ones_like(written[:, :places], dtype=torch.bool)
    for offset in range(size - 1):
        last = written[:, places + offset, None]
        same &= written[:, offset : places + offset] == last
    rows, begins = same.nonzero(as_tuple=True)
    return rows, written[rows, begins + size - 1]


def usual_limits(lengths: Tensor) -> Tensor:
    """Most tokens of an output, without its end mark, of sources with so many (B,)."""
    return 2 * lengths + USUAL_EXTRA


def normalized(logprobs: Tensor, length: int, penalty: float) -> Tensor:
    """The scores of hypotheses that have `length` tokens, the end mark counted."""
    return logprobs / float(length**penalty)


class Hypothesis(NamedTuple):
    """An output: its ids without the end mark, log p, score; whether no limit has ended it."""

    ids: tuple[int, ...]
    logprob: float
    score: float
    ended: bool


NOTHING = Hypothesis((), math.nan, math.nan, False)  # of weights that are no numbers


@dataclass
class Trail:
    """Who wrote what after whom: a token and its row at the step before, for each row of a step."""

    tokens: list[Tensor] = field(default_factory=list)  # (rows of the step,) each
    parents: list[Tensor] = field(default_factory=list)

    def add(self, tokens: Tensor, parents: Tensor) -> None:
        """A step more."""
        self.tokens.append(tokens)
        self.parents.append(parents)

    def read(self, lengths: Tensor, rows: Tensor) -> Tensor:
        """What was written up to `rows` (M,) of the steps `lengths` - 1: (M, longest) ids."""
        longest = int(lengths.max()) if len(lengths) else 0
        found, rows = rows.new_zeros(len(rows), longest), rows.clone()
        for step in reversed(range(longest)):
            there = (lengths > step).nonzero().squeeze(1)
            own = rows[there]
            found[there, step] = self.tokens[step][own]
            rows[there] = self.parents[step][own]
        return found


@dataclass
class Results:
    """N places for each of B sources, the best first: where each hypothesis ends on the trail.

    scores, logprobs (B, N) float32, minus infinity where there is none; lengths (B, N) without the
    end mark; rows (B, N) of the trail's step; ended (B, N).
    """

    scores: Tensor
    logprobs: Tensor
    lengths: Tensor
    rows: Tensor
    ended: Tensor

    @classmethod
    def none(cls, sources: int, best: int, device: torch.device) -> Results:
        """Nothing found yet."""
        lowest = torch.full((sources, best), -torch.inf, device=device)
        numbers = torch.zeros(sources, best, dtype=torch.int64, device=device)
        return cls(lowest, lowest.clone(), numbers, numbers.clone(), numbers.bool())

    def add(self, sources: Tensor, new: Results) -> None:
        """Further hypotheses (A, M) of the sources (A,): the best stay, of equal ones the first."""
        both = {name: torch.cat([old[sources], vars(new)[name]], 1) for name, old in self._parts()}
        order = both["scores"].sort(dim=1, descending=True, stable=True).indices
        order = order[:, : self.scores.shape[1]]
        for name, old in self._parts():
            old[sources] = both[name].gather(1, order)

    def hypotheses(self, trail: Trail) -> list[list[Hypothesis]]:
        """Of each source, the best first."""
        width = self.scores.shape[1]
        ids = trail.read(self.lengths.flatten(), self.rows.flatten()).tolist()
        every = (value.flatten().tolist() for _, value in self._parts())
        found = [
            Hypothesis(tuple(row[:length]), logprob, score, ended)
            for row, score, logprob, length, _, ended in zip(ids, *every, strict=True)
        ]
        return [
            [one for one in found[at : at + width] if one.score != -torch.inf] or [NOTHING]
            for at in range(0, len(found), width)
        ]

    def _parts(self) -> list[tuple[str, Tensor]]:
        return list(vars(self).items())


def attended(
    model: Decodes[Memory, State],
    source: Tensor,
    lengths: Tensor,
    outputs: Sequence[Sequence[int]],
    begin: int,
) -> Tensor:
    """What each token of given outputs looked at: source (R, S), R outputs -> (R, T, S).

    Rows past an output's end hold anything.
    """
    memory, state = model.encode(source, lengths)
    longest = max(map(len, outputs), default=0)
    written = torch.tensor(
        [[begin, *ids, *[begin] * (longest - len(ids))] for ids in outputs], device=source.device
    )
    looks = []
    for step in range(longest):
        found = model.step(written[:, step], state, memory)
        state = found.state
        looks.append(found.attention)
    if not looks:
        return torch.zeros(len(source), 0, source.shape[1], device=source.device)
    return torch.stack(looks, 1)
