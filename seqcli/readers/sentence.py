"""A sentence with a tag for every token, and how its line in a column file is written again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

GAPS = re.compile("[ \t]+")

Column = str | int  # a name, or a number from 1; negative ones count from the end


class Row(NamedTuple):
    """A line of a column file, to be written again: `before` + the tag + `after`.

    `after` None: no token stands there (a comment, a range, a blank line), `before` is all.
    """

    before: str
    after: str | None


class TaggedRecord(NamedTuple):
    """A sentence, and where it stands: its first line counts from 1."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]  # empty where none are asked for
    path: str
    line: int
    rows: tuple[Row, ...]  # of a column file or JSON lines; others need none


@dataclass(frozen=True)
class Layout:
    """Where words and tags stand; None: the first and the last column, or the format's own."""

    word: Column | None = None
    tag: Column | None = None
    tagged: bool = True  # False: there need be no tags
    separator: str = "/"  # between word and tag in `slash`
    encoding: str = "utf-8"


def rewritten(rows: Iterable[Row], tags: Sequence[str]) -> Iterator[str]:
    """The lines of a column file's sentence with other tags, one for each token."""
    given = iter(tags)
    for row in rows:
        yield row.before if row.after is None else f"{row.before}{next(given)}{row.after}"


def blank(line: str) -> bool:
    """WNUT-17 has a tab in the lines between its sentences."""
    return not line.strip(" \t\r")


def cells(line: str) -> tuple[str, ...]:
    """The cells of a line, parted by spaces and tabs."""
    return tuple(cell for cell in GAPS.split(line.strip(" \t\r")) if cell)
