"""A decoder by a table: what may follow hangs on the source and on all that was written before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from seqcli.nn.search import Hypothesis

PRIME = 1009


@dataclass(frozen=True)
class Rows:
    """A number for each row: a hash of all that was read."""

    values: Tensor

    def take(self, rows: Tensor) -> Rows:
        return Rows(self.values[rows])


class Step(NamedTuple):
    logits: Tensor
    state: Rows
    attention: Tensor


@dataclass
class Scripted:
    """table (PRIME, V): logits by hash; `steps` and `rows` count what was asked."""

    table: Tensor
    steps: int = 0
    rows: int = 0

    @classmethod
    def drawn(cls, size: int, seed: int, spread: float = 2.0) -> Scripted:
        random = torch.Generator().manual_seed(seed)
        return cls(torch.randn(PRIME, size, generator=random) * spread)

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Rows, Rows]:
        real = torch.arange(source.shape[1]) < lengths[:, None]
        sums = (source * real * (torch.arange(source.shape[1]) + 3)).sum(1) % PRIME
        return Rows(torch.stack([sums, lengths], 1)), Rows(sums)

    def step(self, ids: Tensor, state: Rows, memory: Rows) -> Step:
        self.steps += 1
        self.rows += len(ids)
        seeds = memory.values.repeat_interleave(len(ids) // len(memory.values), 0)[:, 0]
        new = (state.values * 31 + ids * 7 + seeds + 5) % PRIME
        looks = torch.nn.functional.one_hot(new % 4, 4).float()
        return Step(self.table[new], Rows(new), looks)

    def logprob(self, source: list[int], ids: list[int], begin: int) -> float:
        """Of a whole output, its end mark in, step by step."""
        memory, state = self.encode(torch.tensor([source]), torch.tensor([len(source)]))
        total, last = 0.0, begin
        for wanted in ids:
            found = self.step(torch.tensor([last]), state, memory)
            total += float(found.logits.log_softmax(1)[0, wanted])
            state, last = found.state, wanted
        return total

    def exhaustive(
        self, source: list[int], begin: int, end: int, limit: int, penalty: float
    ) -> list[Hypothesis]:
        """All outputs of at most `limit` tokens, the best first."""
        others = [token for token in range(self.table.shape[1]) if token != end]
        found = []
        for length in range(limit + 1):
            for ids in product(others, repeat=length):
                logprob = self.logprob(source, [*ids, end], begin)
                found.append(Hypothesis(ids, logprob, logprob / (length + 1) ** penalty, True))
        return sorted(found, key=lambda one: -one.score)
