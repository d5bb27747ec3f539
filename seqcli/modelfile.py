"""The one-file model, and the run's `last.pt`: plain values and dense tensors, nothing else.

Written by `torch.save`, so `torch.load(path, weights_only=True)` opens it anywhere; read back only
after `filecheck.check` has found it whole and harmless. Equal contents give equal bytes.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqcli import filecheck
from seqcli.errors import ModelFileError
from seqcli.files import atomic_write


@dataclass(frozen=True)
class ModelFile:
    """`description`: JSON values (config, vocabulary, labels, scores …); `tensors`: by name."""

    description: dict[str, Any]
    tensors: dict[str, Tensor]


def save(path: Path, description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a model file atomically. Errors: SeqcliError if it cannot be written."""
    text = json.dumps({"format": filecheck.FORMAT, **description}, ensure_ascii=False)
    content = {
        "format": filecheck.FORMAT,
        "description": text,
        # clone: a slice would save the whole storage it is cut from
        "tensors": {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()},
    }
    with atomic_write(path) as file:
        buffer = (
            io.BytesIO()
        )  # torch hides a full disk behind its own error; a file object does not
        torch.save(content, buffer)
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
            record = zipfile.ZipInfo(filecheck.DESCRIPTION)  # dated 1980: the same bytes each time
            archive.writestr(record, text.encode("utf-8"))
        file.write(buffer.getbuffer())


def load(path: Path) -> ModelFile:
    """Read a model file on the CPU. Errors: ModelFileError for whatever is not one of ours."""
    described = filecheck.check(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds, and its text advises weights_only=False
        raise filecheck.broken(path, "damaged: its tensors cannot be read") from error
    if not isinstance(content, dict) or set(content) != {"format", "description", "tensors"}:
        raise filecheck.broken(path, "not a seqcli model file")
    try:
        inside = json.loads(content["description"])
    except (TypeError, ValueError, RecursionError) as error:
        raise filecheck.broken(path, "its description is not JSON") from error
    if json.dumps(inside) != json.dumps(described):  # as text: NaN is not equal to itself
        raise filecheck.broken(path, "its two descriptions differ")
    return ModelFile(described, _checked_tensors(content["tensors"], path))


def load_trained(path: Path) -> ModelFile:
    """`load`, of a model. Errors: ModelFileError for a run's state, too."""
    file = load(path)
    if "state" in file.description:
        model = path.absolute().parent.with_suffix(".pt")
        raise ModelFileError(f"{path}: the state of a run, not a model", f"give {model}")
    return file


def _checked_tensors(tensors: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(tensors, dict):
        raise filecheck.broken(path, "no table of tensors")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise filecheck.broken(path, "its table of tensors holds something else")
        if tensor.layout != torch.strided or not tensor.is_contiguous():
            raise filecheck.broken(path, "a tensor is not dense")
        held = tensor.untyped_storage().nbytes()
        if tensor.numel() * tensor.element_size() > held:
            raise filecheck.broken(path, "a tensor is larger than its storage")
    return tensors


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
