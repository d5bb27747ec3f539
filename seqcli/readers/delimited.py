r"""Rows of cells out of csv (quoted as RFC 4180 says) and tsv (never quoted: a `"` is a `"`)."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from seqcli.errors import DataError
from seqcli.readers.lines import lines


class Row(NamedTuple):
    """The cells of one row, and the line on which it begins, from 1."""

    line: int
    cells: list[Any]


def csv_rows(path: str | Path, encoding: str) -> Iterator[Row]:
    """The rows of a csv file; a quoted cell may span lines, an empty line is a row of none.

    Errors: DataError for quotes that do not close and other broken rows.
    """
    csv.field_size_limit(sys.maxsize)  # the default stops at 131,072 characters
    # strict, as otherwise a quote that never closes swallows the rest of the file in silence
    reader = csv.reader(lines(path, encoding, ends=True), strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            hint = (
                'quote cells that hold commas, quotes or line ends, and double a quote ("") inside'
            )
            raise DataError(path, begin, f"a csv row expected, found: {error}", hint) from None
        yield Row(begin, cells)


def tsv_rows(path: str | Path, encoding: str) -> Iterator[Row]:
    """The rows of a tab-separated file, one a line, cells as they stand."""
    for number, line in enumerate(lines(path, encoding), start=1):
        yield Row(number, line.split("\t"))
