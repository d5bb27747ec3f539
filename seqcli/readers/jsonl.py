"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from seqcli.errors import DataError
from seqcli.readers.lines import lines

KINDS = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def json_objects(path: str | Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number (from 1) and object of every line that is not empty.

    Errors: DataError for a line that is no JSON, or not an object, or holds NaN or Infinity.
    """
    for number, line in enumerate(lines(path, encoding), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            hint = "each line must be one whole JSON object"
            raise DataError(path, number, f"JSON expected, found: {error}", hint) from None
        if not isinstance(value, dict):
            found = KINDS[type(value)]
            hint = f"turn it into lines: jq -c '.[]' {path}" if found == "a list" else ""
            raise DataError(path, number, f"a JSON object a line expected, {found} found", hint)
        # An escape may stand for half a character, which no file could be written with again.
        yield number, (_whole(value) if "\\ud" in line.lower() else value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which JSON does not have")


def _whole(value: Any) -> Any:
    """The value with each lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
