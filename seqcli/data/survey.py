"""What training would find in the data: sizes, lengths, and what is odd, most harmful first.

A kind fills a `Survey` with what it reads (`Kind.survey`); `looked_over` adds what holds for text
whatever it is for: characters that look like damage, near-empty and extreme texts, mixed scripts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seqcli.data.findings import EXAMPLES, Finding
from seqcli.readers.record import Record
from seqcli.readers.source import Source

POLL_EVERY = 1000
SHOWN = 200  # characters of an example
SCRIPTS_FROM = 64  # of so many texts one is looked at for its script
FEW_LETTERS = 2  # a text with fewer is near-empty
EXTREME = 20  # times the length that 97 % stay below
MINOR = 0.02  # a script with less than this share stands alone
# UTF-8 read as cp1252 or latin-1: a lead byte's letter, then what stood for a following byte.
FOLLOWING = (
    "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014"
    "\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"
)
MOJIBAKE = re.compile(f"[\u00c2-\u00f4][{FOLLOWING}]")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u0080-\u0084\u0086-\u009f]")
TAGS = "a|b|br|div|em|font|h[1-6]|hr|i|img|li|ol|p|script|span|strong|style|table|td|tr|u|ul"
MARKUP = re.compile(rf"</?(?:{TAGS})(?:\s[^<>]{{0,200}})?/?>|&(?:amp|lt|gt|quot|nbsp|#\d+);", re.I)
LETTER = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Example:
    """Where one is: line of the file from 1, and the text, cut short."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Found:
    """A finding with its examples."""

    name: str
    said: str
    advice: str
    count: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Survey:
    """What training would find. `lengths` in `unit`s: p50, p95, max; labels with their counts."""

    format: str
    columns: Mapping[str, str]
    splits: Mapping[str, int]
    unit: str
    lengths: Mapping[str, int]
    vocabulary: int | None = None
    unknown_share: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[Found, ...] = ()
    steps: int = 0  # that would train, of examples with a label for each
    aligned: bool = False  # all texts that would train have the same number of characters


def lengths_of(every: NDArray[np.int64]) -> dict[str, int]:
    """Quantiles of lengths (R,)."""
    if not len(every):
        return {"p50": 0, "p95": 0, "max": 0}
    middle, most = np.quantile(every, (0.5, 0.95), method="higher").tolist()
    return {"p50": int(middle), "p95": int(most), "max": int(every.max())}


def located(source: Source, findings: Iterable[Finding]) -> list[Found]:
    """Findings with their examples, read once more for these alone."""
    kept = list(findings)
    wanted = {row for finding in kept for row in finding.rows}
    texts: dict[int, Example] = {}
    for number, record in enumerate(source.records() if wanted else ()):
        if number in wanted:
            texts[number] = _example(record)
            if len(texts) == len(wanted):
                break
    return [
        Found(
            finding.name,
            finding.said,
            finding.advice,
            finding.count,
            tuple(texts[row] for row in finding.rows if row in texts),
        )
        for finding in kept
    ]


def looked_over(
    records: Iterable[Record], poll: Callable[[], None], *, running: bool = False
) -> list[Found]:
    """One pass over the texts themselves; lines of `running` text may be short.

    Errors: DataError, as reading.
    """
    looks = [_Look(*row) for row in LOOKS if not (running and row[0] == "near-empty")]
    scripts: Counter[str] = Counter()
    sizes: Counter[int] = Counter()  # by power of two: extreme lengths need no list of all
    longest: list[tuple[int, Example]] = []
    for number, record in enumerate(records):
        if number % POLL_EVERY == 0:
            poll()
        text = record.text
        for look in looks:
            look.take(record, text)
        size = len(text)
        sizes[size.bit_length()] += 1
        if len(longest) < EXAMPLES or size > longest[-1][0]:
            longest = sorted([*longest, (size, _example(record))], key=lambda pair: -pair[0])
            del longest[EXAMPLES:]
        if number % SCRIPTS_FROM == 0 or number < SCRIPTS_FROM:
            scripts[_script(text)] += 1
    found = [look.found() for look in looks if look.count]
    return [*found, *_extreme(sizes, longest), *_mixed(scripts)]


class _Look:
    """What one kind of damage looks like, how often it is met, and where first."""

    def __init__(self, name: str, test: Callable[[str], object], said: str, advice: str) -> None:
        self.name, self.test, self.said, self.advice = name, test, said, advice
        self.count = 0
        self.examples: list[Example] = []

    def take(self, record: Record, text: str) -> None:
        """Count a text."""
        if self.test(text):
            self.count += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(_example(record))

    def found(self) -> Found:
        """As a finding."""
        said = f"{self.said}: {self.count:,} text{'s' * (self.count != 1)}"
        return Found(self.name, said, self.advice, self.count, tuple(self.examples))


LOOKS: tuple[tuple[str, Callable[[str], object], str, str], ...] = (
    (
        "replacement-characters",
        lambda text: "\ufffd" in text,
        "characters lost before (U+FFFD)",
        "read the source again with its right encoding",
    ),
    (
        "mojibake",
        lambda text: not text.isascii() and MOJIBAKE.search(text),
        "UTF-8 that was read as another encoding, such as Ã©",
        "repair it (ftfy does), or read the source with --encoding utf-8",
    ),
    (
        "control-characters",
        CONTROL.search,
        "control characters",
        "take them out, unless they mean something: each is a token of its own",
    ),
    (
        "markup",
        MARKUP.search,
        "HTML tags or entities",
        "take them out, unless the texts to be answered have them too",
    ),
    (
        "near-empty",
        lambda text: len(text) < 100 and len(LETTER.findall(text)) < FEW_LETTERS,
        f"near-empty: fewer than {FEW_LETTERS} letters or digits",
        "there is little to learn from them: leave them out, or are they in another column?",
    ),
)


def _extreme(sizes: Counter[int], longest: list[tuple[int, Example]]) -> Iterator[Found]:
    """Texts far longer than nearly all others."""
    total, seen, usual = sum(sizes.values()), 0, 0
    for power in sorted(sizes):
        seen += sizes[power]
        if seen >= 0.97 * total:
            usual = 1 << power
            break
    far = [(size, example) for size, example in longest if size > EXTREME * max(usual, 64)]
    if far:
        said = f"texts of up to {far[0][0]:,} characters, where 97 % have fewer than {usual:,}"
        advice = "is a quote left open, or a file a text? data.max_tokens cuts long ones"
        yield Found("extreme", said, advice, len(far), tuple(example for _, example in far))


def _mixed(scripts: Counter[str]) -> Iterator[Found]:
    """Scripts that a few texts alone are written in."""
    scripts.pop("", None)
    total = sum(scripts.values())
    minor = {name: n for name, n in scripts.items() if n < MINOR * total}
    if minor and total >= 100:
        listed = ", ".join(f"{name.lower()} {n / total:.1%}" for name, n in scripts.most_common(5))
        said = f"texts in another script than most: {listed}"
        advice = "are these texts meant? a model learns little of a script that it sees so seldom"
        yield Found("scripts", said, advice, sum(minor.values()))


def _script(text: str) -> str:
    """The script of most letters: the first word of a letter's Unicode name."""
    letters = [letter for letter in text[:SHOWN] if letter.isalpha()]
    names = Counter(
        "LATIN" if letter.isascii() else unicodedata.name(letter, "").partition(" ")[0]
        for letter in letters
    )
    return names.most_common(1)[0][0] if names else ""


def _example(record: Record) -> Example:
    more = "…" if len(record.text) > SHOWN else ""
    return Example(record.path, record.line, record.text[:SHOWN] + more)
