"""The line about other programs that hold the cores."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqcli.cli import crowding
from seqcli.cli.crowding import FIRST, WINDOW, Crowding


def test_queueing_for_much_of_a_window_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([5.0, 5.1, 5.6, 5.6 + 0.8 * WINDOW])
    monkeypatch.setattr(crowding, "queued", lambda: next(seconds))
    watch = Crowding(8, 4, now=100.0 - FIRST)
    assert watch.hint(100.0) is None  # a tenth of a second: nothing
    assert watch.hint(100.0 + WINDOW / 2) is None  # too early to tell
    assert watch.hint(100.0 + WINDOW) is None  # half a second: nothing
    told = watch.hint(100.0 + 2 * WINDOW)
    assert told
    assert "--resume --threads 4" in told
    assert len(told) < 80
    assert watch.hint(100.0 + 9 * WINDOW) is None


def test_a_short_run_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 2.5])
    monkeypatch.setattr(crowding, "queued", lambda: next(seconds))
    watch = Crowding(2, 2, now=50.0)
    assert watch.hint(52.0) is None
    assert watch.hint(50.0 + FIRST) is not None


def test_one_thread_and_systems_that_do_not_count_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(crowding, "queued", lambda: time.monotonic())
    assert Crowding(1, 1, now=0.0).hint(10 * WINDOW) is None
    assert Crowding(2, 1, now=0.0).hint(10 * WINDOW) is None  # they share batches
    monkeypatch.undo()
    monkeypatch.setattr(crowding, "TASKS", tmp_path / "none")
    assert crowding.queued() is None
    assert Crowding(2, 2, now=0.0).hint(10 * WINDOW) is None


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="needs Linux's schedstat")
def test_a_process_that_shares_its_core_has_queued() -> None:
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os, sys, time; os.sched_setaffinity(0, [{core}])\n"
        "from seqcli.cli.crowding import queued\n"
        "end = time.monotonic() + 0.5\n"
        "while time.monotonic() < end: pass\n"
        "print(queued())"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    waited = [float(process.communicate()[0]) for process in both]
    assert max(waited) > 0.1
