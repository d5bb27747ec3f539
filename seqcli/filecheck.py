"""Is this one of our model files, whole and harmless? Asked before torch opens it, without torch.

A model file is the zip that `torch.save` writes: one pickle of plain values and tensors, their
storages, and a record `seqcli.json` that repeats the description, so that a file can be described
or refused in milliseconds. `torch.load(weights_only=True)` alone is no full boundary: it unpacks
bombs, trusts strides and ignores checksums.
"""

from __future__ import annotations

import json
import pickletools
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from seqcli.errors import ModelFileError
from seqcli.files import readable_file

FORMAT = 1
DESCRIPTION = "archive/seqcli.json"  # torch refuses a record outside its folder
MAX_PICKLE = 64 << 20
MAX_DESCRIPTION = 512 << 20
HINT = "give a file that `seqcli train` wrote"

ALLOWED_GLOBALS = {
    "torch._utils _rebuild_tensor_v2",
    "collections OrderedDict",
    *(f"torch {name}Storage" for name in ("Float", "Double", "BFloat16", "Long", "Int", "Byte")),
}
# What torch.save emits for dicts, lists, tuples, numbers, text and tensors; nothing that imports
# by a computed name, builds objects by other means or asks for extensions.
ALLOWED_OPCODES = frozenset(
    """
    PROTO FRAME STOP MARK EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
    APPEND APPENDS SETITEM SETITEMS BINUNICODE SHORT_BINUNICODE BININT BININT1 BININT2 LONG1
    BINFLOAT NONE NEWTRUE NEWFALSE GLOBAL REDUCE BINPERSID BINPUT LONG_BINPUT BINGET LONG_BINGET
    MEMOIZE
    """.split()  # noqa: SIM905
)


def describe(path: Path) -> dict[str, Any]:
    """The JSON description of a model file, after a look at its outline alone."""
    with opened(path) as archive:
        check_outline(archive, path)
        return read_description(archive, path)


def check(path: Path) -> dict[str, Any]:
    """Verify the whole file (records, checksums, pickle) and return its description.

    Errors: ModelFileError with one line that says what is wrong; nothing is executed.
    """
    with opened(path) as archive:
        check_outline(archive, path)
        _check_sums(archive, path)
        name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        _check_pickle(archive.read(name), path)
        return read_description(archive, path)


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


def check_outline(archive: zipfile.ZipFile, path: Path) -> None:
    """Records stored plainly, once each, no larger than the file, one pickle, one description."""
    size = path.stat().st_size
    names = archive.namelist()
    if DESCRIPTION not in names:
        raise broken(path, "not a seqcli model file")
    if len(set(names)) != len(names):
        raise broken(path, "a record appears twice")
    total = 0
    for record in archive.infolist():
        if record.compress_type != zipfile.ZIP_STORED or record.file_size != record.compress_size:
            raise broken(path, "a record is compressed, which seqcli never does")
        if record.flag_bits & 1:
            raise broken(path, "a record is encrypted")
        total += record.file_size
    if total > size:
        raise broken(path, "its records claim more bytes than the file has")
    pickles = [record for record in archive.infolist() if record.filename.endswith(".pkl")]
    if len(pickles) != 1 or not pickles[0].filename.endswith("/data.pkl"):
        raise broken(path, "one data.pkl expected")
    if pickles[0].file_size > MAX_PICKLE:
        raise broken(path, "its outline is larger than any model needs")


def read_description(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """`seqcli.json`: format checked, a JSON object."""
    if archive.getinfo(DESCRIPTION).file_size > MAX_DESCRIPTION:
        raise broken(path, "its description is larger than any model needs")
    try:
        description = json.loads(archive.read(DESCRIPTION))
    except (ValueError, RecursionError) as error:
        raise broken(path, "its description is not JSON") from error
    if not isinstance(description, dict) or not isinstance(description.get("format"), int):
        raise broken(path, "its description names no format")
    if description["format"] > FORMAT:
        raise ModelFileError(
            f"{path}: format {description['format']}, this seqcli reads up to {FORMAT}",
            "update seqcli: pip install --upgrade seqcli",
        )
    if description["format"] < 1:
        raise broken(path, f"format {description['format']} does not exist")
    return description


def _check_sums(archive: zipfile.ZipFile, path: Path) -> None:
    for record in archive.infolist():
        with archive.open(record) as file:
            _drain(file)


def _drain(file: IO[bytes]) -> None:
    while file.read(1 << 20):
        pass  # zipfile compares the checksum at the end


def _check_pickle(content: bytes, path: Path) -> None:
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name not in ALLOWED_OPCODES:
                raise broken(path, f"its pickle uses {opcode.name}, which no model needs")
            if opcode.name == "GLOBAL" and argument not in ALLOWED_GLOBALS:
                raise broken(path, "its pickle names code that no model needs")
    except (ValueError, IndexError, UnicodeDecodeError, KeyError, OverflowError) as error:
        raise broken(path, "its pickle is damaged") from error
