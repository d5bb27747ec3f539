"""Schemes that write spans as tags: IOB1, BIO (IOB2), BIOES and BILOU; and plain tags, without any.

A tag is "O", or a letter, a hyphen and a type ("B-person"; the type may hold hyphens), or a letter
alone where all spans are of one nameless type. Inside, BIOES stands for BILOU too: L is its E, U
its S.

    IOB1   I inside a span; B only where a span follows another of its type
    BIO    B at the first token of each span, I at the others
    BIOES  S for a span of one token; otherwise B first, E last, I between
    BILOU  the same with U and L

Two readings. Strict, as seqeval's `mode="strict"`: what is ill-formed is no span. Lenient, as
conlleval and seqeval's default: a stretch of one type is a span however it begins or ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from seqcli.errors import lookup

PLAIN = "plain"
LETTERS = {"IOB1": "BI", "BIO": "BI", "BIOES": "BIES", "BILOU": "BILU"}
SCHEMES = (*LETTERS, PLAIN)
OUTSIDE = "O"

Tags = Sequence[str]


class Span(NamedTuple):
    """Tokens from `start` up to, not with, `end`."""

    start: int
    end: int
    type: str


class Recognized(NamedTuple):
    """The scheme that tags are in, and how many of them it forbids where they stand."""

    scheme: str
    ill_formed: int


class Table(NamedTuple):
    """Which tags may follow which: `transitions[a][b]`, at the first place, at the last."""

    transitions: tuple[tuple[bool, ...], ...]
    start: tuple[bool, ...]
    end: tuple[bool, ...]


def parted(tag: str) -> tuple[str, str]:
    """The letter of a tag and its type: ("B", "person"), ("O", ""); ("", tag) of a plain tag."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    letter, hyphen, kind = tag.partition("-")
    if letter in ("B", "I", "E", "S", "L", "U") and bool(hyphen) == bool(kind):
        return letter, kind
    return "", tag


def joined(letter: str, kind: str) -> str:
    """The tag of a letter and a type."""
    return f"{letter}-{kind}" if kind else letter


def recognize(sentences: Iterable[Tags]) -> Recognized:
    """The scheme of all these sentences: that of their letters which forbids the fewest tags.

    All of them are read: the first thousand may be O throughout. Tags of which one has no letter,
    or letters that no scheme has together, are plain; so is O alone.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for tags in sentences:
        pairs.update(zip([OUTSIDE, *tags], [*tags, OUTSIDE], strict=True))
    parts = [parted(tag) for tag in {tag for pair in pairs for tag in pair} - {OUTSIDE}]
    letters = {letter for letter, _ in parts}
    named = {bool(kind) for _, kind in parts}
    if not letters or "" in letters or len(named) > 1:  # "B" and "B-person" do not go together
        return Recognized(PLAIN, 0)
    fitting = [name for name, own in LETTERS.items() if letters <= set(own)]
    if not fitting:
        return Recognized(PLAIN, 0)
    faults = {name: sum(n for p, n in pairs.items() if not _may(*p, name)) for name in fitting}
    # of equals BIO: then only one of B and I occurs, or no span follows another
    best = min(fitting, key=lambda name: (faults[name], name != "BIO"))
    return Recognized(best, faults[best])


def spans(tags: Tags, scheme: str, *, lenient: bool = False) -> list[Span]:
    """The spans that tags write, in order; none of plain tags."""
    own = _letters(scheme)
    if not own:
        return []
    parts = [_as_bioes(tag) for tag in tags]
    if lenient:
        return _lenient(parts)
    if scheme == "IOB1":
        return _strict_iob1(parts)
    return _strict(parts, ends=scheme != "BIO")


def write(found: Iterable[Span], length: int, scheme: str) -> list[str]:
    """Tags of a sentence from its spans, in any order; ValueError where they overlap."""
    own = _letters(scheme)
    if not own:
        raise ValueError("plain tags write no spans")
    tags = [OUTSIDE] * length
    before = Span(0, 0, "")
    for span in sorted(found):
        if not before.end <= span.start < span.end <= length:
            raise ValueError(f"a span within {length} tokens, after {before}, expected: {span}")
        first, inside, last, alone = _marks(scheme)
        follows = before.end > 0 and (before.end, before.type) == (span.start, span.type)
        if scheme == "IOB1" and follows:
            first = alone = "B"
        size = span.end - span.start
        marks = [alone] if size == 1 else [first, *[inside] * (size - 2), last]
        tags[span.start : span.end] = [joined(mark, span.type) for mark in marks]
        before = span
    return tags


def convert(tags: Tags, scheme: str, to: str) -> list[str]:
    """Tags in another scheme; ill-formed ones are repaired on the way, plain ones stay."""
    if scheme == PLAIN or to == PLAIN:
        if scheme != to:
            raise ValueError(f"{scheme} tags cannot become {to} ones")
        return list(tags)
    return write(spans(tags, scheme, lenient=True), len(tags), to)


def repair(tags: Tags, scheme: str) -> list[str]:
    """Tags as the lenient reading takes them, well-formed; those that were so already stay."""
    return convert(tags, scheme, scheme)


def ill_formed(tags: Tags, scheme: str) -> list[int]:
    """Places of tags that may not stand after the one before, or not at the sentence's end."""
    if not tags:
        return []
    bad = [
        place
        for place, pair in enumerate(zip([OUTSIDE, *tags[:-1]], tags, strict=True))
        if not _may(*pair, scheme)
    ]
    if not _may(tags[-1], OUTSIDE, scheme) and len(tags) - 1 not in bad:
        bad.append(len(tags) - 1)
    return bad


def allowed(tags: Tags, scheme: str) -> Table:
    """Which of `tags`, a model's labels, may follow which."""
    return Table(
        tuple(tuple(_may(before, tag, scheme) for tag in tags) for before in tags),
        tuple(_may(OUTSIDE, tag, scheme) for tag in tags),
        tuple(_may(tag, OUTSIDE, scheme) for tag in tags),
    )


def closing(tags: Tags, kind: str, scheme: str) -> tuple[bool, ...]:
    """Which of `tags` may come right after a span of a type without being part of it."""
    goes_on = joined("I", kind) if scheme in ("IOB1", "BIO") else None
    return tuple(tag != goes_on for tag in tags)


def all_tags(types: Iterable[str], scheme: str) -> list[str]:
    """Every tag that spans of these types can need, O first."""
    letters = _letters(scheme)
    return [OUTSIDE, *(joined(letter, kind) for kind in types for letter in letters)]


def _letters(scheme: str) -> str:
    return lookup({**LETTERS, PLAIN: ""}, scheme, "label scheme")


def _marks(scheme: str) -> tuple[str, str, str, str]:
    """Letters of the first token of a span, one inside, the last, and one alone."""
    if scheme == "IOB1":
        return "I", "I", "I", "I"
    if scheme == "BIO":
        return "B", "I", "I", "B"
    return ("B", "I", "E", "S") if scheme == "BIOES" else ("B", "I", "L", "U")


def _as_bioes(tag: str) -> tuple[str, str]:
    letter, kind = parted(tag)
    return {"L": "E", "U": "S"}.get(letter, letter), kind


def _may(before: str, tag: str, scheme: str) -> bool:
    """Whether a tag may follow another; O stands for the edges of a sentence."""
    if scheme == PLAIN:
        return True
    (last, own), (letter, kind) = _as_bioes(before), _as_bioes(tag)
    same = own == kind
    if scheme == "IOB1":
        return letter != "B" or (last in ("B", "I") and same)
    inside = letter in ("I", "E")
    if inside:
        return last in ("B", "I") and same
    return scheme == "BIO" or last not in ("B", "I")


def _strict(parts: list[tuple[str, str]], *, ends: bool) -> list[Span]:
    """BIO, or (`ends`) BIOES: a span begins with B or S, its type stays, it ends as it must."""
    found = []
    start, kind = -1, ""
    for place, (letter, own) in enumerate([*parts, (OUTSIDE, "")]):
        goes_on = start >= 0 and letter in ("I", "E") and own == kind
        if start >= 0 and not goes_on:
            if not ends:
                found.append(Span(start, place, kind))
            start = -1
        if letter == "B":
            start, kind = place, own
        elif letter == "S" or (letter == "E" and goes_on):
            found.append(Span(place if letter == "S" else start, place + 1, own))
            start = -1
    return found


def _strict_iob1(parts: list[tuple[str, str]]) -> list[Span]:
    """A B that follows no span of its type begins none, as in seqeval."""
    found = []
    start, kind, last = -1, "", (OUTSIDE, "")
    for place, (letter, own) in enumerate([*parts, (OUTSIDE, "")]):
        before, type_before = last
        same = own == type_before
        if start >= 0 and not (letter == "I" and own == kind):
            # a B of another type is ill-formed: after a B the span it would end is none either
            if not (letter == "B" and before == "B" and not same):
                found.append(Span(start, place, kind))
            start = -1
        if start < 0 and (letter == "I" or (letter == "B" and same and before in ("B", "I"))):
            start, kind = place, own
        last = letter, own
    return found


def _lenient(parts: list[tuple[str, str]]) -> list[Span]:
    """Stretches of one type, broken before B and S and after E and S."""
    found = []
    start, kind, last = -1, "", OUTSIDE
    for place, (letter, own) in enumerate([*parts, (OUTSIDE, "")]):
        if start >= 0 and (letter in (OUTSIDE, "B", "S") or last in ("E", "S") or own != kind):
            found.append(Span(start, place, kind))
            start = -1
        if start < 0 and letter != OUTSIDE:
            start, kind = place, own
        last = letter
    return found
