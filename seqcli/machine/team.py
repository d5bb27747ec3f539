"""Threads of one process that share work as ranks do: each takes a part of the rows.

Threads inside every operation wait for each other at its end, a thousand times an update; where one
of them has to queue for a core, all wait. These meet a few times an update, and each computes with
one thread inside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import BrokenBarrierError
from typing import Any, TypeVar

import torch
from torch import Tensor

from seqcli.machine.distributed import Ranks

Found = TypeVar("Found")

LEAST = 8  # rows of a batch that are worth a thread of their own
COPIES = 1 << 28  # numbers in the gradients of all threads together: 1 GB


def members(threads: int, rows: int, numbers: int) -> int:
    """How many of `threads` share batches of `rows`, by a network of so many `numbers`.

    The most that get equal parts of LEAST rows or more, and whose gradients have room in memory.
    """
    most = min(threads, rows // LEAST, COPIES // max(numbers, 1))
    return next((count for count in range(most, 1, -1) if rows % count == 0), 1)


class Team:
    """`size` threads, the caller's the first of them; each has `inside` for its operations."""

    def __init__(self, size: int, inside: int) -> None:
        """The caller's thread is set to `inside` too."""
        self.size, self.inside = size, inside
        self._barrier = threading.Barrier(size)
        self._places: list[Any] = [None] * size
        self._others = ThreadPoolExecutor(
            max(size - 1, 1), "team", initializer=_settle, initargs=(inside,)
        )
        torch.set_num_threads(inside)

    def run(self, work: Callable[[int], Found]) -> list[Found]:
        """work(0) … work(size - 1) at the same time; what they give, in this order.

        Nothing is running any more when it returns, or raises the error of one that failed.
        """
        futures = [self._others.submit(self._guarded, work, at) for at in range(1, self.size)]
        mine: Future[Found] = Future()
        try:
            mine.set_result(self._guarded(work, 0))
        except BaseException as error:
            mine.set_exception(error)
        futures.insert(0, mine)
        errors = [error for error in map(Future.exception, futures) if error is not None]
        if errors:
            self._barrier.reset()
            cause = (error for error in errors if not isinstance(error, BrokenBarrierError))
            raise next(cause, errors[0])
        return [future.result() for future in futures]

    def _guarded(self, work: Callable[[int], Found], number: int) -> Found:
        try:
            return work(number)
        except BaseException:
            self._barrier.abort()  # the others would wait for ever
            raise

    def exchange(self, number: int, value: Any) -> list[Any]:
        """Every thread's value, at each of them. Errors: BrokenBarrierError where one failed."""
        self._places[number] = value
        self._barrier.wait()
        found = list(self._places)
        self._barrier.wait()  # before the next ones are put there
        return found

    def ranks(self) -> list[TeamRank]:
        """A rank for each thread, in order."""
        return [TeamRank(number, self.size, team=self) for number in range(self.size)]


def _settle(inside: int) -> None:
    """Have the calling thread's operations use so many threads.

    At a thread's first shared operation torch takes the number that the process set last: so that
    comes here.
    """
    torch.set_num_threads(inside)
    torch.zeros(1 << 16).add_(1)


@dataclass(frozen=True)
class TeamRank(Ranks):
    """A thread of a team, where ranks are asked for: what is added up is the threads'."""

    team: Team = field(kw_only=True)

    def add(self, tensor: Tensor) -> Tensor:
        """See `Ranks.add`: in the order of the threads, so that all have the same bits."""
        first, *others = self.team.exchange(self.rank, tensor)
        total = first.clone()
        for other in others:
            total += other
        self.team.exchange(self.rank, None)  # all have read what is overwritten now
        return tensor.copy_(total)

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """See `Ranks.gather`."""
        found: list[Tensor] = self.team.exchange(self.rank, tensor)
        return found
