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
HEAD = 1 << 16  # bytes in which the first line end is looked for
COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)
EXPORT = "open it in its program and save it as csv (UTF-8)"
UNPACK = "unpack it first, and name the file that was in it"
PARQUET = "name the file so that it ends in .parquet, or the format: --set data.format=parquet"
# What is no text, by its first bytes, and the cure.
SIGNS = {
    b"\x1f\x8b": ("gzip", "name the file so that it ends in .gz"),
    b"BZh": ("bzip2", "name the file so that it ends in .bz2"),
    b"\xfd7zXZ\0": ("xz", "name the file so that it ends in .xz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -d unpacks it"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", UNPACK),
    b"Rar!": ("rar", UNPACK),
    b"PAR1": ("parquet", PARQUET),
    b"ARROW1": ("arrow", "pyarrow.feather.read_table(…) reads it; write it as parquet"),
    b"\xd0\xcf\x11\xe0": ("Excel or Word (before 2007)", EXPORT),
    b"%PDF": ("PDF", "pdftotext makes text of it"),
    b"SQLite format 3": ("SQLite", 'sqlite3 -csv -header FILE "select …" makes csv of it'),
    b"\x89PNG": ("PNG picture", "name a file of text"),
    b"\xff\xd8\xff": ("JPEG picture", "name a file of text"),
    b"\x80\x04\x95": ("Python pickle", "write it as csv or JSON lines"),
    b"\x93NUMPY": ("NumPy array", "write it as csv or JSON lines"),
}


def plain_name(path: str | Path) -> str:
    """The file's name without the ending of its compression."""
    name = Path(path).name
    return Path(name).stem if Path(name).suffix.lower() in COMPRESSED else name


def lines(path: str | Path, encoding: str = "utf-8", *, ends: bool = False) -> Iterator[str]:
    r"""The lines of a file, or of stdin for "-", one at a time.

    "\n" ends a line, and one "\r" before it is dropped; only where the beginning of the file has
    no "\n", "\r" ends one. U+0085 and its like, which `str.splitlines` breaks at, stay inside. With
    `ends` the line keeps its end, and where the beginning has a "\r" alone, each is one. `.gz`,
    `.bz2` and `.xz` are unpacked, a byte-order mark is skipped. Errors: DataError with the line for
    whatever cannot be read, and for what is known to be no text; ConfigError for the encoding.
    """
    done = 0
    try:
        with _text(path, encoding, ends) as stream:
            for line in stream:
                if "\0" in line:
                    raise binary(path, done + 1)
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
                    raise binary(path, done + 1 + piece[: piece.index("\0")].count("\n"))
                yield piece.removeprefix("\ufeff") if first else piece
                done, first = done + piece.count("\n"), False
    except UnicodeError:
        for _ in lines(path, encoding):  # it knows the line
            pass
        raise
    except BROKEN as error:
        raise unreadable(path, done, error) from None


def check_encoding(name: str) -> None:
    """Errors: ConfigError for what is not a text encoding."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise ConfigError(
            f"--encoding: a text encoding expected, {name!r} found",
            "well-known ones are utf-8, utf-16, cp1252, latin-1",
        ) from None


def foreign(path: str | Path, head: bytes) -> DataError | None:
    """The error for a file that begins like something that is no text, with what it is."""
    if head.startswith(b"PK\x03\x04"):
        office = any(name in head for name in (b"[Content_Types].xml", b"xl/", b"mimetype"))
        what, hint = ("Excel or another office file", EXPORT) if office else ("zip", UNPACK)
    else:
        signs = (found for sign, found in SIGNS.items() if head.startswith(sign))
        what, hint = next(signs, ("tar archive", UNPACK))
        if what == "tar archive" and head[257:262] != b"ustar":
            return None
    return DataError(path, 0, f"text expected, {what} found", hint)


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
def _text(path: str | Path, encoding: str, ends: bool = False) -> Iterator[IO[str]]:
    check_encoding(encoding)
    if str(path) == STDIN:
        raw: Any = sys.stdin.buffer
        peek = getattr(raw, "peek", lambda size: b"")
        stream = io.TextIOWrapper(raw, encoding, newline=_newline(path, peek(HEAD), ends, encoding))
        try:
            yield stream
        finally:
            stream.detach()  # stdin itself is not ours to close
        return
    packed: Any = COMPRESSED.get(Path(path).suffix.lower())
    with packed(path, "rb") if packed else open(path, "rb", HEAD) as raw:
        newline = _newline(path, raw.peek(HEAD), ends, encoding)
        with io.TextIOWrapper(raw, encoding, newline=newline) as stream:
            yield stream


def _newline(path: str | Path, head: bytes, ends: bool, encoding: str) -> str | None:
    r"""How the lines of a file end that begins with `head`; None: "\r" alone does as well."""
    problem = foreign(path, head)
    if problem is not None:
        raise problem
    begun = head.decode(encoding, "ignore")
    if ends:  # looking for both costs a third more
        return "" if "\r" in begun.replace("\r\n", "")[:-1] else "\n"
    return None if "\r" in begun and "\n" not in begun else "\n"


def _missing(path: Path) -> DataError:
    beside = path.parent
    names = [entry.name for entry in beside.iterdir()] if beside.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    hint = f"did you mean {beside / near[0]}?" if near else "check the path"
    return DataError(path, 0, "a file or folder expected, nothing found there", hint)


def binary(path: str | Path, line: int) -> DataError:
    """The error for a character that no text has."""
    hint = "is it a binary file? for text in UTF-16 use --encoding utf-16"
    return DataError(path, line, "text expected, a NUL character found", hint)


def _undecodable(path: str | Path, done: int, encoding: str, error: UnicodeError) -> DataError:
    # Text is decoded block by block: the lines of this block before the bad byte count too.
    if isinstance(error, UnicodeDecodeError):
        done += error.object[: error.start].count(b"\n")
    return undecodable(path, done + 1, encoding, error)


def undecodable(path: str | Path, line: int, encoding: str, error: UnicodeError) -> DataError:
    """The error for bytes on `line` that are not of the encoding, with the likely one."""
    hint = "name the file's encoding, for example --encoding cp1252"
    if isinstance(error, UnicodeDecodeError) and error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
        hint = "it begins like UTF-16: --encoding utf-16"
    elif encoding.lower().startswith(("utf-16", "utf-32", "utf16", "utf32")):
        hint = "without --encoding it is read as UTF-8"
    if not isinstance(error, UnicodeDecodeError):  # UTF-16 and UTF-32 without their mark
        return DataError(path, line, f"{encoding} text expected, found: {error}", hint)
    found = " ".join(f"0x{byte:02x}" for byte in error.object[error.start : error.end])
    return DataError(path, line, f"{error.encoding} text expected, found: {found}", hint)
