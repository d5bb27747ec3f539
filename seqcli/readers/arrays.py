"""NumPy's files: arrays of numbers, never of Python objects.

.npy   (R, T, C): R recordings; (T, C) or (T,): one
.npz   `values` (R, T, C), or (N, C) with `offsets` (R + 1,); `labels` (R,), or (N,) for steps;
       `groups` (R,); `channels` (C,): names
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.readers.lines import plain_name, unreadable
from seqcli.readers.numerals import Numerals, at_line
from seqcli.readers.record import Piece, spelled_label
from seqcli.readers.recording import Recording, Wanted, numbered
from seqcli.settings.sections import Series

FORM = "an array of numbers (R, T, C), or values (N, C) with offsets (R + 1,)"
BROKEN = (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, MemoryError, SyntaxError)
Array = NDArray[Any]


def npy(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """The recordings of a .npy file. Errors: DataError."""
    if wanted.each and wanted.label:
        problem = "labels expected, .npy has room for numbers alone"
        raise DataError(piece.path, 0, problem, "write values, offsets and labels as .npz")
    try:
        values = np.lib.format.open_memmap(piece.path, mode="r")  # no objects, no zip
    except OSError as error:
        raise unreadable(piece.path, 0, error) from None
    except BROKEN as error:
        raise _broken(piece.path, error) from None
    yield from _rows(piece, {"values": values}, data, wanted)


def npz(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """The recordings of a .npz file. Errors: DataError."""
    names = ("values", "offsets", "labels", "groups", "channels")
    try:
        with open(piece.path, "rb") as raw, zipped(raw) as file:
            found = {name: file[name] for name in names if name in file.files}
            listed = ", ".join(file.files[:8])
    except OSError as error:
        raise unreadable(piece.path, 0, error) from None
    except BROKEN as error:
        raise _broken(piece.path, error) from None
    if "values" not in found:
        raise DataError(piece.path, 0, f"an array called values expected, found: {listed}", FORM)
    yield from _rows(piece, found, data, wanted)


def zipped(raw: BinaryIO) -> NpzFile:
    """Arrays in a zip; no objects. Errors: ValueError and its like for whatever else."""
    if not zipfile.is_zipfile(raw):
        raise ValueError("no zip of arrays")
    raw.seek(0)
    found: NpzFile = np.load(raw, allow_pickle=False)
    return found


def _broken(path: Path, error: BaseException) -> DataError:
    said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    if "pickle" in str(error) or "Python objects" in str(error):
        said = "Python objects (a pickle), which are never read"
    return DataError(path, 0, f"NumPy arrays of numbers expected, found: {said}", FORM)


def _rows(
    piece: Piece, arrays: dict[str, Array], data: Series, wanted: Wanted
) -> Iterator[Recording]:
    path, values = piece.path, arrays["values"]
    if values.dtype.kind not in "fiub" or values.ndim not in (1, 2, 3):
        problem = f"{values.dtype} of shape {values.shape}"
        raise DataError(path, 0, f"numbers expected, found: {problem}", FORM)
    offsets = _offsets(path, values, arrays.get("offsets"))
    count = len(values) if values.ndim == 3 else len(offsets) - 1
    width = values.shape[-1] if values.ndim > 1 else 1
    channels = tuple(map(str, _texts(path, arrays, "channels", width))) or numbered(width)
    steps = int(offsets[-1]) if values.ndim < 3 else 0
    labels = _texts(path, arrays, "labels", steps if wanted.each else count)
    groups = _texts(path, arrays, "groups", count) if data.group else ()
    numerals = Numerals(data.missing)
    single = count == 1 and "offsets" not in arrays and values.ndim < 3
    for row in range(count):
        own = values[row] if values.ndim == 3 else values[offsets[row] : offsets[row + 1]]
        flat = np.array(own, np.float64).ravel()
        checked = numerals.checked(flat, path, at_line(row + 1))
        each = labels[offsets[row] : offsets[row + 1]] if wanted.each and labels else ()
        yield Recording(
            checked.reshape(-1, width),
            channels,
            str(path),
            row + 1,
            Path(plain_name(path)).stem if single else str(row + 1),
            piece.label if wanted.each or not labels else labels[row],
            groups[row] if groups else "",
            tuple(each),
        )


def _offsets(path: Path, values: Array, given: Array | None) -> NDArray[np.int64]:
    """Where recordings begin and end, (R + 1,). Errors: DataError."""
    if values.ndim == 3 or given is None:
        return np.array([0, len(values)], np.int64)
    whole = given.dtype.kind in "iu" and given.ndim == 1 and len(given) > 0
    if not whole or given[0] != 0 or given[-1] != len(values) or (np.diff(given) < 0).any():
        problem = f"offsets that rise from 0 to {len(values):,} expected, others found"
        raise DataError(path, 0, problem, FORM)
    return given.astype(np.int64)


def _texts(path: Path, arrays: dict[str, Array], name: str, count: int) -> tuple[str, ...]:
    """Labels or the like as text; () where there are none. Errors: DataError for another number."""
    found = arrays.get(name)
    if found is None:
        return ()
    if found.shape != (count,) or found.dtype.kind not in "fiubUS":
        problem = f"{count:,} {name} expected, found: {found.dtype} of shape {found.shape}"
        raise DataError(path, 0, problem)
    if found.dtype.kind == "S":
        found = np.char.decode(found, "utf-8", "replace")
    return tuple("" if one != one else spelled_label(str(one)) for one in found.tolist())
