"""The wide part: a linear layer on hashed n-grams, beside the recurrent path.

Joint training of a wide linear and a deep part: Cheng et al. 2016. The hashing is `ngrams.py`'s.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NAIVE_SHARE = 0.5  # naive Bayes takes n-grams that overlap for independent, and is too sure
BIAS_RATE = 0.01  # beside an n-gram's of 1: every text moves the bias


class Wide(nn.Module):
    """Buckets (N,) in B bags, weighted -> (B, outputs): rows of a table, summed, and a bias."""

    rates: Tensor | None

    def __init__(self, buckets: int, outputs: int, *, rated: bool = False) -> None:
        """`rated`: every bucket has a learning rate of its own, which `start` sets."""
        super().__init__()
        self.table = nn.Parameter(torch.zeros(buckets, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("rates", torch.ones(buckets, 1) if rated else None)

    def start(self, scores: Tensor) -> None:
        """Begin at scores (buckets, C); of a rated table at part of them, which are naive Bayes'.

        With a bucket's rate as the square of its scores, gradient descent on the table is that on
        the weights of features scaled by the scores, as in NB-SVM (Wang & Manning 2012).
        """
        if self.table.shape[1] == 1:
            scores = scores[:, 1:] - scores[:, :1]
        with torch.no_grad():
            self.table.copy_(scores if self.rates is None else scores * NAIVE_SHARE)
        if self.rates is None:
            return
        self.rates = scores.square().sum(1, keepdim=True)

    def forward(self, buckets: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
        """buckets (N,), starts (B,) of each bag, weights (N,) -> (B, outputs)."""
        picked = F.embedding_bag(
            buckets, self.table, starts, mode="sum", per_sample_weights=weights
        )
        return picked + self.bias

    def scale_gradients(self) -> None:
        """Each bucket's gradient times its rate: see `start`, and `training.optim.Apart`."""
        if self.rates is None or self.table.grad is None:
            return
        self.table.grad.mul_(self.rates)
        if self.bias.grad is not None:
            self.bias.grad.mul_(BIAS_RATE)
