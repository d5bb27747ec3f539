"""Numbers as files write them: what is missing, and what no model could be trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError

LARGEST = 1e30  # beyond it squares and float32 overflow: it is an error's code, or damage
MISSING = frozenset({"", "?", "nan", "na", "n/a", "null", "none", "<na>"})
NAMED = "--set data.missing=VALUE names what stands for a missing number"
OTHER = "--label-column and data.group name other columns, data.channels those with numbers"

# The line of a cell, by its place among those given, and what more is known of it, in words.
Locate = Callable[[int], tuple[int, str]]


def at_line(line: int) -> Locate:
    """All cells stand on one line."""
    return lambda place: (line, "")


@dataclass(frozen=True)
class Numerals:
    """How missing numbers are written: empty, `?`, NaN and their like, and `missing` if given."""

    missing: str = ""

    @cached_property
    def _value(self) -> float | None:
        """`missing` as a number, where it is one: -999 stands for -999.0 too."""
        try:
            return float(self.missing)
        except ValueError:
            return None

    def read(self, cells: Sequence[Any], path: str | Path, locate: Locate) -> NDArray[np.float64]:
        """Cells (N,), text or numbers, as numbers (N,), NaN where missing.

        Errors: DataError with the line for what is no number, or no finite one up to LARGEST.
        """
        try:
            values = np.array(list(map(float, cells)), np.float64)
        except (TypeError, ValueError, OverflowError):
            values = np.array(
                [self._one(cell, path, locate, at) for at, cell in enumerate(cells)], np.float64
            )
        return self.checked(values, path, locate)

    def checked(
        self, values: NDArray[np.float64], path: str | Path, locate: Locate
    ) -> NDArray[np.float64]:
        """Numbers (N,) with NaN for `missing`. Errors: DataError as `read`."""
        if self._value is not None:
            values = np.where(values == self._value, np.nan, values)
        far = np.abs(values) > LARGEST
        if far.any():
            at = int(far.argmax())
            line, where = locate(at)
            problem = f"a number up to {LARGEST:g} expected{where}, {values[at]:g} found"
            raise DataError(path, line, problem, NAMED)
        return values

    def _one(self, cell: Any, path: str | Path, locate: Locate, at: int) -> float:
        text = "" if cell is None else str(cell).strip()
        if text.casefold() in MISSING or (self.missing and text == self.missing):
            return math.nan
        try:
            return float(cell)
        except (TypeError, ValueError, OverflowError):
            line, where = locate(at)
            problem = f"a number expected{where}, {text[:40]!r} found"
            raise DataError(path, line, problem, OTHER if where else NAMED) from None


def is_number(cell: Any) -> bool:
    """Whether a cell is a number or missing, rather than a word."""
    text = "" if cell is None else str(cell).strip()
    if text.casefold() in MISSING:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
