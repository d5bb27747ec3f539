"""Scoring a split: the model as it is, changed in nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from seqcli.device import Runtime
from seqcli.kinds.contract import Figures, Kind, Poll


def evaluate(kind: Kind, model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
    """Figures of `split` without dropout and without gradients; `poll` may raise in between."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return kind.figures(model, split, runtime, poll)
    finally:
        model.train(training)
