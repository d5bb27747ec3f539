"""Words as numbers: shapes, affixes, characters; features of windows; text cut as a corpus is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqcli.settings.sections import Tokens
from seqcli.text.rejoining import rejoined
from seqcli.text.spelling import Spelling, affixes, shape
from seqcli.text.tokens import tokenizer
from seqcli.text.vocab import Vocab
from seqcli.text.windows import TEMPLATES, windows

WORDS = {"Oslo": 3, "oslo": 1, "don't": 1, "1999": 2, "naïve": 1, "Ω": 5}


def spelling() -> Spelling:
    vocab = Vocab(["<unk>", *dict.fromkeys(word.lower() for word in WORDS)])
    return Spelling.fit(WORDS, vocab, str.lower, 3)


def test_shapes() -> None:
    assert shape("McDonald's") == "XxXx'x"
    assert shape("U.S.") == "X.X.4"
    assert shape("1999") == "d4"
    assert shape("日本") == "u2"


def test_affixes() -> None:
    assert affixes("bun", 2) == ["<b", "n>", "<bu", "un>"]
    assert affixes("a", 2) == ["<a", "a>", "<", ">"]
    assert affixes("abc", 0) == []


@given(st.lists(st.text(), max_size=9))
def test_any_words_have_numbers(words: list[str]) -> None:
    own = spelling()
    found = own.words(words)
    assert len(found) == len(words)
    assert found.affixes.shape == (len(words), 6)
    assert len(found.characters) == len(words)
    assert found.codes.shape == (len(words) + 1, 12)
    alone = [own.words([word]) for word in words]
    for place, one in enumerate(alone):
        assert (one.codes[0] == found.codes[place]).all()
        assert (one.affixes[0] == found.affixes[place]).all()


def test_words_seen_once_are_one_word_to_windows() -> None:
    found = spelling().words(["naïve", "never", "Oslo", "1999"])
    assert (found.codes[0, :2] == found.codes[1, :2]).all()
    assert found.codes[2, 0] != found.codes[3, 0] != found.codes[0, 0]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 100))
def test_a_row_s_windows_are_its_own(lengths: list[int], seed: int) -> None:
    """Also as Python's whole numbers make them."""
    codes = spelling().words(list(WORDS)).codes
    draw = np.random.default_rng(seed)
    rows = [draw.integers(len(WORDS), size=length) for length in lengths]
    found = windows(codes, np.concatenate(rows), np.array(lengths), 1 << 17)
    assert found.shape == (sum(lengths), len(TEMPLATES))
    at = 0
    for row in rows:
        alone = windows(codes, row, np.array([len(row)]), 1 << 17)
        assert (alone == found[at : at + len(row)]).all()
        at += len(row)
    assert _plainly(codes, rows[0].tolist(), 0) == found[0].tolist()


def _plainly(codes: np.ndarray, row: list[int], at: int) -> list[int]:
    most, (first, second) = (1 << 64) - 1, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)
    result = []
    for number, template in enumerate(TEMPLATES):
        value = (number + 1) * first & most
        for offset, column in template:
            inside = 0 <= at + offset < len(row)
            code = codes[row[at + offset] if inside else -1][column]
            value = (value + int(code)) & most
            value = value * first & most
            value ^= value >> 31
            value = value * second & most
            value ^= value >> 29
        result.append(value % (1 << 17))
    return result


KNOWN = {"do", "n't", "'s", "3.5", "u.s.", "can't"}


def cut(text: str) -> list[str]:
    found = tokenizer(Tokens()).spans(text)
    spans = rejoined(text, found, lambda word: word.lower() in KNOWN)
    return [text[start:end] for start, end in spans]


def test_text_is_cut_as_the_corpus_is() -> None:
    assert cut("I don't, in the U.S., pay 3.5.") == (
        ["I", "do", "n't", ",", "in", "the", "U.S.", ",", "pay", "3.5", "."]
    )
    assert cut("You can't; it isn't Bob's 3.7") == (
        ["You", "can't", ";", "it", "is", "n't", "Bob", "'s", "3", ".", "7"]
    )
    assert cut("'tis") == ["'", "tis"]


@given(st.text())
def test_no_character_is_lost_and_spans_rise(text: str) -> None:
    spans = rejoined(text, tokenizer(Tokens()).spans(text), lambda word: len(word) == 2)
    end = 0
    for start, stop in spans:
        assert end <= start < stop
        assert not text[end:start].strip()
        end = stop
    assert not text[end:].strip()
