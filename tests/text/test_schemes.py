"""Schemes: round trips, both readings against other code's rules, and what each scheme forbids."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import ConfigError
from seqcli.text import schemes
from seqcli.text.schemes import LETTERS, PLAIN, Span

TYPES = ["a", "b", "c-d"]
names = st.sampled_from(list(LETTERS))


@st.composite
def sentences(draw: st.DrawFn) -> tuple[int, list[Span]]:
    """A length, and spans that do not overlap."""
    cuts = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(TYPES))))
    place, found = 0, []
    for gap, size, kind in cuts:
        found.append(Span(place + gap, place + gap + size, kind))
        place += gap + size
    return place + draw(st.integers(0, 3)), found


@st.composite
def any_tags(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A scheme, and tags of it in any order, ill-formed as they come."""
    scheme = draw(names)
    tags = st.sampled_from(schemes.all_tags(TYPES, scheme))
    return scheme, draw(st.lists(tags, max_size=9))


@given(sentences(), names)
def test_spans_come_back_from_tags(sentence: tuple[int, list[Span]], scheme: str) -> None:
    length, found = sentence
    tags = schemes.write(found, length, scheme)
    assert len(tags) == length
    assert schemes.spans(tags, scheme) == found
    assert schemes.spans(tags, scheme, lenient=True) == found
    assert schemes.ill_formed(tags, scheme) == []
    assert schemes.repair(tags, scheme) == tags


@given(sentences(), names, names)
def test_conversion_keeps_spans_and_comes_back(
    sentence: tuple[int, list[Span]], scheme: str, other: str
) -> None:
    length, found = sentence
    tags = schemes.write(found, length, scheme)
    changed = schemes.convert(tags, scheme, other)
    assert schemes.spans(changed, other) == found
    assert schemes.convert(changed, other, scheme) == tags


@given(any_tags())
def test_repair_gives_well_formed_tags_of_the_lenient_spans(case: tuple[str, list[str]]) -> None:
    scheme, tags = case
    mended = schemes.repair(tags, scheme)
    assert schemes.ill_formed(mended, scheme) == []
    assert schemes.spans(mended, scheme) == schemes.spans(tags, scheme, lenient=True)
    if not schemes.ill_formed(tags, scheme):
        assert mended == tags


@given(any_tags())
def test_the_table_forbids_what_is_ill_formed(case: tuple[str, list[str]]) -> None:
    scheme, tags = case
    labels = schemes.all_tags(TYPES, scheme)
    table = schemes.allowed(labels, scheme)
    ids = [labels.index(tag) for tag in tags]
    sound = all(table.transitions[a][b] for a, b in itertools.pairwise(ids))
    sound = sound and (not ids or (table.start[ids[0]] and table.end[ids[-1]]))
    assert sound == (schemes.ill_formed(tags, scheme) == [])


# What seqeval 1.2.2 holds for its strict mode: (letter before, letter, same type or not or either).
# Compared with the package itself over 60,000 random sentences: no difference in either mode.
SEQEVAL = {
    "IOB1": (
        "O I *,I I !,B I *,I B =,B B =",
        "B I =,I I =",
        "I I !,I O *,I B *,B O *,B I !,B B =",
    ),
    "BIO": ("* B *", "B I =,I I =", "I O *,I I !,I B *,B O *,B I !,B B *"),
    "BIOES": ("* B *,* S *", "B I =,B E =,I I =,I E =", "S * *,E * *"),
    "BILOU": ("* B *,* U *", "B I =,B L =,I I =,I L =", "U * *,L * *"),
}


def seqeval_strict(tags: list[str], scheme: str) -> list[Span]:
    starts, insides, ends = (rules.split(",") for rules in SEQEVAL[scheme])

    def fits(rules: list[str], before: str, tag: str) -> bool:
        same = before[1:] == tag[1:]
        return any(
            rule[0] in ("*", before[0]) and rule[2] in ("*", tag[0]) and rule[4] != "=!"[same]
            for rule in rules
        )

    extended = [*tags, "O"]
    found: list[Span] = []
    place, before = 0, "O"
    while place < len(extended):
        if fits(starts, before, extended[place]):
            end = place + 1
            while end < len(extended) and fits(insides, extended[end - 1], extended[end]):
                end += 1
            if end < len(extended) and fits(ends, extended[end - 1], extended[end]):
                found.append(Span(place, end, extended[place][2:]))
            place = end
        else:
            place += 1
        before = extended[place - 1]
    return found


def conlleval(tags: list[str]) -> list[Span]:
    """Starts and ends of chunks by conlleval's rules, with E -> B, which its port forgets."""
    found: list[Span] = []
    before, type_before, start = "O", "", 0
    for place, tag in enumerate([*tags, "O"]):
        letter, kind = tag[0], tag[2:]
        ended = (
            before in ("E", "S")
            or (before in ("B", "I") and letter in ("B", "S", "O"))
            or (before != "O" and type_before != kind)
        )
        begun = (
            letter in ("B", "S")
            or (before in ("E", "S", "O") and letter in ("E", "I"))
            or (letter != "O" and type_before != kind)
        )
        if ended:
            found.append(Span(start, place, type_before))
        if begun:
            start = place
        before, type_before = letter, kind
    return found


@given(any_tags())
def test_the_strict_reading_is_that_of_seqeval(case: tuple[str, list[str]]) -> None:
    scheme, tags = case
    assert schemes.spans(tags, scheme) == seqeval_strict(tags, scheme)


@given(any_tags())
def test_the_lenient_reading_is_that_of_conlleval(case: tuple[str, list[str]]) -> None:
    scheme, tags = case
    as_bioes = [tag.replace("L-", "E-").replace("U-", "S-") for tag in tags]
    assert schemes.spans(tags, scheme, lenient=True) == conlleval(as_bioes)


def test_readings_differ_where_they_are_known_to() -> None:
    assert schemes.spans(["I-X", "I-X"], "BIO") == []
    assert schemes.spans(["I-X", "I-X"], "BIO", lenient=True) == [Span(0, 2, "X")]
    assert schemes.spans(["B-X", "I-Y"], "BIO") == [Span(0, 1, "X")]
    assert schemes.spans(["B-X", "O"], "BIOES") == []
    assert schemes.spans(["L-X"], "BILOU", lenient=True) == [Span(0, 1, "X")]


@pytest.mark.parametrize(
    ("sentences", "scheme", "faults"),
    [
        (["O O", "O B-x I-x"], "BIO", 0),
        ([*["O"] * 2000, "I-x B-x O I-x"], "IOB1", 0),
        (["I-x O B-x"], "BIO", 1),  # as many faults either way
        (["I-x I-x", "I-y"], "IOB1", 0),
        (["I-x B-x I-x"], "IOB1", 0),
        (["B-x I-x I-y", "B-x", "B-y I-y"], "BIO", 1),
        (["B-x B-x"], "BIO", 0),
        (["S-x O"], "BIOES", 0),
        (["B-x E-x"], "BIOES", 0),
        (["B-x I-x O E-x"], "BIOES", 2),
        (["U-x", "B-x L-x"], "BILOU", 0),
        (["B I O O"], "BIO", 0),
        (["NOUN VERB"], PLAIN, 0),
        (["B-x NOUN"], PLAIN, 0),
        (["E-x U-x"], PLAIN, 0),
        (["B B-x"], PLAIN, 0),
        (["O O"], PLAIN, 0),
        ([], PLAIN, 0),
    ],
)
def test_recognition(sentences: list[str], scheme: str, faults: int) -> None:
    found = schemes.recognize(line.split() for line in sentences)
    assert found == (scheme, faults)


@given(st.lists(sentences(), min_size=1), names)
def test_well_formed_tags_are_recognized_or_read_the_same(
    cases: list[tuple[int, list[Span]]], scheme: str
) -> None:
    written = [schemes.write(found, length, scheme) for length, found in cases]
    found = schemes.recognize(written)
    if all(tag == "O" for tags in written for tag in tags):
        assert found == (PLAIN, 0)
    else:  # BIOES with spans of two tokens alone is not told from itself; B alone is BIO
        assert found.ill_formed == 0
        for tags, (_, own) in zip(written, cases, strict=True):
            assert schemes.spans(tags, found.scheme) == own


def test_ill_formed_places() -> None:
    assert schemes.ill_formed(["O", "I-x", "I-x", "B-y", "I-x"], "BIO") == [1, 4]
    assert schemes.ill_formed(["B-x", "O", "I-x"], "BIOES") == [1, 2]
    assert schemes.ill_formed(["B-x"], "BIOES") == [0]
    assert schemes.ill_formed(["B-x", "I-x", "B-x"], "IOB1") == [0]
    assert schemes.ill_formed(["A", "B"], PLAIN) == []


def test_tags_that_may_come_after_a_span() -> None:
    labels = ["O", "B-x", "I-x", "B-y", "I-y"]
    assert schemes.closing(labels, "x", "BIO") == (True, True, False, True, True)
    assert all(schemes.closing(labels, "x", "BIOES"))


def test_what_cannot_be_done() -> None:
    for bad in ([Span(0, 3, "x")], [Span(0, 2, "x"), Span(1, 2, "y")], [Span(1, 1, "x")]):
        with pytest.raises(ValueError, match="a span within 2 tokens"):
            schemes.write(bad, 2, "BIO")
    with pytest.raises(ValueError, match="plain"):
        schemes.convert(["A"], PLAIN, "BIO")
    assert schemes.convert(["A", "O"], PLAIN, PLAIN) == ["A", "O"]
    with pytest.raises(ConfigError, match="unknown label scheme 'BIOS'"):
        schemes.spans([], "BIOS")
