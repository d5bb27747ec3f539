"""A small tagger of numbers whose weights follow a formula: the same figures anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqcli import kinds
from seqcli.data.scaling import Scaler
from seqcli.kinds.tagger.frames.kind import FrameTagger
from seqcli.modelfile import storage
from seqcli.settings.config import to_dict
from seqcli.settings.sections import BY_RECORDING

MODEL = {"cell": "gru", "hidden": [5], "bidirectional": True, "differences": [1], "window": 3}


def tiny(
    *, data: dict[str, Any] | None = None, model: dict[str, Any] | None = None
) -> tuple[FrameTagger, torch.nn.Module]:
    """A tagger of three labels on channels x and y, and its network in eval mode."""
    own = {"input": "numbers", "max_steps": 32, **(data or {})}
    config: Any = kinds.read({"kind": "tagger", "data": own, "model": {**MODEL, **(model or {})}})
    how, center, width = config.data.scale, np.array([0.0, 1.0]), np.array([2.0, 2.0])
    scaler = Scaler(center, width, how in BY_RECORDING, together=how == "whole")
    labels = ("down", "flat", "up")
    kind = FrameTagger(config, ("x", "y"), scaler, ((1.0, 0.5),), labels, (3, 5, 2))
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
        "data": {"path": str(path.parent / "data.csv"), "sha256": "0" * 64, "seed": 1},
        "epoch": 1,
        "step": 1,
        "scores": {},
        "versions": {},
    }
    storage.save(path, described, network.state_dict())
    return path
