"""Where pairs come from: a table, aligned files, or a folder with parts of either."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from seqcli.errors import DataError, lookup
from seqcli.files import sha256
from seqcli.readers.layout import entries
from seqcli.readers.lines import lines, not_kept, plain_name, unreadable
from seqcli.readers.pairs import PAIR_READERS, Columns, PairRecord
from seqcli.readers.tables import table_format
from seqcli.readers.tagged_source import NAMED, NAMES, PARTS
from seqcli.settings.sections import Pairs

TOLD = "name its files like x.train.tsv, x.dev.tsv, x.test.tsv, or train.de and train.en"
SIDES = "name the endings of the two sides: --source de --target en"


@dataclass(frozen=True)
class PairSource:
    """Pairs on disk; the keys of `parts` are "all", or some of PARTS in this order.

    A part is one table, or the aligned files of the source and of each target.
    """

    path: Path
    format: str
    parts: Mapping[str, tuple[Path, ...]]
    data: Pairs

    def records(self, part: str) -> Iterator[PairRecord]:
        """The pairs of a part; every call reads anew. Errors: DataError with the line."""
        read = lookup(PAIR_READERS, self.format, "format")
        columns = Columns(self.data.source, targets(self.data), self.data.features)
        return read(self.parts[part], columns, self.data.encoding)

    def only(self, part: str) -> PairSource:
        """The source with this part alone."""
        return replace(self, parts={part: self.parts[part]})

    def fingerprint(self) -> str:
        """SHA-256, hex: of a single file's bytes; of several, over their names and sums."""
        files = sorted(file for files in self.parts.values() for file in files)
        if files == [self.path]:
            return sha256(self.path)
        total = hashlib.sha256()
        for file in files:
            total.update(f"{sha256(file)}  {file.name}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()


def targets(data: Pairs) -> tuple[str, ...]:
    """The names of the targets: one, or several references."""
    return tuple(name.strip() for name in data.target.split(","))


def discover_pairs(path: str | Path, data: Pairs) -> PairSource:
    """What lies at `path`; its format is `data.format` unless that is "auto".

    Errors: DataError for a path that is missing or unreadable, and a folder without pairs.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise unreadable(path, 0, error) from None
    if S_ISDIR(mode):
        return _folder(path, data)
    if not S_ISREG(mode):
        raise not_kept(path)
    beside = [entry for entry in entries(path.parent) if entry.is_file()]
    if data.format in ("auto", "aligned") and _ends(path, data.source):
        stem = plain_name(path).removesuffix(f".{data.source}")
        alike = [entry for entry in beside if plain_name(entry).startswith(f"{stem}.")]
        return PairSource(path, "aligned", {"all": _sides(path, alike, data)}, data)
    if data.format == "aligned":
        problem = f"a folder, or a file with the ending .{data.source or 'NAME'} expected"
        raise DataError(path, 0, f"{problem}, found: {path.name}", SIDES)
    return PairSource(path, _format(path, data), {"all": (path,)}, data)


def _folder(path: Path, data: Pairs) -> PairSource:
    files = [
        entry
        for entry in entries(path)
        if entry.is_file() and (not data.files or fnmatch(entry.name, data.files))
    ]
    sides = bool(data.source) and any(_ends(entry, data.source) for entry in files)
    parallel = data.format == "aligned" or (data.format == "auto" and sides)
    parts: dict[str, list[Path]] = {}
    for entry in files:
        named = {NAMES[name] for name in NAMED.findall(entry.name.lower())}
        if len(named) == 1:
            parts.setdefault(named.pop(), []).append(entry)
    if not parts and files and (parallel or len(files) == 1):
        parts = {"all": files}
    if not parts:
        names = ", ".join(entry.name for entry in files[:8]) or "nothing"
        raise DataError(path, 0, f"train, valid and test files expected, found: {names}", TOLD)
    ordered = {part: parts[part] for part in (*PARTS, "all") if part in parts}
    if parallel:
        pieces = {part: _sides(path, found, data) for part, found in ordered.items()}
        return PairSource(path, "aligned", pieces, data)
    for part, found in ordered.items():
        if len(found) > 1:
            listed = ", ".join(entry.name for entry in found)
            hint = "name what all files of the data have in common: --files 'x_*'"
            raise DataError(path, 0, f"one {part} file expected, found: {listed}", hint)
    kinds = {found[0].name: _format(found[0], data) for found in ordered.values()}
    if len(set(kinds.values())) > 1:
        shown = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        problem = f"parts of one format expected, found: {shown}"
        raise DataError(path, 0, problem, "name it: --set data.format=tsv")
    tables = {part: tuple(found) for part, found in ordered.items()}
    return PairSource(path, next(iter(kinds.values())), tables, data)


def _sides(path: Path, files: Sequence[Path], data: Pairs) -> tuple[Path, ...]:
    """The file of the source and those of the targets. Errors: DataError where one lacks."""
    found = []
    for place, name in enumerate((data.source, *targets(data))):
        alike = [entry for entry in files if name and _ends(entry, name)]
        if len(alike) > 1:
            listed = ", ".join(entry.name for entry in alike)
            problem = f"one file of a part with the ending .{name} expected, found: {listed}"
            raise DataError(path, 0, problem, "leave one of them, or use --files")
        if not alike and place < 2:  # a second reference may be there for a part alone
            listed = ", ".join(entry.name for entry in files[:8]) or "nothing"
            problem = f"a file with the ending .{name or 'NAME'} expected, found: {listed}"
            raise DataError(path, 0, problem, SIDES)
        found += alike
    return tuple(found)


def _ends(path: Path, name: str) -> bool:
    return bool(name) and plain_name(path).endswith(f".{name}")


def _format(path: Path, data: Pairs) -> str:
    if data.format != "auto":
        return data.format
    found = table_format(path)
    if found in PAIR_READERS:
        return str(found)
    for line in lines(path, data.encoding):
        if line.lstrip().startswith("{"):
            return "jsonl"
        if line.strip():
            return "tsv"
    return "tsv"
