"""What can go wrong, as one tree; `cli/app.py` is the only place that prints it.

SeqcliError            exit 1
├── ConfigError        exit 2   a task file, a setting or an option that makes no sense
├── DataError                   an input file: where, and what was expected there
├── ModelFileError              a model file that is broken, foreign or too new
└── TrainingError               a run that cannot start or go on
    └── Ended                   another of the processes that train together says why
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from os import PathLike
from typing import TypeVar

T = TypeVar("T")


class SeqcliError(Exception):
    """A mistake the user can mend: `message` says what, `hint` how."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(SeqcliError):
    """A setting, a task file or an option with a wrong name or value.

    key: section and name of the setting, for the one who knows where it was read.
    """

    exit_code = 2
    key: tuple[str, ...] = ()


class DataError(SeqcliError):
    """An input that cannot be read: path, line (from 1; 0 = the whole file), problem."""

    def __init__(self, path: str | PathLike[str], line: int, problem: str, hint: str = "") -> None:
        where = f"{path}, line {line}" if line else f"{path}"
        super().__init__(f"{where}: {problem}", hint)
        self.path = path
        self.line = line
        self.problem = problem


class TooLittle(DataError):
    """Data of which there is too little for these settings; others may do.

    size: what there is to train on, as `Prepared.sizes` counts it.
    """

    def __init__(self, path: str | PathLike[str], problem: str, hint: str, size: int) -> None:
        super().__init__(path, 0, problem, hint)
        self.size = size


class ModelFileError(SeqcliError):
    """A model file that is not one of ours, is damaged, or is newer than this program."""


class TrainingError(SeqcliError):
    """A run that cannot start, resume or go on."""


class Ended(TrainingError):
    """Another process of this run has failed, and says so itself; this one ends with it."""


def unknown_name(what: str, name: str, allowed: Iterable[str]) -> ConfigError:
    """The error for `name` not being in `allowed`, with the nearest allowed name as its hint."""
    names = sorted(allowed)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    listed = f"one of: {', '.join(names)}" if names else "there is none"
    hint = f"did you mean {near[0]!r}?" if near else listed
    return ConfigError(f"unknown {what} {name!r}", hint)


def lookup(table: dict[str, T], name: str, what: str) -> T:
    """`table[name]`, or an error that names what is allowed."""
    try:
        return table[name]
    except KeyError:
        raise unknown_name(what, name, table) from None
