"""A run stopped at any moment: what it says, how it goes on, what can be done with it so far."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_runs import TINY, answer, error, log_rows, seqcli, train

from seqcli.interrupts import interrupts
from seqcli.runs import run as runs
from seqcli.runs.job import Job
from seqcli.training.loop import Stepped

pytestmark = pytest.mark.usefixtures("no_pictures")
CHAR = ("train", "--task", "char", "--data", "book.txt", "--hidden", "8", "--layers", "1")


def stopped(monkeypatch: pytest.MonkeyPatch, step: int, *args: str) -> list[str]:
    """What `seqcli ARGS` says last when Ctrl-C comes after `step` updates."""
    whole = runs.run

    def until(job: Job) -> Iterator[runs.RunEvent]:
        done = 0
        for event in whole(job):
            done += isinstance(event, Stepped)
            if done == step:
                interrupts.requested = signal.SIGINT
            yield event

    with monkeypatch.context() as patched:
        patched.setattr(runs, "run", until)
        result = seqcli(*args)
    interrupts.requested = 0
    assert result.exit_code == 130
    assert result.stdout == ""
    lines: list[str] = result.stderr.splitlines()[-3:]
    return lines


def test_it_says_how_far_it_is_and_what_to_type(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = stopped(monkeypatch, 7, *TINY, "--out", "my model.pt")
    assert said[0].startswith("interrupted in epoch 2 of 3, step 7, loss 0.")
    assert said[0].endswith("; all is saved")
    assert said[1:] == [
        "to go on: seqcli train --resume 'my model.run'",
        "to try it: seqcli classify --model 'my model.pt' \"your text\"",
    ]
    result = seqcli("train", "--resume", "my model.run")
    assert result.exit_code == 0, result.stderr
    assert "resumed at epoch 2, step 7" in result.stderr
    train("--out", "whole.pt")
    assert Path("my model.pt").read_bytes() == Path("whole.pt").read_bytes()
    assert log_rows(here / "my model.pt") == log_rows(here / "whole.pt")


def test_before_the_first_evaluation_there_is_a_model_to_try(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = stopped(monkeypatch, 2, *TINY)
    assert said[0].startswith("interrupted in epoch 1 of 3, step 2, loss ")
    assert said[2] == 'to try it: seqcli classify --model tiny.run/last.pt "your text"'
    assert not Path("tiny.pt").exists()
    tried = seqcli("classify", "--model", "tiny.run/last.pt", "win a prize")
    assert tried.exit_code == 0, tried.stderr
    assert tried.stdout.startswith(("ham\t", "spam\t"))
    state = "tiny.run/last.pt: the state of a run; its model at step 2, not evaluated yet\n"
    assert tried.stderr == state
    assert answer("eval", "--model", "tiny.run/last.pt")["count"] == 12
    total = answer("params", "--model", "tiny.run/last.pt")["total"]
    assert total == answer("train", "--resume", "tiny.run")["parameters"]
    assert answer("eval", "--model", "tiny.run/last.pt") == answer("eval", "--model", "tiny.pt")


def test_a_language_model_writes_from_its_state(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "book.txt").write_text("the cat sat on the mat. " * 200)
    command = (*CHAR, "--batch-size", "4", "--max-steps", "9")
    assert stopped(monkeypatch, 1, *command)[2] == (
        "to try it: seqcli sample --model char.run/last.pt"
    )
    drawn = seqcli("sample", "--model", "char.run/last.pt", "--max-tokens", "5", "--seed", "1")
    assert drawn.exit_code == 0, drawn.stderr
    assert len(drawn.stdout) == 6


def test_a_run_s_folder_says_the_rest(here: Path) -> None:
    train("--epochs", "1", "--out", "a.bin", "--preset", "", "--set", "train.schedule=constant")
    longer = answer("train", "--resume", "a.bin.run", "--epochs", "2")
    assert (longer["task"], longer["model"], longer["epochs"]) == ("tiny", "a.bin", 2)
    for named in ("a.bin.run/last.pt", "a.bin.run/", "a.bin"):
        again = answer("train", "--resume", named, "--epochs", "2")
        assert again == longer
    assert "model.hidden was [5], is [6]" in error(
        2, "train", "--resume", "a.bin.run", "--hidden", "6"
    )
    with contextlib.chdir("a.bin.run"):
        assert answer("train", "--resume", ".", "--epochs", "2")["task"] == "tiny"
        assert answer("train", "--resume", "last.pt", "--epochs", "2")["task"] == "tiny"
    Path("a.bin.run").rename("b.run")
    assert answer("train", "--resume", "b.run", "--epochs", "3")["model"] == "b.pt"


@pytest.mark.parametrize(
    ("code", "args", "words"),
    [
        (1, ("--resume", "none.run"), "none.run: no run to go on with"),
        (1, ("--resume", "data.tsv"), "data.tsv: no run to go on with"),
        (2, ("tiny.run",), "did you mean --resume tiny.run?"),
        (2, ("spam",), "did you mean --task spam?"),
        (2, ("--resume", "tiny.run", "--task", "spam"), "says itself what --task is"),
        (2, ("--resume", "tiny.run", "--out", "a.pt"), "says itself what --out is"),
    ],
)
def test_what_is_no_run(here: Path, code: int, args: tuple[str, ...], words: str) -> None:
    assert words in error(code, "train", *args)
