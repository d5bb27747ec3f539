"""Recordings out of tables: a row a step, of many recordings with an id, or of one a file.

    id,time,x,y,label      the rows of a recording follow each other, in the order of time
    x,y,label              without a column of ids the file is one recording

JSON lines, and parquet with a column of lists, hold a recording a row: {"values": [[x, y], …]}.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.readers.delimited import Row, csv_rows, tsv_rows
from seqcli.readers.jsonl import json_objects
from seqcli.readers.lines import plain_name
from seqcli.readers.numerals import Numerals, at_line, is_number
from seqcli.readers.parquet import parquet_table
from seqcli.readers.record import Piece, spelled_label
from seqcli.readers.recording import Recording, Wanted, numbered
from seqcli.readers.tables import USUAL, column_named
from seqcli.settings.sections import Series

IDS = (
    "id",
    "case_id",
    "recording",
    "recording_id",
    "series",
    "series_id",
    "unique_id",
    "sample_id",
)
TIMES = ("time", "timestamp", "timestamps", "t", "ds", "step", "reading_id")
STEPS = (*USUAL["label"], "phase", "activity", "state")  # columns with a label for every step
VALUES = "values"  # of a JSON object, or a column of lists
SORT = "sort the rows by recording and time"
LISTED = 12


class LongTable(NamedTuple):
    """A table with a row a step: the line of its header (0 without), its columns, its rows."""

    line: int
    columns: Sequence[str]
    rows: Iterator[Row]


def csv_series(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """The recordings of a csv file. Errors: DataError with the line."""
    yield from _whole(piece, csv_table(piece.path, data), data, wanted)


def tsv_series(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """The same of a tab-separated file with a header."""
    yield from _whole(piece, tsv_table(piece.path, data), data, wanted)


def parquet_series(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """The same of a parquet table; with a column `values` of lists, a recording a row."""
    columns, rows = parquet_table(piece.path)
    if VALUES in columns:
        objects = ((row.line, dict(zip(columns, row.cells, strict=True))) for row in rows)
        yield from _objects(piece, objects, data, wanted)
    else:
        yield from _whole(piece, LongTable(0, columns, rows), data, wanted)


def csv_table(path: Path, data: Series) -> LongTable:
    """A csv file, opened. Errors: DataError."""
    return _opened(path, csv_rows(path, data.encoding, _parted), data)


def tsv_table(path: Path, data: Series) -> LongTable:
    """A tab-separated file, opened. Errors: DataError."""
    return _opened(path, tsv_rows(path, data.encoding), data)


def long_parquet(path: Path, data: Series) -> LongTable | None:
    """A parquet table with a row a step, None where a row is a recording. Errors: DataError."""
    columns, rows = parquet_table(path)
    return None if VALUES in columns else LongTable(0, columns, rows)


def json_series(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """JSON objects with `values`: a list of steps, each a list of channels, or one number."""
    yield from _objects(piece, json_objects(piece.path, data.encoding), data, wanted)


def of_object(
    value: dict[str, Any], data: Series, wanted: Wanted, path: str, line: int, count: int
) -> Recording:
    """One JSON object as a recording. Errors: DataError with the line."""
    if VALUES not in value:
        listed = ", ".join(map(repr, value)) or "nothing"
        raise DataError(path, line, f"a key {VALUES!r} expected, found: {listed[:200]}")
    steps = value[VALUES]
    numerals = Numerals(data.missing)
    if not isinstance(steps, list):
        raise DataError(path, line, f"a list of steps in {VALUES!r} expected, something else found")
    rows = [step if isinstance(step, list) else [step] for step in steps]
    width = len(rows[0]) if rows else 0
    for place, row in enumerate(rows, start=1):
        if len(row) != width:
            problem = f"{width} numbers at step {place} expected, as at the first, {len(row)} found"
            raise DataError(path, line, problem, "missing ones are null")
    flat = numerals.read([cell for row in rows for cell in row], path, at_line(line))
    names = value.get("channels")
    channels = tuple(map(str, names)) if isinstance(names, list) else numbered(width)
    if len(channels) != width and rows:
        raise DataError(path, line, f"{len(channels)} channels expected, as named, {width} found")
    key = data.label_column or next((name for name in USUAL["label"] if name in value), "label")
    found = value.get(key)
    labels: tuple[str, ...] = ()
    if wanted.each and (wanted.label or found is not None):
        if not isinstance(found, list) or len(found) != len(rows):
            problem = f"a list of {len(rows):,} labels in {key!r} expected, one for each step"
            raise DataError(path, line, problem)
        labels = tuple(map(_spelled, found))
    return Recording(
        flat.reshape(len(rows), width),
        channels,
        path,
        line,
        str(value.get("id", count)),
        "" if wanted.each else _spelled(found),
        _spelled(value.get(data.group)) if data.group else "",
        labels,
    )


def _objects(
    piece: Piece, objects: Iterator[tuple[int, dict[str, Any]]], data: Series, wanted: Wanted
) -> Iterator[Recording]:
    for count, (line, value) in enumerate(objects, start=1):
        found = of_object(value, data, wanted, str(piece.path), line, count)
        yield found._replace(label=found.label or piece.label)


def _header(cells: Sequence[str]) -> bool:
    """Whether a first row names columns."""
    return not all(map(is_number, cells))


def _parted(cells: Sequence[str]) -> bool:
    """The same of what a separator makes of it: several columns."""
    return len(cells) > 1 and _header(cells)


def _opened(path: Path, rows: Iterator[Row], data: Series) -> LongTable:
    first = next((row for row in rows if any(cell.strip() for cell in row.cells)), None)
    if first is None:
        raise DataError(path, 0, "at least one row expected, an empty file found")
    if _header(first.cells):
        return LongTable(first.line, first.cells, rows)
    if not all(name.isdecimal() for name in (*data.channels, *_named(data))) or not data.channels:
        problem = "a header with the names of columns expected, numbers found"
        hint = "label first, a recording a line? --set data.format=ucr; or number the columns: "
        hint += "--set data.channels=2,3 --set data.id_column=1"
        raise DataError(path, first.line, problem, hint)
    return LongTable(0, numbered(len(first.cells)), chain([first], rows))


def _named(data: Series) -> list[str]:
    """The columns beside the channels that the settings name."""
    named = (data.id_column, data.time_column, data.label_column, data.group)
    return [name for name in named if name]


@dataclass
class _Places:
    """Which cell holds what; None where there is no such column."""

    id: int | None
    time: int | None
    label: int | None
    group: int | None
    channels: list[int]


def _places(path: Path, line: int, columns: Sequence[str], data: Series, wanted: Wanted) -> _Places:
    def place(name: str, usual: Sequence[str], what: str) -> int | None:
        if not name:
            folded = [column.strip().casefold() for column in columns]
            return next((folded.index(own) for own in usual if own in folded), None)
        at = column_named(columns, name)
        if at is None and name.isdecimal() and 1 <= int(name) <= len(columns):
            at = int(name) - 1
        if at is None:
            listed = ", ".join(columns[:LISTED]) + ", ..." * (len(columns) > LISTED)
            problem = f"a column {name!r} with {what} expected, found: {listed}"
            raise DataError(path, line, problem, "columns go by name, or by number from 1")
        return at

    usual = STEPS if wanted.each else USUAL["label"]
    label = place(data.label_column if wanted.label else "", usual, "the label")
    if not wanted.label and data.label_column:
        label = column_named(columns, data.label_column)
    found = _Places(
        place(data.id_column, IDS, "the recording's id"),
        place(data.time_column, TIMES, "the time"),
        label,
        place(data.group, (), "the group") if wanted.label else column_named(columns, data.group),
        [],
    )
    if data.channels:
        found.channels = [place(name, (), "numbers") or 0 for name in data.channels]
    else:
        taken = {found.id, found.time, found.label, found.group}
        found.channels = [at for at in range(len(columns)) if at not in taken]
    if not found.channels:
        raise DataError(path, line, f"columns with numbers expected, found: {', '.join(columns)}")
    return found


class Part(NamedTuple):
    """Steps of a recording that follow each other; `rows`: the table's, where they were asked for.

    begins, ends: whether they are its first ones, and its last.
    """

    recording: Recording
    begins: bool
    ends: bool
    rows: Sequence[Sequence[Any]] = ()


def _whole(piece: Piece, table: LongTable, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """Recordings of rows that follow each other; in one without ids all rows are one."""
    for part in parts_of(piece, table, data, wanted, most=None):
        yield part.recording


def parts_of(
    piece: Piece, table: LongTable, data: Series, wanted: Wanted, *, most: int | None
) -> Iterator[Part]:
    """The same in parts of `most` steps, the last one of a recording shorter; None: whole.

    Parts keep their rows. Errors: DataError with the line.
    """
    columns = table.columns
    places = _places(piece.path, table.line, columns, data, wanted)
    channels = tuple(columns[at].strip() for at in places.channels)
    stem = Path(plain_name(piece.path)).stem if places.id is None else None
    seen: set[str] = set()
    open_: _Steps | None = None
    for row in table.rows:
        if not row.cells or row.cells == [""]:
            continue
        if len(row.cells) != len(columns):
            problem = f"{len(columns)} columns expected, {len(row.cells)} found"
            raise DataError(piece.path, row.line, problem, "a comma inside a cell? quote it")
        name = "" if places.id is None else _spelled(row.cells[places.id])
        if open_ is None or open_.name != name:
            if open_ is not None:
                yield open_.part(piece, channels, data, stem, ends=True)
            if name in seen:
                problem = f"the rows of recording {name!r} together expected, it goes on here"
                raise DataError(piece.path, row.line, problem, SORT)
            seen.add(name)
            open_ = _Steps(name, piece.path, row.line, keep=most is not None)
        elif most is not None and len(open_.lines) >= most:
            yield open_.part(piece, channels, data, stem, ends=False)
        open_.take(row, places, each=wanted.each)
    if open_ is None:
        problem = "at least one row of numbers expected, none found"
        raise DataError(piece.path, table.line, problem)
    yield open_.part(piece, channels, data, stem, ends=True)


@dataclass
class _Steps:
    """The rows of a recording that is being read."""

    name: str
    path: Path
    line: int
    cells: list[Any] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    label: str = ""
    group: str = ""
    time: Any = None
    keep: bool = False
    rows: list[Sequence[Any]] = field(default_factory=list)
    begun: bool = False  # a part was handed on

    def take(self, row: Row, places: _Places, *, each: bool) -> None:
        """A row more. Errors: DataError for time that falls, and a second label or group."""
        cells = row.cells
        self.cells += [cells[at] for at in places.channels]
        self.lines.append(row.line)
        if self.keep:
            self.rows.append(cells)
        if places.time is not None:
            time = _time(cells[places.time], self.path, row.line)
            if self.time is not None and time < self.time:
                problem = f"times that rise expected, {cells[places.time]} found after a later one"
                raise DataError(self.path, row.line, problem, SORT)
            self.time = time
        if places.label is not None:
            label = _spelled(cells[places.label])
            if each:
                self.labels.append(label)
            else:
                self.label = self._same(self.label, label, "label", row.line)
        if places.group is not None:
            self.group = self._same(self.group, _spelled(cells[places.group]), "group", row.line)

    def _same(self, before: str, now: str, what: str, line: int) -> str:
        if before and now and before != now:
            problem = f"one {what} a recording expected, {now!r} found after {before!r}"
            hint = "which column says where a recording ends? --set data.id_column=NAME"
            raise DataError(self.path, line, problem, hint)
        return before or now

    def part(
        self,
        piece: Piece,
        channels: tuple[str, ...],
        data: Series,
        stem: str | None,
        *,
        ends: bool,
    ) -> Part:
        """What was taken since the last part, named after the file where it has no name."""
        found = self._recording(piece, channels, data)
        if stem is not None:
            found = found._replace(name=stem)
        part = Part(found, not self.begun, ends, self.rows)
        self.cells, self.lines, self.labels, self.rows, self.begun = [], [], [], [], True
        return part

    def _recording(self, piece: Piece, channels: tuple[str, ...], data: Series) -> Recording:
        width, lines = len(channels), self.lines

        def locate(place: int) -> tuple[int, str]:
            return lines[place // width], f" in column {channels[place % width]!r}"

        flat = Numerals(data.missing).read(self.cells, self.path, locate)
        values: NDArray[np.float64] = flat.reshape(-1, width)
        return Recording(
            values,
            channels,
            str(self.path),
            self.line,
            self.name,
            self.label or piece.label,
            self.group,
            tuple(self.labels),
        )


def _time(cell: Any, path: Path, line: int) -> Any:
    """What tells before from after: a number, or a date."""
    if isinstance(cell, str):
        try:
            return float(cell)
        except ValueError:
            pass
        try:
            # with a zone or without: both as they are written, so that they can be compared
            return datetime.fromisoformat(cell.strip()).replace(tzinfo=None).timestamp()
        except (ValueError, OverflowError):
            pass
    elif isinstance(cell, datetime):
        return cell.replace(tzinfo=None).timestamp()
    elif isinstance(cell, (int, float)):
        return cell
    problem = f"a time (a number, or 2024-05-31 12:00) expected, {str(cell)[:40]!r} found"
    raise DataError(path, line, problem, "--set data.time_column=NAME names another column")


def _spelled(cell: Any) -> str:
    """A label, group or id as text; "" for null and NaN."""
    if cell is None or cell != cell:
        return ""
    return spelled_label(str(cell))
