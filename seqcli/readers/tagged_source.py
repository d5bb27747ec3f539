"""Where tagged sentences come from: a file, or a folder with parts in files or folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from seqcli.errors import DataError, lookup
from seqcli.files import fingerprint
from seqcli.readers.layout import entries
from seqcli.readers.lines import not_kept, plain_name, unreadable
from seqcli.readers.sentence import Layout, TaggedRecord
from seqcli.readers.tagged import TAGGED_READERS, TAGS_FILE, TOKENS_FILE, tagged_format
from seqcli.settings.sections import TaggedText

PARTS = ("train", "valid", "test")
NAMES = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "devel": "valid",
    "testa": "valid",  # as the two of CoNLL-2003 are called
    "test": "test",
    "testb": "test",
}
# Whole words only, but "wnut17train" is one: a digit ends a word too.
NAMED = re.compile(rf"(?<![a-z])(?:{'|'.join(sorted(NAMES, key=len, reverse=True))})(?![a-z])")
TOLD = "name its files like x.train.conll, x.dev.conll, x.test.conll; or give one file"


@dataclass(frozen=True)
class TaggedSource:
    """Tagged sentences on disk; the keys of `parts` are "all", or some of PARTS in this order.

    A piece is a file, or in the format "aligned" a folder of two.
    """

    path: Path
    format: str
    parts: Mapping[str, Path]
    data: TaggedText

    def records(self, part: str) -> Iterator[TaggedRecord]:
        """The sentences of a part; every call reads anew. Errors: DataError with the line."""
        read = lookup(TAGGED_READERS, self.format, "format")
        return read(self.parts[part], layout(self.data))

    def only(self, part: str) -> TaggedSource:
        """The source with this part alone."""
        return replace(self, parts={part: self.parts[part]})

    def fingerprint(self) -> str:
        """SHA-256, hex: of a single file's bytes; of a folder, over its names and their sums."""
        files = [file for piece in self.parts.values() for file in _files(piece)]
        return fingerprint(self.path, files)


def layout(data: TaggedText, *, tagged: bool = True) -> Layout:
    """The columns that the settings name."""
    word, tag = data.token_column or None, data.tag_column or None
    return Layout(word, tag, tagged, encoding=data.encoding)


def discover_tagged(path: str | Path, data: TaggedText) -> TaggedSource:
    """What lies at `path`; its format is `data.format` unless that is "auto".

    Errors: DataError for a path that is missing or unreadable, and a folder without sentences.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise unreadable(path, 0, error) from None
    if not S_ISDIR(mode):
        if not S_ISREG(mode):
            raise not_kept(path)
        if data.format == "aligned":
            problem = f"a folder with {TOKENS_FILE} and {TAGS_FILE} expected, a file found"
            raise DataError(path, 0, problem)
        return TaggedSource(path, _format(path, data), {"all": path}, data)
    inside = entries(path)
    if any(plain_name(entry) == TOKENS_FILE for entry in inside):
        return TaggedSource(path, "aligned", {"all": path}, data)
    parts: dict[str, Path] = {}
    for entry in inside:
        found = {NAMES[name] for name in NAMED.findall(entry.name.lower())}
        if len(found) != 1:
            continue
        (part,) = found
        if part in parts:
            problem = f"one {part} part expected, found: {parts[part].name}, {entry.name}"
            raise DataError(path, 0, problem, "leave one of the two")
        parts[part] = entry
    if not parts and len(inside) == 1 and inside[0].is_file():
        parts = {"all": inside[0]}
    if not parts:
        names = ", ".join(entry.name for entry in inside[:8]) or "nothing"
        raise DataError(path, 0, f"train, valid and test files expected, found: {names}", TOLD)
    kinds = {entry.name: _format(entry, data) for entry in parts.values()}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        problem = f"parts of one format expected, found: {listed}"
        raise DataError(path, 0, problem, "name it: --set data.format=columns")
    ordered = {part: parts[part] for part in (*PARTS, "all") if part in parts}
    return TaggedSource(path, next(iter(kinds.values())), ordered, data)


def _format(path: Path, data: TaggedText) -> str:
    return tagged_format(path, data.encoding) if data.format == "auto" else data.format


def _files(piece: Path) -> list[Path]:
    if piece.is_file():
        return [piece]
    return [file for file in entries(piece) if plain_name(file) in (TOKENS_FILE, TAGS_FILE)]
