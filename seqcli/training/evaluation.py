"""Scoring a split: the model as it is, changed in nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from seqcli.kinds.contract import Figures, Poll
from seqcli.machine.device import Runtime

Score = Callable[[nn.Module, Any, Runtime, Poll], Figures]
SCORED = ("valid", "test")  # at the end of a run


@dataclass(frozen=True)
class Scoring:
    """The best model is about to be scored on these splits, which may take minutes."""

    splits: tuple[str, ...]


def evaluate(figures: Score, model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
    """What `figures` makes of `split`, without dropout or gradients; `poll` may raise."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return figures(model, split, runtime, poll)
    finally:
        model.train(training)
