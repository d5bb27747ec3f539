r"""Rows of cells out of csv (quoted as RFC 4180 says) and tsv (quoted where the whole file is)."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from seqcli.errors import DataError
from seqcli.readers.lines import lines
from seqcli.readers.live import Live

SEPARATORS = (",", ";", "\t", "|")
NAMED = re.compile(r"\ufeff?sep=(.)\s*")  # what Excel takes, and writes, as a first line
LOOKED_AT = 2000  # lines from the first `"` of a tsv on, which tell what it means there
QUOTED = re.compile(r'(?:(?<=\t)|^)"((?:[^"]|"")*)"(?=\t|\n|\Z)', re.MULTILINE)

Header = Callable[[Sequence[str]], bool]


class Row(NamedTuple):
    """The cells of one row, and the line on which it begins, from 1."""

    line: int
    cells: list[Any]


def csv_rows(
    path: str | Path, encoding: str, header: Header, live: Live | None = None
) -> Iterator[Row]:
    """The rows of a csv file; a quoted cell may span lines, an empty line is a row of none.

    The separator is what a first line `sep=;` names, or else whatever makes a header of the first
    line, or else the comma if there is one. live: lines that come, in the place of the file's.
    Errors: DataError for quotes that do not close, and other broken rows.
    """
    source = lines(path, encoding, ends=True) if live is None else live.rows_over_lines()
    before, skipped = list[str](), 0
    for line in source:
        before.append(line)
        if line.strip():
            break
    separator = _separator(before[-1], header) if before else ","
    if before and (named := NAMED.fullmatch(before[-1])):
        separator, skipped = named[1], len(before)
        before = []
    yield from _quoted_rows(path, chain(before, source), separator, skipped)


def _separator(line: str, header: Header) -> str:
    """What parts the cells of a first line."""

    def cells(separator: str) -> list[str]:
        return next(csv.reader([line], delimiter=separator), [])

    fits = [separator for separator in SEPARATORS if header(cells(separator))]
    if not fits and len(cells(",")) > 1:
        return ","
    return max(fits or SEPARATORS, key=lambda separator: len(cells(separator)))


def _quoted_rows(
    path: str | Path, source: Iterable[str], separator: str, done: int
) -> Iterator[Row]:
    """Rows out of lines with their ends, of which `done` were read before."""
    csv.field_size_limit(sys.maxsize)  # the default stops at 131,072 characters
    # strict, as otherwise a quote that never closes swallows the rest of the file in silence
    reader = csv.reader(source, delimiter=separator, strict=True)
    while True:
        begin = reader.line_num + 1 + done
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
    r"""The rows of a tab-separated file, one a line, cells as they stand.

    Where the lines from the first `"` on are quoted throughout, as pandas and Excel do it, they are
    read so, and a quoted cell may span lines.
    """
    number, source = 0, lines(path, encoding)
    for line in source:
        if '"' in line:
            ahead = [line, *islice(source, LOOKED_AT)]
            rest = chain(ahead, source)
            if quoted(ahead):
                yield from _quoted_rows(path, (f"{one}\n" for one in rest), "\t", number)
                return
            for number, line in enumerate(rest, start=number + 1):  # noqa: B020 (it ends here)
                yield Row(number, line.split("\t"))
            return
        number += 1
        yield Row(number, line.split("\t"))


def plain_rows(live: Live) -> Iterator[Row]:
    """The rows of tab-separated lines that come: cells as they stand.

    Whether quotes mark cells cannot be told before a part of the file is there.
    """
    for number, line in enumerate(live, start=1):
        if '"' in line and QUOTED.search(line):
            live.tell(
                f"line {number}: quotes in a stream of tsv are a part of the text; --input FILE "
                "knows where they are not, --format csv reads them"
            )
        yield Row(number, line.split("\t"))


def quoted(some: Sequence[str]) -> bool:
    r"""Whether `"` marks cells in these lines of a tsv, rather than being a part of them.

    So it is if no `"` stands anywhere but around cells and doubled inside them, and if at least one
    cell needs its quotes, or all have them. A cell that goes over a line's end holds no tab.
    """
    text = "\n".join(some)
    inside = QUOTED.findall(text)
    if '"' in QUOTED.sub("", text) or any("\n" in cell and "\t" in cell for cell in inside):
        return False
    needed = any('""' in cell or "\n" in cell or "\t" in cell for cell in inside)
    return needed or len(inside) == sum(line.count("\t") + 1 for line in some if line)
