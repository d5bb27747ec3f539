"""The one-file model, and the run's `last.pt`: plain values and dense tensors, nothing else.

Written by `torch.save`, so `torch.load(path, weights_only=True)` opens it anywhere. Read back
without it: `filecheck` tells what tensors there are, and their numbers are read from their records,
checksums and all. Equal contents give equal bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqcli.files import atomic_write
from seqcli.interrupts import interrupts
from seqcli.modelfile import filecheck
from seqcli.modelfile.outline import Stored

CHUNK = 1 << 20
TYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Byte": torch.uint8,
}


@dataclass(frozen=True)
class ModelFile:
    """`description`: JSON values (config, what was learned, scores …); `tensors`: by name."""

    description: dict[str, Any]
    tensors: dict[str, Tensor]


def save(path: Path, description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a model file atomically. Errors: SeqcliError if it cannot be written."""
    table = {"format": filecheck.FORMAT, **description}
    text = json.dumps(table, ensure_ascii=False)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        text = json.dumps(table)  # a path that is not UTF-8 has half characters
    content = {
        "format": filecheck.FORMAT,
        "description": text,
        "tensors": {name: _plain(tensor) for name, tensor in tensors.items()},
    }
    with atomic_write(path) as file:
        # Not to the file: torch hides a full disk behind its own error.
        buffer = io.BytesIO()
        with interrupts.held():
            torch.save(content, buffer)
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
            record = zipfile.ZipInfo(filecheck.DESCRIPTION)  # dated 1980: the same bytes each time
            archive.writestr(record, text.encode("utf-8"))
        file.write(buffer.getbuffer())


def load(path: Path) -> ModelFile:
    """Read a model file on the CPU. Errors: ModelFileError for whatever is not one of ours."""
    with filecheck.opened(path) as archive:
        found = filecheck.contents(archive, path)
        tensors = {name: _tensor(archive, stored) for name, stored in found.tensors.items()}
        for name in archive.namelist():
            if not name.startswith(f"{filecheck.FOLDER}data/"):
                archive.read(name)  # for its checksum
    return ModelFile(found.description, tensors)


def _tensor(archive: zipfile.ZipFile, stored: Stored) -> Tensor:
    """The numbers of one record; zipfile compares its checksum at the end."""
    content = bytearray(stored.size)
    view = memoryview(content)
    at = 0
    with archive.open(filecheck.record_of(stored)) as file:
        while piece := file.read(CHUNK):
            view[at : at + len(piece)] = piece
            at += len(piece)
    if at != stored.size:
        raise EOFError
    if not content:
        return torch.empty(stored.shape, dtype=TYPES[stored.storage.kind])
    return torch.frombuffer(content, dtype=TYPES[stored.storage.kind]).reshape(stored.shape)


def _plain(tensor: Tensor) -> Tensor:
    """A copy of its own, row by row: a slice would save the whole storage it is cut from."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def fits(module: torch.nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Names, shapes and types of `tensors` must be the module's exactly, else ModelFileError."""
    own = module.state_dict()
    wrong = sorted(set(own) ^ set(tensors)) or sorted(
        name
        for name in own
        if own[name].shape != tensors[name].shape or own[name].dtype != tensors[name].dtype
    )
    if wrong:
        raise filecheck.broken(path, "its settings and its tensors disagree")
