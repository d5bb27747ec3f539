"""A run's state from elsewhere, or changed by hand: gone on with only if it fits, else words."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from seqcli.modelfile import storage
from seqcli.training.checkpoint import COUNTERS
from torture.checks import one_error, words
from torture.conftest import Tally
from torture.forkserver import Server
from torture.runs_hurt import KINDS, prepare

QUIET: dict[str, Any] = {"pictures": False}
ODD: list[Any] = [None, "x", -1, 1 << 70, float("nan"), float("inf"), [], {}, True, "\x1b[2J", 0.5]


def stopped(server: Server, place: Path, kind: str) -> tuple[str, ...]:
    """A run stopped in its second epoch; the command that goes on with it."""
    command = (*prepare(place, kind), "--out", "out.pt")
    stop = {"signal": {"phase": "training", "at": 8, "send": [2]}}
    assert server.run(command, place, faults=QUIET | stop).code == 130
    return (*command, "--resume", "--epochs", "2")


def resumed(server: Server, place: Path, command: tuple[str, ...], saved: Any) -> int:
    """Go on with a changed state: the exit code, after a look at the words."""
    description = {key: value for key, value in saved[0].items() if key != "format"}
    storage.save(place / "out.run" / "last.pt", description, saved[1])
    words(server.run(["info", "--model", "out.run/last.pt"], place))
    ended = server.run(command, place, faults=QUIET)
    words(ended)
    if ended.code:
        one_error(ended, 1, 2)
    return ended.code


def keys(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """All places of a description."""
    if not isinstance(value, dict):
        return [path]
    return [path] * bool(path) + [p for key in value for p in keys(value[key], (*path, key))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_made_by_hand(kind: str, place: Path, heavy: Server, tally: Tally) -> None:
    """Counters and tensors of other types and shapes are refused."""
    command = stopped(heavy, place, kind)
    good = storage.load(place / "out.run" / "last.pt")
    for name in COUNTERS if kind == "classifier" else ():
        description = copy.deepcopy(good.description)
        description["state"][name] = [1]
        assert resumed(heavy, place, command, (description, good.tensors)) == 1, name
        tally("model files: a run's state changed by hand", lost=False)
    first = [next(n for n in good.tensors if n.startswith(part)) for part in ("model.", "optim")]
    carried = [name for name in good.tensors if name.startswith("carried.")]
    for name in (*first, "sums", "random", *carried[:1]):
        for other in (torch.zeros(1, 1), torch.zeros(0), torch.zeros(3, 99), None):
            tensors = dict(good.tensors)
            tensors.pop(name)
            if other is not None:
                tensors[name] = other
            code = resumed(heavy, place, command, (good.description, tensors))
            assert code == 1 or name.startswith(("carried.", "optim")), (name, other)
            tally("model files: a run's state changed by hand", lost=False)


@pytest.mark.parametrize("times", [8, pytest.param(400, marks=pytest.mark.torture)])
def test_a_state_changed_anywhere(times: int, place: Path, heavy: Server, tally: Tally) -> None:
    """One value of its description is something else, or missing."""
    draw = random.Random(times)
    command = stopped(heavy, place, "classifier")
    good = storage.load(place / "out.run" / "last.pt")
    places = keys(good.description)
    for _ in range(times):
        description = copy.deepcopy(good.description)
        *way, last = draw.choice(places)
        table = description
        for key in way:
            table = table[key]
        table[last] = draw.choice(ODD)
        if draw.random() < 0.3:
            del table[last]
        resumed(heavy, place, command, (description, good.tensors))
        tally("model files: a run's state changed by hand", lost=False)
