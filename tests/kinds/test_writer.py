"""A writer: the loss of padded documents, Bayes' rule, and what it is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_writers import LABELS, documents, tiny
from torch import Tensor

from seqcli import kinds
from seqcli.errors import ConfigError, DataError
from seqcli.kinds.writer import kind as module
from seqcli.kinds.writer.documents import gather
from seqcli.kinds.writer.kind import Writer
from seqcli.kinds.writer.spec import SPEC
from seqcli.machine.device import Runtime
from seqcli.nn.models import LabeledLanguageModel as Network
from seqcli.settings.counting import Sizes
from seqcli.tasks.taskfile import resolve

CPU = Runtime(torch.device("cpu"), "fp32", 1)
TEXTS = (("abc", 0), ("", 1), ("bbbbbbbbbb", 2), ("ca", 0), ("c", 1), ("abcabcabcabcabcabc", 1))


def nothing() -> None:
    """Nobody waits for a signal here."""


def by_hand(network: Network, ids: Sequence[int], label: int, end: int) -> float:
    """-log p(text and its end | label), a step at a time with the cells alone."""
    row, state, total = network.labels.weight[label], None, 0.0
    cells: Any = network.recurrent
    for read, follows in zip([end, *ids], [*ids, end], strict=True):
        x = torch.cat([network.embedding.weight[read], row])[None, None]
        encoded = cells(x, state=state, need_state=True)
        state = encoded.state
        logits = network.output(encoded.outputs[0, 0])
        total -= float(torch.log_softmax(logits, 0)[follows])
    return total


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("layers", [1, 2])
def test_losses_equal_a_step_at_a_time(cell: str, layers: int) -> None:
    kind, network = tiny(model={"cell": cell, "layers": layers})
    split = documents(kind, *TEXTS)
    with torch.inference_mode():
        found = kind.losses(network, split, CPU, nothing)
        for row, (text, label) in enumerate(TEXTS):
            ids = kind.vocab.encode(text).tolist()
            assert found[row] == pytest.approx(by_hand(network, ids, label, kind.end), rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text("abc", max_size=20), st.integers(0, 2)), min_size=1, max_size=9))
def test_neighbors_and_padding_change_nobody_s_loss(texts: list[tuple[str, int]]) -> None:
    kind, network = tiny()
    with torch.inference_mode():
        together = kind.losses(network, documents(kind, *texts), CPU, nothing)
        alone = [kind.losses(network, documents(kind, one), CPU, nothing)[0] for one in texts]
    assert together == pytest.approx(alone, rel=1e-5)


def test_the_training_loss_is_the_mean_over_real_steps() -> None:
    kind, network = tiny(train={"batch_size": 4})
    split = documents(kind, *TEXTS)
    batch = kind.batches(split, 1)[0]
    loss = kind.loss(network, batch, None, CPU)
    with torch.inference_mode():
        rows = kind.batches(split, 1).order[0]
        own = kind.losses(network, split, CPU, nothing)[rows]
    assert loss.count == batch.tokens == split.lengths[rows].sum()
    assert loss.total.item() == pytest.approx(own.sum(), rel=1e-5)
    assert loss.objective.item() == pytest.approx(own.sum() / loss.count, rel=1e-5)


def gradients(network: Network, objective: Tensor) -> list[Tensor]:
    return [part.clone() for part in torch.autograd.grad(objective, [*network.parameters()])]


def test_padding_has_no_gradient() -> None:
    kind, network = tiny()
    short = gather(documents(kind, ("ab", 0), ("c", 1)), np.array([0, 1]))
    padded = gather(documents(kind, ("ab", 0), ("c", 1), ("abcabcabcab", 2)), np.array([0, 1, 2]))
    ids, lengths = padded.text.values[:2], padded.text.lengths
    assert lengths is not None
    assert short.text.values.shape != ids.shape
    one = kind.loss(network, short, None, CPU).objective
    outputs = network.read(ids, lengths[:2], padded.labels[:2])
    real = padded.text.mask[:2]
    picked, targets = outputs[real][None], padded.targets[:2][real][None]
    two, _ = network.loss(picked, targets, scale=1 / int(real.sum()))
    for own, other in zip(gradients(network, one), gradients(network, two), strict=True):
        assert torch.allclose(own, other, atol=1e-6)


def test_what_is_read_and_what_follows() -> None:
    kind, _ = tiny(data={"max_tokens": 3})
    batch = gather(documents(kind, ("ab", 0), ("", 1), ("abcc", 2), ("abc", 2)), np.arange(4))
    rows = [
        (batch.text.values[row, :size].tolist(), batch.targets[row, :size].tolist())
        for row, size in enumerate(batch.text.lengths if batch.text.lengths is not None else [])
    ]
    assert rows == [
        ([1, 2, 3], [2, 3, 1]),
        ([1], [1]),
        ([1, 2, 3], [2, 3, 4]),  # cut: its end is not known
        ([1, 2, 3, 4], [2, 3, 4, 1]),
    ]
    assert batch.labels.tolist() == [0, 1, 2, 2]


def test_losses_by_label_add_up_to_the_whole() -> None:
    kind, network = tiny()
    with torch.inference_mode():
        figures = kind.figures(network, documents(kind, *TEXTS), CPU, nothing)
    rows = figures["per_label"].values()
    assert list(figures["per_label"]) == list(LABELS)
    assert sum(row["tokens"] for row in rows) == figures["tokens"] == 3 + 0 + 10 + 2 + 1 + 18 + 6
    total = sum(row["loss"] * row["tokens"] for row in rows)
    assert total / figures["tokens"] == pytest.approx(figures["loss"])
    assert figures["perplexity"] == pytest.approx(math.exp(figures["loss"]))
    assert figures["bits_per_character"] == pytest.approx(figures["loss"] / math.log(2))
    assert [row["support"] for row in rows] == [2, 3, 1]
    none = kind.figures(network, documents(kind, ("a", 0)), CPU, nothing)["per_label"]["3"]
    assert none["support"] == 0
    assert math.isnan(none["loss"])


def test_bayes_equals_enumeration() -> None:
    kind, network = tiny()
    texts = ["abc", "b", "cccca", "ab?"]
    with torch.inference_mode():
        found = kind.answer(network, texts, CPU, nothing)
        for row, text in enumerate(texts):
            ids = kind.vocab.encode(text).tolist()
            joint = [
                count / 10 * math.exp(-by_hand(network, ids, label, kind.end))
                for label, count in enumerate(kind.label_counts)
            ]
            expected = [one / sum(joint) for one in joint]
            assert np.exp(found.scores[row]) == pytest.approx(expected, rel=1e-4)
    assert found.unknown_share.tolist() == [0, 0, 0, pytest.approx(1 / 3)]
    assert found.said == ""


def test_probabilities_of_all_texts_add_up_to_one() -> None:
    """A letter or the end at every step: all texts of up to 4 letters, and those that go on."""
    kind, network = tiny(model={"embed": 0})
    letters = range(len(kind.vocab))
    texts: list[tuple[int, ...]] = [()]
    whole = 0.0
    with torch.inference_mode():
        told = kind.told(network, 1)
        open_mass: dict[tuple[int, ...], float] = {(): 1.0}
        for _ in range(3):
            longer = dict[tuple[int, ...], float]()
            for text in texts:
                outputs, _ = told(torch.tensor([[kind.end, *text]]), None)
                shares = told.output(outputs[0, -1]).softmax(0).tolist()
                whole += open_mass[text] * shares[kind.end]
                for letter in letters:
                    if letter != kind.end:
                        longer[(*text, letter)] = open_mass[text] * shares[letter]
            texts, open_mass = list(longer), longer
    assert whole + sum(open_mass.values()) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("model", [{}, {"cell": "gru"}, {"bias": False}, {"embed": 0, "layers": 2}])
@pytest.mark.parametrize("reset", [True, False])
def test_told_a_label_it_is_a_plain_language_model(model: dict[str, Any], reset: bool) -> None:
    kind, network = tiny(model={**model, "reset_after": reset})
    ids = torch.tensor([[1, 2, 3, 4, 2, 0]])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.inference_mode():
        for label in range(len(LABELS)):
            plain = kind.told(network, label)
            outputs, _ = plain(ids, None)
            assert torch.allclose(
                outputs, network.read(ids, None, torch.tensor([label])), atol=1e-6
            )
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_a_text_without_tokens_has_the_labels_shares() -> None:
    kind, network = tiny(data={"unknown": True})
    found = kind.answer(network, ["", "a"], CPU, nothing)
    assert np.exp(found.scores[0]) == pytest.approx([0.5, 0.3, 0.2])
    assert np.exp(found.scores[1]) != pytest.approx([0.5, 0.3, 0.2])
    assert "how frequent the labels are" in found.said


def test_a_label_without_training_texts_is_never_answered() -> None:
    kind, network = tiny(counts=(5, 0, 2))
    found = kind.answer(network, ["", "abc"], CPU, nothing)
    assert np.isneginf(found.scores[:, 1]).all()
    assert np.exp(found.scores).sum(1) == pytest.approx([1, 1])


def test_many_labels_times_tokens_are_not_told_by_bayes(monkeypatch: pytest.MonkeyPatch) -> None:
    kind, network = tiny()
    split = documents(kind, *TEXTS)
    with torch.inference_mode():
        whole = kind.figures(network, split, CPU, nothing)
        monkeypatch.setattr(module, "MOST_READ", 10)
        less = kind.figures(network, split, CPU, nothing)
    assert less["accuracy"] is None
    assert whole["accuracy"] is not None
    assert less["loss"] == pytest.approx(whole["loss"])
    assert "f1" not in less["per_label"]["one"]


def test_each_text_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    kind, network = tiny()
    split = documents(kind, *TEXTS)
    with torch.inference_mode():
        figures, each = kind.each(network, split, CPU, nothing)
    assert each.losses.sum() / each.counts.sum() == pytest.approx(figures["loss"])
    assert each.counts.tolist() == [4, 1, 11, 3, 2, 19]


def test_explanations_weigh_each_token() -> None:
    kind, network = tiny()
    with torch.inference_mode():
        marks = kind.explain(network, "abc", 1, CPU, nothing)
    assert [(mark.start, mark.end) for mark in marks] == [(0, 1), (1, 2), (2, 3)]


def test_counted_by_formula() -> None:
    for model in ({}, {"embed": 0}, {"hidden": [6, 4], "embed": 4, "tied": True}, {"cell": "gru"}):
        kind, network = tiny(model=model)
        table = SPEC.count(kind.config.model, Sizes(5, outputs=3))
        assert table.total == sum(value.numel() for value in network.parameters())
    with pytest.raises(ConfigError, match="number of its labels"):
        SPEC.count(kind.config.model, Sizes(5))


LEARNED = [
    ("vocabulary", ["<unk>", "a"]),
    ("vocabulary", ["<eos>", "<eos>"]),
    ("labels", []),
    ("labels", ["x", "x", "y"]),
    ("labels", ["x", 1, "y"]),
    ("label_counts", [1, 2]),
    ("label_counts", [0, 0, 0]),
    ("label_counts", [1, -1, 2]),
    ("label_counts", [1, float("nan"), 2]),
    ("label_counts", None),
]


@pytest.mark.parametrize(("part", "value"), LEARNED)
def test_what_a_model_file_says_is_checked(part: str, value: Any) -> None:
    kind, _ = tiny()
    assert SPEC.check_learned(kind.config, kind.learned()) == ""
    assert SPEC.check_learned(kind.config, {**kind.learned(), part: value})


def prepare(path: Path, **data: Any) -> Any:
    config: Any = kinds.read({"kind": "writer", "data": data, "model": {"embed": 4, "hidden": [4]}})
    return Writer.prepare(config, path, path.parent, nothing)


def test_odd_labels_and_texts(tmp_path: Path) -> None:
    path = tmp_path / "data.tsv"
    path.write_text("two words\ta b\n1\tc\n1\t\n1.0\td e f g\nalone\tx\n\tnone\n" * 2)
    prepared = prepare(path, test=0.0, valid=0.0, max_tokens=3, repeats="keep")
    kind = prepared.kind
    assert kind.labels == ("1", "alone", "two words")
    assert kind.label_counts == (6, 2, 2)
    assert any("texts cut at data.max_tokens, without an end: train 2" in n for n in prepared.notes)
    assert any("texts without a label: 2 left out" in note for note in prepared.notes)
    assert prepared.splits["train"].lengths.tolist() == [3, 2, 1, 3, 2] * 2


def test_one_label_is_enough_and_no_token_is_not(tmp_path: Path) -> None:
    path = tmp_path / "data.tsv"
    path.write_text("x\ta b\nx\tb c\nx\tc d\n")
    kind = prepare(path, test=0.0, valid=0.0).kind
    found = kind.answer(kind.build(torch.Generator()).eval(), ["a"], CPU, nothing)
    assert np.exp(found.scores).tolist() == [[1.0]]
    with pytest.raises(DataError, match="nothing to learn"):
        prepare(path, min_count=9)


def test_a_switch_of_the_language_model_makes_it() -> None:
    plain = kinds.read({"kind": "language-model", "model": {"condition": False}})
    assert plain.kind == "language-model"
    told = kinds.read({"kind": "language-model", "model": {"condition": True, "embed": 8}})
    assert (told.kind, told.model.embed) == ("writer", 8)
    assert kinds.read({"kind": "writer", "model": {"condition": True, "embed": 8}}) == told
    with pytest.raises(ConfigError, match=r"model\.condition does nothing in a writer"):
        kinds.read({"kind": "writer", "model": {"condition": False}})
    for section, key in (("train", "steps"), ("data", "document")):
        table = {"kind": "language-model", "model": {"condition": True}, section: {key: 3}}
        with pytest.raises(ConfigError, match=f"{section}.{key} does nothing in a writer"):
            kinds.read(table)
    with pytest.raises(ConfigError, match=r"model\.condition"):
        kinds.read({"kind": "language-model", "model": {"condition": "yes"}})


def test_an_option_can_make_another_kind_of_a_task() -> None:
    """The file's settings that the new kind does not have stay behind; one's own are refused."""
    told = resolve("char", overrides={"model": {"condition": True}}).config
    assert told.kind == "writer"
    assert told.model.hidden == resolve("char").config.model.hidden
    with pytest.raises(ConfigError, match=r"train\.steps does nothing in a writer"):
        resolve("char", overrides={"model": {"condition": True}, "train": {"steps": 9}})


def test_a_preset_can_make_another_kind_of_a_task(tmp_path: Path) -> None:
    assert resolve("names", "writer").config.kind == "writer"
    assert resolve("names", "writer", {"model": {"condition": True}}).config.kind == "writer"
    path = tmp_path / "own.toml"
    head = 'kind = "classifier"\n[model]\nbidirectional = true\nhidden = [9]\n[preset.other]\n'
    path.write_text(head + 'kind = "writer"\n')
    assert resolve(str(path), "other").config.model.sizes == (9,)
    path.write_text(head + 'kind = "writer"\n[preset.other.model]\nbidirectional = true\n')
    with pytest.raises(ConfigError, match=r"line 8: preset other: model\.bidirectional does noth"):
        resolve(str(path))
    path.write_text(head + 'kind = "wrtier"\n')
    with pytest.raises(ConfigError, match="line 6: preset other: unknown kind 'wrtier'") as caught:
        resolve(str(path))
    assert caught.value.hint == "did you mean 'writer'?"
