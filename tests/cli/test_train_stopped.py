"""`seqcli train` stopped and gone on with, in processes of their own."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import TINY, error, log_rows, seqcli, train

from seqcli.interrupts import interrupts
from seqcli.modelfile import storage
from seqcli.training.evaluation import evaluate

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_resume(here: Path) -> None:
    assert "exists" in _after_one_run(here)
    assert train("--resume") == "nothing to do: this run is complete\n"
    assert "resumed at epoch 4, step 15" in train("--resume", "--epochs", "4")
    assert "train.lr was 0.05, is 0.5" in error(
        2, *TINY, "--resume", "--epochs", "4", "--lr", "0.5"
    )
    assert "nothing to resume yet" in train("--resume", "--out", "new.pt")
    (here / "data.tsv").write_text((here / "data.tsv").read_text() + "ham\tone more\n")
    assert "SHA-256" in error(1, *TINY, "--resume", "--epochs", "5")
    shown = train("--resume", "--epochs", "5", "--allow-changed-data")
    assert "the data changed" in shown


def _after_one_run(here: Path) -> str:
    train()
    return error(1, *TINY)


@contextmanager
def started(
    here: Path, shell: dict[str, str], epoch: int, *args: str
) -> Iterator[subprocess.Popen[str]]:
    """A process that has told of `epoch` and trains on."""
    command = ["seqcli", *TINY, "--threads", "1", "--device", "cpu", *args]
    with subprocess.Popen(command, cwd=here, env=shell, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert any(line.startswith(f"epoch {epoch}/") for line in run.stderr)
        yield run
        run.kill()


def rest_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.read()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_the_run_goes_on_to_the_same_bytes(
    here: Path, shell: dict[str, str], number: int, code: int
) -> None:
    """The process gets the signal where it stands; the rest is run in this one."""
    many = ("--epochs", "40")
    with started(here, shell, 2, *many) as process:
        process.send_signal(number)
        rest = rest_of(process)
        assert process.wait() == code
    assert re.search(r"^interrupted in epoch \d+ of 40, step \d+, .*; all is saved$", rest, re.M)
    assert "to go on: seqcli train --resume tiny.run\n" in rest
    assert "Traceback" not in rest
    saved = storage.load(here / "tiny.run" / "last.pt").description["state"]
    assert 10 <= saved["step"] < 300
    goes_on_to_the_same(here, *many)


def goes_on_to_the_same(here: Path, *args: str) -> None:
    assert "resumed at epoch" in train("--resume", *args)
    train("--out", "whole.pt", *args)
    assert (here / "tiny.pt").read_bytes() == (here / "whole.pt").read_bytes()
    assert log_rows(here / "tiny.pt") == log_rows(here / "whole.pt")


def test_a_process_killed_outright_goes_on(here: Path, shell: dict[str, str]) -> None:
    with started(here, shell, 3, "--epochs", "40") as process:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    goes_on_to_the_same(here, "--epochs", "40")


def test_an_interrupt_tells_what_to_type(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def signaled(*given: Any) -> Any:
        interrupts.requested = signal.SIGINT
        return evaluate(*given)

    monkeypatch.setattr("seqcli.training.loop.evaluate", signaled)
    try:
        result = seqcli(*TINY, "--force", "--out", "model.bin")
    finally:
        interrupts.requested = 0
    assert result.exit_code == 130
    assert "to go on: seqcli train --resume model.bin.run\n" in result.stderr
    assert (here / "model.bin.run" / "last.pt").exists()


def test_two_runs_at_once(here: Path, shell: dict[str, str]) -> None:
    with started(here, shell, 1, "--epochs", "2000"):
        assert "another run is writing to tiny.run" in error(1, *TINY, "--force")
