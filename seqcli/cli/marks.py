"""Painted text: what carried a label (`classify --explain`), and spans (`tag`)."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seqcli.cli.console import safe

if TYPE_CHECKING:
    from seqcli.answers.tagging import Sentence
    from seqcli.kinds.abilities import Mark, Tagged

LISTED = 10  # tokens
LONGEST = 3000  # characters of a text that is shown whole; of a longer one what is near the marks
AROUND = 40  # characters on each side of these
NEGLIGIBLE, STRONG = 0.2, 0.6  # shares of the heaviest mark
FAINT = 0.05  # nats: where no mark weighs more, none is strong
# For and against: cyan and yellow are told apart by most people whose eyes mix up red and green.
# Black on a ground of its own: yellow letters cannot be read on white, nor dark blue ones on black.
WEAK = ("\x1b[30;48;5;195m", "\x1b[30;48;5;229m")  # pale
BOLD = ("\x1b[30;46m", "\x1b[30;43m")
PLAIN = "\x1b[0m"
SPAN_COLORS = (36, 33, 35, 32, 34)  # by type; which is which stands beside the span


def colored() -> bool:
    """Whether stdout is a terminal that wants colors (no-color.org)."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def shown(text: str, marks: Sequence[Mark]) -> str:
    """On one line: the text painted, or without colors the heaviest tokens with their weights."""
    return painted(text, marks) if colored() else listed(text, marks)


def listed(text: str, marks: Sequence[Mark]) -> str:
    """The heaviest tokens in the order of the text, `free:+1.20 you:-0.31`; a space is "␣"."""
    heavy = [mark for mark in _heaviest(marks, LISTED) if abs(mark.weight) >= 0.005]
    spelled = [(safe(text[mark.start : mark.end]), mark.weight) for mark in heavy]
    return " ".join(f"{token.replace(' ', '␣')}:{weight:+.2f}" for token, weight in spelled)


def painted(text: str, marks: Sequence[Mark]) -> str:
    """The text with its tokens on cyan for the label, on yellow against it, pale if weak."""
    most = max([abs(mark.weight) for mark in marks] + [FAINT])
    end, parts = 0, []
    for start, stop in _windows(text, marks):
        parts.append("…" if start > end else "")
        end = start
        for mark in marks:
            if not start <= mark.start < stop:
                continue
            token = safe(text[mark.start : mark.end])
            parts.append(safe(text[end : mark.start]))
            share, side = abs(mark.weight) / most, int(mark.weight < 0)
            if share >= NEGLIGIBLE:
                token = f"{(BOLD if share >= STRONG else WEAK)[side]}{token}{PLAIN}"
            parts.append(token)
            end = mark.end
        parts.append(safe(text[end:stop]))
        end = max(end, stop)
    return "".join(parts) + "…" * (end < len(text))


def marked_spans(sentence: Sentence, answer: Tagged) -> str:
    """The text on one line, its spans colored by type, each with its type behind it."""
    from seqcli.answers.tagging import spans_of

    parts, end = [], 0
    for span in spans_of(sentence, answer):
        color = SPAN_COLORS[zlib.crc32(span.type.encode("utf-8", "replace")) % len(SPAN_COLORS)]
        parts.append(safe(sentence.text[end : span.start]))
        kind = f" {safe(span.type)}" if span.type else ""
        parts.append(f"\x1b[30;{color + 10}m{safe(span.text)}{PLAIN}\x1b[{color}m{kind}{PLAIN}")
        end = span.end
    return "".join([*parts, safe(sentence.text[end:])])


def _heaviest(marks: Sequence[Mark], count: int) -> list[Mark]:
    """The `count` marks of most weight either way, in the order of the text."""
    order = sorted(range(len(marks)), key=lambda place: -abs(marks[place].weight))[:count]
    return [marks[place] for place in sorted(order)]


def _windows(text: str, marks: Sequence[Mark]) -> Iterator[tuple[int, int]]:
    """The stretches of the text to show: all of it, or what is near the heaviest marks."""
    if len(text) <= LONGEST:
        yield 0, len(text)
        return
    begun: tuple[int, int] | None = None
    for mark in _heaviest(marks, LISTED):
        start, stop = max(mark.start - AROUND, 0), min(mark.end + AROUND, len(text))
        if begun is not None and start > begun[1]:
            yield begun
            begun = None
        begun = (start if begun is None else begun[0], stop)
    if begun is not None:
        yield begun
