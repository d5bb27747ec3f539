"""Ctrl-C and SIGTERM in every command and phase, twice, at random instants; and closed pipes."""

from __future__ import annotations

import os
import random
import select
import signal
from pathlib import Path
from typing import Any

import pytest
import tiny_language
from tiny_models import write_model
from tiny_runs import line_of

from torture.checks import no_drafts, whole_or_absent
from torture.conftest import Tally
from torture.forkserver import Ended, Server
from torture.runs_hurt import KINDS, SMALL, Left, prepare, whole
from torture.test_kill import clear, used

INT, TERM = int(signal.SIGINT), int(signal.SIGTERM)


def stopped(ended: Ended, number: int) -> None:
    """Ended by the signal, in order and without a traceback."""
    assert ended.code == 128 + number, ended
    assert "Traceback" not in ended.err, ended.err
    assert "error:" not in ended.err, ended.err


@pytest.mark.parametrize(
    ("kind", "phase", "number"),
    [
        ("classifier", "training", INT),
        ("language-model", "evaluation", TERM),
        ("numbers", "training", INT),
        *(
            pytest.param(kind, phase, number, marks=pytest.mark.torture)
            for kind in KINDS
            for phase in (*SMALL[kind].phases, "plotting")
            for number in (INT, TERM)
        ),
    ],
)
def test_a_training_stopped_in_each_phase(
    kind: str, phase: str, number: int, place: Path, heavy: Server, tally: Tally
) -> None:
    """Its words say how to go on; going on gives the run that was not stopped."""
    command = prepare(place, kind)
    quiet = {"pictures": phase == "plotting"}
    expected = whole(heavy, place, command, faults=quiet)
    for at in (1, 2):
        clear(place)
        faults: dict[str, Any] = quiet | {"signal": {"phase": phase, "at": at, "send": [number]}}
        ended = heavy.run([*command, "--out", "out.pt"], place, faults=faults)
        if ended.code == 0:  # entered once, not twice
            assert at == 2
            continue
        stopped(ended, number)
        early = phase in ("reading", "vocabulary") or (phase, at) == ("saving", 1)
        lines = ended.err.splitlines()
        if early:
            assert lines == ["interrupted before there was anything to save"]
        else:
            assert line_of(lines, "interrupted in epoch ").endswith("; all is saved")
            assert line_of(lines, "to go on: ") == "to go on: seqcli train --resume out.run"
        whole_or_absent(place / "out.pt")
        no_drafts(place)
        again = heavy.run([*command, "--out", "out.pt", "--resume"], place, faults=quiet)
        assert again.code == 0, again
        Left.of(place / "out.pt", again.out).same_as(expected)
        tally(f"signals: train, while {phase}", lost=False)


@pytest.mark.parametrize("phase", ["training", "evaluation"])
def test_a_second_signal_ends_at_once(phase: str, place: Path, heavy: Server, tally: Tally) -> None:
    """Without another save; the run can still be gone on with."""
    command = (*prepare(place, "classifier"), "--out", "out.pt")
    faults = {"pictures": False, "signal": {"phase": phase, "at": 2, "send": [INT, INT]}}
    ended = heavy.run(command, place, faults=faults)
    assert (ended.code, ended.err) == (130, "")
    whole_or_absent(place / "out.run" / "last.pt")
    assert heavy.run([*command, "--resume"], place, faults={"pictures": False}).code == 0
    tally("signals: a second one", lost=False)


ANSWERS = {
    "eval": (
        *("eval", "--model", "classifier.pt", "--data", "data.txt", "--json"),
        *("--plots", "pictures", "--force"),
    ),
    "classify": (
        "classify",
        "--model",
        "classifier.pt",
        "--input",
        "data.txt",
        "--output",
        "o.csv",
    ),
    "sample": ("sample", "--model", "language.pt", "--count", "9", "--seed", "1"),
}


@pytest.mark.parametrize("number", [INT, TERM])
@pytest.mark.parametrize(
    ("command", "phase"),
    [
        ("eval", "reading"),
        ("eval", "scoring"),
        ("classify", "classifying"),
        ("sample", "sampling"),
    ],
)
def test_the_other_commands(
    command: str, phase: str, number: int, place: Path, heavy: Server, tally: Tally
) -> None:
    models(place)
    faults = {"signal": {"phase": phase, "at": 1, "send": [number]}}
    ended = heavy.run(ANSWERS[command], place, faults=faults)
    stopped(ended, number)
    assert ended.err.count("\n") <= (3 if command == "eval" else 1)  # it says what it scores
    assert not (place / "o.csv").exists()
    no_drafts(place)
    tally(f"signals: {command}, while {phase}", lost=False)


def models(place: Path) -> None:
    """A classifier, a language model, and data for the first."""
    write_model(place / "classifier.pt", ("ham", "spam"))
    tiny_language.write(place / "language.pt", *tiny_language.tiny())
    (place / "data.txt").write_text("ham\tsee you at six\nspam\twin a prize now\n" * 2000)


@pytest.mark.torture
@pytest.mark.parametrize("command", [*ANSWERS, *KINDS])
def test_at_random_instants(command: str, place: Path, heavy: Server, tally: Tally) -> None:
    draw = random.Random(command)
    models(place)
    args = ANSWERS.get(command) or (*prepare(place, command), "--out", "out.pt")
    args = (*args, "--force") if command == "classify" else args
    first = heavy.run(args, place)
    assert first.code == 0, first
    expected = Left.of(place / "out.pt", first.out) if command in KINDS else None
    for _ in range(40):
        clear(place)
        (place / "o.csv").unlink(missing_ok=True)
        number = draw.choice([INT, TERM])
        child, at = heavy.start(args, place), draw.uniform(0, first.cpu)
        while used(child.pid) < at:
            select.select([], [], [], 0.0005)
        child.kill(number)
        ended = child.wait()
        if ended.code == 0:  # too late
            continue
        if ended.code == -number:  # before the program took over the signals
            assert ended.err == ""
        else:
            stopped(ended, number)
        no_drafts(place)
        if expected is not None:
            whole_or_absent(place / "out.pt")
            again = heavy.run([*args, "--resume"], place)
            assert again.code == 0, again
            Left.of(place / "out.pt", again.out).same_as(expected)
        tally("signals: at a random instant", lost=False)


PIPES = {
    "tasks": ("train", "--list", "--json"),
    "help": ("train", "--help"),
    "params": ("params", "lstm", "--input", "3"),
    "classify": ("classify", "--model", "classifier.pt", "--input", "data.txt"),
    "sample": ("sample", "--model", "language.pt", "--count", "3000", "--seed", "1"),
    "stream": (
        "sample",
        "--model",
        "language.pt",
        "--max-tokens",
        "9000",
        "--seed",
        "1",
        "--stream",
    ),
    "eval": ("eval", "--model", "classifier.pt", "--data", "data.txt"),
}


@pytest.mark.parametrize("read", [0, 1, 3000])
@pytest.mark.parametrize("command", PIPES)
def test_a_reader_that_has_had_enough(
    command: str, read: int, place: Path, heavy: Server, tally: Tally
) -> None:
    """`| head -1`: the pipe is closed after `read` bytes; no complaint, exit 0."""
    models(place)
    os.mkfifo(place / "pipe")
    end = os.open(place / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    child = heavy.start(PIPES[command], place, out=place / "pipe")
    while not child.phase():  # it has not opened its end yet
        select.select([], [], [], 0.001)
    got = b""
    while len(got) < read:
        select.select([end], [], [], 300)
        piece = os.read(end, read - len(got))
        if not piece and used(child.pid) == float("inf"):
            break
        got += piece
    os.close(end)
    ended = child.wait()
    assert ended.code == 0, ended
    assert "error" not in ended.err, ended
    assert "Traceback" not in ended.err, ended
    tally("signals: a pipe closed by its reader", lost=False)
