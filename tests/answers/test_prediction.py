"""Groups in, answers out: order, grouping, rounding; and the lines of a live stream."""

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_language
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import write_model

from seqcli.answers.loading import load_model
from seqcli.answers.prediction import (
    Group,
    Predictions,
    Predictor,
    grouped,
    recut,
    sharded,
)
from seqcli.errors import ConfigError, DataError, SeqcliError
from seqcli.readers.live import arriving
from seqcli.text.normal import whole

WIDE = {"wide_words": [1, 2], "wide_characters": [3], "wide_buckets": 512}
TEXTS = ["win a prize now", "", "see you at six", "x", "\u0085 \0 zzz", "win " * 300, "late"] * 9


def predictor(path: Path) -> Predictor:
    loaded = load_model(path, threads=1)
    return Predictor.of(loaded)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": ("no", "yes"), "model": {"head": "sigmoid"}},
        {"model": WIDE},
        {"data": {"tokenizer": "characters"}, "model": {"embed": 0, "cell": "gru"}},
        {"data": {"unknown": False, "max_tokens": 3, "keep": "last"}, "model": {"cell": "rnn"}},
    ],
)
def test_grouping_changes_nothing(tmp_path: Path, options: dict[str, Any]) -> None:
    ask = predictor(write_model(tmp_path / "a.pt", **options))
    together = ask.predict(TEXTS)
    assert together.probabilities.shape == (len(TEXTS), len(ask.kind.labels))
    np.testing.assert_allclose(together.probabilities.sum(1), 1, atol=2e-4)
    rows = [(text, (text,)) for text in TEXTS]
    for most, characters in ((1, 10**6), (4, 10**6), (1000, 20)):
        parts = list(ask.stream(grouped(rows, most=most, characters=characters)))
        assert [text for group, _ in parts for text in group.texts] == TEXTS
        apart = np.concatenate([found.probabilities for _, found in parts])
        np.testing.assert_allclose(apart, together.probabilities, atol=1.1e-4)
        shares = np.concatenate([found.unknown_share for _, found in parts])
        np.testing.assert_array_equal(shares, together.unknown_share)


def test_unknown_share(tmp_path: Path) -> None:
    answers = predictor(write_model(tmp_path / "a.pt")).classify(["win zzz qqq", "win", "", "zzz"])
    assert [answer.unknown_share for answer in answers] == [0.6667, 0, 1, 1]


def test_answers_for_a_program(tmp_path: Path) -> None:
    ask = predictor(write_model(tmp_path / "a.pt"))
    answers = ask.classify(iter(TEXTS))
    assert [answer.text for answer in answers] == TEXTS
    for answer in answers:
        assert list(answer.probs) == ["ham", "spam", "other"]
        assert answer.prob == max(answer.probs.values()) == answer.probs[answer.label]
        assert answer.prob == round(answer.prob, 4)
    assert ask.classify([]) == []
    assert ask.classify(["half \ud83d of it"])[0].text == "half \ufffd of it"
    for answer, short in zip(answers, ask.classify(TEXTS, top_k=2), strict=True):
        best = sorted(answer.probs.items(), key=lambda pair: -pair[1])[:2]
        assert list(short.probs.items()) == best


def found(rows: list[list[float]]) -> Predictions:
    scores = np.log(np.array(rows, np.float32))
    return Predictions.of(("a", "b", "c"), scores, np.zeros(len(rows)))


def test_threshold_is_compared_with_what_is_shown() -> None:
    some = found([[0.89999, 0.10001, 1e-9], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]])
    assert some.best_probabilities.tolist() == [0.9, 0.5, 0.4]
    assert some.names() == ["a", "b", "c"]
    assert some.names(0.9, "?") == ["a", "?", "?"]
    assert some.names(0.0) == ["a", "b", "c"]
    assert some.names(1.0, "-") == ["-", "-", "-"]


def test_a_text_that_is_mostly_unknown_may_be_abstained_from() -> None:
    scores = np.log(np.array([[0.9, 0.1]] * 3, np.float32))
    some = Predictions.of(("a", "b"), scores, np.array([0.5, 0.50006, 1.0]))
    assert some.names(None, "?", 0.5) == ["a", "?", "?"]  # as shown: four decimals
    assert some.names(0.95, "?", 1.0) == ["?", "?", "?"]
    assert some.names(None, "?", 1.0) == ["a", "a", "a"]


def test_the_likeliest_labels() -> None:
    some = found([[0.2, 0.5, 0.3], [0.25, 0.25, 0.5]])
    places, values = some.top(2)
    assert places.tolist() == [[1, 2], [2, 0]]
    assert values.tolist() == [[0.5, 0.3], [0.5, 0.25]]
    assert some.top(9)[0].shape == (2, 3)


def test_a_broken_model_abstains() -> None:
    assert found([[np.nan] * 3]).names(0.0, "?") == ["?"]


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    path = tiny_language.write(tmp_path / "a.pt", *tiny_language.tiny())
    with pytest.raises(SeqcliError, match="`classify` needs a classifier") as caught:
        Predictor.of(load_model(path, threads=1))
    assert f"seqcli sample --model {path}" in caught.value.hint


def test_an_error_comes_after_the_rows_before_it() -> None:
    def rows() -> Iterator[tuple[str, tuple[str]]]:
        yield "a", ("a",)
        yield "b", ("b",)
        raise DataError("x.csv", 3, "broken")

    groups = grouped(rows(), most=50)
    assert next(groups).texts == ["a", "b"]
    with pytest.raises(DataError, match="line 3"):
        next(groups)


@given(st.lists(st.text(max_size=5)), st.integers(1, 5), st.integers(1, 12))
def test_groups_hold_all_rows_in_order(texts: list[str], most: int, characters: int) -> None:
    groups = list(grouped(((text, (text,)) for text in texts), most=most, characters=characters))
    assert [text for group in groups for text in group.texts] == texts
    assert all(0 < len(group.texts) <= most for group in groups)
    assert all(sum(map(len, group.texts[:-1])) < characters for group in groups)
    assert [list(cells) for group in groups for cells in group.cells] == [[t] for t in texts]


@given(st.lists(st.lists(st.text(max_size=2), max_size=6)), st.integers(1, 5))
def test_shards_are_disjoint_and_make_the_whole(parts: list[list[str]], count: int) -> None:
    flat = [text for part in parts for text in part]
    for place in range(count):
        groups = list(sharded((Group(part) for part in parts), place, count))
        assert [text for group in groups for text in group.texts] == flat[place::count]


@given(st.lists(st.lists(st.text(max_size=2), max_size=9)), st.integers(1, 4))
def test_recut_groups_hold_all_rows_in_order(parts: list[list[str]], size: int) -> None:
    groups = [Group(part, [(text, 1) for text in part]) for part in parts]
    found = list(recut(groups, (1, size)))
    assert [text for group in found for text in group.texts] == [t for part in parts for t in part]
    assert all(0 < len(group.texts) <= size for group in found)
    assert all(group.cells == [(text, 1) for text in group.texts] for group in found)
    assert len(found) >= len(list(filter(None, parts)))  # none waits for the next
    assert all(len(group.texts) == 1 for group in found[:1])


@given(st.text(st.characters()))
def test_whole_text_can_be_written(text: str) -> None:
    assert whole(text).encode().decode() == whole(text)
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert whole(text) == text


def live(content: bytes, encoding: str = "utf-8", rows: int = 5) -> Iterator[list[str]]:
    return arriving(io.BytesIO(content), encoding, rows=rows, characters=1 << 20)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\nb\rc\r\n", ["a", "b\rc"]),
        (b"a\rb\r\rc\r", ["a", "b", "", "c"]),
        (b"a\r" * 50_000 + b"b", ["a"] * 50_000 + ["b"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        ("a\0b\u0085c\u2028d\fe\n".encode(), ["a\0b\u0085c\u2028d\fe"]),
        (b"x" * 200_000 + b"\ny", ["x" * 200_000, "y"]),
        (("é" * 70_000 + "\n").encode() * 3, ["é" * 70_000] * 3),
    ],
)
def test_lines_of_a_stream(content: bytes, lines: list[str]) -> None:
    assert [line for group in live(content) for line in group] == lines


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\ufeff", codec="utf-8"))))
def test_all_lines_in_bounded_groups(lines: list[str]) -> None:
    content = "".join(f"{line}\n" for line in lines)
    for encoding in ("utf-8", "utf-16"):
        groups = list(live(content.encode(encoding), encoding, rows=3))
        assert [line for group in groups for line in group] == lines
        assert all(0 < len(group) <= 3 for group in groups)


@pytest.mark.parametrize(
    ("content", "encoding", "before", "line"),
    [
        (b"a\nb\nc\xff\nd\n", "utf-8", ["a", "b"], 3),
        (b"a\nb\xc3", "utf-8", ["a"], 2),
        (b"a\n" * 40_000 + b"\xc3", "utf-8", ["a"] * 40_000, 40_001),
        ("a\nb\n".encode("utf-16") + b"\x00\xdc\n\0", "utf-16", ["a", "b"], 3),
        (b"a\n\xfd\xfd\n", "shift_jis", ["a"], 2),
        (b"\xff", "ascii", [], 1),
    ],
)
def test_bad_bytes_after_the_good_lines(
    content: bytes, encoding: str, before: list[str], line: int
) -> None:
    lines: list[str] = []
    groups = live(content, encoding)
    while len(lines) < len(before):
        lines += next(groups)
    assert lines == before
    with pytest.raises(DataError, match="text expected") as caught:
        next(groups)
    assert caught.value.line == line


def test_encodings_that_are_none() -> None:
    for name in ("klingon", "hex"):
        with pytest.raises(ConfigError, match="a text encoding expected"):
            next(live(b"a", name))


def test_closed_and_unreadable_streams(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a closed one found"):
        next(arriving(None, "utf-8", rows=1, characters=1))
    with os.fdopen(os.open(os.devnull, os.O_RDONLY), "rb") as stream:
        folder = os.open(tmp_path, os.O_RDONLY)
        os.dup2(folder, stream.fileno())
        os.close(folder)
        with pytest.raises(DataError, match="folder"):
            next(arriving(stream, "utf-8", rows=1, characters=1))


def test_lines_are_handed_on_as_they_come() -> None:
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb") as stream:
        groups = arriving(stream, "utf-8", rows=1000, characters=1 << 20)
        os.write(writes, b"a\nb\nhalf")
        assert next(groups) == ["a", "b"]
        os.write(writes, b" and half\n")
        assert next(groups) == ["half and half"]
        os.write(writes, b"x\n" * 2500)
        assert [len(next(groups)) for _ in range(3)] == [1000, 1000, 500]
        ended = threading.Timer(0.2, os.close, [writes])
        ended.start()
        begun = time.monotonic()
        assert list(groups) == []
        assert time.monotonic() - begun > 0.1
        ended.join()


@pytest.mark.parametrize(
    ("content", "problem", "hint"),
    [
        ("a\nb\nc\n".encode("utf-16-le"), "a NUL character found", "--encoding utf-16"),
        ("a\nb\n".encode("utf-16"), "utf-8 text expected, found: 0xff", "--encoding utf-16"),
        (b"PK\x03\x04\x14\0\0\0a.txt", "text expected, zip found", "unpack"),
        (b"\x1f\x8b\x08\0\0", "text expected, gzip found", ".gz"),
    ],
)
def test_a_stream_that_is_no_text(content: bytes, problem: str, hint: str) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        next(live(content))
    assert hint in caught.value.hint
