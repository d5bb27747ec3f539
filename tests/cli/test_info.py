"""`seqcli info`: what each file of a run is; what no run wrote is refused in words."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_language
import tiny_taggers
from rich.cells import cell_len
from tiny_models import write_model
from tiny_runs import answer, error, interrupted, job, seqcli, write_data, write_task

from seqcli.answers.loading import load_model
from seqcli.modelfile import filecheck, storage
from seqcli.runs import pictures
from seqcli.settings.config import to_dict
from seqcli.tasks import taskfile

KEYS = {
    *("path", "what", "kind", "settings", "compared_with", "vocabulary", "parameters", "bytes"),
    *("data", "epoch", "step", "format", "input"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """tiny.pt of a whole run on two labels, and its folder."""
    folder = tmp_path_factory.mktemp("info")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(pictures, "curves_png", lambda *given, **more: b"\x89PNG")
        patch.setattr(pictures, "confusion_png", lambda *given: b"\x89PNG")
        write_task(folder / "tiny.toml")
        write_data(folder / "data.tsv")
        train = ("train", "--task", "tiny.toml", "--data", "data.tsv", "--out", "tiny.pt")
        answer(*train, "--device", "cpu", "--quiet")
        yield folder


def lines(*args: str | Path) -> dict[str, list[str]]:
    """What `info` prints, by the first word; every line in 80 columns, unless a path is longer."""
    shown = seqcli("info", "--model", *args)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stderr == ""
    first, *rest = shown.stdout.splitlines()
    assert first == str(args[0])
    found: dict[str, list[str]] = {}
    name = ""
    for line in rest:
        name = line[:12].strip() or name
        assert cell_len(line) <= 80 or name == "use" or " " not in line[13:], line
        found.setdefault(name, []).append(line[13:])
    return found


def test_a_model(trained: Path) -> None:
    path = trained / "tiny.pt"
    found = answer("info", "--model", path)
    assert found.keys() == KEYS | {*("task", "preset", "labels", "scores", "versions", "commands")}
    loaded = load_model(path, device="cpu", threads=1)
    assert (found["task"], found["preset"], found["kind"]) == ("tiny", None, "classifier")
    assert found["labels"] == ["ham", "spam"]
    assert found["parameters"] == sum(weight.numel() for weight in loaded.model.parameters())
    assert found["vocabulary"] == len(loaded.kind.learned()["vocabulary"])
    assert found["data"]["path"] == str(trained / "data.tsv")
    assert found["data"]["sizes"] == {"train": 38, "valid": 10, "test": 12}
    assert found["bytes"] == path.stat().st_size
    scored = answer("eval", "--model", path)
    for name, value in found["scores"]["test"].items():
        assert scored[name] == value
    assert "confusion" not in found["scores"]["test"]
    assert found["scores"]["test"]["accuracy_interval"][0] <= scored["accuracy"]
    assert found["versions"].keys() == {"seqcli", "torch"}
    assert found["commands"][0] == f'seqcli classify --model {path} "your text"'


def test_a_model_in_lines(trained: Path) -> None:
    found = lines(trained / "tiny.pt")
    assert found["what"] == ["a model"]
    assert found["labels"] == ["2: ham, spam"]
    assert found["data"] == [str(trained / "data.tsv"), "train 38, valid 10, test 12"]
    assert " ".join(found["test"]).startswith("count 12, loss 0.")
    scores = answer("info", "--model", trained / "tiny.pt")["scores"]["test"]
    low, high = scores["accuracy_interval"]
    told = f"accuracy {scores['accuracy']:.4f} ({low:.4f} to {high:.4f})"
    assert told in " ".join(found["test"])
    assert "model.hidden = 5 (default: 128)" in found["setting"]
    assert found["use"] == [
        f'seqcli classify --model {trained / "tiny.pt"} "your text"',
        f"seqcli eval --model {trained / 'tiny.pt'}",
        f"seqcli params --model {trained / 'tiny.pt'}",
    ]


def test_the_commands_it_names_can_be_typed(trained: Path) -> None:
    for command in answer("info", "--model", trained / "tiny.pt")["commands"]:
        assert seqcli(*shlex.split(command)[1:]).exit_code == 0, command


def test_settings_that_differ_from_the_task_s(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.pt")
    file = storage.load(path)
    described = {**file.description, "task": "spam"}
    described["config"] = to_dict(taskfile.resolve("spam").config)
    described["config"]["train"]["epochs"] = 3
    described["config"]["data"]["path"] = "/elsewhere"  # of no interest: `data` says it
    storage.save(path, described, file.tensors)
    found = answer("info", "--model", path)
    assert (found["compared_with"], found["settings"]) == ("task", {"train.epochs": [8, 3]})
    assert lines(path)["setting"] == ["train.epochs = 3 (task: 8)"]
    storage.save(path, {**described, "preset": "a preset of old"}, file.tensors)
    assert answer("info", "--model", path)["compared_with"] == "default"


def test_a_language_model_has_no_labels(tmp_path: Path) -> None:
    path = tiny_language.write(tmp_path / "m.pt", *tiny_language.tiny())
    found = answer("info", "--model", path)
    assert found["kind"] == "language-model"
    assert found["vocabulary"] == len(tiny_language.WORDS)
    assert "labels" not in found
    assert lines(path)["use"][0] == f"seqcli sample --model {path}"


def test_the_state_of_a_run(trained: Path) -> None:
    found = answer("info", "--model", trained / "tiny.run" / "last.pt")
    assert found.keys() == KEYS | {
        *("labels", "complete", "seconds", "finished", "best", "model"),
    }
    assert (found["complete"], found["epoch"], found["step"]) == (True, 3, 15)
    assert found["model"] == str(trained / "tiny.pt")
    shown = lines(trained / "tiny.run" / "last.pt")
    assert shown["complete"] == ["yes: epochs"]
    assert shown["best epoch"] == [str(found["best"])]


def test_the_state_of_a_run_that_was_stopped(tmp_path: Path) -> None:
    interrupted(replace(job(tmp_path), out=tmp_path / "model.bin"), 7)
    found = answer("info", "--model", tmp_path / "model.bin.run" / "last.pt")
    assert (found["complete"], found["finished"], found["best"]) == (False, "", 1)
    assert found["model"] == str(tmp_path / "model.bin")
    shown = lines(tmp_path / "model.bin.run" / "last.pt")
    assert shown["complete"] == ["no: --resume goes on"]
    (tmp_path / "model.bin").unlink()
    assert answer("info", "--model", tmp_path / "model.bin.run" / "last.pt")["model"] is None


def test_the_log(trained: Path, tmp_path: Path) -> None:
    log = trained / "tiny.run" / "log.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    found = answer("info", "--model", log)
    assert found["epochs"] == 3
    assert found["last"] == rows[-1]
    assert found["best"] == [row["epoch"] for row in rows if row["best"]][-1]
    assert lines(log)["train"][0].startswith(f"loss {rows[-1]['train']['loss']:.4f}")
    cut = tmp_path / "log.jsonl"
    cut.write_text(log.read_text() + '{"epoch": 4, "st')
    assert answer("info", "--model", cut)["epochs"] == 3
    cut.write_text("")
    assert lines(cut) == {"what": ["log of a run"], "epochs": ["0"]}


def test_the_settings(trained: Path) -> None:
    found = answer("info", "--model", trained / "tiny.run" / "config.toml")
    assert (found["what"], found["kind"]) == ("settings of a run", "classifier")
    assert found["compared_with"] == "default"
    assert found["settings"]["model.read_out"] == [["last"], ["max"]]
    shown = lines(trained / "tiny.run" / "config.toml")["setting"]
    assert "model.read_out = max (default: last)" in shown


def test_every_file_of_the_folder_is_told(trained: Path) -> None:
    names = sorted(path.name for path in (trained / "tiny.run").iterdir())
    assert {"config.toml", "confusion.png", "curves.png", "last.pt", "log.jsonl"} <= {*names}
    for name in names:
        assert lines(trained / "tiny.run" / name)["what"] != [""]
    assert lines(trained / "tiny.run" / "curves.png") == {"what": ["learning curves of a run"]}
    assert lines(trained / "tiny.run" / "confusion.png") == {"what": ["a confusion matrix"]}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("m.pt", "not a model", "damaged, or not a model file"),
        ("curves.png", "not a picture", "damaged, or not a model file"),
        ("log.jsonl", "[1]\n", "log.jsonl, line 1: a row of a run's log expected"),
        ("log.jsonl", "epoch 1\n", "log.jsonl, line 1: a row of a run's log expected"),
        ("config.toml", "kind =", "not a task file"),
        ("config.toml", 'kind = "clasifier"\n', "unknown kind 'clasifier'"),
        ("spam.run/x", "", "a file of a run expected, a folder found"),
        ("no.pt", None, "cannot be read: no such file or directory"),
    ],
)
def test_what_no_run_wrote(tmp_path: Path, name: str, content: str | None, problem: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    if path.name == "x":
        path = path.parent
    said = error(2 if "clasifier" in problem else 1, "info", "--model", path)
    assert problem in said
    if "clasifier" not in problem and path.suffix != ".toml":
        assert "hint: give a file that `seqcli train` wrote: OUT.pt, or one of OUT.run/" in said


def test_no_file_is_named() -> None:
    assert "--model is missing" in error(2, "info")


MODEL = ("task", "preset", "config", "learned", "data", "epoch", "step", "scores", "versions")


@pytest.mark.parametrize("part", [*MODEL, "data.sizes", "learned.labels", "config.kind"])
@pytest.mark.parametrize("value", [None, 1.5, [1], "\x1b[2J", {"a": "\x1b"}])
def test_a_model_changed_by_hand(tmp_path: Path, part: str, value: Any) -> None:
    """Words or an answer, never a traceback, and nothing that steers a terminal."""
    file = storage.load(write_model(tmp_path / "m.pt"))
    *above, last = part.split(".")
    table = file.description
    for name in above:
        table = table[name]
    table[last] = value
    storage.save(tmp_path / "m.pt", file.description, file.tensors)
    shown = seqcli("info", "--model", tmp_path / "m.pt")
    assert shown.exit_code in (0, 1)
    assert shown.exit_code == 1 or type(value) in (str, dict)
    assert "\x1b" not in shown.output
    assert shown.exit_code == 0 or shown.stderr.startswith("error: ")


@pytest.mark.parametrize("part", ["state", "config", "learned", "data", "complete", "state.epoch"])
def test_a_state_changed_by_hand(trained: Path, tmp_path: Path, part: str) -> None:
    file = storage.load(trained / "tiny.run" / "last.pt")
    *above, last = part.split(".")
    table = file.description
    for name in above:
        table = table[name]
    table[last] = "x"
    storage.save(tmp_path / "last.pt", file.description, file.tensors)
    assert f"{tmp_path / 'last.pt'}: its " in error(1, "info", "--model", tmp_path / "last.pt")


def test_many_long_labels_are_cut_and_harmless(tmp_path: Path) -> None:
    labels = tuple(f"中文 label {number}\x1b[31m" for number in range(30))
    found = lines(write_model(tmp_path / "m.pt", labels))["labels"]
    assert found[0].startswith("30: 中文 label 0\\x1b[31m, ")
    assert found[-1].endswith("label 19\\x1b[31m, …")


def test_lines_follow_the_terminal(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert len(lines_of(trained / "tiny.pt", "test")) == 1
    monkeypatch.setenv("COLUMNS", "40")
    assert len(lines_of(trained / "tiny.pt", "test")) > 2


def lines_of(path: Path, name: str) -> list[str]:
    shown = seqcli("info", "--model", path).stdout.splitlines()
    start = next(place for place, line in enumerate(shown) if line.startswith(name))
    rest = [line.startswith(" ") for line in shown[start + 1 :]]
    return shown[start : start + 1 + rest.index(False)]


def test_files_of_format_1(tmp_path: Path) -> None:
    golden = Path(__file__).resolve().parents[1] / "golden"
    for path in golden.glob("*.pt"):
        shutil.copy(path, tmp_path)
        found = answer("info", "--model", tmp_path / path.name)
        assert found["format"] == filecheck.describe(path)["format"]
        assert found["parameters"] > 100


def test_a_figure_that_train_shows_is_there_too(tmp_path: Path) -> None:
    """F1 of spans is none of the figures that `eval` lists one by one: it has a table for them."""
    model = tiny_taggers.write(tmp_path / "m.pt", scores={"test": {"loss": 0.5, "f1": 0.75}})
    assert "f1 0.7500" in " ".join(lines(model)["test"])
