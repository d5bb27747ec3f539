"""`--init-from`: another model's weights as first weights, as far as they fit."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from seqcli.errors import TrainingError
from seqcli.kinds.contract import Kind
from seqcli.modelfile import storage

ROWS = frozenset({"embedding.weight", "output.weight", "output.bias"})  # one a token
FIRST_INPUTS = frozenset(f"recurrent.layers.0.{way}.cell.weight_ih" for way in (0, 1))


def transfer(path: Path, kind: Kind, model: nn.Module) -> str:
    """Copy what fits from the model at `path` into `model`; returns a line that says what did.

    Rows of tokens go by token, so vocabularies may differ; the output layer of a classifier is
    taken over only where the labels are the same; other tensors by name and shape. Errors:
    TrainingError where nothing fits.
    """
    source = storage.load_trained(path)
    described, own = kind.describe(), dict(model.named_parameters())
    there: list[str] = source.description["vocabulary"]
    pairs = _pairs(described["vocabulary"], there)
    same_labels = source.description.get("labels") == described.get("labels")
    of_tokens = ROWS if "embedding.weight" in own else ROWS | FIRST_INPUTS
    taken = []
    with torch.no_grad():
        for name, weight in own.items():
            other = source.tensors.get(name)
            if other is None:
                continue
            if name in of_tokens:
                # one-hot tokens are the columns of the first layer's input weights
                rows, others = (weight, other) if name in ROWS else (weight.t(), other.t())
                same = others.shape[1:] == rows.shape[1:] and len(others) == len(there)
                if same and pairs:
                    rows[pairs[0]] = others[pairs[1]].to(rows.device)
                    taken.append(name)
            elif other.shape == weight.shape and (same_labels or not _of_labels(name)):
                weight.copy_(other)
                taken.append(name)
    if not taken:
        raise TrainingError(f"{path}: none of its weights fit this model", "give the same sizes")
    return f"{len(taken)} of {len(own)} tensors start from {path}"


def _of_labels(name: str) -> bool:
    return name.startswith(("dense.output.", "wide."))


def _pairs(new: list[str], old: list[str]) -> tuple[list[int], list[int]] | None:
    """Rows of the tokens that both have, in `new` and in `old`; None where there are none."""
    places = {token: place for place, token in enumerate(old)}
    pairs = [(row, places[token]) for row, token in enumerate(new) if token in places]
    if not pairs:
        return None
    return [row for row, _ in pairs], [place for _, place in pairs]
