"""What lies in a folder: split files, split folders, a folder or a file per label, one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from seqcli.errors import DataError
from seqcli.readers.fasttext import MARK
from seqcli.readers.lines import lines, plain_name, unreadable
from seqcli.readers.record import Piece
from seqcli.readers.tables import table_format

SPLIT_WORDS = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "dev": "valid",
    "validation": "valid",  # as the parquet files of the Hugging Face hub are called
    "test": "test",
}
ORDER = ("train", "valid", "test")
# Files alone: a folder of any name may be a label.
NOT_DATA = re.compile(r"(readme|licen[cs]e)(\.|$)|.*\.(md|rst|html?|py|pt|png|pdf)$", re.IGNORECASE)
UNLABELED = "unsup"  # aclImdb's folder of reviews without a label

Parts = dict[str, tuple[Piece, ...]]
Format = Callable[[Path], str]  # of a file
TOLD = "name the format: --set data.format=csv (tsv, jsonl, parquet, fasttext, folders, files)"
NAMES = "name its files like book.train.txt, book.valid.txt, book.test.txt; or give one file"


def split_of(name: str) -> str | None:
    """The part that a name tells by a word between `.`, `_` or `-`: train, valid, test or None."""
    found = {SPLIT_WORDS[word] for word in re.split(r"[._-]", name.lower()) if word in SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


def visible(folder: Path) -> list[Path]:
    """What lies in a folder, sorted by name, without hidden entries."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, 0, error) from None


def entries(folder: Path) -> list[Path]:
    """The same without readmes, programs and pictures: what may be data."""
    return [entry for entry in visible(folder) if entry.is_dir() or not NOT_DATA.match(entry.name)]


def split_files(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of each split, by name, in the order train, valid, test.

    Empty where no file is named train, unless all files are split files (a test set alone).
    Errors: DataError where one file lies there twice, packed and not.
    """
    files = [entry for entry in entries(folder) if entry.is_file()]
    return {part: _once(found) for part, found in by_split(files).items()}


def arrange(folder: Path, kind: str, format_of: Format) -> tuple[str, Parts]:
    """The format and the pieces of each part of a folder; `kind` is a format or "auto".

    Errors: DataError where nothing is found that could be labeled text, or too much.
    """
    if kind not in ("folders", "files"):
        files = split_files(folder)
        if files:
            return in_split_files(files, format_of)
    folders = _split_folders(folder)
    if not folders:
        found, pieces = _labeled(folder, kind, format_of)
        return found, {"all": pieces}
    found, parts = "", {}
    for part, paths in folders.items():
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            raise DataError(folder, 0, f"one folder for {part} expected, found: {names}")
        before, (found, parts[part]) = found, _labeled(paths[0], kind, format_of)
        if before not in ("", found):
            raise DataError(paths[0], 0, f"{before} as in the part before expected, {found} found")
    return found, parts


def left_out(folder: Path, read: Iterable[Path]) -> list[str]:
    """What lies in a folder and is not read, by its name there; of a folder, itself if all is."""
    used = set()
    for path in read:
        while path not in used:
            used.add(path)
            path = path.parent
    return [
        path.relative_to(folder).as_posix() + "/" * path.is_dir() for path in _unused(folder, used)
    ]


def _unused(folder: Path, used: set[Path]) -> Iterator[Path]:
    for entry in visible(folder):
        if entry not in used:
            yield entry
        elif entry.is_dir():
            yield from _unused(entry, used)


def _split_folders(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The folders of each split: all that lie there are such, or train holds data in its turn.

    Otherwise a folder called train is a label among others.
    """
    inside = [entry for entry in entries(folder) if entry.is_dir()]
    found = by_split(inside)
    if sum(map(len, found.values())) == len(inside):
        return found
    deeper = [entry for path in found.get("train", ()) for entry in entries(path)]
    holds = any(entry.is_dir() or table_format(entry) for entry in deeper)
    return found if holds else {}


def sniff(path: Path, encoding: str) -> str:
    """The format of a file: by its ending, else by its first line that is not empty."""
    known = table_format(path)
    if known:
        return known
    for number, line in enumerate(lines(path, encoding), start=1):
        if line.startswith(MARK):
            return "fasttext"
        if line.lstrip().startswith(("{", "[{")):
            return "jsonl"
        if "\t" in line:
            return "tsv"
        if line.strip():
            problem = f"label TAB text, {MARK}NAME text or JSON expected, found: {line[:40]}"
            raise DataError(path, number, problem, TOLD)
    raise DataError(path, 0, "labeled text expected, an empty file found")


def by_split(paths: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Files or folders by the part that their names tell; empty where this proves nothing."""
    found: dict[str, tuple[Path, ...]] = {}
    for part in ORDER:
        here = tuple(path for path in paths if split_of(path.name) == part)
        if here:
            found[part] = here
    # One such name proves nothing: among files per label, dev.txt may hold the label "dev".
    return found if "train" in found or sum(map(len, found.values())) == len(paths) else {}


def _once(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    names: dict[str, Path] = {}
    for path in paths:
        other = names.setdefault(plain_name(path), path)
        if other is not path:
            problem = f"{plain_name(path)} once expected, found: {other.name}, {path.name}"
            raise DataError(path.parent, 0, problem, "leave one of the two")
    return paths


def in_split_files(files: Mapping[str, tuple[Path, ...]], format_of: Format) -> tuple[str, Parts]:
    """Format and pieces of split files. Errors: DataError for more formats than one."""
    found = {path.name: format_of(path) for paths in files.values() for path in paths}
    if len(set(found.values())) > 1:
        folder = next(iter(files.values()))[0].parent
        listed = ", ".join(f"{name} ({form})" for name, form in found.items())
        raise DataError(folder, 0, f"split files of one format expected, found: {listed}", TOLD)
    parts = {part: tuple(map(Piece, paths)) for part, paths in files.items()}
    return next(iter(found.values())), parts


def _labeled(folder: Path, kind: str, format_of: Format) -> tuple[str, tuple[Piece, ...]]:
    """Format and pieces of a folder that is not parted into splits."""
    inside = entries(folder)
    files = tuple(entry for entry in inside if entry.is_file())
    tables = tuple(path for path in files if table_format(path))
    texts = tuple(path for path in files if plain_name(path).lower().endswith(".txt"))
    in_folders = _in_label_folders(inside) if kind in ("auto", "folders") else ()
    if in_folders:
        return "folders", in_folders
    if kind == "files" and files:
        return "files", _named_by_label(files)
    if kind == "auto" and not tables and len(texts) > 1:
        return "files", _named_by_label(texts)
    if kind not in ("folders", "files") and len(tables or files) == 1:
        (only,) = tables or files
        return format_of(only), (Piece(only),)
    raise _nothing(folder, kind, inside)


def _in_label_folders(inside: Sequence[Path]) -> tuple[Piece, ...]:
    """The files of each label's folder, however deep; readmes and programs if nothing else."""
    found: list[Piece] = []
    for folder in inside:
        if folder.is_dir() and folder.name != UNLABELED:
            found += [Piece(path, folder.name) for path in documents(folder)]
    return tuple(found)


def documents(folder: Path) -> list[Path]:
    """The files of a folder, however deep, in their order; readmes and programs if nothing else."""
    every = list(_below(folder))
    return [path for path in every if not NOT_DATA.match(path.name)] or every


def _below(folder: Path) -> Iterator[Path]:
    """All files; a link to a folder that it lies in itself would give each of them many times."""
    for entry in visible(folder):
        if entry.is_dir():
            if not (entry.is_symlink() and folder.resolve().is_relative_to(entry.resolve())):
                yield from _below(entry)
        elif entry.is_file():
            yield entry


def _named_by_label(paths: tuple[Path, ...]) -> tuple[Piece, ...]:
    return tuple(Piece(path, Path(plain_name(path)).stem) for path in _once(paths))


def _nothing(folder: Path, kind: str, inside: Sequence[Path]) -> DataError:
    wanted = "one table, train / valid / test files, a folder or a .txt file per label"
    expected = {
        "auto": wanted,
        "folders": "a folder of text files per label",
        "files": "a text file per label",
    }.get(kind, f"one {kind} file, or train / valid / test files")
    names = ", ".join(entry.name for entry in inside[:8]) + ", ..." * (len(inside) > 8)
    hint = "name the one file, or arrange the folder so"
    return DataError(folder, 0, f"{expected} expected, found: {names or 'nothing'}", hint)
