"""The wide part: a linear layer on hashed n-grams, beside the recurrent path.

Joint training of a wide linear and a deep part: Cheng et al. 2016. The hashing is `ngrams.py`'s.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Wide(nn.Module):
    """(N,) buckets in B bags, weighted, -> (B, outputs): the rows of one table, summed a bag."""

    def __init__(self, buckets: int, outputs: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(buckets, outputs))

    def forward(self, buckets: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
        """buckets (N,), starts (B,) of each bag, weights (N,) -> (B, outputs)."""
        return F.embedding_bag(buckets, self.table, starts, mode="sum", per_sample_weights=weights)
