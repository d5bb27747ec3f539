"""Running text for language models: one file, or a folder with train, valid and test files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from seqcli.errors import DataError
from seqcli.files import sha256
from seqcli.readers.layout import split_files
from seqcli.readers.lines import blocks, lines, not_kept, unreadable
from seqcli.settings.sections import RunningText

CHUNK = 1 << 18  # characters handed on at a time: bounded memory, few calls
NAMES = "name its files like book.train.txt, book.valid.txt, book.test.txt; or give one file"


@dataclass(frozen=True)
class TextSource:
    """Text on disk; the keys of `parts` are "all", or some of "train", "valid", "test"."""

    path: Path
    parts: Mapping[str, tuple[Path, ...]]
    data: RunningText

    def pieces(self, part: str) -> Iterator[tuple[str, bool]]:
        r"""The text of a part in pieces, and whether a document ends with the piece.

        `data.document` "file": pieces of many lines (of characters, a long line in pieces of its
        own), no document ends (a file that is cut into
        splits has no end worth learning). "line": a piece a line, empty ones skipped, without its
        "\n". "blank": a piece a paragraph, likewise. Errors: DataError, as `lines`.
        """
        data = self.data
        for path in self.parts[part]:
            if data.document == "file":
                for piece in _chunks(path, data.encoding, data.tokenizer == "characters"):
                    yield piece, False
            else:
                split = _lines if data.document == "line" else _paragraphs
                for piece in split(path, data.encoding):
                    yield piece, True

    def whole(self) -> TextSource:
        """The same files as one part, "all"."""
        files = tuple(path for paths in self.parts.values() for path in paths)
        return replace(self, parts={"all": files})

    @property
    def size(self) -> int:
        """Bytes on disk, compressed where a file is. Errors: DataError."""
        try:
            return sum(os.stat(path).st_size for paths in self.parts.values() for path in paths)
        except OSError as error:
            raise unreadable(self.path, 0, error) from None

    def fingerprint(self) -> str:
        """SHA-256, hex: of a single file's bytes; of a folder, over its names and their sums."""
        files = [path for paths in self.parts.values() for path in paths]
        if files == [self.path]:
            return sha256(self.path)
        total = hashlib.sha256()
        for path in sorted(files):
            total.update(f"{sha256(path)}  {path.name}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()


def text_source(path: Path, data: RunningText) -> TextSource:
    """What lies at `path`. Errors: DataError for nothing readable, or a folder without splits."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise unreadable(path, 0, error) from None
    if not S_ISDIR(mode):
        if not S_ISREG(mode):
            raise not_kept(path)
        return TextSource(path, {"all": (path,)}, data)
    parts = split_files(path)
    if not parts:
        raise DataError(path, 0, "a folder without a train file", NAMES)
    return TextSource(path, parts, data)


def _chunks(path: Path, encoding: str, within_lines: bool) -> Iterator[str]:
    """Whole lines, many at a time; a line longer than CHUNK in pieces if `within_lines`."""
    held: list[str] = []
    for piece in blocks(path, encoding, CHUNK):
        cut = piece.rfind("\n") + 1
        if not cut and within_lines:
            cut = len(piece) - piece.endswith("\r")
        if cut:
            yield "".join([*held, piece[:cut]]).replace("\r\n", "\n")
            held, piece = [], piece[cut:]
        if piece:
            held.append(piece)
    if held:
        yield "".join(held)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    return (line for line in lines(path, encoding) if line.strip())


def _paragraphs(path: Path, encoding: str) -> Iterator[str]:
    held: list[str] = []
    for line in lines(path, encoding):
        if line.strip():
            held.append(line)
        elif held:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)
