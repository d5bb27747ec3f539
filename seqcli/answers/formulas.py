"""Cells that a spreadsheet would compute instead of show, made text by an apostrophe in front.

Excel, LibreOffice and their like run a cell of a csv or tsv file that begins with one of `= + - @`
(or their full-width forms, or white space that they skip) as a formula, and a formula can fetch
and send. Numbers stay as they are. See OWASP, "CSV injection".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def guard(cell: str) -> str:
    """`cell`, with an apostrophe in front if it could be a formula."""
    if not FORMULA.match(cell) or NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}"


def guarded(rows: Sequence[Sequence[str]]) -> tuple[list[list[str]], int]:
    """The rows with every cell guarded, and how many cells that changed."""
    safe = [[guard(cell) for cell in row] for row in rows]
    changed = sum(
        new != old
        for row, before in zip(safe, rows, strict=True)
        for new, old in zip(row, before, strict=True)
    )
    return safe, changed
