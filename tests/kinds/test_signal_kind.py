"""The classifier of numbers: specs by input, learning, hostile model files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_signals
import torch
from tiny_runs import write_recordings

from seqcli import kinds
from seqcli.answers.loading import load_model
from seqcli.answers.signals import SignalPredictor
from seqcli.errors import ConfigError, DataError, ModelFileError
from seqcli.kinds import KINDS, contract
from seqcli.kinds.classifier.signals.kind import SignalClassifier
from seqcli.kinds.recordings import drawn
from seqcli.modelfile import filecheck, storage
from seqcli.settings.config import to_dict

NUMBERS = {"kind": "classifier", "data": {"input": "numbers"}}


def test_kind_and_input_choose_the_spec() -> None:
    assert kinds.spec_of(kinds.read({"kind": "classifier"})) is KINDS["classifier"]
    numbers = kinds.read(NUMBERS)
    assert kinds.spec_of(numbers) is KINDS["classifier of numbers"]
    assert contract.load(kinds.spec_of(numbers)) is SignalClassifier
    assert kinds.read(to_dict(numbers)) == numbers
    assert kinds.names().count("classifier") == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"data": {"input": "number"}}, "unknown value of data.input 'number'"),
        ({"data": {"input": "numbers", "tokenizer": "words"}}, "data.tokenizer does nothing in a"),
        ({"data": {"input": "numbers"}, "model": {"embed": 3}}, "model.embed does nothing in a"),
        ({"data": {"input": "text"}, "model": {"window": 3}}, "model.window does nothing in a"),
        ({"data": {"input": "numbers"}, "train": {"draw": "label"}}, "train.draw does nothing"),
    ],
)
def test_settings_are_those_of_the_input(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kinds.read({"kind": "classifier", **table})


def test_a_kind_without_a_choice_knows_no_input() -> None:
    with pytest.raises(ConfigError, match=r"data\.input does nothing in a language-model"):
        kinds.read({"kind": "language-model", "data": {"input": "numbers"}})


@pytest.mark.parametrize(
    ("data", "model", "message"),
    [
        ({}, {"stride": 4, "window": 3}, "leaves out steps"),
        ({"label_pattern": "(a)", "label_column": "b"}, {}, "both say where labels are"),
        ({"group_pattern": "(a)", "group": "b"}, {}, "both say what the groups are"),
    ],
)
def test_settings_that_clash(data: dict[str, Any], model: dict[str, Any], message: str) -> None:
    config = kinds.read(
        {"kind": "classifier", "data": {"input": "numbers", **data}, "model": model}
    )
    with pytest.raises(ConfigError, match=message):
        kinds.trainable(config)


def prepare(path: Path, scratch: Path, **data: Any) -> contract.Prepared:
    config: Any = kinds.read(
        {"kind": "classifier", "data": {"input": "numbers", **data}, "model": tiny_signals.MODEL}
    )
    return SignalClassifier.prepare(config, path, scratch, lambda: None)


def test_notes_tell_what_is_odd(tmp_path: Path) -> None:
    path = tmp_path / "x.ts"
    rows = "".join(f"{n},{n + 1},?:5,5,5:{'ab'[n % 2]}\n" for n in range(20))
    path.write_text(f"@missing false\n@classLabel true a b\n@data\n{rows}1,2,3:5,5,5:\n")
    notes = "\n".join(prepare(path, tmp_path).notes)
    assert "channels 2; 3 steps each" in notes
    assert "the header's @missing is wrong" in notes
    assert "channels that never change in train (1): 2" in notes
    assert "16.67% of the numbers are missing" in notes
    assert "1 recordings without a label" in notes


def test_one_label_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("a 1 2\na 3 4\n")
    with pytest.raises(DataError, match="at least two labels expected, found: a"):
        prepare(path, tmp_path)


def test_a_rank_s_share_is_of_the_whole_batch(tmp_path: Path) -> None:
    from seqcli.machine.distributed import Ranks

    prepared = prepare(write_recordings(tmp_path / "x.txt"), tmp_path, test=0, valid=0)
    split = prepared.splits["train"]
    one = prepared.kind.batches(split, 1)
    two = [prepared.kind.batches(split, 1, Ranks(rank, 2)) for rank in range(2)]
    for index in range(len(one)):
        parts = [batches[index] for batches in two]
        assert sum(part.share for part in parts) == pytest.approx(1)
        assert sum(len(part.labels) for part in parts) == len(one[index].labels)


LEARNED = [
    ("channels", []),
    ("channels", ["x"]),
    ("channels", ["x", "x"]),
    ("channels", "xy"),
    ("center", [0.0]),
    ("center", [0.0, "1"]),
    ("center", [0.0, True]),
    ("center", None),
    ("width", [1.0, 0.0]),
    ("width", [1.0, -1.0]),
    ("width", [1.0, 1e300]),
    ("mask", True),
    ("mask", 1),
    ("labels", ["up"]),
    ("labels", ["up", "up"]),
    ("label_counts", [1, -1]),
]


@pytest.mark.parametrize(("part", "value"), LEARNED)
def test_a_model_file_that_was_changed(part: str, value: Any, tmp_path: Path) -> None:
    good = tiny_signals.write(tmp_path / "good.pt")
    description = filecheck.describe(good)
    description["learned"] = {**description["learned"], part: value}
    storage.save(tmp_path / "bad.pt", description, storage.load(good).tensors)
    with pytest.raises(ModelFileError):
        load_model(tmp_path / "bad.pt", device="cpu", threads=1)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("model", "window", 1024),
        ("model", "hidden", [1 << 20]),
        ("data", "input", "text"),
        ("data", "input", "pictures"),
        ("data", "mask_channels", True),
        ("data", "scale", "log"),
    ],
)
def test_settings_that_do_not_fit_the_weights(
    section: str, key: str, value: Any, tmp_path: Path
) -> None:
    good = tiny_signals.write(tmp_path / "good.pt")
    description = filecheck.describe(good)
    description["config"][section][key] = value
    storage.save(tmp_path / "bad.pt", description, storage.load(good).tensors)
    with pytest.raises(ModelFileError):
        load_model(tmp_path / "bad.pt", device="cpu", threads=1)


def test_answers_are_alike_alone_and_together(tmp_path: Path) -> None:
    loaded = load_model(tiny_signals.write(tmp_path / "m.pt"), device="cpu", threads=1)
    predictor = SignalPredictor.of(loaded)
    random = np.random.default_rng(1)
    arrays = [random.normal(size=(length, 2)) for length in (9, 1, 30, 0, 4)]
    arrays[0][3] = np.nan
    together = [answer for _, answer in predictor.classify(arrays)]
    alone = [predictor.classify([one])[0][1] for one in arrays]
    for one, other in zip(together, alone, strict=True):
        assert one.label == other.label
        assert one.prob == pytest.approx(other.prob, abs=1e-4)
    assert together[0].unknown_share == pytest.approx(1 / 9, abs=1e-4)


@pytest.mark.parametrize("bad", ["x", [["a", "b"]], np.zeros((2, 3)), np.zeros((2, 2, 2)), 3.0])
def test_what_is_no_recording_is_named(bad: Any, tmp_path: Path) -> None:
    loaded = load_model(tiny_signals.write(tmp_path / "m.pt"), device="cpu", threads=1)
    with pytest.raises(DataError, match="arrays, line 2"):
        SignalPredictor.of(loaded).classify([np.zeros((2, 2)), bad])


def test_weights_of_other_channels_are_not_taken_over(tmp_path: Path) -> None:
    from seqcli.runs.transfer import transfer

    path = tiny_signals.write(tmp_path / "m.pt", channels=("a", "b"))
    kind, network = tiny_signals.tiny()
    said = transfer(path, kind, network)
    total = len(dict(network.named_parameters()))
    assert said.startswith(f"{total - 2} of {total} tensors")


def test_a_line_of_numbers_is_drawn() -> None:
    assert drawn(np.array([0.0, 1, 2, 3, 4, 5, 6, 7])) == "▁▂▃▄▅▆▇█"
    assert drawn(np.array([5.0, np.nan, 5.0])) == "▁ ▁"
    assert drawn(np.array([])) == drawn(np.array([np.nan])) == ""
    assert len(drawn(np.arange(1000.0))) == 40


def test_every_weight_learns(tmp_path: Path) -> None:
    prepared = prepare(write_recordings(tmp_path / "x.txt"), tmp_path)
    kind, split = prepared.kind, prepared.splits["train"]
    network = kind.build(torch.Generator().manual_seed(1)).train()
    from seqcli.machine.device import Runtime

    loss = kind.loss(
        network, kind.batches(split, 1)[0], None, Runtime(torch.device("cpu"), "fp32", 1)
    )
    loss.objective.backward()  # type: ignore[no-untyped-call]
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
