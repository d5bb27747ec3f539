"""Subwords: the merges are those of the plain algorithm, and any text comes back."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqcli.errors import ConfigError
from seqcli.settings.sections import LabeledText
from seqcli.text import subwords
from seqcli.text.subwords import ASCII, BASE, BYTES, LONGEST, Subwords, count, problem, size_of
from seqcli.text.tokens import tokenizer
from seqcli.text.vocab import Vocab

RESERVED = {*BYTES, "<unk>", "<eos>"}
TEXTS = [
    "low lower lowest\n\nnewer  wider\n",
    "the bat sat on the mat, the cat",
    "  ä äh\tähm äh! ",
]
texts = st.text(st.sampled_from("aaabbc d\n\t'é<>x1"), max_size=40)


def plain_merges(words: dict[str, int], size: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Sennrich et al. (2016), algorithm 1: all pairs counted anew for every merge."""
    letters: Counter[str] = Counter()
    for word, times in words.items():
        letters.update({letter: word.count(letter) * times for letter in word})
    others = sorted({letter for letter in letters if not letter.isascii()})
    others = sorted((one for one in others if letters[one] > 1), key=lambda one: -letters[one])
    pieces = [*BASE, *others[: size - len(BASE)]]
    rest = re.compile("|".join(map(re.escape, pieces[: len(ASCII)] + pieces[len(BASE) :])))
    parts: list[tuple[list[str], int]] = []
    for word, times in words.items():
        run: list[str] = []
        for letter in [*word, None]:
            if letter is None or not rest.fullmatch(letter):
                parts.append((run, times))
                run = []
            else:
                run.append(letter)
    merges: list[tuple[str, str]] = []
    while len(pieces) < size:
        counts: Counter[tuple[str, str]] = Counter()
        for run, times in parts:
            for pair in itertools.pairwise(run):
                if len("".join(pair)) <= LONGEST and "".join(pair) not in RESERVED:
                    counts[pair] += times
        pairs = [pair for pair, times in counts.items() if times > 1]
        if not pairs:
            break
        number = {piece: place for place, piece in enumerate(pieces)}
        best = min(pairs, key=lambda pair: (-counts[pair], number[pair[0]], number[pair[1]]))
        parts = [(plain_merged(run, best), times) for run, times in parts]
        if best not in merges:
            merges.append(best)
        if "".join(best) not in pieces:
            pieces.append("".join(best))
    return pieces, merges


def plain_merged(run: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    at = 0
    while at < len(run):
        if tuple(run[at : at + 2]) == pair:
            result.append("".join(pair))
            at += 2
        else:
            result.append(run[at])
            at += 1
    return result


def named(found: Subwords) -> list[tuple[str, str]]:
    return [(found.pieces[a], found.pieces[b]) for a, b in found.to_json()["merges"]]


@given(st.lists(texts, max_size=8), st.integers(0, 30))
@example(TEXTS, 40)
@example(["aaaa aaaaa aaa aa", "abab ababab bab"], 20)
@example(["<eos> <eos> <eos> <0x80> <0x80>"], 40)
def test_the_merges_are_the_plain_algorithm_s(rows: list[str], more: int) -> None:
    words, size = count(rows), len(BASE) + more
    found = Subwords.learn(words, size)
    assert (list(found.pieces), named(found)) == plain_merges(words, size)


@given(st.lists(texts, min_size=1, max_size=5), texts)
def test_a_word_is_merged_in_the_order_of_learning(rows: list[str], text: str) -> None:
    found = Subwords.learn(count(rows), len(BASE) + 25)
    order = {pair: place for place, pair in enumerate(named(found))}
    expected: list[str] = []
    for word in subwords.words(text):
        run: list[str] = []
        for letter in word:
            if letter in found.pieces:
                run.append(letter)
            else:
                run += [f"<0x{byte:02X}>" for byte in letter.encode()]
        while pairs := [pair for pair in itertools.pairwise(run) if pair in order]:
            run = plain_merged(run, min(pairs, key=order.__getitem__))
        expected += run
    assert found.split(text) == expected


@given(st.text(), st.text(), st.lists(st.text(), max_size=4))
@example("\ud800 half a character", "", [])
@example("\n\n a\n\n\n  b \n", "<0x80><eos>\x00\r\n", TEXTS)
@example("e\u0301 ҉ हिन्दी 한국어 👩‍👩‍👧 _a_ 1²", "", TEXTS)
def test_any_text_comes_back(text: str, other: str, rows: list[str]) -> None:
    found = Subwords.learn(count(rows), len(BASE) + 50)
    assert found.join(found.split(text)) == text
    assert set(found.split(text)) <= set(found.pieces)
    once = tokenizer(LabeledText(tokenizer="subwords", normalize="none"), found)
    assert once.join(once.split(text)) == text
    assert len(once.spans(text)) == len(once.split(text))
    if "\n" not in text[-1:] and text:  # what goes on in a line keeps its space
        pieces = found.split(f"{text} {other}")
        for cut in range(len(pieces)):
            begun = found.join(pieces[:cut])
            if "\ufffd" not in begun and begun and begun[-1] != "\n":
                after = found.join(pieces[cut:], begun=True)
                assert begun + after == f"{text} {other}"


@given(texts, st.lists(texts, max_size=4))
@example("  a  b", [])
@example("été\n\n été \tx", ["été été"])
def test_spans_show_the_pieces_and_miss_no_character(text: str, rows: list[str]) -> None:
    found = Subwords.learn(count(rows), len(BASE) + 20)
    spans, covered = found.spans(text), set[int]()
    for piece, (start, end) in zip(found.split(text), spans, strict=True):
        assert 0 <= start < end <= len(text)
        covered |= set(range(start, end))
        if piece in BYTES:
            assert end == start + 1
        elif piece != " ":
            assert text[start:end] == piece.removeprefix(" ")
    assert {place for place, letter in enumerate(text) if not letter.isspace()} <= covered
    assert spans == sorted(spans)


def test_words_begin_alike_at_the_beginning_and_inside_of_a_line() -> None:
    assert subwords.words("the cat\nthe  cat") == [" the", " cat", "\n", " the", " ", " cat"]
    assert subwords.words("don't, 42nd_ été!? \n") == [
        *(" don't", ",", " 42", "nd", "_", " été", "!?", " ", "\n")
    ]
    assert max(map(len, subwords.words("a" * 999 + "!" * 999 + " " * 999 + "1" * 999))) <= LONGEST


def test_rare_characters_are_bytes_and_a_full_table_keeps_the_frequent_ones() -> None:
    found = Subwords.learn(count(["ö ö ö ü ü ß"]), len(BASE) + 1)
    assert found.pieces[len(BASE) :] == ("ö",)
    assert found.split("öüß") == [" ", "ö", "<0xC3>", "<0xBC>", "<0xC3>", "<0x9F>"]
    assert found.join(["<0xC3>"]) == "\ufffd"
    few = Subwords.learn(count(["ab ab ab ü ü ü"]), 300, least=4)
    assert few.pieces == BASE
    with pytest.raises(ValueError, match="fewer"):
        Subwords.learn({}, len(BASE) - 1)


def test_the_size_is_the_setting_s_or_the_usual_one() -> None:
    assert size_of(LabeledText()) == subwords.USUAL
    assert size_of(LabeledText(vocabulary=1000)) == 1000
    with pytest.raises(ConfigError, match="begin with 244 rows"):
        size_of(LabeledText(vocabulary=200))


def test_ctrl_c_is_heard_while_merges_are_learned() -> None:
    calls = [0]

    def stop() -> None:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Subwords.learn(count(TEXTS), 300, poll=stop)


@given(st.lists(st.text(max_size=20), max_size=4), st.booleans())
def test_a_vocabulary_is_restored_from_plain_json(rows: list[str], end: bool) -> None:
    vocab = Vocab.of_subwords(Subwords.learn(count(rows), len(BASE) + 20), end=end)
    saved = json.loads(json.dumps(vocab.learned()))
    assert problem(saved["subwords"], saved["vocabulary"]) == ""
    again = Vocab.restore(saved)
    assert again.subwords is not None
    assert again.learned() == vocab.learned()
    assert (again.end, again.unknown) == (0 if end else None, None)
    assert again.subwords.split("ab ä") == Subwords.from_json(saved["subwords"]).split("ab ä")
    assert again.encode(again.subwords.split("any 😀")).min() >= 0


def hurt(**changed: Any) -> str:
    vocab = Vocab.of_subwords(Subwords.learn(count(["äb äb äb"]), len(BASE) + 3), end=True)
    saved = vocab.learned()
    table = {**saved["subwords"], **changed.pop("table", {})}
    for name in changed.pop("without", ()):
        del table[name]
    return problem(changed.get("whole", table), changed.get("vocabulary", saved["vocabulary"]))


FIRST = len(BASE) + 1  # what the first merge makes, behind the one character
BOMB = [[97, 97], *([n, n] for n in range(FIRST, FIRST + 60))]  # "a" 2**61 times
MARK = [[ord("<"), ord("e")], *([FIRST + n, ord(letter)] for n, letter in enumerate("os>"))]


def test_merges_that_double_a_piece_take_no_memory() -> None:
    with pytest.raises(ValueError, match="a piece of 128 characters"):
        Subwords.from_json({"characters": "ä", "merges": BOMB})


@pytest.mark.parametrize(
    "changed",
    [
        {"whole": None},
        {"whole": []},
        {"without": ["merges"]},
        {"table": {"more": 1}},
        {"table": {"characters": ["ä", "b"]}},
        {"table": {"characters": "ää"}},
        {"table": {"characters": "äb"}},
        {"table": {"characters": "äö"}},
        {"table": {"merges": {}}},
        {"table": {"merges": [[1]]}},
        {"table": {"merges": [[1, True]]}},
        {"table": {"merges": [[1.0, 2]]}},
        {"table": {"merges": [[-1, 2]]}},
        {"table": {"merges": [[1, 10**30]]}},
        {"table": {"merges": [[97, 98], [97, 98]]}},
        {"table": {"merges": [[200, 98]]}},  # of a byte
        {"table": {"merges": MARK}},
        {"table": {"merges": BOMB}},
        {"vocabulary": ["<eos>"]},
        {"vocabulary": ["<unk>", *BASE, "ä", " ä", "b"]},
    ],
)
def test_a_table_that_is_none_is_named(changed: dict[str, Any]) -> None:
    assert hurt() == ""
    assert "subwords" in hurt(**changed)
