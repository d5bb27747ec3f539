"""The wide part: a linear layer on hashed n-grams, beside the recurrent path.

Joint training of a wide linear and a deep part: Cheng et al. 2016. The hashing is `ngrams.py`'s.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NAIVE_SHARE = 0.5  # naive Bayes takes n-grams that overlap for independent, and is too sure
BIAS_RATE = 0.01  # beside an n-gram's of 1: every text moves the bias
TINY = 1e-12  # below the square of any factor


class Wide(nn.Module):
    """Buckets (N,) in B bags, weighted -> (B, outputs): rows of a table, summed, and a bias."""

    rates: Tensor | None
    told: Tensor | None
    factors: Tensor | None

    def __init__(
        self,
        buckets: int,
        outputs: int,
        *,
        rated: bool = False,
        told: bool = False,
        weighed_from: int | None = None,
    ) -> None:
        """`rated`: every bucket has a learning rate of its own, which `start` sets.

        `told`: what `start` sets is added to the answers, and training does not see it.
        `weighed_from`: buckets have factors, which `weigh` sets; from this one on they are another
        part of the table, whose n-grams are weighed by themselves.
        """
        super().__init__()
        self.table = nn.Parameter(torch.zeros(buckets, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("rates", torch.ones(buckets, 1) if rated else None)
        self.bias_rate = BIAS_RATE if rated else 1.0
        self.register_buffer("told", torch.zeros(buckets, outputs) if told else None)
        self.weighed_from = weighed_from or 0
        factors = None if weighed_from is None else torch.ones(buckets)
        self.register_buffer("factors", factors)

    def start(self, scores: Tensor) -> None:
        """Begin at part of naive Bayes' scores (buckets, C), and move each as far as it says much.

        Of a table that is told, they are what it is told, and it begins at zero: descent from them
        would unlearn, of texts it fits with ease, that rare labels are not ruled out.
        With a bucket's rate as the square of its scores, gradient descent on the table is that on
        the weights of features scaled by the scores, as in NB-SVM (Wang & Manning 2012).
        """
        if self.table.shape[1] == 1:
            scores = scores[:, 1:] - scores[:, :1]
        if self.told is not None:
            self.told.copy_(scores)
            return
        with torch.no_grad():
            self.table.copy_(scores * NAIVE_SHARE)
        self.rates = scores.square().sum(1, keepdim=True)

    def weigh(self, factors: Tensor) -> None:
        """Let each bucket count by a factor, (buckets,), 0 for one that does not count.

        A text's n-grams then weigh as these factors, and those of each part of the table are a
        vector of length 1: with inverse document frequencies, TF-IDF of n-grams that are there or
        not.
        """
        if self.factors is not None:
            self.factors.copy_(factors)

    def forward(self, buckets: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
        """buckets (N,), starts (B,) of each bag, weights (N,) -> (B, outputs).

        Where buckets have factors the weights are these instead.
        """
        if self.factors is not None:
            weights = self._weights(self.factors[buckets], buckets, starts)
        found = self._picked(self.table, buckets, starts, weights) + self.bias
        if self.told is None or self.training:
            return found
        return found + self._picked(self.told, buckets, starts, weights)

    def _weights(self, factors: Tensor, buckets: Tensor, starts: Tensor) -> Tensor:
        """factors (N,) of the buckets -> the same, of length 1 in each bag and part: (N,)."""
        ends = torch.cat([starts[1:], starts.new_tensor([len(buckets)])])
        parts = torch.repeat_interleave(ends - starts) * 2 + (buckets >= self.weighed_from)
        squares = factors.new_zeros(2 * len(starts)).index_add(0, parts, factors.square())
        return factors * squares.clamp_min(TINY).rsqrt()[parts]

    def _picked(self, table: Tensor, buckets: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
        """Rows of a table, weighted, summed by bag."""
        return F.embedding_bag(buckets, table, starts, mode="sum", per_sample_weights=weights)

    def scale_gradients(self) -> None:
        """Each bucket's gradient times its rate: see `start`, and `training.optim.Apart`."""
        if self.rates is None or self.table.grad is None:
            return
        self.table.grad.mul_(self.rates)
        if self.bias.grad is not None:
            self.bias.grad.mul_(self.bias_rate)
