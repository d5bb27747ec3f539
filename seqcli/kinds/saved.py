"""A saved model of any kind: read whole, and checked by what its kind says of itself."""

from __future__ import annotations

from pathlib import Path

from seqcli import kinds
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
