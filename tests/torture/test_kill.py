"""Killed, cut off from power, and gone on with: the run is the run that nothing happened to."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from seqcli.modelfile import storage
from torture import disks
from torture.checks import no_drafts, whole_or_absent
from torture.conftest import Tally
from torture.forkserver import Child, Ended, Server
from torture.runs_hurt import KINDS, Left, prepare, whole

RUNS = 200  # of each test over random instants, both kinds of task together


def clear(folder: Path) -> None:
    """Take away the run, keep data and task file."""
    (folder / "out.pt").unlink(missing_ok=True)
    shutil.rmtree(folder / "out.run", ignore_errors=True)


def used(pid: int) -> float:
    """Seconds of processor time of another process; infinite once it is over.

    Not the clock on the wall: on a busy machine that would kill most runs in their first lines.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            if file.read().rpartition(b")")[2].split()[0] == b"Z":
                return float("inf")
        return time.clock_gettime(((~pid) << 3) | 2)  # that process's clock, as Linux numbers it
    except OSError:
        return float("inf")


def killed_at(child: Child, seconds: float) -> Ended:
    """Killed once it has used so much processor time."""
    while used(child.pid) < seconds:
        time.sleep(0.0005)
    child.kill()
    return child.wait()


def after_a_kill(folder: Path) -> None:
    """Models are whole or not there, at this instant too."""
    whole_or_absent(folder / "out.pt")
    whole_or_absent(folder / "out.run" / "last.pt")


def resumed(
    server: Server, folder: Path, command: tuple[str, ...], expected: Left, **given: Any
) -> None:
    """Go on to the end, and compare."""
    ended = server.run([*command, "--out", "out.pt", "--resume"], folder, **given)
    assert ended.code == 0, ended
    Left.of(folder / "out.pt", ended.out).same_as(expected)
    no_drafts(folder)


@pytest.mark.parametrize("times", [4, pytest.param(RUNS, marks=pytest.mark.torture)])
def test_killed_at_a_random_instant(times: int, place: Path, heavy: Server, tally: Tally) -> None:
    """Half of the runs save at every step; a third are killed twice; one in four draws pictures."""
    draw, phases = random.Random(times), Counter[str]()
    for kind in KINDS:
        folder = place / kind
        folder.mkdir()
        command = prepare(folder, kind)
        drawn = whole(heavy, folder, command)
        plain = whole(heavy, folder, (*command, "--force"), faults={"pictures": False})
        plain.same_as(drawn)
        done, lengths = 0, dict[str, float]()
        while done < times // len(KINDS):
            clear(folder)
            faults: dict[str, Any] = {"save_every": draw.choice([-1.0, 0.02, 60.0, -1.0])}
            if done % 4:
                faults["pictures"] = False
            length = lengths.get(str(faults))
            if length is None:
                first = heavy.run([*command, "--out", "out.pt"], folder, faults=faults)
                length = lengths[str(faults)] = first.cpu
                clear(folder)
            for resume in [[], ["--resume"]][: 1 + (done % 3 == 0)]:
                child = heavy.start([*command, "--out", "out.pt", *resume], folder, faults=faults)
                ended = killed_at(child, draw.uniform(0, length * 1.02))
                after_a_kill(folder)
                if ended.code == -9:
                    phases[ended.phase] += 1
                    tally(f"kill: while {ended.phase}", lost=False)
            if ended.code != -9:
                continue  # it was over: not counted
            done += 1
            resumed(heavy, folder, command, plain, faults=faults)
            tally("kill: a run killed at a random instant, and resumed", lost=False)
    assert times < RUNS or len(phases) >= 6, phases


@pytest.mark.parametrize(
    ("kind", "step", "saving", "mapped"),
    [
        ("language-model", 23, [60.0], 500),
        ("numbers", 23, [60.0], 50 << 20),
        *(
            pytest.param(kind, 1, [-1.0, 60.0], 50 << 20, marks=pytest.mark.torture)
            for kind in KINDS
        ),
        *(pytest.param(kind, 1, [60.0], 500, marks=pytest.mark.torture) for kind in KINDS),
    ],
)
def test_killed_in_the_middle_of_every_operation(
    kind: str, step: int, saving: list[float], mapped: int, place: Path, heavy: Server, tally: Tally
) -> None:
    """Before it, or (a write) when half is written; `saving`: at each update, or each epoch."""
    command = prepare(place, kind)
    plain = whole(heavy, place, command, faults={"pictures": False})
    for save_every in saving:
        at = 1
        while True:
            clear(place)
            harmless: dict[str, Any] = {"pictures": False, "mapped": mapped}
            faults = harmless | {"save_every": save_every, "disk": {"at": at, "do": "kill"}}
            ended = heavy.run([*command, "--out", "out.pt"], place, faults=faults)
            if ended.code == 0:
                break
            assert ended.code == -9, ended
            after_a_kill(place)
            resumed(heavy, place, command, plain, faults=harmless)
            tally("kill: in the middle of every operation on the disk", lost=False)
            at += step
        assert at > 60


@pytest.mark.parametrize(
    ("kind", "policy", "step"),
    [
        ("classifier", disks.POLICIES[0], 12),
        *(
            pytest.param(kind, policy, 1, marks=pytest.mark.torture)
            for kind in KINDS
            for policy in disks.POLICIES
        ),
    ],
)
def test_the_power_goes(
    kind: str, policy: str, step: int, place: Path, heavy: Server, tally: Tally
) -> None:
    """After every operation, on a disk that keeps no more than it must."""
    folder, tape = place / "run", place / "tape"
    folder.mkdir()
    command = prepare(folder, kind)
    plain = whole(heavy, folder, command, faults={"pictures": False})
    recorded = {
        "pictures": False,
        "save_every": -1.0 if step == 1 else 60.0,
        "disk": {"at": 0, "do": "count", "tape": str(tape)},
    }
    assert heavy.run([*command, "--out", "out.pt"], folder, faults=recorded).code == 0
    found = disks.states(tape, policy)
    assert len(found) > 10
    for state in found[::step]:
        clear(folder)
        disks.write(state)
        after_a_kill(folder)
        resumed(heavy, folder, command, plain, faults={"pictures": False})
        tally(f"power cut: {policy}", lost=False)


@pytest.mark.parametrize("epochs", [30, pytest.param(400, marks=pytest.mark.torture)])
def test_the_model_is_whole_at_every_instant(
    epochs: int, place: Path, heavy: Server, tally: Tally
) -> None:
    """Read over and over while a training writes it anew every epoch."""
    command = (*prepare(place, "classifier"), "--epochs", str(epochs), "--set", "train.select=last")
    child = heavy.start([*command, "--out", "out.pt"], place, faults={"pictures": False})
    reads, seen = 0, set()
    while used(child.pid) != float("inf"):
        if (place / "out.pt").exists():
            seen.add(storage.load(place / "out.pt").description["epoch"])
            reads += 1
            tally("kill: the model read while it is written", lost=False)
    assert child.wait().code == 0
    assert reads > 5
    assert len(seen) > 3


def test_what_a_killed_run_leaves_is_swept(place: Path, heavy: Server) -> None:
    """Also in the folder of a link's target, and only what is this run's."""
    command = prepare(place, "classifier")
    drafts: list[Path] = []
    for at in range(1, 30):
        clear(place)
        faults = {"pictures": False, "disk": {"at": at, "do": "kill"}}
        assert heavy.run([*command, "--out", "out.pt"], place, faults=faults).code == -9
        drafts = list(place.glob("**/.*.tmp"))
        if (place / "out.run" / "last.pt").exists() and drafts:
            break
    assert drafts
    other = place / "out.run" / ".mine.1.tmp"
    other.write_text("x")
    ended = heavy.run([*command, "--out", "out.pt", "--resume"], place, faults={"pictures": False})
    assert ended.code == 0
    assert not any(draft.exists() for draft in drafts)
    assert other.exists()


def test_two_runs_on_one_file(place: Path, heavy: Server) -> None:
    """The second is refused while the first goes on, and not after it was killed."""
    command = prepare(place, "classifier")
    first = heavy.start([*command, "--out", "out.pt", "--epochs", "5000"], place)
    while not (place / "out.pt").exists():
        assert used(first.pid) < 60
        time.sleep(0.02)
    for more in ("--force", "--resume"):
        second = heavy.run([*command, "--out", "out.pt", more, "--epochs", "5000"], place)
        assert second.code == 1
        assert "another run is writing" in second.err
    os.kill(first.pid, 9)
    assert first.wait().code == -9
    again = heavy.run([*command, "--out", "out.pt", "--resume"], place, faults={"pictures": False})
    assert again.code == 0
