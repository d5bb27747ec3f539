"""Pairs of a source and its targets, in the formats they come in.

aligned  a file for each side, line N of one belongs to line N of the others: train.de, train.en
csv      a row a pair, columns named by a header, or by number
tsv      the same; without a header the first column is the source, the second the target
jsonl    an object a line
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from seqcli.errors import DataError
from seqcli.readers.delimited import Row, csv_rows, tsv_rows
from seqcli.readers.jsonl import KINDS, json_objects
from seqcli.readers.lines import lines

MARK = "\t"  # in a source, between its text and its features
USUAL = {"source": ("source", "src"), "target": ("target", "tgt"), "features": ("features",)}
NAMED = "name them: --source NAME --target NAME, or by number from 1"


class PairRecord(NamedTuple):
    """A source and its targets, and where they stand: the line counts from 1."""

    source: str  # with its features behind MARK, where there are some
    targets: tuple[str, ...]
    path: str
    line: int


@dataclass(frozen=True)
class Columns:
    """Which columns hold what: names, or numbers from 1; empty: the usual ones."""

    source: str = ""
    targets: tuple[str, ...] = ("",)
    features: str = ""

    @property
    def wanted(self) -> tuple[tuple[str, str], ...]:
        """Each field and the column that is asked for it; none asked for, no features."""
        found = [("source", self.source), *(("target", name) for name in self.targets)]
        return tuple(found + [("features", self.features)] * bool(self.features))


def aligned(files: Sequence[Path], columns: Columns, encoding: str) -> Iterator[PairRecord]:
    """The pairs of a source's file and one or several of targets.

    Errors: DataError for files of unequal numbers of lines, with these.
    """
    source = files[0]
    every = zip_longest(*(lines(path, encoding) for path in files))
    for number, found in enumerate(every, start=1):
        if None in found:
            counts = [sum(1 for _ in lines(path, encoding)) for path in files]
            listed = ", ".join(
                f"{count:,} ({path.name})" for count, path in zip(counts, files, strict=True)
            )
            problem = f"files with as many lines as each other expected, found: {listed}"
            hint = "line N of one file belongs to line N of the others"
            raise DataError(files[counts.index(min(counts))], number, problem, hint)
        yield PairRecord(found[0], tuple(found[1:]), str(source), number)


def delimited(kind: str) -> PairReader:
    """The reader of csv, or of tsv."""

    def read(files: Sequence[Path], columns: Columns, encoding: str) -> Iterator[PairRecord]:
        """The pairs of a table. Errors: DataError for a column that is missing, a broken row."""
        path = files[0]

        def header(cells: Sequence[str]) -> bool:
            return _is_header(cells, columns)

        rows = csv_rows(path, encoding, header) if kind == "csv" else tsv_rows(path, encoding)
        told = (row for row in rows if any(cell.strip() for cell in row.cells))
        first = next(told, None)
        if first is None:
            return
        if header(first.cells):
            names, before = first.cells, list[Row]()
        elif kind == "csv" and not _numbers(columns):
            shown = ", ".join(cell[:40] for cell in first.cells[:8])
            problem = f"a header with a source and a target expected, found: {shown}"
            raise DataError(path, first.line, problem, NAMED)
        else:
            names = [str(number) for number in range(1, len(first.cells) + 1)]
            before = [first]
        places = [_place(path, first.line, names, field, name) for field, name in columns.wanted]
        for row in chain(before, told):
            if len(row.cells) != len(names):
                problem = f"{len(names)} columns expected, {len(row.cells)} found"
                raise DataError(path, row.line, problem, "is a tab or comma inside a cell?")
            yield _record([row.cells[place] for place in places], columns, path, row)

    return read


def jsonl(files: Sequence[Path], columns: Columns, encoding: str) -> Iterator[PairRecord]:
    """The pairs of JSON lines; a target may be a list: references of one source.

    Errors: DataError for a key that is missing, or a value that is no text.
    """
    path = files[0]
    for number, value in json_objects(path, encoding):
        found: list[str] = []
        counted = Columns(columns.source, (), columns.features)
        for field, name in columns.wanted:
            texts = _texts(path, number, value, field, name)
            if field == "target":
                counted = Columns(counted.source, (*counted.targets, *texts), counted.features)
            elif len(texts) != 1:
                problem = f"one text as the {field} expected, a list found"
                raise DataError(path, number, problem)
            found += texts
        yield _record(found, counted, path, Row(number, []))


PairReader = Callable[[Sequence[Path], Columns, str], Iterator[PairRecord]]
PAIR_READERS: dict[str, PairReader] = {
    "aligned": aligned,
    "csv": delimited("csv"),
    "tsv": delimited("tsv"),
    "jsonl": jsonl,
}


def joined(source: str, features: str) -> str:
    """A source with what is wanted of it."""
    return f"{source}{MARK}{features}" if features else source


def _record(cells: Sequence[str], columns: Columns, path: Path, row: Row) -> PairRecord:
    """Cells in the order of `Columns.wanted` as a record."""
    last = 1 + len(columns.targets)
    features = cells[last] if columns.features else ""
    return PairRecord(joined(cells[0], features), tuple(cells[1:last]), str(path), row.line)


def _is_header(cells: Sequence[str], columns: Columns) -> bool:
    """Whether a first row names columns: those asked for, or the usual ones."""
    names = {cell.strip().casefold() for cell in cells}
    asked = {name.casefold() for _, name in columns.wanted if name and not name.isdecimal()}
    usual = {name for field, name in columns.wanted for name in USUAL[field]}
    return bool(names & (asked or usual))


def _numbers(columns: Columns) -> bool:
    return all(name.isdecimal() for _, name in columns.wanted)


def _place(path: Path, line: int, names: Sequence[str], field: str, wanted: str) -> int:
    """Where a column stands. Errors: DataError with what is there."""
    alike = [name.strip().casefold() for name in names]
    for name in (wanted.casefold(),) if wanted else USUAL[field]:
        if name in alike:
            return alike.index(name)
    numbered = wanted or ("" if _named(names) else {"source": "1", "target": "2"}[field])
    if numbered.isdecimal() and 1 <= int(numbered) <= len(names):
        return int(numbered) - 1
    expected = repr(wanted) if wanted else " / ".join(USUAL[field])
    shown = ", ".join(name[:40] for name in names[:20])
    problem = f"a {field} column {expected} expected, found: {shown}"
    raise DataError(path, line, problem, NAMED)


def _named(names: Sequence[str]) -> bool:
    return list(names) != [str(number) for number in range(1, len(names) + 1)]


def _texts(path: Path, number: int, value: Mapping[str, Any], field: str, wanted: str) -> list[str]:
    """A field of an object as texts. Errors: DataError."""
    names = (wanted,) if wanted else USUAL[field]
    name = next((name for name in names if name in value), None)
    if name is None:
        expected = " or ".join(map(repr, names))
        found = ", ".join(map(repr, list(value)[:20])) or "nothing"
        raise DataError(path, number, f"a key {expected} expected, found: {found}", NAMED)
    texts = value[name] if isinstance(value[name], list) else [value[name]]
    for text in texts:
        if not isinstance(text, str):
            what = KINDS.get(type(text), type(text).__name__)
            raise DataError(path, number, f"text in {name!r} expected, {what} found")
    if not texts:
        raise DataError(path, number, f"text in {name!r} expected, an empty list found")
    return texts
