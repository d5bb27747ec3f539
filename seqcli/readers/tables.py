"""Tables of any format as one thing: columns, which of them holds the text, and rows.

`classify --input` reads these (labels not needed, all columns kept), and so does the reader of
labeled tables, so that both agree on headers, quotes and errors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

from seqcli.errors import DataError
from seqcli.readers.delimited import Row, csv_rows, tsv_rows
from seqcli.readers.jsonl import KINDS, json_objects
from seqcli.readers.lines import lines, plain_name
from seqcli.readers.parquet import parquet_table
from seqcli.settings.sections import LabeledText

TEXT_NAMES = ("text", "sentence", "message", "review")
LABEL_NAMES = ("label", "class", "category")
ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
NO_HEADER = "give the file a header, or name its columns: --text-column and --label-column"


@dataclass(frozen=True, eq=False)
class Table:
    """Columns and rows of one file; `rows` streams, and can be gone through once.

    text: the place of the text column; label: of the label column, None where there is none;
    header: the line of the header, 0 where the columns are not named in the file.
    """

    path: str
    header: int
    columns: tuple[str, ...]
    text: int
    label: int | None
    rows: Iterator[Row]

    def text_of(self, row: Row) -> str:
        """The row's text; an empty or null cell is an empty text."""
        return self._cell(row, self.text)

    def label_of(self, row: Row) -> str:
        """The row's label, "" for an empty cell, null or NaN."""
        return "" if self.label is None else self._cell(row, self.label)

    def _cell(self, row: Row, place: int) -> str:
        value = row.cells[place]
        if isinstance(value, str):
            return value
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, (bool, int, float)):
            return json.dumps(value)  # as JSON spells it: true, 3, 0.5
        found = KINDS.get(type(value), type(value).__name__)
        name = self.columns[place]
        raise DataError(self.path, row.line, f"text in column {name!r} expected, {found} found")


def table_format(path: str | Path) -> str | None:
    """The format that the file's ending names, or None."""
    return ENDINGS.get(Path(plain_name(path)).suffix.lower())


def open_table(path: str | Path, data: LabeledText, *, strict: bool = True) -> Table:
    """Open a csv, tsv, JSON lines or parquet file, or plain text: one text a line.

    The format is `data.format`, or for "auto" the ending's; whatever else, and stdin ("-"), is
    plain text, its only column named "text". `data.text_column` and `data.label_column` name
    the columns; where they are empty the usual names do. `strict` refuses a JSON key that the
    first object lacks: kept columns would lose it.
    Errors: DataError with the line (also while the rows are read).
    """
    kind = data.format if data.format != "auto" else table_format(path)
    if kind in ("csv", "tsv"):
        return _delimited(path, kind, data)
    if kind == "jsonl":
        return _json_lines(path, data, strict=strict)
    if kind == "parquet":
        columns, rows = parquet_table(path)
        return _headed(path, 0, columns, data, rows)
    texts = (Row(n, [line]) for n, line in enumerate(lines(path, data.encoding), start=1))
    return Table(str(path), 0, ("text",), 0, None, texts)


def _delimited(path: str | Path, kind: str, data: LabeledText) -> Table:
    rows = csv_rows(path, data.encoding) if kind == "csv" else tsv_rows(path, data.encoding)
    before = []  # empty lines in front, which are texts where all columns are one
    for first in rows:
        if any(cell.strip() for cell in first.cells):
            break
        before.append(first)
    else:
        raise empty(path)
    if data.text_column or data.label_column or _is_header(first.cells):
        table = _headed(path, first.line, first.cells, data, rows)
    elif kind == "csv":
        names = " / ".join(TEXT_NAMES)
        problem = f"a header with a column {names} expected, found: {_shown(first.cells)}"
        raise DataError(path, first.line, problem, NO_HEADER)
    else:
        table = _label_tab_text(path, len(first.cells), chain(before, [first], rows))
    return replace(table, rows=_checked(table, len(table.columns)))


def _label_tab_text(path: str | Path, width: int, rows: Iterator[Row]) -> Table:
    """A tsv without header: label TAB text, or texts alone."""
    if width == 1:
        return Table(str(path), 0, ("text",), 0, None, rows)
    return Table(str(path), 0, ("label", "text"), 1, 0, rows)


def _is_header(cells: Sequence[str]) -> bool:
    return any(cell.strip().lower() in TEXT_NAMES + LABEL_NAMES for cell in cells)


def _headed(
    path: str | Path, line: int, columns: Sequence[str], data: LabeledText, rows: Iterator[Row]
) -> Table:
    twice = sorted({name for name in columns if name and list(columns).count(name) > 1})
    if twice:
        problem = f"each column once expected, found twice: {', '.join(twice)}"
        raise DataError(path, line, problem, "rename one of them")
    text = _place(columns, data.text_column, TEXT_NAMES)
    if text is None:
        raise no_column(path, line, "text", data.text_column, columns)
    label = _place(columns, data.label_column, LABEL_NAMES)
    return Table(str(path), line, tuple(columns), text, label, rows)


def _place(columns: Sequence[str], wanted: str, usual: Sequence[str]) -> int | None:
    if wanted:
        return columns.index(wanted) if wanted in columns else None
    names = [name.strip().lower() for name in columns]
    return next((names.index(name) for name in usual if name in names), None)


def no_column(
    path: str | Path, line: int, role: str, wanted: str, columns: Sequence[str]
) -> DataError:
    """The error for a missing `role` ("text" or "label") column, with the nearest name."""
    usual = TEXT_NAMES if role == "text" else LABEL_NAMES
    expected = repr(wanted) if wanted else " / ".join(usual)
    near = get_close_matches(wanted, columns, n=1) if wanted else []
    option = f"--{role}-column"
    hint = f"did you mean {option} {near[0]!r}?" if near else f"name the {role} column: {option}"
    problem = f"a {role} column {expected} expected, found: {_shown(columns)}"
    return DataError(path, line, problem, hint)


def empty(path: str | Path) -> DataError:
    """The error for a file in which nothing stands."""
    return DataError(path, 0, "at least one row expected, an empty file found")


def _shown(cells: Sequence[str]) -> str:
    short = [cell if len(cell) <= 40 else f"{cell[:37]}..." for cell in cells[:20]]
    return ", ".join(short + ["..."] * (len(cells) > 20))


def _checked(table: Table, width: int) -> Iterator[Row]:
    """The rows, each of `width` cells; empty lines are left out where a row has several."""
    for row in table.rows:
        if row.cells in ([], [""]):
            if width == 1:  # here an empty line is an empty text
                yield Row(row.line, [""])
            continue
        if len(row.cells) != width:
            names = ", ".join(table.columns)
            columns = "column" if width == 1 else "columns"
            problem = f"{width} {columns} ({names}) expected, {len(row.cells)} found"
            hint = "a tab or comma inside a cell? quote it in csv, take it out in tsv"
            raise DataError(table.path, row.line, problem, hint)
        yield row


def _json_lines(path: str | Path, data: LabeledText, *, strict: bool) -> Table:
    objects = json_objects(path, data.encoding)
    first = next(objects, None)
    if first is None:
        raise empty(path)
    line, example = first
    table = _headed(path, line, list(example), data, iter(()))
    return replace(table, rows=_json_rows(table, chain([first], objects), strict=strict))


def _json_rows(
    table: Table, objects: Iterator[tuple[int, dict[str, Any]]], *, strict: bool
) -> Iterator[Row]:
    needed = {table.columns[place] for place in (table.text, table.label) if place is not None}
    for line, found in objects:
        missing = sorted(needed - found.keys())
        extra = sorted(found.keys() - set(table.columns)) if strict else []
        if missing:
            problem = f"key {missing[0]!r} expected, found: {_shown(list(found))}"
            raise DataError(table.path, line, problem, "give every object the key")
        if extra:
            problem = f"the first object's keys expected, {extra[0]!r} found as well"
            raise DataError(table.path, line, problem, "give every object the same keys")
        yield Row(line, [found.get(name) for name in table.columns])
