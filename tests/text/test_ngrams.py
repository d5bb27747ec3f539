"""Hashed n-grams against the same hash in plain Python, one n-gram at a time."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqcli.text import ngrams
from seqcli.text.ngrams import Ngrams
from seqcli.text.sequences import Sequences

TEXT = st.text(st.characters() | st.sampled_from(" aab1'_\ud800😀"), max_size=30)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ORDERS = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True).map(tuple)


def crc32(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def hashed(codes: list[int], buckets: int, place: int | None = None) -> int:
    value = len(codes)
    if place is not None:
        value = (value + (place + 1) * 0x9E3779B97F4A7C15) % 2**64
    for code in codes:
        value = (value + code) * 0x9E3779B97F4A7C15 % 2**64
        value = (value ^ value >> 31) * 0xBF58476D1CE4E5B9 % 2**64
        value ^= value >> 29
    return value % buckets


def every(
    codes: list[int],
    orders: tuple[int, ...],
    buckets: int,
    *,
    placed: bool = False,
    within: bool = False,
) -> set[int]:
    return {
        hashed(codes[at : at + order], buckets, at if placed else None)
        for order in orders
        for at in range(len(codes) - order + 1)
        if not (within and ord(" ") in codes[at + 1 : at + order - 1])
    }


def naive(grams: Ngrams, text: str) -> list[int]:
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[^\w\s]|_", text.lower())
    words = ["0" * min(len(word), 12) if word.isdecimal() else word for word in words]
    line = re.sub(r"\d", "0", re.sub(r"\s+", " ", f" {text.lower()} "))
    both = bool(grams.words and (grams.characters or grams.placed))
    size = grams.buckets // 2 if both else grams.buckets
    codes = [crc32(word.encode("utf-8", "surrogatepass")) for word in words]
    found = every(codes, grams.words, size)
    shift = size if both else 0
    letters = [*map(ord, line)]
    own = every(letters, grams.characters, size, within=grams.within)
    own |= every(letters, grams.placed, size, placed=True)
    return sorted(found | {b + shift for b in own})


@settings(deadline=None)
@given(TEXT, ORDERS | st.just(()), ORDERS, st.sampled_from([2, 3, 64, 1001, 1 << 18, 1 << 28]))
@example("", (1,), (1,), 2)
@example("a\ud800b \udfff", (1, 2), (1,), 64)
@example("😀 hi 😀", (1, 2), (2, 3), 64)
@example("call 08001234567890123 NOW don't ²½", (1, 2, 3), (1, 2, 3), 1 << 18)
def test_rows_equal_the_naive_hash(
    text: str, words: tuple[int, ...], characters: tuple[int, ...], buckets: int
) -> None:
    for grams in (
        Ngrams(words, characters, buckets),
        Ngrams(characters, (), buckets),
        Ngrams(words, characters, buckets, placed=(1, 2)),
        Ngrams((), (), buckets, placed=characters),
        Ngrams(words, characters, buckets, within=True),
    ):
        row = grams.row(text)
        assert row.dtype == np.int32
        assert row.tolist() == naive(grams, text)
        assert all(0 <= bucket < buckets for bucket in row.tolist())
        assert np.array_equal(row, np.unique(row))


@settings(deadline=None)
@given(st.lists(TEXT, max_size=12), st.sampled_from([2, 1001, 1 << 18, 1 << 30]))
def test_many_texts_at_once_change_nothing(texts: list[str], buckets: int) -> None:
    for words, characters, placed in (
        ((1, 2), (2, 3), ()),
        ((1,), (), ()),
        ((), (1, 4), (2,)),
        ((1,), (), (1, 3)),
    ):
        grams = Ngrams(words, characters, buckets, placed=placed, within=len(placed) == 0)
        for portion in (1, 20, 1 << 15):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(ngrams, "PORTION", portion)
                rows = grams.rows(texts)
            assert rows.ids.dtype == np.int32
            assert [row.tolist() for row in map(rows.row, range(len(rows)))] == [
                naive(grams, text) for text in texts
            ]


@pytest.mark.parametrize("span", [1, 2, 7])
def test_a_long_text_is_hashed_piece_by_piece(span: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grams = Ngrams((1, 2), (1, 3, 5), 1 << 12, placed=(2,), within=True)
    texts = ["win a prize now", "", "a", "see you at 6 or at 7, or not at all"]
    expected = grams.rows(texts)
    monkeypatch.setattr(ngrams, "SPAN", span)
    found = grams.rows(texts)
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.lengths.tolist() == expected.lengths.tolist()


def test_words_and_characters_have_halves_of_their_own() -> None:
    text = "free entry, call now"
    both = Ngrams((1, 2), (2, 3), 1001)
    row = both.row(text)
    assert both.share == 500
    assert row[row < 500].tolist() == Ngrams((1, 2), (), 500).row(text).tolist()
    assert (row[row >= 500] - 500).tolist() == Ngrams((), (2, 3), 500).row(text).tolist()
    assert row.max() < 1000


def test_numbers_count_by_their_digits() -> None:
    grams = Ngrams((1,), (3,), 1 << 18)
    assert grams.row("call 08001234").tolist() == grams.row("CALL  99999999").tolist()
    assert grams.row("call 123").tolist() != grams.row("call 1234").tolist()


def test_an_empty_text() -> None:
    assert Ngrams((1, 2), (), 64).row("").tolist() == []
    assert Ngrams((), (3,), 64).row("").tolist() == []
    # character n-grams see one space: an empty text and a blank one are the same
    assert Ngrams((), (1,), 64).row("").tolist() == Ngrams((), (1,), 64).row(" \n ").tolist()


@pytest.mark.parametrize(
    ("grams", "text", "expected"),
    [
        (Ngrams((1, 2), (), 1 << 18), "hello world", [58866, 96209, 207239]),
        (
            Ngrams((), (1, 2), 1 << 18),
            "né 😀",
            [58018, 78543, 133417, 136762, 140631, 152796, 159674, 185920, 210112],
        ),
    ],
)
def test_golden_values(grams: Ngrams, text: str, expected: list[int]) -> None:
    """A model file holds a table in this order: the hash must never change."""
    assert grams.row(text).tolist() == expected


def test_weights_make_each_part_a_unit_vector() -> None:
    grams = Ngrams((1, 2), (2, 3), 1 << 12)
    texts = ["free entry now", "", "a", "😀"]
    rows = Sequences.from_rows(grams.row(text) for text in texts)
    weights = grams.weights(rows)
    assert weights.dtype == np.float32
    assert len(weights) == len(rows.ids)
    for number in range(len(texts)):
        ids = rows.row(number)
        own = weights[rows.offsets[number] : rows.offsets[number + 1]]
        for part in (ids < grams.share, ids >= grams.share):
            if part.any():
                assert own[part] == pytest.approx([1 / part.sum() ** 0.5] * part.sum())
    single = Ngrams((1,), (), 64)
    rows = Sequences.from_rows([single.row("one two three four"), single.row("")])
    assert single.weights(rows).tolist() == pytest.approx([0.5] * 4)


def test_buckets_collide_no_more_than_by_chance() -> None:
    row = Ngrams((1,), (), 1 << 12).row(" ".join(f"{a}{b}" for a in LETTERS for b in LETTERS))
    expected = (1 << 12) * (1 - (1 - 2**-12) ** 676)
    assert abs(len(row) - expected) < 30  # 3 deviations
