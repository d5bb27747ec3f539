"""Small writers whose weights follow a formula: the same figures on any machine."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_language import fill

from seqcli import kinds
from seqcli.data.labeled import Examples
from seqcli.kinds.writer.documents import Documents
from seqcli.kinds.writer.kind import Writer
from seqcli.modelfile import storage
from seqcli.nn.models import LabeledLanguageModel as Network
from seqcli.settings.config import to_dict
from seqcli.text.sequences import Sequences
from seqcli.text.vocab import Vocab

LETTERS = ("<unk>", "<eos>", "a", "b", "c")
LABELS = ("one", "two words", "3")


def tiny(
    *,
    data: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    train: dict[str, Any] | None = None,
    labels: tuple[str, ...] = LABELS,
    counts: tuple[int, ...] = (5, 3, 2),
    size: float = 0.8,
) -> tuple[Writer, Network]:
    """A kind and its network, in eval mode."""
    config: Any = kinds.read(
        {
            "kind": "writer",
            "data": {"tokenizer": "characters", **(data or {})},
            "model": {"embed": 4, "label_embed": 3, "hidden": [6], **(model or {})},
            "train": train or {},
        }
    )
    kind = Writer(config, Vocab(LETTERS), labels, counts)
    network = kind.build(torch.Generator())
    assert isinstance(network, Network)
    fill(network, size)
    return kind, network.eval()


def documents(kind: Writer, *texts: tuple[str, int]) -> Documents:
    """Texts of letters with the places of their labels, as a split."""
    rows = Sequences.from_rows([kind.vocab.encode(text).tolist() for text, _ in texts])
    labels = np.array([label for _, label in texts], np.int64)
    return kind.split(Examples(rows, labels, None, np.arange(len(texts))), 0.0)


def write(path: Path, kind: Writer, network: Network) -> Path:
    """The model file that a run would write."""
    described = {
        "task": "tiny",
        "preset": "",
        "config": to_dict(kind.config),
        "learned": kind.learned(),
        "data": {"path": "nowhere.tsv", "sha256": "0", "sample": False, "sizes": {}},
        "epoch": 1,
        "step": 1,
        "scores": {},
        "versions": {},
    }
    storage.save(path, described, network.state_dict())
    return path
