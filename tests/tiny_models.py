"""Small classifiers whose weights follow a formula: no training, the same figures anywhere."""

from pathlib import Path
from typing import Any

import torch

from seqcli import kinds
from seqcli.kinds.classifier.kind import Classifier
from seqcli.modelfile import storage
from seqcli.settings import sections
from seqcli.text.vocab import Vocab

WORDS = ["win", "a", "prize", "now", "see", "you", "at", "six", "call", "free", "offer", "late"]


def write_model(
    path: Path,
    labels: tuple[str, ...] = ("ham", "spam", "other"),
    *,
    data: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
) -> Path:
    """Write the model file that a run would; `data` and `model` are settings of the task file."""
    sizes = {"embed": 8, "hidden": [12], **(model or {})}
    config: Any = kinds.read({"kind": "classifier", "data": data or {}, "model": sizes})
    letters = config.data.tokenizer == "characters"
    tokens = list("abcdefghijklmnopqrstuvwxyz ") if letters else WORDS
    special = ["<unk>"] * config.data.unknown
    kind = Classifier(config, Vocab([*special, *tokens]), labels, (5,) * len(labels))
    network = kind.build(torch.Generator())
    weights = {name: _waves(value, 7 + len(name)) for name, value in network.state_dict().items()}
    described = {
        "task": "tiny",
        "preset": "",
        "config": sections.to_dict(config),
        "learned": kind.learned(),
        "data": {"path": "nowhere.tsv", "sha256": "0", "sample": False, "sizes": {}},
        "epoch": 1,
        "step": 1,
        "scores": {},
        "versions": {},
    }
    storage.save(path, described, weights)
    return path


def _waves(like: torch.Tensor, pace: int) -> torch.Tensor:
    steps = torch.arange(like.numel(), dtype=torch.float64) * pace
    return (steps.cos() * 0.8).reshape(like.shape).to(like.dtype)
