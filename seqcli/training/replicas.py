"""A model and its copies that share its weights: one for each thread of a team.

An update is shared out as between ranks: each thread takes its part of the batch forward and
backward, with gradients of its own, which are then added up. Same seed, threads and machine: same
bits, since the parts, the random numbers and the order of all sums are given.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqcli.kinds.contract import Batches, Kind
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import Ranks
from seqcli.machine.team import Team
from seqcli.nn import chance, meeting
from seqcli.training.optim import Updater

ALONE = 1 << 22  # numbers: 2 ms of one thread, and another may have to queue for a core


class Done(NamedTuple):
    """Sums over the rows that were taken forward and backward."""

    total: Tensor  # scalar, nats
    correct: Tensor  # scalar
    predictions: int
    tokens: int
    carried: Any  # the state at the batch's end

    @classmethod
    def nothing(cls) -> Done:
        """Of no row."""
        return cls(torch.zeros(()), torch.zeros(()), 0, 0, None)


class Replicas:
    """The model, and where the runtime has a team, a copy for each further thread."""

    def __init__(self, kind: Kind, model: nn.Module, updater: Updater, runtime: Runtime) -> None:
        """After the updater, which says which gradients are sparse."""
        self._kind, self._runtime, self._team = kind, runtime, runtime.team
        self._size = runtime.team.size if runtime.team else 1
        self._ranks = [Ranks(number, self._size) for number in range(self._size)]
        self._models = [model, *(_twin(model) for _ in range(1, self._size))]
        self._generators = [torch.Generator() for _ in self._models]
        every = list(zip(*(twin.parameters() for twin in self._models), strict=True))
        sparse = {id(weight) for weight in updater.by_rows}
        self._by_rows = [twins for twins in every if id(twins[0]) in sparse]
        self._dense = [twins for twins in every if id(twins[0]) not in sparse]

    def batches(self, split: Any, epoch: int) -> list[Batches]:
        """An epoch's batches, each thread's part of them. Errors: those of `Kind.batches`."""
        ranks = self._ranks if self._team else [self._runtime.ranks]
        device = self._runtime.device
        return [self._kind.batches(split, epoch, rank).to(device) for rank in ranks]

    def gradients(self, batches: list[Batches], index: int, carried: Any) -> Done:
        """Those of batch `index`, in the model's weights; `carried` is what the last one gave."""
        if self._team is None:
            return self._part(0, batches[0][index], carried, nullcontext())
        met = meeting.Meeting(self._size)
        seeds = torch.empty(self._size, dtype=torch.int64).random_().tolist()

        def part(number: int) -> Done:
            drawing = chance.drawing_from(self._generators[number].manual_seed(seeds[number]))
            own = _own(carried, self._ranks[number])
            with meeting.among(met, number):
                return self._part(number, batches[number][index], own, drawing)

        done = self._team.run(part)
        self._add(self._team)
        total = torch.stack([each.total for each in done]).sum(0)
        correct = torch.stack([each.correct for each in done]).sum(0)
        count, tokens = sum(each.predictions for each in done), sum(each.tokens for each in done)
        return Done(total, correct, count, tokens, _joined([each.carried for each in done]))

    def _part(
        self, number: int, batch: Any, carried: Any, drawing: AbstractContextManager[None]
    ) -> Done:
        if not batch.share:  # a small last batch has nothing for this one
            return Done.nothing()
        batch = batch.to(self._runtime.device)
        with drawing:
            loss = self._kind.loss(self._models[number], batch, carried, self._runtime)
            loss.objective.backward()  # type: ignore[no-untyped-call]
        return Done(loss.total, loss.correct, loss.count, batch.tokens, loss.state)

    def train(self) -> None:
        """Put the model and its copies in training mode."""
        for model in self._models:
            model.train()

    def _add(self, team: Team) -> None:
        """The first copy's gradients become the sums of all, in the order of the threads."""
        dense = [_taken(twins) for twins in self._dense]

        def stretch(number: int) -> None:
            for grads in dense:
                for other in grads[1:]:
                    own, added = map(_rowed, (grads[0], other))
                    begin, end = (len(own) * at // team.size for at in (number, number + 1))
                    own[begin:end] += added[begin:end]

        if sum(grad.numel() for grads in dense for grad in grads[1:]) < ALONE:
            for number in range(team.size):
                stretch(number)
        else:
            team.run(stretch)
        for twins, grads in zip(self._dense, dense, strict=True):
            twins[0].grad = grads[0] if grads else None
        for twins in self._by_rows:
            twins[0].grad = _rows(_taken(twins))


def _twin(model: nn.Module) -> nn.Module:
    """A copy whose weights and buffers lie where the model's do; gradients are its own."""
    shared: dict[int, Any] = {id(buffer): buffer for buffer in model.buffers()}
    for weight in model.parameters():
        shared[id(weight)] = nn.Parameter(weight.detach(), requires_grad=weight.requires_grad)
    return copy.deepcopy(model, shared)


def _rowed(grad: Tensor) -> Tensor:
    """A gradient with rows: a weight may be a single number."""
    return grad if grad.dim() else grad.view(1)


def _taken(twins: tuple[nn.Parameter, ...]) -> list[Tensor]:
    """The gradients that there are, taken from the weights."""
    grads = [twin.grad for twin in twins if twin.grad is not None]
    for twin in twins:
        twin.grad = None
    return grads


def _rows(grads: list[Tensor]) -> Tensor | None:
    """Sparse gradients, one after the other: equal rows are added where they are used."""
    if len(grads) < 2:
        return grads[0] if grads else None
    rows = torch.cat([grad._indices() for grad in grads], 1)
    values = torch.cat([grad._values() for grad in grads])
    return torch.sparse_coo_tensor(rows, values, grads[0].shape, check_invariants=False)


def _own(carried: Any, ranks: Ranks) -> Any:
    """One part's columns of what is carried, (B, H) by layer and part; None at the beginning."""
    return carried and tuple(tuple(ranks.own(part) for part in layer) for layer in carried)


def _joined(states: list[Any]) -> Any:
    """The inverse of `_own` over all parts."""
    if states[0] is None:
        return None
    layers = zip(*states, strict=True)
    return tuple(
        tuple(torch.stack(parts, 1).flatten(0, 1) for parts in zip(*layer, strict=True))
        for layer in layers
    )
