"""Threads of one process that share batches, each with one thread inside its operations.

Threads inside every operation wait for each other at its end, a thousand times an update; where one
of them has to queue for a core, all wait. These meet when a batch, or all of them, are done.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
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

    def __init__(self, size: int, inside: int = 1) -> None:
        self.size, self.inside = size, inside
        self._lock = threading.Lock()  # several threads may ask one model
        self._process = 0

    def run(self, work: Callable[[int], Found]) -> list[Found]:
        """work(0) … work(size - 1) at the same time; what they give, in this order.

        Nothing is running any more when it returns, or raises the first of their errors: of those
        who waited in vain for one that failed, only where there is no other.
        """
        with self._lock, _threads_inside(self.inside):
            others = self._others()
            futures = [others.submit(work, number) for number in range(1, self.size)]
            first: Future[Found] = Future()
            try:
                first.set_result(work(0))
            except BaseException as error:
                first.set_exception(error)
            futures.insert(0, first)
            errors = [error for error in map(Future.exception, futures) if error is not None]
        if errors:
            raise min(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError))
        return [future.result() for future in futures]

    def each(self, items: Sequence[Item], work: Callable[[Item], Found]) -> list[Found]:
        """work(item) of each, in the order of the items; whoever is free takes the next one.

        They are computed in the caller's mode and precision. After an error no further is begun.
        """
        found: list[Any] = [None] * len(items)
        places, failed = itertools.count(), threading.Event()
        modes = _modes()

        def member(number: int) -> None:
            try:
                with modes():
                    while (place := next(places)) < len(items) and not failed.is_set():
                        found[place] = work(items[place])
            except BaseException:
                failed.set()
                raise

        self.run(member)
        return found

    def _others(self) -> ThreadPoolExecutor:
        """The further threads; a process that was forked off has none of its parent's."""
        if self._process != os.getpid():
            most = max(self.size - 1, 1)
            settle = partial(_settle, self.inside)
            self._executor = ThreadPoolExecutor(most, "team", initializer=settle)
            self._process = os.getpid()
        return self._executor


def _modes() -> Callable[[], AbstractContextManager[None]]:
    """What opens the calling thread's modes of gradients and precision in another one."""
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    half, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    @contextmanager
    def opened() -> Iterator[None]:
        with (
            torch.inference_mode(inference),
            torch.set_grad_enabled(gradients),
            torch.autocast("cpu", dtype, enabled=half),
        ):
            yield

    return opened


@contextmanager
def _threads_inside(count: int) -> Iterator[None]:
    """For a while, the calling thread's operations use so many threads."""
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _settle(inside: int) -> None:
    """Have a new thread's operations use so many threads, from now on.

    At a thread's first shared operation torch takes the number that the process set last: so that
    comes here, where `run` has just set it.
    """
    torch.set_num_threads(inside)
    torch.zeros(1 << 16).add_(1)
