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
    told: Tensor | None

    def __init__(
        self,
        buckets: int,
        outputs: int,
        *,
        rated: bool = False,
        told: bool = False,
        by_rarity: bool = False,
    ) -> None:
        """`rated`: every bucket has a learning rate of its own, which `start` sets.

        `by_rarity`: likewise, and `rate` sets it.
        `told`: what `start` sets is added to the answers, and training does not see it.
        """
        super().__init__()
        self.table = nn.Parameter(torch.zeros(buckets, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("rates", torch.ones(buckets, 1) if rated or by_rarity else None)
        self.bias_rate = BIAS_RATE if rated else 1.0
        self.register_buffer("told", torch.zeros(buckets, outputs) if told else None)

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

    def rate(self, rates: Tensor) -> None:
        """Let each bucket learn so much faster, (buckets,), than it would; after `start`.

        As the squares of factors they make descent on the table that on the weights of features
        times these factors: of inverse document frequencies, TF-IDF.
        """
        if self.rates is not None:
            self.rates = self.rates * rates[:, None]

    def forward(self, buckets: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
        """buckets (N,), starts (B,) of each bag, weights (N,) -> (B, outputs)."""
        found = self._picked(self.table, buckets, starts, weights) + self.bias
        if self.told is None or self.training:
            return found
        return found + self._picked(self.told, buckets, starts, weights)

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
