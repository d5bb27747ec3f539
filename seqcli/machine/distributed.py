"""Several processes that train one model, as torchrun starts them: their sums, and what they agree.

Every rank has the same weights and takes its share of each batch. Gradients are added up over all
ranks before the update, so that what is trained does not depend on how many there are.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from seqcli.errors import ConfigError, Ended, SeqcliError, TrainingError

SMALL = 1 << 14  # numbers: gradients below this travel together, larger ones by themselves
PATIENCE = timedelta(minutes=30)  # while others still read their data; a dead one shows at once
JOINING = timedelta(minutes=2)
NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Ranks:
    """This process is number `rank` of `world`; by itself it is 0 of 1."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0  # on this host
    local_world: int = 1
    restarts: int = 0  # how often the launcher started all of them anew

    @property
    def first(self) -> bool:
        """Whether this rank prints and writes."""
        return self.rank == 0

    def seed(self, seed: int) -> int:
        """The given one at rank 0, so that one rank is a run by itself; of (seed, rank) past it."""
        if self.first:
            return seed
        return int(np.random.SeedSequence([seed, self.rank]).generate_state(1, np.uint64)[0] >> 1)

    def own(self, rows: Any) -> Any:
        """This rank's part of a sequence or an array: every `world`-th, disjoint, none left out."""
        return rows[self.rank :: self.world]

    def add(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if self.world > 1:
            with _together():
                dist.all_reduce(tensor)
        return tensor

    def totals(self, *numbers: float) -> list[float]:
        """Sums of plain numbers, in float64."""
        if self.world == 1:
            return list(numbers)
        found: list[float] = self.add(torch.tensor(numbers, dtype=torch.float64)).tolist()
        return found

    def add_gradients(
        self, dense: list[nn.Parameter], sparse: list[nn.Parameter], *numbers: float
    ) -> list[float]:
        """Sum the gradients of all ranks; `numbers` travel with them, in float32.

        `sparse`: weights whose gradients are sparse. A rank without a share of this batch has no
        gradients, and gives zeros.
        """
        if self.world == 1:
            return list(numbers)
        with _together():
            for weight in sparse:
                weight.grad = _all_rows(weight)
            return _add_dense(dense, numbers)

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensors of all ranks, in their order; equal shapes expected."""
        if self.world == 1:
            return [tensor]
        found = [torch.empty_like(tensor) for _ in range(self.world)]
        with _together():
            dist.all_gather(found, tensor.contiguous())
        return found

    def told(self, value: Any) -> Any:
        """Rank 0's value, at every rank."""
        if self.world == 1:
            return value
        box = [value]
        with _together():
            dist.broadcast_object_list(box)
        return box[0]

    @contextlib.contextmanager
    def checked(self) -> Iterator[None]:
        """What one rank may fail in: then all end here, and rank 0 says why, once.

        Nothing inside may wait for another rank. Errors: the rank's own, at rank 0; Ended.
        """
        error: SeqcliError | None = None
        try:
            yield
        except SeqcliError as own:
            if self.world == 1:
                raise
            error = own
        if self.world == 1:
            return
        found: list[Any] = [None] * self.world
        with _together():
            dist.all_gather_object(found, error and (type(error), error.message, error.hint))
        failed = next((rank for rank, theirs in enumerate(found) if theirs), None)
        if failed is None:
            return
        kind, message, hint = found[failed]
        if not self.first:
            raise Ended(message)
        if error is not None:
            raise error
        told = SeqcliError(f"rank {failed}: {message}", hint)
        told.exit_code = kind.exit_code
        raise told

    def share_weights(self, model: nn.Module) -> None:
        """Rank 0's weights, at every rank."""
        if self.world > 1:
            with _together():
                for value in model.state_dict().values():
                    dist.broadcast(value, 0)

    def agree(self, values: Mapping[str, str]) -> None:
        """Make sure that all ranks have the same values. Errors: ConfigError; Ended past rank 0."""
        if self.world == 1:
            return
        found: list[Any] = [None] * self.world
        with _together():
            dist.all_gather_object(found, dict(values))
        for other, theirs in enumerate(found):
            for name, value in found[0].items():
                if theirs.get(name) != value:
                    if not self.first:
                        raise Ended(f"another {name}")
                    raise ConfigError(
                        f"rank {other} has another {name} than rank 0: {theirs.get(name)}, {value}",
                        "every rank needs the same command, files and versions",
                    )


ALONE = Ranks()


def launched() -> Ranks:
    """What the launcher's environment says of this process. Errors: ConfigError."""
    world = _number("WORLD_SIZE", 1)
    if world < 2:
        return ALONE
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        raise ConfigError(
            f"WORLD_SIZE is {world}, but there is no {', no '.join(missing)}",
            "torchrun --standalone --nproc-per-node 2 -m seqcli train … sets them all",
        )
    return Ranks(
        _number("RANK", 0),
        world,
        _number("LOCAL_RANK", 0),
        _number("LOCAL_WORLD_SIZE", 1),
        _number("TORCHELASTIC_RESTART_COUNT", 0),
    )


@contextlib.contextmanager
def joined(ranks: Ranks) -> Iterator[None]:
    """The ranks connected, gloo on the CPU and nccl on GPUs. Errors: TrainingError."""
    if ranks.world == 1:
        yield
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store, rank, world = next(rendezvous("env://", timeout=JOINING))
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise TrainingError(
            f"rank {ranks.rank} cannot join the others at {address}",
            "is the port free, and can this host reach it?",
        ) from error
    try:
        yield
    except Ended:  # nothing can be taken down in order any more
        raise
    except BaseException:
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()


@contextlib.contextmanager
def _together() -> Iterator[None]:
    """What all ranks do at the same time: it fails where one of them is gone."""
    try:
        yield
    except RuntimeError as error:
        if "gloo" not in str(error) and not isinstance(error, dist.DistError):
            raise
        raise Ended(
            "another process of this run has ended",
            "what was saved is kept: the same command with --resume goes on",
        ) from error


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "") or str(default)
    if not text.isdecimal():
        raise ConfigError(f"{name}={text}: a number expected", "torchrun sets it")
    return int(text)


def _add_dense(weights: list[nn.Parameter], numbers: tuple[float, ...]) -> list[float]:
    """Large gradients one by one, where they are; the small ones and the numbers in one piece."""
    grads, small, waiting = [], [], []
    for weight in weights:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
        grads.append(weight.grad)
    for grad in grads:
        if grad.numel() >= SMALL:
            waiting.append(dist.all_reduce(grad, async_op=True))
        else:
            small.append(grad)
    extra = torch.tensor(numbers, dtype=torch.float32, device=grads[0].device)
    bucket = torch.cat([*(grad.reshape(-1) for grad in small), extra])
    dist.all_reduce(bucket)
    sizes = [*(grad.numel() for grad in small), len(numbers)]
    *parts, summed = torch.split(bucket, sizes)
    for grad, part in zip(small, parts, strict=True):
        grad.copy_(part.view_as(grad))
    for work in waiting:
        work.wait()
    found: list[float] = summed.tolist()
    return found


def _all_rows(weight: nn.Parameter) -> Tensor:
    """The sparse gradients of all ranks, one after another: equal rows are added where used."""
    if weight.grad is None:
        ids = torch.zeros(0, dtype=torch.int64, device=weight.device)
        values = weight.new_zeros(0, weight.shape[1])
    else:
        ids, values = weight.grad._indices()[0].to(torch.int64), weight.grad._values()
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, torch.tensor([len(ids)]))
    lengths = [int(count) for count in counts]
    every = (_gathered(ids, lengths)[None], _gathered(values, lengths))
    return torch.sparse_coo_tensor(*every, weight.shape, check_invariants=False)


def _gathered(rows: Tensor, lengths: list[int]) -> Tensor:
    """The rows of all ranks, one after another; all_gather itself wants equal lengths."""
    padded = rows.new_zeros(max(lengths), *rows.shape[1:])
    padded[: len(rows)] = rows
    found = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(found, padded)
    return torch.cat([part[:length] for part, length in zip(found, lengths, strict=True)])
