"""Tokens found and numbered in NumPy are those that patterns find, numbered in their order."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.settings.sections import Tokens
from seqcli.text import ngrams, scanning
from seqcli.text.growing import numbered
from seqcli.text.ngrams import ASCII_WORD, WORD
from seqcli.text.scanning import Scanner
from seqcli.text.tokens import SPLITTERS, counted, numbering

ODD = "a'b1 Z_\t\n\r\x1c\x00.’é\u0301\u00a0İ१\U0001f1e9\U0001f44d\u200d\ufe0f\u20e3\ud800ß中"
TEXT = st.text(st.one_of(st.sampled_from("ab'' 1.\n"), st.sampled_from(ODD), st.characters()))
TEXTS = st.lists(st.lists(TEXT), max_size=4)  # several calls, several texts each
RULES = sorted(SPLITTERS)


def plain(calls: list[list[str]], data: Tokens) -> tuple[list[list[int]], list[str]]:
    """The same by a dictionary and a look at each text."""
    table, split = numbered(), counted(data)
    rows = [[table[token] for token in split(text)] for texts in calls for text in texts]
    return rows, list(table)


@pytest.mark.parametrize("rule", [*RULES, "subwords"])
@given(calls=TEXTS)
def test_tokens_and_their_numbers_are_those_of_the_pattern(
    rule: str, calls: list[list[str]]
) -> None:
    data, table = Tokens(tokenizer=rule), numbered()
    rows_of = numbering(data, table.__getitem__)
    found = [rows_of(texts) for texts in calls]
    rows = [rows.row(place).tolist() for rows in found for place in range(len(rows))]
    assert (rows, list(table)) == plain(calls, data)


@pytest.mark.parametrize("rule", RULES)
@given(texts=st.lists(st.text("ab'' 1.\n_é", max_size=40), max_size=6))
def test_also_where_few_characters_are_not_ascii(rule: str, texts: list[str]) -> None:
    """So few that the pattern is asked for their neighborhood alone."""
    long = [f"{text} {'word ' * 20}{text}" for text in texts]
    data, table = Tokens(tokenizer=rule), numbered()
    found = numbering(data, table.__getitem__)(long)
    rows = [found.row(place).tolist() for place in range(len(found))]
    assert (rows, list(table)) == plain([long], data)


@given(texts=st.lists(st.text("abc ", min_size=20)), most=st.sampled_from([1, 2, 8]))
def test_more_tokens_than_are_remembered_are_asked_for_anew(texts: list[str], most: int) -> None:
    table, rule = numbered(), SPLITTERS["spaces"]
    scanner = Scanner(table.__getitem__, rule.split, rule.shape, most=most)
    for _ in range(2):
        found = scanner.rows(texts)
        rows = [found.row(place).tolist() for place in range(len(found))]
        assert (rows, list(table)) == plain([texts], Tokens(tokenizer="spaces"))


def test_each_token_is_asked_for_once() -> None:
    asked: list[str] = []
    rule = SPLITTERS["words"]

    def number(token: str) -> int:
        asked.append(token)
        return len(token)

    scanner = Scanner(number, rule.split, rule.shape)
    text = "it's a table of open addresses, and it's used again and again."
    assert scanner.rows([text]).ids.tolist() == list(map(len, rule.split(text)))
    asked.clear()
    assert scanner.rows([text, text]).ids.tolist() == 2 * list(map(len, rule.split(text)))
    assert asked == []


@pytest.mark.parametrize("pattern", [ASCII_WORD, WORD])
@given(texts=st.lists(st.text("ab'1_ -9'c")))
def test_words_of_ngrams(pattern: re.Pattern[str], texts: list[str]) -> None:
    found = ngrams._scanner.rows(texts)
    rows = [found.row(place).tolist() for place in range(len(found))]
    assert rows == [list(map(ngrams._code, pattern.findall(text))) for text in texts]


def test_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one two", "", "two three " * 5, "four"] * 3
    expected = numbering(Tokens(), numbered().__getitem__)(texts)
    monkeypatch.setattr(scanning, "PORTION", 12)
    found = numbering(Tokens(), numbered().__getitem__)(texts)
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(found.offsets, expected.offsets)
    assert len(numbering(Tokens(), numbered().__getitem__)([])) == 0
