"""PyTorch without its compilers' tables: the same answers, and all can be had afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_language import tiny, write
from tiny_models import write_model
from tiny_runs import seqcli

from seqcli.machine.importing import LEFT_OUT, import_torch

PROBE = f"""
import gc, sys
from seqcli.cli.app import main
try:
    main()
except SystemExit as end:
    code = end.code
frozen = gc.get_freeze_count() > 0
print([code, {LEFT_OUT!r} in sys.modules, gc.isenabled(), frozen], file=sys.stderr)
import torch, {LEFT_OUT}
layer = torch.nn.Linear(3, 2, device="meta")
print(tuple(layer(torch.ones(4, 3, device="meta")).shape), file=sys.stderr)
"""


def fresh(*args: str) -> tuple[str, list[str]]:
    """Stdout, and the last two lines of stderr, of a new process."""
    command = [sys.executable, "-c", PROBE, *args]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr.splitlines()[-2:]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_command_answers_the_same_without_them(tmp_path: Path, cell: str) -> None:
    sizes = {"cell": cell, "embed": 0 if cell == "gru" else 8, "read_out": ["mean", "attention"]}
    model = str(write_model(tmp_path / "a.pt", model=sizes))
    asked = ["classify", "--model", model, "win a prize now", "--json", "--explain"]
    found, told = fresh(*asked)
    assert told == ["[0, False, True, True]", "(4, 2)"]
    assert json.loads(found) == json.loads(seqcli(*asked).stdout)


def test_so_does_a_language_model(tmp_path: Path) -> None:
    model = str(write(tmp_path / "l.pt", *tiny()))
    asked = ["sample", "--model", model, "--seed", "1", "--threads", "1"]
    found, told = fresh(*asked)
    assert told == ["[0, False, True, True]", "(4, 2)"]
    assert found == seqcli(*asked).stdout


def test_where_it_is_imported_nothing_changes() -> None:
    kept = sys.modules[LEFT_OUT]
    import_torch()
    assert sys.modules[LEFT_OUT] is kept
