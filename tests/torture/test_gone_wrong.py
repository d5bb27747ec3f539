"""A loss that is no number, a rate too high, memory that runs out: said, and nothing good lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import log_rows

from seqcli.answers.loading import load_model
from seqcli.modelfile import filecheck, storage
from torture.checks import no_drafts, one_error
from torture.conftest import Tally
from torture.forkserver import Server
from torture.runs_hurt import KINDS, Left, prepare, whole

QUIET: dict[str, Any] = {"pictures": False}


def told(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command with its progress."""
    return tuple(word for word in command if word != "--quiet")


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("classifier", 12),
        *(
            pytest.param(kind, step, marks=pytest.mark.torture)
            for kind in KINDS
            for step in range(1, 16)
        ),
    ],
)
def test_a_loss_that_is_no_number_stops(
    kind: str, step: int, place: Path, heavy: Server, tally: Tally
) -> None:
    """Step and rate are named; best model and last good state stay, and can be gone on with."""
    command = (*prepare(place, kind), "--out", "out.pt")
    spoiled = QUIET | {"nan": {"step": step, "times": 1}}
    ended = heavy.run(command, place, faults=spoiled)
    one_error(ended, 1)
    rate = re.search(rf"at step {step} \(rate ([\d.e-]+)\)", ended.err)
    assert rate is not None, ended.err
    assert float(rate[1]) > 0
    assert "try a lower --lr" in ended.err
    saved = storage.load(place / "out.run" / "last.pt")
    assert saved.description["state"]["step"] < step
    assert all(tensor.isfinite().all() for tensor in saved.tensors.values())
    if (place / "out.pt").exists():
        assert "the best model so far is kept" in ended.err
        assert load_model(place / "out.pt", device="cpu", threads=1).description["epoch"] >= 1
    again = heavy.run([*command, "--resume", "--on-nan", "rollback"], place, faults=QUIET)
    assert again.code == 0, again
    no_drafts(place)
    tally("training gone wrong: NaN", lost=False)


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("language-model", 1),
        *(pytest.param(k, n, marks=pytest.mark.torture) for k in KINDS for n in (2, 3)),
    ],
)
def test_back_to_the_last_good_state_with_half_the_rate(
    kind: str, times: int, place: Path, heavy: Server, tally: Tally
) -> None:
    command = (*prepare(place, kind), "--on-nan", "rollback", "--out", "out.pt")
    plain = whole(heavy, place, prepare(place, kind), faults=QUIET)
    step = plain.log[1]["step"]  # the last one of the second epoch
    ended = heavy.run(told(command), place, faults=QUIET | {"nan": {"step": step, "times": times}})
    assert ended.code == 0, ended
    lines = [line for line in ended.err.splitlines() if "rate halved" in line]
    back = storage.load(place / "out.run" / "last.pt").description["state"]
    assert back["rollbacks"] == times == len(lines)
    rates = [row["rate"] for row in log_rows(place / "out.pt")]
    assert rates[0] == plain.log[0]["rate"]
    assert rates[1] == pytest.approx(plain.log[1]["rate"] * 0.5**times)
    assert [row["epoch"] for row in log_rows(place / "out.pt")] == [1, 2, 3]
    tally("training gone wrong: NaN, and rolled back", lost=False)


def test_rolled_back_at_most_three_times(place: Path, heavy: Server, tally: Tally) -> None:
    command = (*prepare(place, "classifier"), "--on-nan", "rollback", "--out", "out.pt")
    ended = heavy.run(command, place, faults=QUIET | {"nan": {"step": 8, "times": 9}})
    one_error(ended, 1)
    assert "3 times half the rate did not help" in ended.err
    assert filecheck.describe(place / "out.pt")["epoch"] == 1
    tally("training gone wrong: NaN, and rolled back", lost=False)


def test_a_run_stopped_after_it_was_rolled_back(place: Path, heavy: Server) -> None:
    """The halved rate is part of the state: going on gives what was never stopped."""
    command = (*prepare(place, "classifier"), "--on-nan", "rollback")
    spoiled = QUIET | {"nan": {"step": 8, "times": 1}}
    expected = whole(heavy, place, command, faults=spoiled)
    command = (*command, "--out", "out.pt")
    # the eleventh update: seven, the bad one, and again from the sixth
    stop = {"signal": {"phase": "training", "at": 11, "send": [2]}}
    assert heavy.run(command, place, faults=spoiled | stop).code == 130
    again = heavy.run([*command, "--resume"], place, faults=QUIET)
    assert again.code == 0, again
    Left.of(place / "out.pt", again.out).same_as(expected)


@pytest.mark.parametrize("rate", ["1e3", "1e15", "1e38"])
@pytest.mark.parametrize("valid", ["0.2", "0"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.torture
def test_a_rate_too_high(
    kind: str, valid: str, rate: str, place: Path, heavy: Server, tally: Tally
) -> None:
    """Whatever becomes of it, no model with a weight that is no number is left."""
    command = prepare(place, kind)
    more = ["--lr", rate, "--optimizer", "sgd", "--set", f"data.valid={valid}"]
    ended = heavy.run([*command, *more, "--out", "out.pt"], place, faults=QUIET)
    if ended.code:
        one_error(ended, 1)
        assert "no longer a number" in ended.err
    if (place / "out.pt").exists():
        load_model(place / "out.pt", device="cpu", threads=1)
    tally("training gone wrong: a rate too high", lost=False)


MEMORY = {
    "train": ("reading", "training", "evaluation", "scoring", "plotting"),
    "classify": ("classifying",),
    "eval": ("scoring",),
}


@pytest.mark.parametrize(
    ("command", "phase"), [(name, phase) for name, phases in MEMORY.items() for phase in phases]
)
def test_out_of_memory_is_a_sentence(
    command: str, phase: str, place: Path, heavy: Server, tally: Tally
) -> None:
    train = (*prepare(place, "classifier"), "--out", "out.pt")
    if command != "train":
        assert heavy.run(train, place, faults=QUIET).code == 0
    args = {
        "train": train,
        "classify": ("classify", "--model", "out.pt", "some text"),
        "eval": ("eval", "--model", "out.pt"),
    }[command]
    ended = heavy.run(args, place, faults=QUIET | {"memory": phase})
    one_error(ended, 1)
    assert "error: out of memory\n" in ended.err
    no_drafts(place)
    tally("training gone wrong: out of memory", lost=False)


@pytest.mark.parametrize("hidden", [30_000])
def test_memory_that_really_runs_out(hidden: int, place: Path, heavy: Server, tally: Tally) -> None:
    command = (*prepare(place, "classifier"), "--hidden", str(hidden), "--out", "out.pt")
    ended = heavy.run(command, place, limits={"DATA": 1 << 30})
    one_error(ended, 1)
    assert "error: out of memory\n" in ended.err
    tally("training gone wrong: out of memory", lost=False)
