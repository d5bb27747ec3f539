"""The mean of the weights over the last part of a run, to validate, keep and answer with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """A running mean a_t of the trained weights w_t, about that of the last `share` of updates.

    a_t = a_(t-1) + (w_t - a_(t-1)) / max(share * t, 1): with a share of 1 the mean of all (Polyak &
    Juditsky 1992); else update s counts with about s ** (1 / share - 1), so that the beginning
    fades (polynomial decay, Shamir & Zhang 2013). It need not know how long the run will be.
    """

    def __init__(self, model: nn.Module, share: float) -> None:
        """`share` in (0, 1]; before the first update the mean is the weights themselves."""
        self.share = share
        trained = [pair for pair in model.named_parameters() if pair[1].requires_grad]
        self.names = [name for name, _ in trained]
        self._weights = [weight.detach() for _, weight in trained]
        self._means = [weight.clone() for weight in self._weights]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The mean of each trained weight, by its name in the model."""
        return dict(zip(self.names, self._means, strict=True))

    def add(self, step: int) -> None:
        """Take in the weights after update `step`, counted from 1."""
        torch._foreach_lerp_(self._means, self._weights, 1 / max(self.share * step, 1))

    def load(self, weights: dict[str, Tensor]) -> None:
        """The inverse of `weights`, of the same names and shapes."""
        for name, mean in self.weights.items():
            mean.copy_(weights[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """For a while the model's weights are the mean; then they are its own again, to the bit."""
        own = [weight.clone() for weight in self._weights]
        torch._foreach_copy_(self._weights, self._means)
        try:
            yield
        finally:
            torch._foreach_copy_(self._weights, own)
