"""The wide part: a linear layer on hashed n-grams, beside the recurrent path.

Joint training of a wide linear and a deep part: Cheng et al. 2016. The hashing is `ngrams.py`'s.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Wide(nn.Module):
    """Buckets (N,) in B bags, weighted -> (B, outputs): rows of a table, summed, and a bias."""

    def __init__(self, buckets: int, outputs: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(buckets, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, buckets: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
        """buckets (N,), starts (B,) of each bag, weights (N,) -> (B, outputs)."""
        picked = F.embedding_bag(
            buckets, self.table, starts, mode="sum", per_sample_weights=weights
        )
        return picked + self.bias
