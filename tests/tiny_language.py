"""Small language models whose weights follow a formula: the same figures on any machine."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcli import kinds
from seqcli.kinds.language_model.kind import LanguageModel
from seqcli.modelfile import storage
from seqcli.nn.models import LanguageModel as Network
from seqcli.settings.config import to_dict
from seqcli.text.vocab import Vocab

WORDS = ["<unk>", "<eos>", "the", "cat", "sat", "on", "a", "mat", "N", "n't", ",", "$"]
LETTERS = ["\n", " ", "a", "b", "c", "é", "😀", "\u0301", "\t", "\x1b", "中"]


def fill(network: torch.nn.Module, size: float = 0.8) -> None:
    """Weights by formula, no random stream."""
    with torch.no_grad():
        for name, value in network.named_parameters():
            steps = torch.arange(value.numel(), dtype=torch.float64) * (7 + len(name))
            value.copy_((steps.cos() * size).reshape(value.shape).to(value.dtype))


def tiny(
    tokens: list[str] | None = None,
    *,
    data: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    train: dict[str, Any] | None = None,
    size: float = 0.8,
) -> tuple[LanguageModel, Network]:
    """A kind and its network, in eval mode; of a model with n-grams those of `counted_text`."""
    config: Any = kinds.read(
        {
            "kind": "language-model",
            "data": {"tokenizer": "spaces", "document": "line", **(data or {})},
            "model": {"embed": 8, "hidden": [12], "layers": 2, **(model or {})},
            "train": train or {},
        }
    )
    vocab = Vocab(WORDS if tokens is None else tokens)
    kind = LanguageModel(config, vocab, training=counted_text(len(vocab)))
    network = kind.build(torch.Generator())
    assert isinstance(network, Network)
    fill(network, size)
    return kind, network.eval()


def counted_text(vocabulary: int, size: int = 200) -> NDArray[np.int64]:
    """Ids of which some follow others more often; one of them is never there."""
    steps = np.arange(size) ** 2 % 11 + np.arange(size) // 3 % 4
    return (steps % (vocabulary - 1)).astype(np.int64)


def letters() -> dict[str, Any]:
    """Settings of a character model without an end mark."""
    return {"tokenizer": "characters", "document": "file", "unknown": False}


def write(path: Path, kind: LanguageModel, network: Network, data: Path | None = None) -> Path:
    """The model file that a run would write."""
    described = {
        "task": "tiny",
        "preset": "",
        "config": to_dict(kind.config),
        "learned": kind.learned(),
        "data": {
            "path": str(data or "nowhere.txt"),
            "sha256": kind.fingerprint(data) if data else "0",
            "sample": False,
            "sizes": {},
        },
        "epoch": 1,
        "step": 1,
        "scores": {},
        "versions": {},
    }
    storage.save(path, described, network.state_dict())
    return path
