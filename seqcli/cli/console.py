"""What reaches the terminal: results on stdout, all else on stderr, strings made harmless."""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def safe(text: str) -> str:
    """`text` with control characters shown as escapes, so that no file can steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        or (
            unicodedata.category(character) in ("Zs", "Cf")
            and character not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        )
        else repr(character)[1:-1]
        for character in text
    )


def say(line: str) -> None:
    """One line on stderr."""
    if sys.stderr is not None:  # as for a daemon: work goes on without words
        sys.stderr.write(safe(line) + "\n")
        sys.stderr.flush()


def answer(line: str) -> None:
    """One line of result on stdout, UTF-8 whatever the locale, flushed."""
    sys.stdout.flush()
    sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def answer_json(value: Any) -> None:
    """One JSON document on one line; non-finite numbers become null."""
    answer(json_line(finite(value)))


def json_line(value: Any) -> str:
    """A finite value as JSON on one line; what could steer a terminal stands as an escape."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity replaced by None, all the way down."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def out() -> Console:
    """A Rich console on stdout, made per call so that redirections in between are seen."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def err() -> Console:
    """A Rich console on stderr."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
