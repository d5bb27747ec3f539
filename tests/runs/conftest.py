"""Runs without pictures, and one that nothing stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import Whole, figures_of, finished, job, log_of, log_rows

from seqcli.interrupts import interrupts
from seqcli.runs import pictures


@pytest.fixture(autouse=True)
def _no_signal() -> Iterator[None]:
    """A signal that a test sends itself ends with the test."""
    yield
    interrupts.requested = 0


@pytest.fixture(autouse=True, scope="module")
def _pictures_in_words() -> Iterator[None]:
    """Drawing takes longer than these runs: what would be drawn stands for the picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            pictures, "curves_png", lambda history, **given: _words(log_of(history), given)
        )
        patch.setattr(pictures, "confusion_png", lambda *given: _words(given))
        yield


def _words(*given: Any) -> bytes:
    return b"\x89PNG" + repr(given).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data and task file; many runs, so that the data has one path."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Whole:
    """A run that nothing stopped: the model's bytes, the log, the result."""
    asked = job(folder, "whole")
    result = finished(asked).result
    return Whole(asked.out.read_bytes(), log_rows(asked.out), figures_of(result))
