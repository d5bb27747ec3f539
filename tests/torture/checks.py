"""What must hold of every command that ends, however it was hurt."""

from __future__ import annotations

import re
from pathlib import Path

from seqcli.modelfile import storage
from torture.forkserver import Ended

# Control characters but tab and line end, and what turns the direction of writing.
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def words(ended: Ended) -> None:
    """No traceback, no hang, no bug, nothing that steers a terminal."""
    assert not ended.hung, ended
    assert ended.code in (0, 1, 2), ended
    assert "Traceback" not in ended.err, ended.err
    assert "error: internal" not in ended.err, ended.err
    assert not STEERING.search(ended.err), ended.err


def one_error(ended: Ended, *codes: int) -> None:
    """One line of error, at most one of hint, and the exit code."""
    words(ended)
    assert ended.code in codes, ended
    lines = ended.err.rstrip("\n").split("\n")
    assert sum(line.startswith("error: ") for line in lines) == 1, ended.err
    last = next(line for line in lines if line.startswith("error: "))
    after = lines[lines.index(last) + 1 :]
    assert len(after) <= 1, ended.err
    assert all(line.startswith("hint: ") for line in after), ended.err


def whole_or_absent(path: Path) -> None:
    """A model file is loadable or not there; no draft is left."""
    if path.exists():
        storage.load(path)


def no_drafts(folder: Path) -> None:
    """Temporary files are gone."""
    assert not [str(found) for found in folder.glob("**/.*.tmp")]
