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

from seqcli.errors import ConfigError, ModelFileError
from seqcli.files import readable_file
from seqcli.modelfile import outline
from seqcli.modelfile.outline import Refused, Stored
from seqcli.settings.config import from_dict
from seqcli.settings.taskfile import check

FORMAT = 1
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
    return Contents(description, tensors)


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


def check_model(description: dict[str, Any], path: Path) -> None:
    """Refuse a description whose parts are not what every model's are.

    Errors: ModelFileError; for the state of a run it names the model to give instead.
    """
    if "state" in description:
        model = path.absolute().parent.with_suffix(".pt")
        raise ModelFileError(f"{path}: the state of a run, not a model", f"give {model}")
    for name in ("vocabulary", "labels"):
        items = description.get(name, [])
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise broken(path, f"its {name} is not a list of text")
        if len(set(items)) != len(items):
            raise broken(path, f"its {name} has an entry twice")
    if not isinstance(description.get("config"), dict) or "vocabulary" not in description:
        raise broken(path, "it does not say what it is")
    try:
        config = check(from_dict(description["config"]))
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise broken(path, f"its settings make no sense: {error}") from error
    if "labels" in description:
        labels, counts = description["labels"], description.get("label_counts", [])
        whole = isinstance(counts, list) and all(
            type(n) is int and 0 <= n < 1 << 53 for n in counts
        )
        if not whole or len(counts) != len(labels):
            raise broken(path, "its labels and their counts disagree")
        if config.model.head == "sigmoid" and len(labels) != 2:
            raise broken(path, "its head is for two labels")
    data = description.get("data")
    if not isinstance(data, dict) or not all(
        isinstance(data.get(key), str) for key in ("path", "sha256")
    ):
        raise broken(path, "it does not say what it was trained on")
