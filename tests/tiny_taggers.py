"""Small taggers whose weights follow a formula: no training, the same figures anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from seqcli import kinds
from seqcli.kinds.tagger.kind import Tagger
from seqcli.modelfile import storage
from seqcli.settings.config import to_dict
from seqcli.text.schemes import PLAIN, all_tags
from seqcli.text.spelling import Spelling
from seqcli.text.vocab import Vocab

WORDS = ["she", "flew", "to", "oslo", "mary", "smith", "saw", "do", "n't", ".", "u.s.", "the"]
SIZES = {
    "embed": 6,
    "hidden": [5],
    "bidirectional": True,
    "characters": 4,
    "character_hidden": 3,
    "affixes": 2,
    "affix_embed": 4,
    "shape_embed": 3,
    "window": True,
    "window_buckets": 64,
}


def tiny(
    scheme: str = "BIO", *, data: dict[str, Any] | None = None, model: dict[str, Any] | None = None
) -> tuple[Tagger, torch.nn.Module]:
    """A tagger of persons and places, or of three plain tags, and its network in eval mode."""
    table = {"kind": "tagger", "data": data or {}, "model": {**SIZES, **(model or {})}}
    config: Any = kinds.read(table)
    counts = dict.fromkeys(WORDS, 3)
    vocab = Vocab(["<unk>", *WORDS])
    spelling = Spelling.fit(counts, vocab, str.lower, config.model.affixes)
    plain = ["ADJ", "NOUN", "VERB"]
    labels = plain if scheme == PLAIN else all_tags(["person", "place"], scheme)
    kind = Tagger(config, spelling, tuple(labels), scheme)
    network = kind.build(torch.Generator())
    state = {name: _waves(value, 7 + len(name)) for name, value in network.state_dict().items()}
    network.load_state_dict(state)
    return kind, network.eval()


def write(
    path: Path, scheme: str = "BIO", *, scores: dict[str, Any] | None = None, **given: Any
) -> Path:
    """Write the model file that a run would."""
    kind, network = tiny(scheme, **given)
    described = {
        "task": "tiny",
        "preset": "",
        "config": to_dict(kind.config),
        "learned": kind.learned(),
        "data": {"path": "nowhere.conll", "sha256": "0", "sample": False, "sizes": {}},
        "epoch": 1,
        "step": 1,
        "scores": scores or {},
        "versions": {},
    }
    storage.save(path, described, network.state_dict())
    return path


def _waves(like: torch.Tensor, pace: int) -> torch.Tensor:
    steps = torch.arange(like.numel(), dtype=torch.float64) * pace
    return (steps.cos() * 0.8).reshape(like.shape).to(like.dtype)
