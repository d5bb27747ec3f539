"""Where a key stands in a TOML file, for errors: Python's reader keeps no lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

LONGEST = 2000  # lines that are looked through: each is the end of a text that is read anew


def line_of(text: str, key: tuple[str, ...]) -> int:
    """The line, from 1, on which the statement begins that brings `key`; 0 where none is found.

    A number, from "0", is a place in an array of tables.

    The file's beginnings are read, line by line longer: the first one that holds the key ends with
    that statement, which begins behind the last one that could be read without it.
    """
    lines, before = text.split("\n"), 0
    if not key or len(lines) > LONGEST:
        return 0
    for number in range(1, len(lines) + 1):
        try:
            table = tomllib.loads("\n".join(lines[:number]))
        except (tomllib.TOMLDecodeError, RecursionError):  # inside a statement of several lines
            continue
        if _holds(table, key):
            return before + 1
        before = number
    return 0


def _holds(table: Any, key: tuple[str, ...]) -> bool:
    for part in key:
        if isinstance(table, list) and part.isdecimal() and int(part) < len(table):
            table = table[int(part)]
            continue
        if not isinstance(table, Mapping) or part not in table:
            return False
        table = table[part]
    return True


def parted(problem: str) -> tuple[int, str]:
    """The line that Python's reader found a problem on, 0 without one, and the problem."""
    match = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", problem, re.S)
    return (int(match[2]), match[1]) if match else (0, problem)
