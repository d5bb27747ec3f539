"""A kind that nobody here thought of goes through every command, resume and torchrun."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import number_kind
import pytest
from ranks import finish, start
from tiny_runs import answer, error, log_rows, seqcli
from typer.testing import CliRunner

from seqcli.cli.app import app
from seqcli.kinds import KINDS, check_model
from seqcli.modelfile import filecheck

TRAIN = ("train", "--task", "curve.toml", "--data", "points.txt", "--device", "cpu")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kind is there in these tests alone."""
    monkeypatch.setitem(KINDS, "numbers", number_kind.SPEC)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "curve.toml").write_text(number_kind.TASK)
    number_kind.write_points(tmp_path / "points.txt")
    return tmp_path


def test_it_trains_and_is_scored() -> None:
    result = answer(*TRAIN, "--quiet", "--epochs", "40")
    assert result["best"]["metric"] == "error"
    assert result["test"]["error"] < 1.5
    assert result["test"]["error"] == pytest.approx(math.sqrt(result["test"]["loss"]))
    assert result["data"]["vocabulary"] is None
    assert answer("eval", "--model", "curve.pt") == {"split": "test", **result["test"]}
    assert (
        answer("eval", "--model", "curve.pt", "--data", "points.txt", "--split", "all")["count"]
        == 60
    )
    files = {path.name for path in Path("curve.run").iterdir()}
    assert {"last.pt", "log.jsonl", "config.toml", "curves.png"} <= files
    assert "confusion.png" not in files


def test_what_a_person_sees() -> None:
    told = seqcli(*TRAIN)
    assert told.exit_code == 0, told.stderr
    assert "no words here" in told.stderr
    assert "next:  seqcli eval --model curve.pt" in told.stderr
    assert "error 0." in told.stderr or "error 1." in told.stderr
    shown = seqcli("eval", "--model", "curve.pt")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["count", "loss", "error"]


def test_it_is_counted_by_task_and_by_file() -> None:
    assert answer("params", "--task", "curve.toml")["total"] == 4
    assert answer(*TRAIN, "--quiet", "--set", "model.degree=5")["parameters"] == 6
    assert answer("params", "--model", "curve.pt")["total"] == 6
    assert "--budget finds a hidden size" in error(
        2, "params", "--model", "curve.pt", "--budget", "9"
    )


def test_info_tells_what_it_is() -> None:
    answer(*TRAIN, "--quiet")
    found = answer("info", "--model", "curve.pt")
    assert (found["kind"], found["parameters"], found["vocabulary"]) == ("numbers", 4, None)
    assert found["scores"]["test"]["error"] > 0
    assert answer("info", "--model", "curve.run/last.pt")["complete"] is True


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("classify", "--model", "curve.pt", "a text"), "`classify` needs a classifier"),
        (("sample", "--model", "curve.pt"), "`sample` needs a language model"),
    ],
)
def test_a_command_that_does_not_serve_it_says_which_do(
    words: tuple[str, ...], problem: str
) -> None:
    answer(*TRAIN, "--quiet")
    said = error(1, *words)
    assert f"curve.pt: a curve; {problem}" in said
    assert "seqcli eval --model curve.pt" in said


def test_options_and_settings_of_others_are_refused() -> None:
    assert "model.hidden does nothing in a numbers" in error(2, *TRAIN, "--hidden", "3")
    assert "one of: last, loss, error" in error(2, *TRAIN, "--set", "train.select=accuracy")
    answer(*TRAIN, "--quiet")
    for option in ("--mistakes", "--batch-size"):
        assert f"{option} needs a" in error(2, "eval", "--model", "curve.pt", option, "3")
    reading = ("eval", "--model", "curve.pt", "--text-column", "x")
    assert "data.text_column does nothing in a numbers" in error(2, *reading)


def test_a_run_goes_on_where_it_was_stopped() -> None:
    whole = answer(*TRAIN, "--quiet", "--out", "whole.pt")
    answer(*TRAIN, "--quiet", "--epochs", "2", "--set", "train.schedule=constant", "--out", "a.pt")
    longer = (*TRAIN, "--quiet", "--set", "train.schedule=constant", "--out", "a.pt", "--resume")
    resumed = answer(*longer, "--epochs", "3")
    once = answer(*TRAIN, "--quiet", "--set", "train.schedule=constant", "--out", "b.pt")
    assert Path("a.pt").read_bytes() == Path("b.pt").read_bytes()
    assert log_rows(Path("a.pt")) == log_rows(Path("b.pt"))
    assert resumed["test"] == once["test"] != whole["test"]


def test_threads_share_its_batches_and_give_the_same_model_again() -> None:
    runs = []
    for out in ("one.pt", "two.pt"):
        asked = (*TRAIN, "--threads", "2", "--set", "train.batch_size=16", "--out", out)
        done = CliRunner().invoke(app, [*asked, "--set", "model.noise=0.1"])
        assert done.exit_code == 0, done.output
        assert "2 threads that share each batch" in done.stderr
        runs.append(Path(out).read_bytes())
    assert runs[0] == runs[1]


def test_another_model_s_weights(folder: Path) -> None:
    answer(*TRAIN, "--quiet", "--out", "first.pt")
    told = seqcli(*TRAIN, "--init-from", "first.pt", "--epochs", "1", "--out", "second.pt")
    assert "2 of 2 tensors start from first.pt" in told.stderr


def test_what_it_learned_is_checked_by_itself(folder: Path) -> None:
    answer(*TRAIN, "--quiet")
    description = filecheck.describe(folder / "curve.pt")
    assert description["learned"].keys() == {"center", "width"}
    for bad in ({"center": 1.0}, {"center": 0.0, "width": 0.0}, {"center": "x", "width": 1.0}):
        with pytest.raises(Exception, match="center and width"):
            check_model({**description, "learned": bad}, folder / "curve.pt")


def test_ranks_share_it(folder: Path) -> None:
    program = str(Path(number_kind.__file__))
    command = [program, *TRAIN, "--threads", "1", "--quiet", "--json", "--set", "model.noise=0"]

    def run(world: int, out: str) -> dict[str, Any]:
        (status, found, err), *others = finish(start([*command, "--out", out], world, folder))
        assert status == 0, err
        assert others == [(0, "", "")] * len(others)
        read: dict[str, Any] = json.loads(found)
        return read

    one, two = run(1, "one.pt"), run(2, "two.pt")
    for name in ("loss", "error"):
        assert two["test"][name] == pytest.approx(one["test"][name], rel=1e-4)
