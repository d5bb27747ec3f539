"""Streams of ids against a naive implementation; splits, vocabulary, memory maps."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli import kinds
from seqcli.data.corpus import Corpus, encode_corpus, encode_whole, load_corpus
from seqcli.errors import DataError
from seqcli.readers import discover, plain_text
from seqcli.settings.sections import RunningText
from seqcli.text import growing

EOS = "<eos>"
LINE = st.text(st.sampled_from("ab é中😀\u0301\u0085\t"), max_size=8)


def settings(**values: Any) -> RunningText:
    values = {"test": 0.05, "valid": 0.05, **values}
    data = kinds.read({"kind": "language-model", "data": values}).data
    assert isinstance(data, RunningText)
    return data


def load(path: Path, **values: Any) -> Corpus:
    data = settings(**values)
    return load_corpus(discover(path, data, ("text",)), data, path.parent, lambda: None)


def put(folder: Path, text: str, name: str = "book.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def tokens(corpus: Corpus, part: str = "train") -> list[str]:
    return corpus.vocab.decode(corpus.streams[part])


def naive(text: str, tokenizer: str, document: str) -> list[str]:
    """What a person would write: all tokens in order, with end marks."""
    text = unicodedata.normalize("NFC", text)
    split = list if tokenizer == "characters" else str.split
    if document == "file":
        return list(split(text))
    found: list[str] = []
    if document == "line":
        parts = [line for line in text.split("\n") if line.strip()]
    else:
        joined = "\n".join(line if line.strip() else "" for line in text.split("\n"))
        parts = [part.strip("\n") for part in joined.split("\n\n")]
    for part in parts:
        if part.strip():
            found += [*split(part), EOS]
    return found


@pytest.mark.parametrize("tokenizer", ["characters", "spaces"])
@pytest.mark.parametrize("document", ["file", "line", "blank"])
@given(rows=st.lists(LINE, min_size=1, max_size=12))
def test_equals_the_naive_reading(
    tmp_path: Path, tokenizer: str, document: str, rows: list[str]
) -> None:
    text = "xy xy\n" + "\n".join(rows)
    path = put(tmp_path, text)
    wanted = naive(text, tokenizer, document)
    corpus = load(path, tokenizer=tokenizer, document=document, test=0.0, valid=0.0)
    assert tokens(corpus) == wanted
    assert list(corpus.streams) == ["train"]
    assert corpus.unknown_share == {"train": 0.0}
    counts = Counter(token for token in wanted if token != EOS)
    first = {token: place for place, token in reversed(list(enumerate(wanted)))}
    ordinary = sorted(counts, key=lambda token: (-counts[token], first[token]))
    ends = [EOS] * (document != "file")
    assert corpus.vocab.to_list() == ["<unk>", *ends, *ordinary]
    data = settings(tokenizer=tokenizer, document=document)
    again = encode_whole(discover(path, data, ("text",)), data, corpus.vocab, lambda: None)
    assert again.streams["all"].tolist() == corpus.streams["train"].tolist()


def test_splits_are_cut_in_order(tmp_path: Path) -> None:
    path = put(tmp_path, " ".join(f"w{i}" for i in range(1000)))
    corpus = load(path, tokenizer="spaces", unknown=False, min_count=1)
    assert {name: len(ids) for name, ids in corpus.streams.items()}["train"] == 900
    assert tokens(corpus) == [f"w{i}" for i in range(900)]
    letters = put(tmp_path, "abcdefghij" * 100, "letters.txt")
    cut = load(letters, tokenizer="characters")
    assert [len(cut.streams[part]) for part in ("train", "valid", "test")] == [900, 50, 50]
    assert "".join(tokens(cut, "valid") + tokens(cut, "test")) == "abcdefghij" * 10
    char = load(letters, tokenizer="characters", test=0.0, valid=0.1)
    assert {name: len(ids) for name, ids in char.streams.items()} == {"train": 900, "valid": 100}


@pytest.mark.parametrize(("document", "mark"), [("line", "\n"), ("blank", "\n\n")])
def test_the_cut_is_between_documents(tmp_path: Path, document: str, mark: str) -> None:
    path = put(tmp_path, mark.join("ab" * (1 + i % 7) for i in range(300)))
    corpus = load(path, tokenizer="characters", document=document)
    sizes = {name: len(ids) for name, ids in corpus.streams.items()}
    total = sum(sizes.values())
    for name, share in (("train", 0.9), ("valid", 0.05), ("test", 0.05)):
        assert corpus.streams[name][-1] == corpus.vocab.end
        assert sizes[name] / total == pytest.approx(share, abs=15 / total)
    starts = [corpus.vocab.decode(corpus.streams[name][:1]) for name in ("valid", "test")]
    assert starts == [["a"], ["a"]]


def test_one_document_is_not_cut(tmp_path: Path) -> None:
    corpus = load(put(tmp_path, "one line of text"), tokenizer="spaces", document="line")
    assert tokens(corpus) == ["one", "line", "of", "text", EOS]
    assert list(corpus.streams) == ["train"]


def test_the_vocabulary_is_of_the_training_part(tmp_path: Path) -> None:
    for part, text in (("train", "a a b\n"), ("valid", "a c\n"), ("test", "d d d a\n")):
        put(tmp_path, text, f"{part}.txt")
    corpus = load(tmp_path, tokenizer="spaces", document="line")
    assert corpus.vocab.to_list() == ["<unk>", EOS, "a", "b"]
    assert tokens(corpus, "test") == ["<unk>", "<unk>", "<unk>", "a", EOS]
    assert corpus.unknown_share == {"train": 0, "valid": 0.5, "test": 0.75}
    bare = load(tmp_path, tokenizer="spaces", document="file", unknown=False)
    assert bare.vocab.to_list() == ["a", "b"]
    assert tokens(bare, "valid") == ["a"]  # dropped, and counted all the same
    assert bare.unknown_share["valid"] == 0.5


def test_cut_by_count_and_by_size(tmp_path: Path) -> None:
    path = put(tmp_path, "a b a c a b d")
    known = {"tokenizer": "spaces", "test": 0.0, "valid": 0.0}
    assert load(path, min_count=2, **known).vocab.to_list() == ["<unk>", "a", "b"]
    assert load(path, vocabulary=3, **known).vocab.to_list() == ["<unk>", "a", "b"]
    assert load(path, vocabulary=3, **known).unknown_share["train"] == pytest.approx(2 / 7)


def test_literal_marks_are_unknown_words(tmp_path: Path) -> None:
    """PTB writes `<unk>` itself; a text cannot end itself by writing `<eos>`."""
    path = put(tmp_path, "the <unk> sat\n<eos> the N\n")
    corpus = load(path, tokenizer="spaces", document="line", test=0.0, valid=0.0)
    assert corpus.vocab.to_list() == ["<unk>", EOS, "the", "sat", "N"]
    assert corpus.streams["train"].tolist() == [2, 0, 3, 1, 0, 2, 4, 1]
    assert corpus.unknown_share["train"] == pytest.approx(2 / 6)


def test_documents_without_end_marks(tmp_path: Path) -> None:
    path = put(tmp_path, "a b\nc\n")
    corpus = load(path, tokenizer="spaces", document="line", end_mark=False, test=0.0, valid=0.0)
    assert tokens(corpus) == ["a", "b", "c"]
    assert corpus.vocab.end is None


@pytest.mark.parametrize(("types", "dtype"), [(200, "uint8"), (257, "uint16"), (66_000, "uint32")])
def test_the_smallest_integers(tmp_path: Path, types: int, dtype: str) -> None:
    path = put(tmp_path, " ".join(f"w{i}" for i in range(types)))
    corpus = load(path, tokenizer="spaces", unknown=False, test=0.0, valid=0.0)
    assert corpus.streams["train"].dtype == np.dtype(dtype)
    assert corpus.streams["train"][-1] == types - 1


def test_mapped_equals_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "".join(f"line {i % 37} of a book\n" for i in range(2000)))
    known = {"tokenizer": "characters", "document": "line"}
    held = load(path, **known)
    monkeypatch.setattr(growing, "MAPPED_BYTES", 1000)
    monkeypatch.setattr("seqcli.data.corpus.BLOCK", 777)
    monkeypatch.setattr(plain_text, "CHUNK", 100)
    mapped = load(path, **known)
    assert isinstance(mapped.streams["train"], np.memmap)
    assert mapped.vocab.to_list() == held.vocab.to_list()
    assert mapped.unknown_share == held.unknown_share
    for part, ids in held.streams.items():
        assert mapped.streams[part].dtype == ids.dtype
        assert np.array_equal(mapped.streams[part], ids)
    assert [entry.name for entry in tmp_path.iterdir()] == ["book.txt"]  # nothing left behind


def test_interrupts_are_polled(tmp_path: Path) -> None:
    data, calls = settings(tokenizer="spaces", document="line"), [0]

    def poll() -> None:
        calls[0] += 1

    path = put(tmp_path, "a b\n" * 5000)
    load_corpus(discover(path, data, ("text",)), data, None, poll)
    assert calls[0] >= 5


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
@pytest.mark.parametrize("document", ["line", "blank"])
def test_no_text(tmp_path: Path, content: str, document: str) -> None:
    with pytest.raises(DataError, match="no text"):
        load(put(tmp_path, content), tokenizer="spaces", document=document)


@pytest.mark.parametrize("content", ["", "a"])
def test_too_little_text(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"no text in it|at least two tokens expected"):
        load(put(tmp_path, content), tokenizer="characters")


def test_a_folder_without_train(tmp_path: Path) -> None:
    folder = tmp_path / "scored"
    folder.mkdir()
    put(folder, "a b", "my.test.txt")
    with pytest.raises(DataError, match="a train file expected") as caught:
        load(folder, tokenizer="spaces")
    assert "my.test.txt" in caught.value.message
    assert "train" in caught.value.hint
    data = settings(tokenizer="spaces")
    vocab = load(put(tmp_path, "a b c"), tokenizer="spaces", test=0.0, valid=0.0).vocab
    scored = encode_corpus(discover(folder, data, ("text",)), data, vocab, lambda: None)
    assert scored.streams["test"].tolist() == vocab.encode(["a", "b"]).tolist()


def test_the_whole_of_a_folder(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        put(tmp_path, f"a {part}\n", f"x.{part}.txt")
    data = settings(tokenizer="spaces", document="line")
    source = discover(tmp_path, data, ("text",))
    vocab = load_corpus(source, data, None, lambda: None).vocab
    whole = encode_whole(source, data, vocab, lambda: None)
    assert list(whole.streams) == ["all"]
    unknown = "<unk>"
    wanted = ["a", "train", EOS, "a", unknown, EOS, "a", unknown, EOS]
    assert tokens(whole, "all") == wanted
    assert whole.unknown_share["all"] == pytest.approx(2 / 6)


@pytest.mark.parametrize("tokenizer", ["characters", "spaces", "words"])
def test_an_end_mark_that_is_written_is_one(tmp_path: Path, tokenizer: str) -> None:
    options: dict[str, Any] = {"tokenizer": tokenizer, "document": "line", "test": 0, "valid": 0}
    plain = load(put(tmp_path, "a b\nc\n"), **options)
    marked = load(put(tmp_path, "a b <eos>\nc<eos> \n"), **options)
    assert tokens(marked) == tokens(plain)
    assert (plain.marks, marked.marks) == ((0, 0), (2, 0))
    inside = load(put(tmp_path, "a <eos> b\n<eos> c\n"), **options)
    assert inside.marks == (0, 2)
    whole = load(put(tmp_path, "a <eos>\nc\n"), **{**options, "document": "file"})
    assert whole.marks == (0, 1)


def test_one_form_of_text_for_all_ways_to_read(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tokenizer": "characters", "test": 0, "valid": 0}
    plain = load(put(tmp_path, "caf\u00e9\nx\ny\n"), **options)
    other = load(put(tmp_path, "\ufeffcafe\u0301\r\nx\r\ny\r\n"), **options)
    old = load(put(tmp_path, "cafe\u0301\rx\ry\r"), **options)
    assert tokens(plain) == tokens(other) == tokens(old)
    kept = load(put(tmp_path, "cafe\u0301\nx\n"), **options, normalize="none")
    assert "\u0301" in tokens(kept)
