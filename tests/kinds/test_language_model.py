"""The language model: windows, carried state, exact figures, prompts and texts."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_language import counted_text, letters, tiny, write
from torch.nn import functional as F

from seqcli.data.batching import Columns
from seqcli.errors import ConfigError, DataError
from seqcli.kinds.language_model import kind as language_model
from seqcli.kinds.language_model.kind import LanguageModel, Text
from seqcli.kinds.spec import next_command
from seqcli.machine.device import Runtime
from seqcli.machine.team import Team
from seqcli.nn.kneser_ney import SHARE, fitted
from seqcli.nn.models import LanguageModel as Network
from seqcli.runs.transfer import transfer
from seqcli.tasks.taskfile import resolve
from seqcli.text.kneser_ney import count

CPU = Runtime(torch.device("cpu"), "fp32", 1)


def nothing() -> None:
    pass


def stream(size: int, vocabulary: int = 12) -> np.ndarray:
    return (np.arange(size) * 7 % 31 % vocabulary).astype(np.uint8)


def whole_loss(network: Network, ids: np.ndarray) -> float:
    """Nats a token, all of the text in one window."""
    tokens = torch.from_numpy(ids.astype(np.int64))[None]
    with torch.no_grad():
        outputs, _ = network(tokens[:, :-1], None)
        logits = network.output(outputs)[0].double()
        if network.grams is None:
            return F.cross_entropy(logits, tokens[0, 1:]).item()
        nodes = network.grams.nowhere(1)
        counted, _ = network.grams.probabilities(tokens[:, :-1], tokens[:, 1:], nodes)
        own = logits.softmax(1).gather(1, tokens[0, 1:, None])[:, 0]
        share = network.grams.share
        both = own * (1 - share) + counted[0] * share
    return float(-both.log().mean())


@given(st.integers(0, 300), st.integers(1, 12), st.integers(1, 20))
def test_exact_windows_cover_every_column_once(size: int, columns: int, steps: int) -> None:
    ids = np.arange(size, dtype=np.int32)
    windows = Columns(ids, columns, steps, exact=True)
    length = size // columns
    assert windows.length == length
    read = [windows[index] for index in range(len(windows))]
    if length < 2:
        assert read == []
        return
    inputs = torch.cat([window.ids for window in read], 1)
    targets = torch.cat([window.targets for window in read], 1)
    grid = torch.from_numpy(ids[: length * columns].reshape(columns, length).astype(np.int64))
    assert torch.equal(inputs, grid[:, :-1])
    assert torch.equal(targets, grid[:, 1:])
    assert inputs.dtype == targets.dtype == torch.int64
    if columns == 1:
        assert sum(window.tokens for window in read) == size - 1


@given(st.integers(0, 3000), st.integers(1, 40), st.integers(1, 40))
def test_training_windows_as_published(size: int, columns: int, steps: int) -> None:
    windows = Columns(np.arange(size, dtype=np.int32), columns, steps)
    published = max((size // columns - 1) // steps, 0)
    if published == 0 and size // columns > 1:
        assert len(windows) == 1  # a text shorter than a window is read all the same
        assert windows[0].ids.shape == (columns, size // columns - 1)
        return
    assert len(windows) == published
    for index in range(len(windows)):
        window = windows[index]
        assert window.ids.shape == window.targets.shape == (columns, steps)
        firsts = torch.arange(columns) * (size // columns) + index * steps
        assert torch.equal(window.ids[:, 0], firsts)
        assert torch.equal(window.targets, window.ids + 1)


def test_windows_of_a_memory_map(tmp_path: Path) -> None:
    ids = np.memmap(tmp_path / "ids", np.uint16, "w+", shape=(100,))
    ids[:] = np.arange(100)
    window = Columns(ids, 4, 5)[1]
    assert window.ids[2].tolist() == [55, 56, 57, 58, 59]
    assert window.to(torch.device("cpu")) is window
    assert window.to(torch.device("meta")).targets.device.type == "meta"


@pytest.mark.parametrize(
    "model",
    [{"cell": "lstm"}, {"cell": "gru"}, {"cell": "rnn"}, {"ngrams": 4, "ngram_share": 0.6}],
    ids=str,
)
@pytest.mark.parametrize("steps", [1, 2, 7, 64, 1000])
def test_window_by_window_equals_the_whole(
    monkeypatch: pytest.MonkeyPatch, model: dict[str, Any], steps: int
) -> None:
    monkeypatch.setattr(language_model, "READ_STEPS", steps)
    kind, network = tiny(model=model)
    ids = stream(150)
    with torch.inference_mode():
        figures = kind.figures(network, Text(ids, 0.25), CPU, nothing)
    wanted = whole_loss(network, ids)
    assert figures["tokens"] == 149
    assert figures["loss"] == pytest.approx(wanted, rel=1e-5)
    assert figures["perplexity"] == pytest.approx(math.exp(wanted), rel=1e-5)
    assert figures["bits_per_token"] == pytest.approx(wanted / math.log(2), rel=1e-5)
    assert figures["unknown_share"] == 0.25
    assert "bits_per_character" not in figures


def test_characters_have_bits_per_character() -> None:
    kind, network = tiny(list("abc"), data=letters())
    figures = kind.figures(network, Text(stream(20, 3), 0.0), CPU, nothing)
    assert figures["bits_per_character"] == figures["bits_per_token"]
    assert kind.unit == "characters"


def test_columns_from_the_zero_state() -> None:
    """`eval --batch-size`: each column by itself, whatever the windows."""
    kind, network = tiny()
    ids = stream(151)
    columns = ids[:150].reshape(3, 50)
    wanted = sum(whole_loss(network, column) for column in columns) / 3
    figures, said = kind.approximate(network, Text(ids, 0.0), CPU, nothing, columns=3)
    assert said.startswith("3 columns, each from the zero state; the last 1 of 151")
    assert figures["tokens"] == 3 * 49
    assert figures["loss"] == pytest.approx(wanted, rel=1e-5)
    one, _ = kind.approximate(network, Text(ids, 0.0), CPU, nothing, columns=1)
    assert one == kind.figures(network, Text(ids, 0.0), CPU, nothing)


def test_validation_has_the_shape_of_training() -> None:
    kind, network = tiny(train={"batch_size": 4, "steps": 6})
    ids = stream(2103)
    figures = kind.validation(network, Text(ids, 0.0), CPU, nothing)
    assert figures["tokens"] == 4 * 6 * ((2103 // 4 - 1) // 6)
    half = kind.validation(network, Text(ids[:1100], 0.0), CPU, nothing)
    assert half["tokens"] == 2 * 6 * ((1100 // 2 - 1) // 6)
    few = kind.validation(network, Text(ids[:10], 0.0), CPU, nothing)
    assert few["tokens"] == 6  # fewer columns, where the text is short
    assert kind.validation(network, Text(ids[:2], 0.0), CPU, nothing)["tokens"] == 1
    for size in (0, 1):  # every token unknown and dropped: no figure, no crash
        none = kind.validation(network, Text(ids[:size], 0.0), CPU, nothing)
        assert none["tokens"] == 0
        assert math.isnan(none["perplexity"])


def test_state_is_carried_and_detached() -> None:
    kind, network = tiny(train={"batch_size": 2, "steps": 5})
    windows = kind.batches(Text(stream(60), 0.0), 1)
    first = kind.loss(network, windows[0], None, CPU)
    for layer in first.state:
        assert all(not part.requires_grad and part.shape == (2, 12) for part in layer)
    second = kind.loss(network, windows[1], first.state, CPU)
    both = Columns(stream(60), 2, 10)[0]
    whole = kind.loss(network, both, None, CPU)
    assert (first.total + second.total).item() == pytest.approx(whole.total.item(), rel=1e-5)
    assert first.count + second.count == whole.count == 20
    second.objective.backward()  # type: ignore[no-untyped-call]


def test_the_order_is_the_text_s_in_every_epoch() -> None:
    kind, _ = tiny(train={"batch_size": 2, "steps": 5})
    text = Text(stream(60), 0.0)
    assert torch.equal(kind.batches(text, 1)[3].ids, kind.batches(text, 9)[3].ids)


def prepare(path: Path, task: str = "char", **overrides: Any) -> Any:
    config: Any = resolve(task, overrides=overrides).config
    return LanguageModel.prepare(config, path, path.parent, nothing)


def test_prepared_text(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("one two three\n" * 100)
    prepared = prepare(path, train={"batch_size": 4})
    assert prepared.sizes == {"train": 1260, "valid": 140}
    assert prepared.unit == "characters"
    assert prepared.notes == [
        "vocabulary 9 (unknown: train 0.00%, valid 0.00%)",
        "beside the network n-grams of at most 6 characters",
    ]
    kind = LanguageModel.restore(prepared.kind.config, prepared.kind.learned())
    assert kind.vocab.to_list() == prepared.kind.vocab.to_list()
    assert kind.fingerprint(path) == prepared.fingerprint
    again = kind.load_split(path, "valid", nothing)
    assert np.array_equal(again.ids, prepared.splits["valid"].ids)
    assert len(kind.load_split(path, "all", nothing).ids) == 1400
    with pytest.raises(KeyError):
        kind.load_split(path, "test", nothing)
    assert next_command(kind.spec, Path("my model.pt")) == "sample --model 'my model.pt'"


def test_n_grams_are_those_of_the_training_part(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("one two three\n" * 90 + "three two one\n" * 10)
    model = {"ngrams": 4, "ngram_share": 0.25}
    prepared = prepare(path, train={"batch_size": 4}, model=model)
    kind = prepared.kind
    wanted = count(prepared.splits["train"].ids, 9, 4)
    assert prepared.notes[1] == "beside the network n-grams of at most 4 characters"
    assert kind.learned()["ngrams"] == list(wanted.sizes)
    network = kind.build(torch.Generator())
    assert network.grams.keys.tolist() == wanted.keys.tolist()
    assert network.grams.share == 0.25
    restored = LanguageModel.restore(kind.config, kind.learned())
    restored.build(None).load_state_dict(network.state_dict())  # the same sizes
    assert not any(name.startswith("grams") for name, _ in network.named_parameters())
    for wrong in ([0], [1, 2, 3, 4], [1.5], ["x"], [True], [-1], 3, [1 << 50]):
        learned = {**kind.learned(), "ngrams": wrong}
        assert "n-grams" in kind.spec.check_learned(kind.config, learned)
    plain = prepare(path, train={"batch_size": 4}, model={"ngrams": 0}).kind
    assert "n-grams" in plain.spec.check_learned(plain.config, kind.learned())


@pytest.mark.parametrize("threads", [1, 3])
def test_the_share_of_n_grams_is_fitted_to_validation(threads: int) -> None:
    """No other share gives a lower loss; and the figures are those of that share."""
    kind, network = tiny(model={"ngrams": 4}, train={"batch_size": 4, "steps": 50})
    assert network.grams is not None
    assert network.grams.share == pytest.approx(SHARE)
    ids = np.where(np.arange(3000) % 3 > 0, counted_text(12, 3000), stream(3000))  # not all known
    split = Text(ids.astype(np.uint8), 0.0)
    runtime = Runtime(torch.device("cpu"), "fp32", threads, team=Team(threads))
    with torch.inference_mode():
        found = kind.validation(network, split, runtime, nothing)
        best = network.grams.share.item()
        assert found["ngram_share"] == pytest.approx(best)
        same = Columns(split.ids, 4, 50)
        at_best = kind._score(network, split, same, CPU, nothing)["loss"]
        assert found["loss"] == pytest.approx(at_best, rel=1e-6)
        for other in (best - 0.01, best + 0.01):
            network.grams.share.fill_(other)
            assert kind._score(network, split, same, CPU, nothing)["loss"] > at_best


@pytest.mark.parametrize(
    ("own", "counted", "share"),
    [
        ([1.0, 1.0], [2.0, 2.0], 0.001),
        ([2.0, 2.0], [1.0, 1.0], 0.999),
        ([1.0, 2.0], [2.0, 1.0], 0.5),
        ([2000.0, 1.0], [1.0, 2000.0], 0.5),
        ([], [], 0.001),
    ],
)
def test_a_fitted_share(own: list[float], counted: list[float], share: float) -> None:
    losses = torch.tensor([own, counted], dtype=torch.float64)
    found = fitted(losses[0], losses[1], lambda *numbers: numbers)
    assert found == pytest.approx(share, abs=1e-3)


def test_a_share_that_is_set_stays(tmp_path: Path) -> None:
    kind, network = tiny(model={"ngrams": 4, "ngram_share": 0.2})
    assert network.grams is not None
    figures = kind.validation(network, Text(stream(600), 0.0), CPU, nothing)
    assert network.grams.share == pytest.approx(0.2)
    assert figures["ngram_share"] == 0.2
    for wrong, read in ((7.0, 0.999), (-1.0, 0.001)):  # in a file that somebody has made
        network.grams.share.fill_(wrong)
        figures = kind.figures(network, Text(stream(600), 0.0), CPU, nothing)
        assert figures["ngram_share"] == pytest.approx(read)
        assert math.isfinite(figures["loss"])


def test_n_grams_of_too_much_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "MOST_COUNTED", 100)
    with pytest.raises(ConfigError, match="n-grams of 200 tokens take too much memory"):
        tiny(model={"ngrams": 4})
    tiny()


def test_n_grams_are_no_first_weights(tmp_path: Path) -> None:
    """Another model's are of another text, though there may be as many of them."""
    kind, network = tiny(model={"ngrams": 3})
    other = write(tmp_path / "other.pt", kind, network)
    assert network.grams is not None
    own = network.grams.own.clone()
    network.grams.own += 1
    transfer(other, kind, network)
    assert torch.equal(network.grams.own, own + 1)


def test_how_texts_begin_is_kept_where_no_mark_says_it(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("one two\ntwo one\none one\n" * 40)
    words = {"tokenizer": "words", "document": "line", "end_mark": False, "valid": 0, "test": 0}
    settings: dict[str, Any] = {"data": words, "train": {"batch_size": 4}}
    kind = prepare(path, "ptb", **settings).kind
    one, two = kind.vocab.places(["one", "two"]).tolist()
    assert kind.starts == {one: 80, two: 40}
    assert LanguageModel.restore(kind.config, kind.learned()).starts == kind.starts
    settings["data"] = {**words, "document": "file"}
    assert prepare(path, "ptb", **settings).kind.starts == {one: 1}
    settings["data"] = {**words, "end_mark": True}
    assert not prepare(path, "ptb", **settings).kind.starts
    for wrong in ([[0]], [[-1, 1]], [[99, 1]], [[0, 0]], 3, [["x", 1]]):
        learned = {**kind.learned(), "starts": wrong}
        assert kind.spec.check_learned(kind.config, learned) == (
            "its starts of texts are not counts of tokens"
        )


@pytest.mark.parametrize("columns", [1, 3, 40, 70, 1000])
@pytest.mark.parametrize("size", [1, 2, 10, 39, 61, 300])
def test_the_hint_for_too_short_a_text_works(tmp_path: Path, size: int, columns: int) -> None:
    path = tmp_path / "short.txt"
    path.write_text("ab" * size)
    if round(size * 2 * 0.9) < 2 * columns:
        with pytest.raises(DataError, match="too few for") as caught:
            prepare(path, train={"batch_size": columns})
        hint = re.fullmatch(r"--batch-size (\d+) fits, or more text", caught.value.hint)
        assert hint is not None
        columns = int(hint[1])
    prepared = prepare(path, train={"batch_size": columns})
    windows = prepared.kind.batches(prepared.splits["train"], 1)
    assert len(windows) >= 1
    assert windows[0].tokens >= 1


def test_nothing_to_learn(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("a b c d e f\n" * 10)
    for task, data in (("ptb", {"vocabulary": 2}), ("ptb", {"min_count": 99})):
        with pytest.raises(DataError, match="every token of the training part is unknown"):
            prepare(path, task, data=data, train={"batch_size": 1})
    for part in ("train", "valid"):
        (tmp_path / f"x.{part}.txt").write_text("a")
    path.unlink()
    with pytest.raises(
        DataError, match="at least two tokens expected in the train part, 1 token found"
    ):
        prepare(tmp_path, train={"batch_size": 1})


def test_too_little_to_score(tmp_path: Path) -> None:
    kind, _ = tiny(list("ab"), data=letters())
    path = tmp_path / "new.txt"
    path.write_text("a中文")
    with pytest.raises(DataError, match="fewer than two tokens"):
        kind.load_split(path, "all", nothing)


def test_context_of_words() -> None:
    kind, _ = tiny()
    assert (kind.context(""), kind.start) == (([1], []), 1)
    assert kind.context("the cat") == ([1, 2, 3], [])
    assert kind.context(" a  dog sat <unk>") == ([1, 6, 0, 4, 0], ["dog", "<unk>"])
    assert kind.context("the cat\na mat") == ([1, 2, 3, 1, 6, 7], [])
    assert kind.context("<eos>") == ([1, 1], [])  # as in the data: the end of a document
    assert kind.context("the <eos>\ncat <eos> x") == ([1, 2, 1, 3, 0, 0], ["<eos>", "x"])


def test_context_of_characters() -> None:
    kind, _ = tiny([*"ab\n"], data=letters())
    assert (kind.context(""), kind.start) == (([], []), 2)
    assert kind.context("ab\nzb") == ([0, 1, 2, 1], ["z"])  # no row for unknown ones
    no_line, _ = tiny([*"ab"], data=letters())
    assert (no_line.context("b"), no_line.start) == (([1], []), None)
    names, _ = tiny(["<eos>", *"ab"], data={**letters(), "document": "line"})
    assert names.context("a\nb") == ([0, 1, 0, 2], [])


def test_text_of_ids() -> None:
    kind, _ = tiny()
    assert kind.text([2, 3, 10, 8, 9]) == "the cat , N n't"
    assert kind.text([2, 1, 3, 4]) == "the\ncat sat"
    assert kind.text([]) == ""
    letter, _ = tiny(["<eos>", *"ab é\n"], data={**letters(), "document": "blank"})
    assert letter.text([1, 3, 4, 5, 2, 0, 1]) == "a é\nb\n\na"
    assert letter.context(letter.text([1, 3, 0, 1]))[0] == [0, 1, 3, 0, 1]


@pytest.mark.parametrize("short", ["train", "valid", "test"])
def test_a_split_with_nothing_to_predict_is_said(tmp_path: Path, short: str) -> None:
    for part in ("train", "valid", "test"):
        (tmp_path / f"x.{part}.txt").write_text("a" if part == short else "abcabc" * 20)
    with pytest.raises(DataError, match=f"in the {short} part, 1 token found") as caught:
        prepare(tmp_path, "char", train={"batch_size": 1})
    assert "nothing to predict" in caught.value.hint


def test_splits_that_could_not_be_cut_and_marks_are_said(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("abcd")
    notes = prepare(path, "char", train={"batch_size": 1}).notes
    assert "no valid split: the text is too short to give one away" in notes
    path.write_text("a b <eos> c\n" * 20 + "a <eos>\n")
    notes = prepare(path, "ptb", train={"batch_size": 1}).notes
    assert "<eos> at the end of 1 documents: taken for the end mark" in notes
    assert "<eos> stands 20 times inside the text: an unknown word" in notes


@pytest.mark.parametrize(("size", "columns"), [(29, 10), (1000, 7), (20, 10), (23, 11), (100, 1)])
def test_columns_leave_out_less_than_one_of_them(size: int, columns: int) -> None:
    kind, _ = tiny()
    read = kind.side_by_side(Text(np.zeros(size, np.uint8), 0.0), columns)
    assert read.columns >= columns
    assert size - read.columns * read.length < read.length
