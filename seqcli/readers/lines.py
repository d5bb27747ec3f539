"""Files as lines of text: opened, unpacked, decoded, and each trouble said with its line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

from seqcli.errors import ConfigError, DataError

STDIN = "-"
COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)


def plain_name(path: str | Path) -> str:
    """The file's name without the ending of its compression."""
    name = Path(path).name
    return Path(name).stem if Path(name).suffix.lower() in COMPRESSED else name


def lines(path: str | Path, encoding: str = "utf-8", *, ends: bool = False) -> Iterator[str]:
    r"""The lines of a file, or of stdin for "-", one at a time.

    Only "\n" ends a line, and one "\r" before it is dropped; U+0085 and its like, which
    `str.splitlines` and universal newlines break at, stay inside. With `ends` the line keeps
    both. `.gz`, `.bz2` and `.xz` are unpacked, a byte-order mark is skipped.
    Errors: DataError with the line for whatever cannot be read; ConfigError for the encoding.
    """
    done = 0
    try:
        with _text(path, encoding) as stream:
            for line in stream:
                if "\0" in line:
                    raise _binary(path, done + 1)
                if done == 0:
                    line = line.removeprefix("\ufeff")
                done += 1
                yield line if ends else line.removesuffix("\n").removesuffix("\r")
    except UnicodeError as error:
        raise _undecodable(path, done, encoding, error) from None
    except BROKEN as error:
        raise unreadable(path, done, error) from None


def blocks(path: str | Path, encoding: str, size: int) -> Iterator[str]:
    """A file's text, all its characters, `size` at a time: bounded memory, however long a line is.

    Opened and decoded as by `lines`, with the same errors.
    """
    done, first = 0, True
    try:
        with _text(path, encoding) as stream:
            while piece := stream.read(size):
                if "\0" in piece:
                    raise _binary(path, done + 1 + piece[: piece.index("\0")].count("\n"))
                yield piece.removeprefix("\ufeff") if first else piece
                done, first = done + piece.count("\n"), False
    except UnicodeError:
        for _ in lines(path, encoding):  # it knows the line
            pass
        raise
    except BROKEN as error:
        raise unreadable(path, done, error) from None


def unreadable(path: str | Path, done: int, error: BaseException) -> DataError:
    """What to tell the user when a file cannot be opened, or read on after `done` lines."""
    if isinstance(error, FileNotFoundError):
        return _missing(Path(path))
    if isinstance(error, IsADirectoryError):
        return DataError(path, 0, "a file expected, a folder found", "name a file in it")
    if isinstance(error, PermissionError):
        hint = f"may you read it? see: ls -l {path}"
        return DataError(path, 0, "a readable file expected, permission denied", hint)
    ending = Path(path).suffix.lower()
    if ending in COMPRESSED:
        found = "its end is missing" if isinstance(error, EOFError) else str(error)
        hint = "fetch or pack it again, or take the ending off if it is not compressed"
        return DataError(path, done + 1, f"sound {ending} data expected, found: {found}", hint)
    return DataError(path, done + 1, f"a readable file expected, found: {error}")


def not_kept(path: str | Path) -> DataError:
    """The error for data that is gone once it was read."""
    hint = "the data is read more than once: save it to a file first"
    return DataError(path, 0, "a file or folder expected, a pipe or device found", hint)


@contextmanager
def _text(path: str | Path, encoding: str) -> Iterator[IO[str]]:
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise ConfigError(
            f"data.encoding: a text encoding expected, {encoding!r} found",
            "well-known ones are utf-8, utf-16, cp1252, latin-1",
        ) from None
    if str(path) == STDIN:
        stream = io.TextIOWrapper(sys.stdin.buffer, encoding, newline="\n")
        try:
            yield stream
        finally:
            stream.detach()  # stdin itself is not ours to close
        return
    opener: Any = COMPRESSED.get(Path(path).suffix.lower(), open)
    with opener(path, "rb") as raw, io.TextIOWrapper(raw, encoding, newline="\n") as stream:
        yield stream


def _missing(path: Path) -> DataError:
    beside = path.parent
    names = [entry.name for entry in beside.iterdir()] if beside.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    hint = f"did you mean {beside / near[0]}?" if near else "check the path"
    return DataError(path, 0, "a file or folder expected, nothing found there", hint)


def _binary(path: str | Path, line: int) -> DataError:
    hint = "is it a binary file? for text in UTF-16 use --encoding utf-16"
    return DataError(path, line, "text expected, a NUL character found", hint)


def _undecodable(path: str | Path, done: int, encoding: str, error: UnicodeError) -> DataError:
    hint = "name the file's encoding, for example --encoding cp1252"
    if isinstance(error, UnicodeDecodeError) and error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
        hint = "it begins like UTF-16: --encoding utf-16"
    elif encoding.lower().startswith(("utf-16", "utf-32", "utf16", "utf32")):
        hint = "without --encoding it is read as UTF-8"
    if not isinstance(error, UnicodeDecodeError):  # UTF-16 and UTF-32 without their mark
        return DataError(path, done + 1, f"{encoding} text expected, found: {error}", hint)
    # Text is decoded block by block: the lines of this block before the bad byte count too.
    line = done + 1 + error.object[: error.start].count(b"\n")
    found = " ".join(f"0x{byte:02x}" for byte in error.object[error.start : error.end])
    return DataError(path, line, f"{error.encoding} text expected, found: {found}", hint)
