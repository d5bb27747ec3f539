"""Attention of a decoder over what an encoder left: which source steps a target step looks at.

    dot       score(q, k) = q . k                        (Luong et al. 2015)
    general   score(q, k) = q . W k                      (the same)
    additive  score(q, k) = v . tanh(U q + W k + b)      (Bahdanau et al. 2015)

What depends on the source alone (W k) is made once a sentence, as its keys. Padding of the source
has weight 0; a source without any step gives zeros.

Letters: B rows, T target steps, S source steps, M width of the memory, Q of the queries, A units
of the additive score.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcli.errors import lookup
from seqcli.nn.ragged import length_mask


class Attention(nn.Module):
    """Queries (B, T, Q) on a memory (B, S, M) -> contexts (B, T, M) and weights (B, T, S)."""

    def __init__(self, queries: int, memory: int) -> None:
        super().__init__()
        self.queries, self.memory = queries, memory

    def keys(self, values: Tensor) -> Tensor:
        """What the scores need of a memory (B, S, M)."""
        return values

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(B, T, Q), keys -> (B, T, S), in the precision of the operands."""
        return queries @ keys.mT

    def forward(
        self, queries: Tensor, values: Tensor, keys: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See the class; lengths (B,) of the memory's rows, None: all S. Weights are float32."""
        scores = self.scores(queries, keys).float()
        if lengths is None:
            weights = scores.softmax(2)
        else:
            real = length_mask(lengths, values.shape[1])[:, None, :]
            lowest = torch.finfo(scores.dtype).min
            weights = scores.masked_fill(~real, lowest).softmax(2).masked_fill(~real, 0)
        return weights.to(values.dtype) @ values, weights


class Dot(Attention):
    """See the module; the memory is as wide as the queries (ValueError otherwise)."""

    def __init__(self, queries: int, memory: int) -> None:
        super().__init__(queries, memory)
        if queries != memory:
            raise ValueError(f"dot attention of {queries} on {memory} numbers")


class General(Attention):
    """See the module."""

    def __init__(self, queries: int, memory: int) -> None:
        super().__init__(queries, memory)
        self.key = nn.Linear(memory, queries, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        """W k, (B, S, Q)."""
        keys: Tensor = self.key(values)
        return keys


class Additive(Attention):
    """See the module; A = Q."""

    def __init__(self, queries: int, memory: int) -> None:
        super().__init__(queries, memory)
        self.key = nn.Linear(memory, queries)
        self.query = nn.Linear(queries, queries, bias=False)
        self.score = nn.Linear(queries, 1, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        """W k + b, (B, S, A)."""
        keys: Tensor = self.key(values)
        return keys

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See the module: A numbers for each pair of a query and a key."""
        pairs = torch.tanh(self.query(queries)[:, :, None, :] + keys[:, None, :, :])
        scores: Tensor = self.score(pairs).squeeze(3)
        return scores


ATTENTIONS: dict[str, type[Attention]] = {"dot": Dot, "general": General, "additive": Additive}


def attention(name: str, queries: int, memory: int) -> Attention:
    """The attention of that name. Errors: ConfigError for a name that is none."""
    return lookup(ATTENTIONS, name, "attention")(queries, memory)
