"""A small place to train in."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import write_data, write_task


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with tiny.toml and data.tsv."""
    monkeypatch.chdir(tmp_path)
    write_task(tmp_path / "tiny.toml")
    write_data(tmp_path / "data.tsv")
    return tmp_path


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than these runs."""
    from seqcli.runs import pictures

    monkeypatch.setattr(pictures, "curves_png", lambda *given, **more: b"\x89PNG")
    monkeypatch.setattr(pictures, "confusion_png", lambda *given: b"\x89PNG")
