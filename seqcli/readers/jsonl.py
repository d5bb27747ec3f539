"""JSON: one object a line, or an array of objects, or objects one behind another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from seqcli.errors import DataError
from seqcli.readers.lines import lines
from seqcli.readers.live import Live
from seqcli.text.normal import whole

KINDS = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}
READ = 1 << 18  # characters of values over several lines that are looked at together
SPACE = " \t\r\n"
OBJECT = "each line must be one whole JSON object, or the file an array of them"

Numbered = Iterator[tuple[int, dict[str, Any]]]


def json_objects(path: str | Path, encoding: str, live: Live | None = None) -> Numbered:
    """Line number (from 1) and object of every line that is not empty; or of every object.

    The latter where the first line begins an array, or an object that does not end there. live:
    lines that come, in the place of the file's; an object is given as soon as it is whole.
    Errors: DataError for what is no JSON, or not an object, or holds NaN or Infinity.
    """
    source = enumerate(live or lines(path, encoding), start=1)
    idle = _never if live is None else live.idle
    for number, line in source:
        if line.strip():
            several = goes_on(line)
            rest = chain([(number, line)], source)
            yield from (_values(path, rest, idle) if several else _a_line_each(path, rest))
            return


def objects_of(path: str, some: Sequence[str], first: int) -> Numbered:
    """The same of lines at hand, an object each, the first of which is number `first`."""
    return _a_line_each(path, enumerate(some, start=first))


def _never() -> bool:
    return False


def goes_on(line: str) -> bool:
    """Whether a first line begins what ends on another."""
    if line.lstrip().startswith("["):
        return True
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return line.lstrip().startswith("{") and error.pos >= len(line.rstrip())
    except (ValueError, RecursionError):
        return False
    return False


def _a_line_each(path: str | Path, source: Iterator[tuple[int, str]]) -> Numbered:
    for number, line in source:
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            problem = f"JSON expected, found: {error}"
            raise DataError(path, number, problem, OBJECT) from None
        yield number, _object(path, number, value, "\\ud" in line.lower())


def _values(
    path: str | Path, source: Iterator[tuple[int, str]], idle: Callable[[], bool]
) -> Numbered:
    """Objects behind each other, in an array or not; one at a time is held."""
    decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode
    number, first = next(source)
    text, at, array, need, ended = first + "\n", 0, False, READ, False
    while True:
        while at < len(text) and (text[at] in SPACE or (array and text[at] == ",")):
            number += text[at] == "\n"
            at += 1
        if not array and text.startswith("[", at):
            array, at = True, at + 1
            continue
        if array and text.startswith("]", at):
            array, at = False, at + 1
            continue
        if at < len(text):
            try:
                value, end = decode(text, at)
            except (ValueError, RecursionError) as error:
                if ended or isinstance(error, RecursionError):
                    problem = f"JSON expected, found: {error}"
                    raise DataError(path, number, problem, OBJECT) from None
                need = 2 * max(len(text) - at, READ)  # doubled: a long value is not read n times
            else:
                half = "\\ud" in text[at:end].lower()
                yield number, _object(path, number, value, half)
                number += text.count("\n", at, end)
                at, need = end, READ
                if at < len(text):
                    continue
        if ended:
            if array:
                problem = "] expected at the end of the array, nothing found"
                raise DataError(path, number, problem, "the file is cut short: fetch it again")
            return
        parts, held = [text[at:]], len(text) - at
        for _, line in source:
            parts += (line, "\n")
            held += len(line) + 1
            if held >= need or idle():
                break
        else:
            ended = True
        text, at = "".join(parts), 0


def _object(path: str | Path, number: int, value: Any, half: bool) -> dict[str, Any]:
    if not isinstance(value, dict):
        found = KINDS[type(value)]
        raise DataError(path, number, f"a JSON object expected, {found} found", OBJECT)
    # An escape may stand for half a character, which no file could be written with again.
    return _mended(value) if half else value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which JSON does not have")


def _mended(value: Any) -> Any:
    """The value with each lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return [_mended(item) for item in value] if isinstance(value, list) else value
