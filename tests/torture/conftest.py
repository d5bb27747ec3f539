"""Where the faults happen, who starts the commands, and the count of what was tried."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import number_kind
import pytest

from seqcli.kinds import KINDS
from torture.forkserver import Server

Tally = Callable[..., None]
_COUNTS: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])


@pytest.fixture(scope="session")
def heavy() -> Iterator[Server]:
    """Forks with torch loaded: for what trains and answers."""
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def light() -> Iterator[Server]:
    """Forks with nothing heavy loaded, so that what is loaded later is seen."""
    with Server(heavy=False) as server:
        yield server


@pytest.fixture(autouse=True)
def _numbers_are_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a test of this folder runs, and no longer."""
    monkeypatch.setitem(KINDS, number_kind.SPEC.name, number_kind.SPEC)


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder in memory where there is one: a flush to a disk would be most of the time."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="seqcli-torture-", dir=parent))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def tally() -> Tally:
    """Count faults under a name: `tally("kill", lost=False)`."""

    def count(name: str, *, lost: bool) -> None:
        _COUNTS[name][0] += 1
        _COUNTS[name][1] += lost

    return count


def pytest_sessionfinish(session: Any) -> None:
    """A worker of xdist hands on what it counted."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = dict(_COUNTS)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of xdist has ended."""
    for name, (tried, lost) in getattr(node, "workeroutput", {}).get("faults", {}).items():
        _COUNTS[name][0] += tried
        _COUNTS[name][1] += lost


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What docs/reliability.md states."""
    if _COUNTS:
        terminalreporter.section("faults tried, and lost or let in")
        for name, (tried, lost) in sorted(_COUNTS.items()):
            terminalreporter.write_line(f"{name:<50} {tried:>7,} {lost:>5,}")
