"""A saved model of any kind: read whole, and checked by what its kind says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqcli import kinds
from seqcli.data.trained import Keys, unpacked
from seqcli.modelfile import filecheck, storage


def load(path: Path) -> storage.ModelFile:
    """A model file on the CPU; of a run's state its model, as `kinds.as_model` says.

    Errors: ModelFileError for what its kind does not know, and for NaN or infinity.
    """
    file = storage.load(path)
    description, prefix = kinds.as_model(file.description, path)
    kinds.check_model(description, path)
    tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in file.tensors.items()
        if name.startswith(prefix)
    }
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise filecheck.broken(path, f"{name} holds what is no number")
    return storage.ModelFile(description, tensors)


def trained_on(description: dict[str, Any], path: Path) -> Keys | None:
    """Keys of what a model was trained on, as its file at `path` says; None where it does not.

    Errors: ModelFileError for what are no keys.
    """
    text = description["data"].get("trained")
    if text is None:
        return None
    try:
        return unpacked(str(text))
    except ValueError as error:
        raise filecheck.broken(path, "what it was trained on makes no sense") from error
