"""Recordings: what readers of series give, and what is asked of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import ConfigError
from seqcli.readers.record import Piece, spelled_label
from seqcli.settings.sections import Series


class Recording(NamedTuple):
    """One recording, and where it stands: its first line (row of a table or array) from 1.

    A field that the file does not have is empty; labels: of each step, where they were asked for.
    """

    values: NDArray[np.float64]  # (T, C), NaN where missing
    channels: tuple[str, ...]  # C names: of columns, or their numbers from 1
    path: str
    line: int
    name: str = ""  # as the file calls it, else its number there
    label: str = ""  # as `spelled_label` gives it
    group: str = ""
    labels: tuple[str, ...] = ()

    def trimmed(self) -> Recording:
        """The same without steps at its end at which every channel is missing: padding."""
        there = np.flatnonzero(~np.isnan(self.values).all(1))
        steps = int(there[-1]) + 1 if len(there) else 0
        if steps == len(self.values):
            return self
        return self._replace(values=self.values[:steps], labels=self.labels[:steps])


class Wanted(NamedTuple):
    """What a reader is to find besides numbers.

    label: there must be labels; each: one for every step; tell: is told what a header says and the
    rows do not.
    """

    label: bool = True
    each: bool = False
    tell: Callable[[str], None] = lambda words: None


SeriesReader = Callable[[Piece, Series, Wanted], Iterator[Recording]]


ALL = Wanted()


def numbered(count: int) -> tuple[str, ...]:
    """Names of channels that have none."""
    return tuple(str(number) for number in range(1, count + 1))


class FromName:
    """What a file's name tells, by a regular expression of the settings."""

    def __init__(self, pattern: str, setting: str) -> None:
        """Errors: ConfigError for what is no expression, or has not one pair of parentheses."""
        try:
            self._pattern = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(f"{setting}: a regular expression expected, {error}") from None
        if self._pattern.groups != 1:
            found = self._pattern.groups
            raise ConfigError(
                f"{setting}: one pair of parentheses expected, {found} found",
                rf"--set '{setting}=^([a-z]+)' finds what a name begins with",
            )

    def find(self, name: str) -> str:
        """What the parentheses hold; "" where nothing fits."""
        match = self._pattern.search(name)
        return spelled_label(match[1] or "") if match else ""
