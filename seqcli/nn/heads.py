"""What stands between a recurrent stack and its answer: embedding, read-out, dense head, n-grams.

Every classifier head hands on log-probabilities (B, C); nothing above knows whether C logits or
one stand behind them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.nn.dropout import dropout
from seqcli.nn.ragged import filled, length_mask
from seqcli.nn.recurrent import Encoded

READ_OUTS = ("last", "mean", "max", "attention")


class OneHot(nn.Module):
    """ids (B, T) -> (B, T, V), one-hot: the rows of an identity that is no parameter."""

    weight: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.eye(size), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """See the class."""
        return F.embedding(ids, self.weight)


class ReadOut(nn.Module):
    """A fixed-size vector from all steps: (B, T, D) -> (B, len(names) * D), joined in order.

    "last" is each direction's output at the end of its reading; "attention" is the additive
    self-attention of Yang et al. 2016: softmax over steps of v . tanh(W h + b).
    """

    def __init__(self, names: tuple[str, ...], width: int) -> None:
        super().__init__()
        self.names = names
        self.width = width * len(names)
        if "attention" in names:
            self.score = nn.Linear(width, width)
            self.query = nn.Parameter(torch.empty(width))

    def forward(self, encoded: Encoded, lengths: Tensor | None) -> Tensor:
        """Padding has no part in it; a row of length 0 gives zeros."""
        outputs = encoded.outputs
        mask = None if lengths is None else length_mask(lengths, outputs.shape[1])
        parts = []
        for name in self.names:
            if name == "last":
                parts.append(encoded.last)
            elif name == "mean":  # outputs are zero past the length
                total = outputs.sum(1)
                count = outputs.shape[1] if lengths is None else lengths.clamp(min=1)[:, None]
                parts.append(total / count)
            elif name == "max":
                parts.append(_max(outputs, mask))
            else:
                parts.append(self._attend(outputs, mask))
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def _attend(self, outputs: Tensor, mask: Tensor | None) -> Tensor:
        scores = torch.tanh(self.score(outputs)) @ self.query  # (B, T)
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        return (scores.softmax(1).unsqueeze(1) @ outputs).squeeze(1)


def _max(outputs: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return outputs.amax(1)
    lowest = torch.finfo(outputs.dtype).min
    past = ~mask
    held = filled(outputs, past, lowest)
    best = held.amax(1)
    if held is outputs:  # in place: as it was
        filled(outputs, past, 0)
    return best.masked_fill(~mask.any(1, keepdim=True), 0)


class Dense(nn.Module):
    """Hidden layers with ReLU and dropout, then one logit a column: (B, N) -> (B, outputs)."""

    def __init__(self, inputs: int, sizes: tuple[int, ...], outputs: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.hidden = nn.ModuleList()
        for size in sizes:
            self.hidden.append(nn.Linear(inputs, size))
            inputs = size
        self.output = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        for layer in self.hidden:
            x = dropout(F.relu(layer(x)), self.rate, self.training)
        logits: Tensor = self.output(x)
        return logits


def log_probabilities(logits: Tensor, head: str) -> Tensor:
    """(B, C) of a softmax head, or (B, 1) of a sigmoid head (labels[1] is positive), -> (B, C)."""
    if head == "softmax":
        return F.log_softmax(logits.float(), 1)
    logit = logits.float()
    return torch.cat([F.logsigmoid(-logit), F.logsigmoid(logit)], 1)
