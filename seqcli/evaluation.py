"""Scoring a split: the model as it is, changed in nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from seqcli.device import Runtime
from seqcli.kinds.contract import Figures, Poll

Score = Callable[[nn.Module, Any, Runtime, Poll], Figures]


def evaluate(figures: Score, model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
    """What `figures` makes of `split`, without dropout or gradients; `poll` may raise."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return figures(model, split, runtime, poll)
    finally:
        model.train(training)
