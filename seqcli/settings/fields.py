"""Frozen dataclasses as settings: limits beside each field, strict reading.

A field made by `setting` carries its help, its limits and its option of the command line; `read`
builds a section from a table and refuses what is unknown or out of range. A value typed at the
shell is a `Typed` until then: what it may be, the section says.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from seqcli.errors import ConfigError, unknown_name

Section = TypeVar("Section")
MOST = 10**12  # of any whole number without a limit of its own
MOST_ITEMS = 64  # of a list: more layers than anybody trains


class Typed(str):
    """A value as it was typed at the shell: `read` takes it for what its field is."""


class Option(NamedTuple):
    """A setting's own option of `seqcli train`.

    `default`: what holds without it; `flags`: where its name alone does not give them; `spelled`: a
    number written in another way.
    """

    help: str
    default: str = "the task's"
    metavar: str | None = None
    flags: str | None = None
    spelled: bool = False


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] = (),
    option: str | Option | None = None,
) -> Any:
    """A dataclass field with its help, its limits, and its option (its help, or all of it)."""
    limits = {"help": help, "low": low, "high": high, "above": above, "choices": choices}
    made = Option(option) if isinstance(option, str) else option
    return dataclasses.field(default=default, metadata={**limits, "option": made})


def read(section: type[Section], table: Mapping[str, Any], name: str) -> Section:
    """Build `section` from a table of settings; every key and value is checked.

    Errors: ConfigError for an unknown key (with the nearest one), a wrong type, a value out of
    its range or not among its choices.
    """
    fields = {field.name: field for field in dataclasses.fields(section)}  # type: ignore[arg-type]
    hints = _hints(section)  # type: ignore[arg-type]
    values = {}
    for key, value in table.items():
        try:
            if key not in fields:
                raise unknown_name(f"setting in [{name}]", key, fields)
            full, hint = f"{name}.{key}", hints[key]
            if isinstance(value, Typed):
                value = _parsed(full, value.strip(), hint)
            values[key] = _checked(full, value, hint, fields[key].metadata)
        except ConfigError as error:
            error.key = (name, key)
            raise
    return section(**values)


@functools.cache
def _hints(section: type[Any]) -> dict[str, Any]:
    """The types of a section's fields: read from text, which is slow, so once."""
    return typing.get_type_hints(section)


def as_dict(section: Any) -> dict[str, Any]:
    """A section as plain JSON / TOML values; `None` is left out (TOML has none)."""
    plain = {}
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if value is not None:
            plain[field.name] = list(value) if isinstance(value, tuple) else value
    return plain


def _parsed(name: str, text: str, hint: Any) -> Any:
    kind = bare(hint)
    if kind is bool:
        if text.lower() in ("true", "yes", "on", "1"):
            return True
        if text.lower() in ("false", "no", "off", "0"):
            return False
        raise ConfigError(f"{name}: true or false expected, {text!r} found")
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        parts = [part for part in text.strip("[]()").split(",") if part.strip()]
        return tuple(_parsed(name, part.strip().strip("'\""), inner) for part in parts)
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise ConfigError(f"{name}: {what} expected, {text!r} found") from None
    return text


def bare(hint: Any) -> Any:
    """`int | None` -> `int`; anything else as it is."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next(arm for arm in typing.get_args(hint) if arm is not type(None))
    return hint


def _checked(name: str, value: Any, hint: Any, limits: Mapping[str, Any]) -> Any:
    kind = bare(hint)
    if value is None and kind is not hint:
        return None
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        items = value if isinstance(value, (list, tuple)) else [value]
        if len(items) > MOST_ITEMS:
            raise ConfigError(f"{name}: at most {MOST_ITEMS} expected, {len(items):,} found")
        return tuple(_checked(name, item, inner, limits) for item in items)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        article = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        raise ConfigError(f"{name}: {article[kind]} expected, {value!r} found")
    _in_range(name, value, limits)
    return value


def _in_range(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    choices = limits.get("choices")
    if choices and value not in choices:
        raise unknown_name(f"value of {name}", value, choices)
    if isinstance(value, (str, bool)):
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name}: a finite number expected, {value} found")
    low, high, above = limits.get("low"), limits.get("high"), limits.get("above")
    if isinstance(value, int) and high is None:
        high = MOST
    if low is not None and value < low:
        raise ConfigError(f"{name}: at least {_shown(low)} expected, {_shown(value)} found")
    if above is not None and value <= above:
        raise ConfigError(f"{name}: more than {_shown(above)} expected, {_shown(value)} found")
    if high is not None and value > high:
        raise ConfigError(f"{name}: at most {_shown(high)} expected, {_shown(value)} found")


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
