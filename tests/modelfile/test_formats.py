"""Every format ever written can be read, with the numbers that it gave then; anybody can read ours.

The golden files are never made anew: a new format adds its own, made by tiny_models.py and
tiny_language.py. `format-1-last.pt` is the state of tiny_runs.py's run, stopped after 8 updates by
the last program that wrote format 1.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tiny_language
import torch
from tiny_models import write_model
from tiny_runs import answer, error, seqcli, write_data, write_task

from seqcli.modelfile import filecheck, storage

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FORMATS = range(1, filecheck.FORMAT + 1)


def golden(number: int, kind: str) -> Path:
    return GOLDEN / f"format-{number}-{kind}.pt"


@pytest.mark.parametrize("number", FORMATS)
@pytest.mark.parametrize("kind", ["classifier", "language-model"])
def test_every_format_is_kept(number: int, kind: str) -> None:
    described = filecheck.describe(golden(number, kind))
    assert described["format"] == number
    assert described["config"]["kind"] == kind


@pytest.mark.parametrize("number", FORMATS)
def test_a_classifier_of_any_format_answers_as_it_did(number: int, tmp_path: Path) -> None:
    model = ("--model", golden(number, "classifier"))
    texts = ("win a prize now", "see you at six", "")
    shown = seqcli("classify", *model, *texts, "--threads", "1")
    found = [line.split("\t") for line in shown.stdout.splitlines()]
    assert [label for label, *_ in found] == ["spam", "ham", "ham"]
    shares = [float(share) for _, share, *_ in found]
    assert shares == pytest.approx([0.5584, 0.4580, 0.5263], abs=2e-4)
    data = tmp_path / "data.tsv"
    data.write_text(
        "ham\tsee you at six\nspam\twin a prize now\nother\tcall late\nham\tyou at zzz\n"
    )
    figures = answer("eval", *model, "--data", data, "--split", "all")
    assert figures["labels"] == ["ham", "spam", "other"]
    assert figures["confusion"] == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert figures["loss"] == pytest.approx(0.984229, abs=1e-4)


@pytest.mark.parametrize("number", FORMATS)
def test_a_language_model_of_any_format_answers_as_it_did(number: int, tmp_path: Path) -> None:
    model = ("--model", golden(number, "language-model"))
    greedy = ("--greedy", "--prompt", "the cat", "--lines", "3", "--max-tokens", "9")
    shown = seqcli("sample", *model, *greedy, "--threads", "1")
    assert shown.stdout == "the cat N\n\n\n"
    data = tmp_path / "text.txt"
    data.write_text("the cat sat on the mat\na cat sat , N\n")
    figures = answer("eval", *model, "--data", data, "--split", "all")
    assert (figures["tokens"], figures["unknown_share"]) == (12, 0)
    assert figures["loss"] == pytest.approx(2.779339, abs=1e-4)


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where format 1 left a run."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "data.tsv")
    write_task(tmp_path / "tiny.toml")
    (tmp_path / "old.run").mkdir()
    shutil.copy(GOLDEN / "format-1-last.pt", tmp_path / "old.run" / "last.pt")
    return tmp_path


# Text was read as it stood: there was no setting for its form.
RESUME = (
    *("train", "--task", "tiny.toml", "--data", "data.tsv", "--set", "data.normalize=none"),
    *("--resume", "--device", "cpu"),
)


def test_a_run_of_format_1_goes_on(stopped: Path) -> None:
    """As the same state does that is written in today's format."""
    old = storage.load(stopped / "old.run" / "last.pt")
    assert old.description["format"] == 1
    (stopped / "new.run").mkdir()
    rest = {name: value for name, value in old.description.items() if name != "format"}
    storage.save(stopped / "new.run" / "last.pt", rest, old.tensors)
    found = answer("info", "--model", "old.run/last.pt")
    assert (found["complete"], found["epoch"], found["step"]) == (False, 1, 8)

    told = seqcli(*RESUME, "--out", "old.pt")
    assert told.exit_code == 0, told.stderr
    assert "resumed at epoch 2, step 8" in told.stderr
    result = answer(*RESUME, "--quiet", "--out", "new.pt")
    assert (result["epochs"], result["steps"]) == (3, 15)
    assert (stopped / "old.pt").read_bytes() == (stopped / "new.pt").read_bytes()
    assert filecheck.describe(stopped / "old.run" / "last.pt")["format"] == filecheck.FORMAT
    rows = (stopped / "old.run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [2, 3]


def test_a_run_of_format_1_is_gone_on_with_by_its_folder(stopped: Path) -> None:
    """Its own settings are taken, and the data where it lies now."""
    result = answer("train", "--resume", "old.run", "--data", "data.tsv", "--device", "cpu")
    assert (result["epochs"], result["steps"]) == (3, 15)
    (stopped / "new.run").mkdir()
    shutil.copy(GOLDEN / "format-1-last.pt", stopped / "new.run" / "last.pt")
    answer(*RESUME, "--out", "new.pt")
    first, second = storage.load(stopped / "old.pt"), storage.load(stopped / "new.pt")
    assert all(first.tensors[name].equal(value) for name, value in second.tensors.items())


def test_a_run_of_format_1_with_other_settings_is_refused_in_words(stopped: Path) -> None:
    said = error(2, *RESUME, "--out", "old.pt", "--lr", "0.5")
    assert "--resume with other settings: train.lr was 0.05, is 0.5" in said


def test_anybody_can_open_a_model(tmp_path: Path) -> None:
    """`torch.load(weights_only=True)` reads what we write; nothing else is needed."""
    paths = [
        write_model(tmp_path / "c.pt"),
        tiny_language.write(tmp_path / "l.pt", *tiny_language.tiny()),
        *GOLDEN.glob("*.pt"),
    ]
    for path in paths:
        content = torch.load(path, weights_only=True)
        ours = storage.load(path)
        assert content["tensors"].keys() == ours.tensors.keys()
        for name, tensor in content["tensors"].items():
            assert tensor.equal(ours.tensors[name])
            assert tensor.dtype == ours.tensors[name].dtype


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, 4).t(),
        torch.arange(20.0)[3:9],
        torch.ones(()),
        torch.zeros(0, 7),
        torch.zeros(2, 0, 3),
        torch.ones(1).expand(5),
        torch.ones(2, 3, 1, 1),
        torch.arange(3, dtype=torch.uint8),
        torch.ones(2, dtype=torch.bfloat16),
        torch.tensor([float("nan"), float("inf")]),
    ],
)
def test_any_dense_tensor_comes_back(tensor: torch.Tensor, tmp_path: Path) -> None:
    storage.save(tmp_path / "m.pt", {}, {"x": tensor})
    found = storage.load(tmp_path / "m.pt").tensors["x"]
    assert found.dtype == tensor.dtype
    assert torch.equal(found.nan_to_num(7.0), tensor.nan_to_num(7.0))
