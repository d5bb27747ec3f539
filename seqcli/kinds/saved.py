"""A saved model of any kind: read whole, and checked by what its kind says of itself."""

from __future__ import annotations

from pathlib import Path

from seqcli import kinds
from seqcli.modelfile import filecheck, storage


def load(path: Path) -> storage.ModelFile:
    """A model file on the CPU.

    Errors: ModelFileError for a run's state, for what its kind does not know, and for NaN or
    infinity.
    """
    file = storage.load(path)
    kinds.check_model(file.description, path)
    for name, tensor in file.tensors.items():
        if not tensor.isfinite().all():
            raise filecheck.broken(path, f"{name} holds what is no number")
    return file
