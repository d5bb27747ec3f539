from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.data.labeled import (
    Encoder,
    Examples,
    LabeledData,
    load,
    load_whole,
)
from seqcli.data.splits import assign, text_key
from seqcli.errors import DataError
from seqcli.readers import discover
from seqcli.settings.sections import TrimmedText
from seqcli.text import sequences
from seqcli.text.sequences import Sequences
from seqcli.text.tokens import tokenizer
from seqcli.text.vocab import Vocab

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "E", "<unk>", "<eos>", "a's"]), max_size=6)
RECORDS = st.lists(st.tuples(st.sampled_from("xyz"), WORDS.map(" ".join)), max_size=30)
FIXED = [("x", "fixed one"), ("y", "fixed two"), ("x", "a"), ("y", "b")]


def as_lists(sequences: Sequences) -> list[list[int]]:
    return [sequences.row(i).tolist() for i in range(len(sequences))]


def written(path: Path, records: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{label}\t{text}\n" for label, text in records))
    return path


def loaded(path: Path, data: TrimmedText, **options: Any) -> LabeledData:
    return load(discover(path, data), data, **{"seed": 1, **options})


def naive(records: list[tuple[str, str]], data: TrimmedText) -> dict[str, Any]:
    """What `load` must give, in plain loops and two passes."""
    names = sorted({label for label, _ in records})
    part = assign(
        np.array([names.index(label) for label, _ in records]),
        np.array([text_key(text) for _, text in records], np.uint64),
        np.full(len(records), -1, np.int8),
        test=data.test,
        valid=data.valid,
        seed=1,
        repeats=data.repeats,
    ).part
    split = tokenizer(data).split
    counted = Counter(
        token for (_, text), p in zip(records, part, strict=True) if p == 0 for token in split(text)
    )
    vocab = Vocab.fit(
        list(counted),
        list(counted.values()),
        min_count=data.min_count,
        size=data.vocabulary,
        unknown=data.unknown,
    )
    splits = {}
    for code, name in enumerate(("train", "valid", "test")):
        rows = [n for n, p in enumerate(part) if p == code]
        tokens = [vocab.encode(split(records[n][1])).tolist() for n in rows]
        if data.max_tokens:
            first = data.keep == "first"
            most = data.max_tokens
            tokens = [row[:most] if first else row[-most:] for row in tokens]
        if rows:
            splits[name] = (rows, tokens, [names.index(records[n][0]) for n in rows])
    return {"vocab": vocab.to_list(), "labels": tuple(names), "splits": splits}


@settings(deadline=None)
@given(
    RECORDS,
    st.sampled_from(["group", "drop", "keep"]),
    st.booleans(),
    st.integers(1, 2),
    st.sampled_from([0, 3]),
    st.sampled_from([0, 2]),
    st.sampled_from(["first", "last"]),
)
def test_one_pass_equals_two(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[tuple[str, str]],
    repeats: str,
    unknown: bool,
    least: int,
    size: int,
    most: int,
    keep: str,
) -> None:
    data = TrimmedText(
        tokenizer="spaces",
        repeats=repeats,
        unknown=unknown,
        min_count=least,
        vocabulary=size,
        max_tokens=most,
        keep=keep,
        test=0.3,
        valid=0.3,
    )
    records = FIXED + records
    found = loaded(written(tmp_path_factory.getbasetemp() / "labeled.tsv", records), data)
    expected = naive(records, data)
    assert found.vocab.to_list() == expected["vocab"]
    assert found.labels == expected["labels"]
    assert list(found.splits) == list(expected["splits"])
    for name, (rows, tokens, labels) in expected["splits"].items():
        examples = found.splits[name]
        assert examples.rows.tolist() == rows
        assert as_lists(examples.tokens) == tokens
        assert examples.labels.tolist() == labels
        assert len(examples) == len(rows)
    kept = sum(map(len, found.splits.values()))
    assert found.repeated == len(records) - kept


def test_shares_and_counts(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("x\ta a b\ny\ta b b c\n")
    (tmp_path / "test.tsv").write_text("x\ta q q q a\ny\t\n")
    data = TrimmedText(min_count=2, max_tokens=3, valid=0)
    found = loaded(tmp_path, data)
    assert found.vocab.to_list() == ["<unk>", "a", "b"]
    assert found.unknown_share == {"train": 1 / 7, "test": 3 / 5}
    assert found.truncated == {"train": 1, "test": 1}
    assert as_lists(found.splits["test"].tokens) == [[1, 0, 0], []]
    assert found.splits["test"].rows.tolist() == [2, 3]
    assert found.fingerprint == discover(tmp_path, data).fingerprint()
    bare = loaded(tmp_path, replace(data, unknown=False))
    assert as_lists(bare.splits["test"].tokens) == [[0, 0], []]
    assert bare.unknown_share == found.unknown_share
    assert bare.truncated == {"train": 0, "test": 0}
    assert found.splits["test"].tokens.ids.dtype == np.int32


def test_the_vocabulary_is_of_the_training_rows_alone(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("x\tone\ny\ttwo\n")
    (tmp_path / "valid.tsv").write_text("x\tthree three\n")
    found = loaded(tmp_path, TrimmedText(test=0))
    assert found.vocab.to_list() == ["<unk>", "one", "two"]
    assert found.unknown_share["valid"] == 1.0


@pytest.mark.parametrize("repeats", ["group", "drop", "keep"])
def test_parts_that_share_all_their_texts_are_trained_on(tmp_path: Path, repeats: str) -> None:
    for name in ("train", "test"):
        (tmp_path / f"{name}.tsv").write_text("x\tone\ny\ttwo\n")
    found = loaded(tmp_path, TrimmedText(repeats=repeats, valid=0))
    assert (found.shared, found.repeats, len(found.splits["train"])) == (2, "keep", 2)
    (tmp_path / "train.tsv").write_text("x\tone\ny\ttwo\ny\tthree\nx\tfour\n")
    found = loaded(tmp_path, TrimmedText(repeats=repeats, valid=0))
    assert (found.shared, found.repeats) == (2, repeats)
    assert len(found.splits["train"]) == (4 if repeats == "keep" else 2)


def test_case_alone_may_make_texts_equal(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", [("x", "Hi"), ("x", " hI "), ("y", "yo"), ("y", "Yo!")])
    assert loaded(path, TrimmedText(repeats="drop")).repeated == 0
    assert loaded(path, TrimmedText(repeats="drop", repeats_casefold=True)).repeated == 1


@pytest.mark.parametrize("waiting", [1, 4, 1000])
def test_features_stand_beside_the_tokens(
    tmp_path: Path, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequences, "WAITING", waiting)
    path = written(tmp_path / "a.tsv", [("x", "a"), ("y", "bb"), ("x", "ccc"), ("y", "")])
    data = TrimmedText(test=0, valid=0)

    def lengths(texts: Sequence[str]) -> Sequences:
        return Sequences.from_rows([len(text)] * len(text) for text in texts)

    found = loaded(path, data, features=lengths)
    features = found.splits["train"].features
    assert features is not None
    assert as_lists(features.take(np.arange(4))) == [[1], [2, 2], [3, 3, 3], []]
    assert loaded(path, data).splits["train"].features is None


def test_poll_may_stop_the_reading(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", [("x", "a"), ("y", "b")] * 1500)
    calls: list[int] = []
    loaded(path, TrimmedText(), poll=lambda: calls.append(1))
    assert len(calls) == 3

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loaded(path, TrimmedText(), poll=stop)


def test_a_models_vocabulary_and_labels_are_used(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", FIXED * 3)
    vocab = Vocab(["<unk>", "two", "one"])
    found = loaded(path, TrimmedText(), vocab=vocab, labels=("y", "x"))
    assert found.vocab is vocab
    assert found.labels == ("y", "x")
    again = loaded(path, TrimmedText())
    for name, examples in found.splits.items():  # the order of the labels moves no row
        assert examples.rows.tolist() == again.splits[name].rows.tolist()
        assert (1 - examples.labels).tolist() == again.splits[name].labels.tolist()


@pytest.mark.parametrize(
    ("texts", "aligned"),
    [
        (["acgt", "ttga ", "aggé", "cccc"], True),  # what stands around them does not count
        (["acgt", "ttga", "agg", "cccc"], False),
    ],
)
def test_texts_of_one_length_are_seen(tmp_path: Path, texts: list[str], aligned: bool) -> None:
    path = written(tmp_path / "a.tsv", [("xy"[n % 2], text) for n, text in enumerate(texts)])
    assert loaded(path, TrimmedText(test=0, valid=0)).aligned == aligned


def test_the_recorded_split_is_found_again(tmp_path: Path) -> None:
    data = TrimmedText()
    path = written(tmp_path / "a.tsv", [(f"l{n % 3}", f"text {n}") for n in range(90)])
    first = loaded(path, data, seed=5)
    again = loaded(path, data, seed=5, vocab=first.vocab, labels=first.labels)
    for name, examples in first.splits.items():
        assert examples.rows.tolist() == again.splits[name].rows.tolist()
        assert as_lists(examples.tokens) == as_lists(again.splits[name].tokens)


def test_a_file_scored_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", [("x", "one"), ("x", "one"), ("x", "one two three")])
    data = TrimmedText(repeats="drop", max_tokens=2, keep="last")
    vocab = Vocab(["<unk>", "one", "three"])
    found = load_whole(discover(path, data), data, vocab=vocab, labels=("x", "y"))
    whole: Examples = found.splits["all"]
    assert list(found.splits) == ["all"]
    assert as_lists(whole.tokens) == [[1], [1], [0, 2]]
    assert (whole.labels.tolist(), whole.rows.tolist()) == ([0, 0, 0], [0, 1, 2])
    assert (found.repeated, found.truncated) == (0, {"all": 1})


def refused(path: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        loaded(path, TrimmedText(), **options)
    return caught.value


def test_a_label_the_model_does_not_know(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", [("ham", "a"), ("spma", "b")])
    error = refused(path, vocab=Vocab(["<unk>"]), labels=("ham", "spam"))
    assert error.message == (
        f"{path}, line 2: one of the model's labels (ham, spam) expected, 'spma' found"
    )
    assert error.hint == "did you mean 'spam'?"
    many = refused(path, vocab=Vocab(["<unk>"]), labels=[str(n) for n in range(30)])
    assert "18, 19, ...) expected, 'ham' found" in many.message
    assert many.hint == "evaluate on data with the model's labels"


def test_one_label_is_not_enough(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", [("ham", "a"), ("ham", "b")])
    error = refused(path)
    assert error.message == f"{path}: at least two labels expected, found: ham"
    assert "--label-column" in error.hint


def test_nothing_to_train_on(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("x\ta\ny\tb\n")
    error = refused(tmp_path)
    assert error.message == f"{tmp_path}: rows to train on expected, found: 0 valid, 2 test"
    assert "named train" in error.hint


def test_a_header_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n")
    assert refused(path).problem == "at least one labeled text expected, none found"


def test_labels_are_texts_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,NaN\nb,Null\nc, 1 \nNull,None\n")
    found = loaded(path, TrimmedText(test=0, valid=0))
    assert found.labels == ("1", "NaN", "None", "Null")
    assert "Null" in found.vocab


def test_texts_without_labels_for_a_stream() -> None:
    data = TrimmedText(max_tokens=2)
    vocab = Vocab(["<unk>", "a", "b"])
    texts = ["a q b", "", "b"]
    encode = Encoder(vocab, data)
    tokens, unknown = encode(texts)
    assert as_lists(tokens) == [[1, 0], [], [2]]
    assert unknown.tolist() == pytest.approx([1 / 3, 1, 0])
    assert as_lists(encode(texts)[0]) == as_lists(tokens)
    assert len(encode([])[0]) == 0
    bare, share = Encoder(Vocab(["a"]), data)(["q a"])
    assert (as_lists(bare), share.tolist()) == ([[0]], [0.5])
