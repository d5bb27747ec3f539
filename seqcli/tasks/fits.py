"""Settings that follow from how much there is to train on, and from a time that is given for it.

A task's settings are those for its real data. Where there is less, or more, a row of `[[fit]]` in
its file says what is set otherwise: a smaller network, fewer columns, more updates. `[timed]` says
how long a run may be at most that has a time to end in. They move no setting that a person gave,
and none of a preset: those say themselves what they are for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from seqcli import kinds
from seqcli.errors import ConfigError
from seqcli.settings import fields
from seqcli.settings.config import SECTIONS, AnyConfig, to_dict
from seqcli.settings.fields import setting

Table = Mapping[str, Mapping[str, Any]]  # section -> key -> value


@dataclass(frozen=True)
class Limit:
    """What a row of the table is for: how much to train on, one of `up_to` and `above`."""

    up_to: int | None = setting(
        None,
        "most to train on: tokens of a text that goes on, steps that each have a label, else rows",
        low=1,
    )
    above: int | None = setting(None, "or more than so much to train on", low=1)
    words: int | None = setting(None, "and half of the rows have so many tokens at most", low=1)
    aligned: bool = setting(False, "and all rows have the same number of characters")

    def holds(self, size: int) -> bool:
        """Whether it is for `size` to train on."""
        return size > self.above if self.above is not None else size <= (self.up_to or 0)

    @property
    def shape(self) -> tuple[int | None, bool]:
        """What the rows that train must be like, however many there are."""
        return self.words, self.aligned

    @property
    def reach(self) -> str:
        """What it is for, for a person."""
        size = f"more than {self.above:,}" if self.above else f"at most {self.up_to:,}"
        even = " of one length" * self.aligned
        if self.words is None:
            return size + even
        return f"{size} of mostly {self.words} token" + "s" * (self.words != 1) + even


@dataclass(frozen=True)
class Fit:
    """A row: the settings for a training part of so many tokens, or rows.

    With `words`, for one of which half of the rows have at most so many tokens; `aligned`: for one
    of rows of the same length.
    """

    limit: Limit
    settings: Table

    def holds(self, size: int, length: int, aligned: bool) -> bool:
        """Whether it is for `size` to train on.

        length: median of tokens in a row, 0 without rows; aligned: see `Prepared.aligned`.
        """
        words = self.limit.words
        short = words is None or 0 < length <= words
        return self.limit.holds(size) and short and (aligned or not self.limit.aligned)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON values, by the names of a task file."""
        limit = {name: value for name, value in fields.as_dict(self.limit).items() if value}
        return {**limit, **self.settings}

    @property
    def told(self) -> str:
        """The settings, for a person."""
        return told(self.settings)

    def said(self, size: int) -> str:
        """What a training part of `size` makes of the settings, for a person."""
        return f"{size:,} to train on, so as for {self.limit.reach}: {self.told}"

    def over(self, config: AnyConfig) -> AnyConfig:
        """The config with this row's settings. Errors: ConfigError."""
        return kinds.read(kinds.over(to_dict(config), self.settings))

    def begun(self, config: AnyConfig, then: Mapping[str, Any], free: Collection[str]) -> bool:
        """Whether a run of the settings `then` was fitted so; `free`: what may change since."""
        now = to_dict(self.over(config))
        return all(
            isinstance(then.get(section), Mapping)
            and now[section].get(key) == then[section].get(key)
            for section, values in self.settings.items()
            for key in values
            if f"{section}.{key}" not in free
        )


def read(table: Any) -> tuple[Fit, ...]:
    """The rows of `[[fit]]` as they stand in the file, the narrowest first. Errors: ConfigError."""
    if not isinstance(table, list) or not all(isinstance(row, Mapping) for row in table):
        raise _misplaced("[[fit]]: tables of settings expected", "")
    rows = [_row(number, row) for number, row in enumerate(table)]
    for shape in dict.fromkeys(row.limit.shape for row in rows):
        limits = [row.limit for row in rows if row.limit.shape == shape]
        _rising("up_to", [limit.up_to for limit in limits if limit.up_to], "smallest first")
        _rising("above", [-limit.above for limit in limits if limit.above], "largest first")
    return tuple(rows)


def _rising(name: str, sizes: list[int], hint: str) -> None:
    """Refuse a row that none is left for: the first one that holds counts. Errors: ConfigError."""
    for first, then in pairwise(sizes):
        if then <= first:
            raise _misplaced(f"[[fit]]: {name} = {abs(then)} behind {abs(first)}", hint)


def _row(number: int, row: Mapping[str, Any]) -> Fit:
    settings = {key: value for key, value in row.items() if isinstance(value, Mapping)}
    try:
        limit = _limit({key: row[key] for key in row.keys() - settings.keys()})
    except ConfigError as error:
        error.key = ("fit", str(number), *error.key[1:])
        raise
    for section in settings.keys() - set(SECTIONS):
        raise _misplaced(f"[fit.{section}]: one of {', '.join(SECTIONS)} expected", "")
    return Fit(limit, settings)


def _limit(table: Mapping[str, Any]) -> Limit:
    limit = fields.read(Limit, table, "fit")
    if (limit.up_to is None) == (limit.above is None):
        found = "neither" if limit.up_to is None else "both"
        raise _misplaced(f"[[fit]]: up_to or above expected, {found} found", "up_to = 20000")
    return limit


def _misplaced(problem: str, hint: str) -> ConfigError:
    error = ConfigError(problem, hint)
    error.key = ("fit",)
    return error


def left(rows: tuple[Fit, ...], given: Table) -> tuple[Fit, ...]:
    """The rows without the settings that were given otherwise."""
    return tuple(replace(row, settings=without(row.settings, given)) for row in rows)


def without(settings: Table, given: Table) -> Table:
    """The settings that were not given otherwise."""
    return {
        section: {key: value for key, value in values.items() if key not in given.get(section, {})}
        for section, values in settings.items()
    }


def timed(table: Any) -> Table:
    """`[timed]`: what is set otherwise where a time is given. Errors: ConfigError."""
    values = table.values() if isinstance(table, Mapping) else [table]
    if not all(isinstance(value, Mapping) for value in values):
        raise ConfigError("[timed]: tables of settings expected", "[timed.train], for example")
    for section in sorted(table.keys() - set(SECTIONS)):
        raise ConfigError(f"[timed.{section}]: one of {', '.join(SECTIONS)} expected")
    found: Table = table
    return found


def told(settings: Table) -> str:
    """Settings, for a person."""
    return ", ".join(
        f"{key} {_told(value)}" for values in settings.values() for key, value in values.items()
    )


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "x".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
