"""`.arff`, Weka's format: a recording a row, or a channel a line of a relational one."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.readers.lines import lines
from seqcli.readers.numerals import Numerals, at_line
from seqcli.readers.record import Piece, spelled_label
from seqcli.readers.recording import Recording, Wanted, numbered
from seqcli.readers.tables import USUAL
from seqcli.settings.sections import Series

ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.*)", re.IGNORECASE)
NUMERIC = ("numeric", "real", "integer")
LABELS = (*USUAL["label"], "target")


@dataclass(frozen=True)
class _Form:
    """What a row holds: how many cells, the label's place, whether a cell is a whole recording."""

    width: int
    label: int | None
    relational: int | None


def arff(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """The recordings of an .arff file. Errors: DataError with the line."""
    if wanted.each:
        problem = "a label for every step expected, .arff has one a recording"
        raise DataError(piece.path, 0, problem, "a long table, or one csv a recording, has them")
    source = enumerate(lines(piece.path, data.encoding), start=1)
    form = _form(piece.path, source, data.label_column, wanted)
    numerals, first = Numerals(data.missing), None
    count = 0
    for number, line in source:
        if not line.strip() or line.lstrip().startswith("%"):
            continue
        if line.lstrip().startswith("{"):
            problem = "all values of a row expected, a sparse row found"
            raise DataError(piece.path, number, problem, "write it dense")
        cells = _cells(line, piece.path, number)
        if len(cells) != form.width:
            problem = f"{form.width} values expected, as the header says, {len(cells)} found"
            raise DataError(piece.path, number, problem)
        values = _values(cells, form, numerals, piece.path, number)
        first = first or values.shape[1]
        if values.shape[1] != first:
            problem = f"{first} channels expected, as in the first row, {values.shape[1]} found"
            raise DataError(piece.path, number, problem)
        label = "" if form.label is None else spelled_label(cells[form.label])
        count += 1
        yield Recording(
            values,
            numbered(first),
            str(piece.path),
            number,
            str(count),
            ("" if label == "?" else label) or piece.label,
        )


def _form(
    path: Path, source: Iterator[tuple[int, str]], label_column: str, wanted: Wanted
) -> _Form:
    """The header, read up to @data."""
    names: list[str] = []
    types: list[str] = []
    inside = False
    for number, line in source:
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        if text.lower().startswith("@data"):
            return _told(path, number, names, types, label_column, wanted)
        if text.lower().startswith("@end"):
            inside = False
        elif found := ATTRIBUTE.fullmatch(text):
            if inside:  # the numbers of a line of the relational attribute
                continue
            names.append(found[1].strip("'\""))
            types.append(found[2].strip().lower())
            inside = types[-1] == "relational"
        elif not text.lower().startswith("@relation"):
            raise DataError(path, number, f"@attribute or @data expected, found: {text[:40]}")
    raise DataError(path, 0, "@data expected, none found", "is it a whole .arff file?")


def _told(
    path: Path, number: int, names: list[str], types: list[str], label_column: str, wanted: Wanted
) -> _Form:
    folded = [name.casefold() for name in names]
    named = [label_column.casefold()] if label_column else list(LABELS)
    label = next((folded.index(name) for name in named if name in folded), None)
    if label is None and not label_column and types and types[-1].startswith("{"):
        label = len(types) - 1
    if label is None and (wanted.label or label_column):
        asked = label_column or "/".join(LABELS)
        problem = f"an attribute {asked} with the label expected, found: {', '.join(names[-3:])}"
        raise DataError(path, number, problem, "--label-column names it")
    rest = [place for place in range(len(names)) if place != label]
    relational = next((place for place in rest if types[place] == "relational"), None)
    if relational is not None and len(rest) > 1:
        raise DataError(path, number, "one relational attribute and a label expected, more found")
    odd = [names[place] for place in rest if types[place] not in (*NUMERIC, "relational")]
    if odd or not rest:
        found = f"{odd[0]!r} is {types[names.index(odd[0])][:20]}" if odd else "none found"
        raise DataError(path, number, f"numeric attributes expected, {found}")
    return _Form(len(names), label, relational)


def _cells(line: str, path: Path, number: int) -> list[str]:
    csv.field_size_limit(sys.maxsize)
    quote = '"' if '"' in line and "'" not in line.partition('"')[0] else "'"
    try:
        return next(csv.reader([line], quotechar=quote, skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise DataError(path, number, f"a row of values expected, found: {error}") from None


def _values(
    cells: list[str], form: _Form, numerals: Numerals, path: Path, number: int
) -> NDArray[np.float64]:
    """(T, C)."""
    if form.relational is None:
        own = [cell for place, cell in enumerate(cells) if place != form.label]
        return numerals.read(own, path, at_line(number))[:, None]
    rows = [row.split(",") for row in re.split(r"\\n|\n", cells[form.relational]) if row]
    for place, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            problem = f"{len(rows[0])} numbers in channel {place} expected, {len(row)} found"
            raise DataError(path, number, problem, "all channels of a recording are as long")
    flat = numerals.read([cell for row in rows for cell in row], path, at_line(number))
    return flat.reshape(max(len(rows), 1), -1).T
