"""A network that gives every step of a recording a label.

Letters: B recordings, T steps, E numbers a step, C labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcli.nn import chance
from seqcli.nn.crf import Chain, marginals, viterbi
from seqcli.nn.ragged import length_mask
from seqcli.nn.recurrent import Recurrent
from seqcli.nn.signals import windows


def differences(x: Tensor, lengths: Tensor | None, span: int) -> Tensor:
    """x (B, T, E) -> x[t + span] - x[t - span], (B, T, E); past an end stands the row's end.

    Zero past a row's length.
    """
    steps = torch.arange(x.shape[1], device=x.device)
    last = steps[-1:].expand(len(x)) if lengths is None else (lengths - 1).clamp(min=0)
    after = torch.minimum(steps + span, last[:, None])
    before = torch.minimum((steps - span).clamp(min=0), last[:, None])
    wide = (-1, -1, x.shape[2])
    found = x.gather(1, after[:, :, None].expand(wide)) - x.gather(
        1, before[:, :, None].expand(wide)
    )
    return found if lengths is None else found * length_mask(lengths, x.shape[1])[:, :, None]


class FrameTagger(nn.Module):
    """numbers, and how they change -> windows -> recurrent stack -> a score a label at each step.

    Answers are the best path of a chain in which every change of label costs `change_cost` nats:
    at 0 the likeliest label of each step by itself.
    """

    pace: Tensor

    def __init__(
        self,
        recurrent: Recurrent,
        labels: int,
        *,
        spans: tuple[int, ...],
        pace: Tensor,
        window: int = 1,
        noise: float = 0.0,
        change_cost: float = 0.0,
    ) -> None:
        """pace (len(spans), E): the usual size of each channel's difference over each span."""
        super().__init__()
        self.recurrent = recurrent
        self.output = nn.Linear(recurrent.width, labels)
        self.spans, self.window = spans, window
        self.noise, self.change_cost = noise, change_cost
        self.register_buffer("pace", pace, persistent=False)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """values (B, T, E), lengths (B,) or None (all T) -> scores (B, T, C) in float32."""
        if self.training and self.noise:
            noise = self.noise * chance.normal(values)
            if lengths is not None:
                noise = noise * length_mask(lengths, values.shape[1])[:, :, None]
            values = values + noise
        parts = [values]
        for span, pace in zip(self.spans, self.pace, strict=True):
            parts.append(differences(values, lengths, span) / pace)
        x, _ = windows(torch.cat(parts, 2), lengths, self.window, 1)
        scores: Tensor = self.output(self.recurrent(x, lengths).outputs).float()
        return scores

    def answers(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """scores (B, T, C) -> labels (B, T), anything past a row's length."""
        if not self.change_cost:
            return scores.argmax(2)
        return viterbi(scores, lengths, self._chain(scores))[0]

    def probabilities(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """scores (B, T, C) -> p(label at t) under that chain, (B, T, C), likewise."""
        if not self.change_cost:
            return scores.softmax(2)
        return marginals(scores, lengths, self._chain(scores))

    def _chain(self, scores: Tensor) -> Chain:
        labels = scores.shape[2]
        same = torch.eye(labels, device=scores.device)
        none = same.new_zeros(labels)
        return Chain(self.change_cost * (same - 1), none, none)
