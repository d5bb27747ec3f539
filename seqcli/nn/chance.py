"""Random numbers of training: of torch's own generator, or of one that a thread was given.

Threads that share an update would take their numbers from one generator in the order in which they
come to it, which is another one in every run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class _Own(threading.local):
    generator: torch.Generator | None = None


_own = _Own()


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """While it is open, this thread's numbers come from `generator`, a CPU's."""
    before, _own.generator = _own.generator, generator
    try:
        yield
    finally:
        _own.generator = before


def uniform(like: Tensor) -> Tensor:
    """Numbers in [0, 1), float32, in the shape of `like` and where it is."""
    return torch.rand(like.shape, device=like.device, generator=_own.generator)


def normal(like: Tensor) -> Tensor:
    """Numbers of mean 0 and variance 1, in the shape and type of `like` and where it is."""
    shape, generator = like.shape, _own.generator
    return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)


def words(count: int) -> Tensor:
    """`count` times 64 random bits, as int64 on the CPU."""
    return torch.empty(count, dtype=torch.int64).random_(-(2**63), None, generator=_own.generator)
