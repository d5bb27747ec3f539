"""UCR's plain tables: a recording of one channel a line, its label first."""

from __future__ import annotations

from collections.abc import Iterator

from seqcli.errors import DataError
from seqcli.readers.lines import lines
from seqcli.readers.numerals import Numerals, at_line, is_number
from seqcli.readers.record import Piece, spelled_label
from seqcli.readers.recording import Recording, Wanted, numbered
from seqcli.settings.sections import Series


def ucr(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """Label, then numbers, parted by tabs, commas or spaces; lengths may differ.

    Errors: DataError with the line.
    """
    if wanted.each:
        problem = "a label for every step expected, this format has one a recording"
        raise DataError(piece.path, 0, problem, "a long table, or one csv a recording, has them")
    numerals, gap, count = Numerals(data.missing), "", 0
    for number, line in enumerate(lines(piece.path, data.encoding), start=1):
        if not line.strip():
            continue
        if not count:
            gap = next((mark for mark in ("\t", ",") if mark in line), " ")
        label, *cells = line.strip().split(gap) if gap != " " else line.split()
        if not cells:
            problem = "a label and numbers expected, one cell found"
            raise DataError(piece.path, number, problem, "tabs, commas or spaces part the cells")
        values = numerals.read(cells, piece.path, at_line(number))
        count += 1
        yield Recording(
            values[:, None],
            numbered(1),
            str(piece.path),
            number,
            str(count),
            _label(label) or piece.label,
        )


def looks_like(line: str) -> bool:
    """Whether a line is numbers alone, but perhaps for its first cell: no header."""
    cells = line.split("\t") if "\t" in line else line.replace(",", " ").split()
    return len(cells) > 1 and all(map(is_number, cells[1:]))


def _label(cell: str) -> str:
    """1.0000000e+00, as the older files have it, is 1."""
    if "e" in cell.lower() and is_number(cell):
        cell = repr(float(cell))
    return spelled_label(cell)
