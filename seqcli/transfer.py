"""`--init-from`: another model's weights as first weights, as far as they fit."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from seqcli import modelfile
from seqcli.errors import TrainingError
from seqcli.kinds.contract import Kind


def transfer(path: Path, kind: Kind, model: nn.Module) -> str:
    """Copy what fits from the model at `path` into `model`; returns a line that says what did.

    Embedding rows go by token, so vocabularies may differ; the output layer is taken over only
    where the labels are the same; other tensors by name and shape. Errors: TrainingError where
    nothing fits.
    """
    source = modelfile.load(path)
    described = kind.describe()
    same_labels = source.description.get("labels") == described.get("labels")
    taken = []
    with torch.no_grad():
        for name, weight in model.named_parameters():
            other = source.tensors.get(name)
            if other is None:
                continue
            if name == "embedding.weight":
                if other.shape[1:] == weight.shape[1:]:
                    _by_token(
                        weight, other, described["vocabulary"], source.description["vocabulary"]
                    )
                    taken.append(name)
            elif other.shape == weight.shape and (same_labels or not _of_labels(name)):
                weight.copy_(other)
                taken.append(name)
    if not taken:
        raise TrainingError(f"{path}: none of its weights fit this model", "give the same sizes")
    total = sum(1 for _ in model.parameters())
    return f"{len(taken)} of {total} tensors start from {path}"


def _of_labels(name: str) -> bool:
    return name.startswith(("dense.output.", "wide."))


def _by_token(weight: Tensor, other: Tensor, new: list[str], old: list[str]) -> None:
    places = {token: place for place, token in enumerate(old)}
    pairs = [(row, places[token]) for row, token in enumerate(new) if token in places]
    if pairs:
        rows, sources = map(list, zip(*pairs, strict=True))
        weight[rows] = other[sources].to(weight.device)
