"""Tables of any format as one thing: columns, which of them hold the fields asked for, and rows.

`classify --input` reads these (labels not needed, all columns kept), and so does the reader of
tables, so that both agree on headers, quotes and errors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from seqcli.errors import DataError
from seqcli.readers.delimited import Row, csv_rows, plain_rows, tsv_rows
from seqcli.readers.jsonl import KINDS, json_objects
from seqcli.readers.lines import lines, plain_name
from seqcli.readers.live import Live
from seqcli.readers.parquet import parquet_table
from seqcli.readers.record import Needs
from seqcli.settings.sections import Text

USUAL = {
    "text": ("text", "sentence", "message", "review"),
    "label": ("label", "class", "category"),
}
BARE = ("label", "text")  # the columns of a tsv without header
ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
NO_HEADER = "name the columns, by number where there is no header: --text-column 2 --label-column 1"


class Place(NamedTuple):
    """Where a value stands: the cell of a row, and the keys that lead on inside it."""

    cell: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """Columns and rows of one file; `rows` streams, and can be gone through once.

    header: the line of the header, 0 where the columns are not named in the file; fields: the
    places of each field; one without any is not in the file.
    """

    path: str
    header: int
    columns: tuple[str, ...]
    fields: Mapping[str, tuple[Place, ...]]
    rows: Iterator[Row]

    def getter(self, field: str) -> Callable[[Row], str]:
        """What gives a row's value of a field as text; several columns are joined by line ends.

        Empty for a field that is not in the file, an empty cell, null or NaN.
        """
        places = self.fields.get(field, ())
        if len(places) == 1 and not places[0].keys:
            place = places[0].cell

            def value(row: Row) -> str:
                found = row[1][place]
                return found if isinstance(found, str) else self._spelled(row, place, found)

            return value
        return lambda row: "\n".join(
            self._spelled(row, place, _inside(row.cells[place], keys)) for place, keys in places
        )

    def described(self, field: str) -> str:
        """The columns of a field, for a person."""
        return " and ".join(
            repr(".".join((self.columns[place], *keys))) for place, keys in self.fields[field]
        )

    def named(self, field: str) -> str:
        """The same as a setting names them; empty for a field that is not in the file."""
        places = self.fields.get(field, ())
        return ",".join(".".join((self.columns[place], *keys)) for place, keys in places)

    def _spelled(self, row: Row, place: int, value: Any) -> str:
        if isinstance(value, str):
            return value
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, (bool, int, float)):
            return json.dumps(value)  # as JSON spells it: true, 3, 0.5
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return " ".join(value)  # a text that was split into tokens
        found = KINDS.get(type(value), type(value).__name__)
        name = self.columns[place]
        hint = ""
        if isinstance(value, dict) and value:
            hint = f"a key inside it is named so: {name}.{next(iter(value))}"
        problem = f"text in column {name!r} expected, {found} found"
        raise DataError(self.path, row.line, problem, hint)


def _inside(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def table_format(path: str | Path) -> str | None:
    """The format that the file's ending names, or None."""
    return ENDINGS.get(Path(plain_name(path)).suffix.lower())


def open_table(
    path: str | Path,
    data: Text,
    needs: Needs = ("text",),
    *,
    strict: bool = True,
    own: str = "",
    live: Live | None = None,
) -> Table:
    """Open a csv, tsv, JSON or parquet file, or plain text: one text a line.

    The format is `data.format`, or for "auto" the ending's; whatever else, and stdin ("-"), is
    plain text, its only column named "text". `data.text_column` and `data.label_column` name
    the columns; where they are empty the usual names do. `strict` refuses a JSON key that the
    first object lacks: kept columns would lose it. own: the text column that a model was trained
    on, which goes before the usual ones; live: lines to read in the place of the file's.
    Errors: DataError with the line (also while the rows are read), and for a field that is needed
    and has no column.
    """
    kind = data.format if data.format != "auto" else table_format(path)
    if kind in ("csv", "tsv"):
        return _delimited(path, kind, data, needs, own, live)
    if kind == "jsonl":
        return _json(path, data, needs, own, live, strict=strict)
    if kind == "parquet":
        columns, rows = parquet_table(path)
        return _headed(path, 0, columns, _preferring(columns, data, own), needs, rows)
    texts = (Row(n, [line]) for n, line in enumerate(live or lines(path, data.encoding), start=1))
    return Table(str(path), 0, ("text",), {"text": (Place(0),)}, texts)


def _preferring(
    columns: Sequence[str], data: Text, own: str, example: Mapping[str, Any] | None = None
) -> Text:
    """The settings, their text column the model's `own` where none is named and it is there."""
    if own and not _named(data, "text") and _places(columns, own, "text", example):
        return replace(data, text_column=own)
    return data


def _delimited(
    path: str | Path, kind: str, data: Text, needs: Needs, own: str, live: Live | None
) -> Table:
    named = replace(data, text_column=own) if own and not _named(data, "text") else data

    def header(cells: Sequence[str]) -> bool:
        return _is_header(cells, named) or _is_header(cells, data)

    csv = kind == "csv"
    if csv:
        rows = csv_rows(path, data.encoding, header, live)
    else:
        rows = tsv_rows(path, data.encoding) if live is None else plain_rows(live)
    before = []  # empty lines in front, which are texts where all columns are one
    for first in rows:
        if any(cell.strip() for cell in first.cells):
            break
        before.append(first)
    else:
        raise empty(path)
    if header(first.cells):
        preferred = data if own.isdecimal() else _preferring(first.cells, data, own)
        table = _headed(path, first.line, first.cells, preferred, needs, rows)
    elif _numbers(named):
        data = named
        numbers = [str(n) for n in range(1, len(first.cells) + 1)]
        table = _headed(path, 0, numbers, data, needs, chain([first], rows))
    elif _wanted(data):
        table = _headed(path, first.line, first.cells, data, needs, rows)
    elif csv:
        names = " / ".join(dict.fromkeys((*filter(None, [own]), *USUAL["text"])))
        problem = f"a header with a column {names} expected, found: {_shown(first.cells)}"
        raise DataError(path, first.line, problem, NO_HEADER)
    else:
        table = _bare(path, len(first.cells), needs, chain(before, [first], rows))
    return replace(table, rows=_checked(table, len(table.columns)))


def _bare(path: str | Path, width: int, needs: Needs, rows: Iterator[Row]) -> Table:
    """A tsv without header: label TAB text, or texts alone."""
    if width == 1:
        if "label" in needs:
            problem = "label TAB text expected, a line without TAB found"
            raise DataError(path, 1, problem, "put the label in front of each text")
        return Table(str(path), 0, ("text",), {"text": (Place(0),)}, rows)
    places = {name: (Place(cell),) for cell, name in enumerate(BARE)}
    return Table(str(path), 0, BARE, places, rows)


def _wanted(data: Text) -> list[str]:
    """The columns that the settings name."""
    return [name for field in USUAL for name in [_named(data, field)] if name]


def _named(data: Text, field: str) -> str:
    return str(getattr(data, f"{field}_column", ""))  # a kind without the field has no setting


def _numbers(data: Text) -> bool:
    """Whether columns are named, and all by number."""
    wanted = ",".join(_wanted(data))
    return bool(wanted) and all(part.strip().isdecimal() for part in wanted.split(","))


def _is_header(cells: Sequence[str], data: Text) -> bool:
    """Whether a first row names columns: the wanted ones, or else the usual ones.

    Numbers could be cells of a first example, so they name columns only where they count these.
    """
    names = [cell.strip().casefold() for cell in cells]
    if any(name in usual for usual in USUAL.values() for name in names):
        return True
    if _numbers(data):
        return any(names == [str(n) for n in range(k, k + len(names))] for k in (0, 1))
    wanted = [part for name in _wanted(data) for part in (name, *name.split(","))]
    return any(column_named(cells, name) is not None for name in wanted)


def _headed(
    path: str | Path,
    line: int,
    columns: Sequence[str],
    data: Text,
    needs: Needs,
    rows: Iterator[Row],
    example: Mapping[str, Any] | None = None,
) -> Table:
    twice = sorted({name for name in columns if name and list(columns).count(name) > 1})
    if twice:
        problem = f"each column once expected, found twice: {', '.join(twice)}"
        raise DataError(path, line, problem, "rename one of them")
    fields = {field: _places(columns, _named(data, field), field, example) for field in USUAL}
    for field in needs:
        if not fields[field]:
            raise no_column(path, line, field, _named(data, field), columns)
    twice = [name for name in needs if name != "text" and fields[name] == fields["text"]]
    if twice:
        problem = f"another column for the {twice[0]} than for the text expected"
        raise DataError(path, line, f"{problem}, found: {_shown(columns)}", NO_HEADER)
    return Table(str(path), line, tuple(columns), fields, rows)


def _places(
    columns: Sequence[str], wanted: str, field: str, example: Mapping[str, Any] | None
) -> tuple[Place, ...]:
    """Where a field stands: in the column `wanted`, or several parted by commas, or a usual one."""
    if not wanted:
        names = [name.strip().casefold() for name in columns]
        return next(((Place(names.index(name)),) for name in USUAL[field] if name in names), ())
    whole = _place(columns, wanted, example)
    parts = [whole] if whole else [_place(columns, part, example) for part in wanted.split(",")]
    places = tuple(part for part in parts if part is not None)
    return places if len(places) == len(parts) else ()


def _place(columns: Sequence[str], name: str, example: Mapping[str, Any] | None) -> Place | None:
    """A column by its name, in any case if no other fits; by number; or `column.key` of JSON."""
    cell = column_named(columns, name)
    if cell is None and name.strip().isdecimal() and 1 <= int(name) <= len(columns):
        cell = int(name) - 1
    if cell is not None:
        return Place(cell)
    first, *keys = name.strip().split(".")
    if keys and first in columns and isinstance((example or {}).get(first, {}), (dict, type(None))):
        return Place(list(columns).index(first), tuple(keys))
    return None


def column_named(columns: Sequence[str], name: str) -> int | None:
    """Where the column of a name stands: as it is written, or in any case if one alone fits."""
    if name in columns:
        return list(columns).index(name)
    names = [column.strip().casefold() for column in columns]
    alike = [place for place, own in enumerate(names) if own == name.strip().casefold()]
    return alike[0] if len(alike) == 1 else None


def no_column(
    path: str | Path, line: int, field: str, wanted: str, columns: Sequence[str]
) -> DataError:
    """The error for a missing column of a field, with the nearest name."""
    expected = repr(wanted) if wanted else " / ".join(USUAL[field])
    near = get_close_matches(wanted, columns, n=1) if wanted else []
    option = f"--{field}-column"
    hint = f"name the {field} column: {option}, by its name or its number from 1"
    if near:
        hint = f"did you mean {option} {near[0]!r}?"
    problem = f"a {field} column {expected} expected, found: {_shown(columns)}"
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


def _json(
    path: str | Path, data: Text, needs: Needs, own: str, live: Live | None, *, strict: bool
) -> Table:
    objects = json_objects(path, data.encoding, live)
    first = next(objects, None)
    if first is None:
        raise empty(path)
    line, example = first
    data = _preferring(list(example), data, own, example)
    table = _headed(path, line, list(example), data, needs, iter(()), example)
    return replace(table, rows=_json_rows(table, chain([first], objects), strict=strict))


def _json_rows(
    table: Table, objects: Iterator[tuple[int, dict[str, Any]]], *, strict: bool
) -> Iterator[Row]:
    needed = {table.columns[place.cell] for place in table.fields["text"]}
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
