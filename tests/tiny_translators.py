"""Small translators whose weights follow a formula: no training, the same figures anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from seqcli import kinds
from seqcli.kinds.translator.kind import Translator
from seqcli.kinds.translator.sides import Sides
from seqcli.modelfile import storage
from seqcli.settings.config import to_dict

SIZES = {"embed": 6, "hidden": [5], "decoder": [4], "bidirectional": True, "length_penalty": 1.0}
SOURCES = ["ein hund", "eine katze schläft", "der hund schläft", "die katze"]
TARGETS = ["a dog", "a cat sleeps", "the dog sleeps", "the cat"]


def tiny(
    *,
    data: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    sources: list[str] = SOURCES,
    targets: list[str] = TARGETS,
) -> tuple[Translator, torch.nn.Module]:
    """A translator whose vocabularies are those of the texts, and its network in eval mode."""
    table = {"kind": "translator", "data": data or {}, "model": {**SIZES, **(model or {})}}
    config: Any = kinds.read(table)
    kind = Translator(config, Sides.fit(config, sources, targets, lambda: None))
    network = kind.build(torch.Generator())
    state = {name: _waves(value, 7 + len(name)) for name, value in network.state_dict().items()}
    network.load_state_dict(state)
    return kind, network.eval()


def write(
    path: Path,
    *,
    scores: dict[str, Any] | None = None,
    weights: dict[str, torch.Tensor] | None = None,
    **given: Any,
) -> Path:
    """Write the model file that a run would; `weights` in the place of its own."""
    kind, network = tiny(**given)
    described = {
        "task": "tiny",
        "preset": "",
        "config": to_dict(kind.config),
        "learned": kind.learned(),
        "data": {"path": "nowhere.tsv", "sha256": "0", "sample": False, "sizes": {}},
        "epoch": 1,
        "step": 1,
        "scores": scores or {},
        "versions": {},
    }
    storage.save(path, described, weights or network.state_dict())
    return path


def _waves(like: torch.Tensor, pace: int) -> torch.Tensor:
    steps = torch.arange(like.numel(), dtype=torch.float64) * pace
    return (steps.cos() * 0.8).reshape(like.shape).to(like.dtype)
