"""Is this one of our model files, whole and harmless? Asked before torch opens it, without torch.

A model file is the zip that `torch.save` writes: one pickle of plain values and tensors, their
storages, and a record `seqcli.json` that repeats the description, so that a file can be described
or refused in milliseconds. `torch.load(weights_only=True)` would be no full boundary (it unpacks
bombs, trusts strides and ignores checksums) and is not used here: what a file holds is read off
its pickle without running it.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcli.errors import ModelFileError
from seqcli.files import readable_file
from seqcli.modelfile import outline
from seqcli.modelfile.outline import Refused, Stored

FORMAT = 2
FOLDER = "archive/"  # torch refuses a record outside of it
PICKLE = f"{FOLDER}data.pkl"
DESCRIPTION = f"{FOLDER}seqcli.json"
MAX_TEXT = 512 << 20  # bytes of a description; a million labels with their figures take 200 MB
HEADER_BYTES = 30  # at least, in front of a record
HINT = "give a file that `seqcli train` wrote"


@dataclass(frozen=True)
class Contents:
    """A model file's description, and where its tensors are."""

    description: dict[str, Any]
    tensors: dict[str, Stored]


def describe(path: Path) -> dict[str, Any]:
    """The JSON description of a model file, everything checked but the numbers themselves.

    Errors: ModelFileError with one line that says what is wrong; nothing is executed.
    """
    with opened(path) as archive:
        return contents(archive, path).description


def contents(archive: zipfile.ZipFile, path: Path) -> Contents:
    """The records, the pickle and the description, all of one mind."""
    _check_records(archive, path)
    written = archive.read(DESCRIPTION)
    description = _parsed(written, path)  # first: another format may have another pickle
    try:
        number, text, tensors = outline.read(archive.read(PICKLE))
    except Refused as error:
        raise broken(path, str(error)) from error
    if text.encode("utf-8", "surrogatepass") != written or number != description["format"]:
        raise broken(path, "its two descriptions differ")
    _check_sizes(archive, tensors, path)
    return Contents(_as_now(description), tensors)


def _as_now(description: dict[str, Any]) -> dict[str, Any]:
    """A description of format 1 as format 2 has it.

    What was learned stands in a table, as it always has in a run's state; and text was read as it
    stood, since there was no setting for its form.
    """
    if description["format"] > 1:
        return description
    rest: dict[str, Any] = dict(description)
    config = rest.get("config")
    if isinstance(config, dict) and isinstance(config.get("data"), dict):
        rest["config"] = {**config, "data": {"normalize": "none", **config["data"]}}
    if "learned" in rest:
        return rest
    learned = {}
    for part in ("vocabulary", "labels", "label_counts"):
        if part in rest:
            learned[part] = rest.pop(part)
    return {**rest, "learned": learned}


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The file as a zip; whatever zipfile raises inside becomes a ModelFileError."""
    readable_file(path, "a model file", HINT)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        IndexError,
        NotImplementedError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise broken(path, "damaged, or not a model file") from error


def broken(path: Path, why: str) -> ModelFileError:
    """The error for a file that is not to be trusted."""
    return ModelFileError(f"{path}: {why}", HINT)


def _check_records(archive: zipfile.ZipFile, path: Path) -> None:
    """Records stored plainly, once each, no larger than the file; one pickle, one description."""
    names = archive.namelist()
    if DESCRIPTION not in names:
        raise broken(path, "not a seqcli model file")
    if min(record.header_offset for record in archive.infolist()) or archive.comment:
        raise broken(path, "something stands before or behind its records")
    if len(set(names)) != len(names):
        raise broken(path, "a record appears twice")
    if not all(name.startswith(FOLDER) for name in names):
        raise broken(path, f"a record lies outside {FOLDER}")
    total = end = 0
    for record in sorted(archive.infolist(), key=lambda record: record.header_offset):
        if record.header_offset < end:
            raise broken(path, "its records lie one on the other")
        end = record.header_offset + HEADER_BYTES + record.file_size
        if record.compress_type != zipfile.ZIP_STORED or record.file_size != record.compress_size:
            raise broken(path, "a record is compressed, which seqcli never does")
        if record.flag_bits & 1:
            raise broken(path, "a record is encrypted")
        total += record.file_size
    if total > path.stat().st_size:
        raise broken(path, "its records claim more bytes than the file has")
    if [name for name in names if name.endswith(".pkl")] != [PICKLE]:
        raise broken(path, "one data.pkl expected")
    for name in (PICKLE, DESCRIPTION):
        if archive.getinfo(name).file_size > MAX_TEXT:
            raise broken(path, "its description is larger than any model needs")
    order = f"{FOLDER}byteorder"
    if order not in names or archive.read(order) != sys.byteorder.encode():
        raise broken(path, "written on a machine with another order of bytes")


def _parsed(text: bytes, path: Path) -> dict[str, Any]:
    """`seqcli.json`: a JSON object of a format that this program knows."""
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise broken(path, "its description is not JSON") from error
    if not isinstance(description, dict) or type(description.get("format")) is not int:
        raise broken(path, "its description names no format")
    number = description["format"]
    if not 1 <= number < 1 << 31:
        raise broken(path, f"format {number:.6g} does not exist")
    if number > FORMAT:
        raise ModelFileError(
            f"{path}: format {number}, this seqcli reads up to {FORMAT}",
            "update seqcli: pip install --upgrade seqcli",
        )
    return description


def _check_sizes(archive: zipfile.ZipFile, tensors: dict[str, Stored], path: Path) -> None:
    """Every tensor has a record of its size, and every record of numbers its tensor."""
    sizes = {record_of(tensor): tensor.size for tensor in tensors.values()}
    numbers = f"{FOLDER}data/"
    found = {r.filename: r.file_size for r in archive.infolist() if r.filename.startswith(numbers)}
    if sizes != found:
        raise broken(path, "its tensors and its records disagree")


def record_of(tensor: Stored) -> str:
    """The name of the record that holds the numbers of `tensor`."""
    return f"{FOLDER}data/{tensor.storage.key}"
