"""A small classifier of numbers whose weights follow a formula: the same figures anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqcli import kinds
from seqcli.data.scaling import Scaler
from seqcli.kinds.classifier.signals.kind import SignalClassifier
from seqcli.modelfile import storage
from seqcli.settings.config import to_dict
from seqcli.settings.sections import BY_RECORDING

MODEL = {
    "cell": "gru",
    "hidden": [5],
    "bidirectional": True,
    "read_out": ["mean", "max"],
    "window": 3,
    "stride": 2,
    "noise": 0.1,
}


def tiny(
    *,
    data: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    channels: tuple[str, ...] = ("x", "y"),
) -> tuple[SignalClassifier, torch.nn.Module]:
    """A classifier of two labels, and its network in eval mode."""
    own = {"input": "numbers", **(data or {})}
    config: Any = kinds.read(
        {"kind": "classifier", "data": own, "model": {**MODEL, **(model or {})}}
    )
    count = len(channels)
    center, width = np.arange(count, dtype=np.float64), np.full(count, 2.0)
    how, mask = config.data.scale, config.data.mask_channels
    scaler = Scaler(center, width, how in BY_RECORDING, mask, how == "whole")
    kind = SignalClassifier(config, channels, scaler, ("down", "up"), (3, 5))
    network = kind.build(torch.Generator())
    state = {
        name: ((torch.arange(value.numel()) * (5 + len(name))).cos() * 0.8).reshape(value.shape)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(state)
    return kind, network.eval()


def write(path: Path, **given: Any) -> Path:
    """Write the model file that a run would."""
    kind, network = tiny(**given)
    described = {
        "task": "tiny",
        "preset": "",
        "config": to_dict(kind.config),
        "learned": kind.learned(),
        "data": {"path": "nowhere.ts", "sha256": "0", "sample": False, "sizes": {}},
        "epoch": 1,
        "step": 1,
        "scores": {},
        "versions": {},
    }
    storage.save(path, described, network.state_dict())
    return path
