"""Labels: one place each, in an order that people expect, and what is wrong with one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.readers.record import spelled_label
from seqcli.text.growing import numbered

LISTED = 20  # named in a message


def placed(known: Sequence[str] | None) -> dict[str, int]:
    """Labels by their place; those of a model also under the one spelling that readers give."""
    if known is None:
        return numbered()
    return {spelled_label(name): place for place, name in enumerate(known)} | {
        name: place for place, name in enumerate(known)
    }


def in_order(
    names: tuple[str, ...], labels: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The names sorted, numbers by their value, and the labels (R,) as places among these."""
    order = sorted(range(len(names)), key=lambda place: _rank(names[place]))
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    return tuple(names[old] for old in order), place[labels]


def _rank(label: str) -> tuple[bool, float, str]:
    """Numbers by their value, then all others by their spelling."""
    number = _number(label)
    return (number is None, number or 0.0, label)


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class Stands(Protocol):
    """What has a label, and stands somewhere."""

    @property
    def label(self) -> str:
        """As `spelled_label` gives it."""

    @property
    def path(self) -> str:
        """Its file."""

    @property
    def line(self) -> int:
        """Its line there."""


def none_given(record: Stands) -> DataError:
    """What is said of a record without a label."""
    hint = "give the row a label or take it out; --skip-unlabeled leaves out all such rows"
    return DataError(record.path, record.line, "a label expected, none found", hint)


def foreign(record: Stands, known: Sequence[str]) -> DataError:
    """What is said of a label that the model does not have."""
    # Between numbers nearness of spelling means nothing.
    near = get_close_matches(record.label, known, n=1) if _number(record.label) is None else []
    hint = f"did you mean {near[0]!r}?" if near else "evaluate on data with the model's labels"
    listed = ", ".join(known[:LISTED]) + ", ..." * (len(known) > LISTED)
    problem = f"one of the model's labels ({listed}) expected, {record.label!r} found"
    return DataError(record.path, record.line, problem, hint)
