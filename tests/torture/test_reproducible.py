"""The same seed and files give the same model bytes, and these tell nothing of a person."""

from __future__ import annotations

import getpass
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqcli.modelfile import filecheck
from torture.conftest import Tally
from torture.forkserver import Server
from torture.runs_hurt import KINDS, Left, prepare, whole

QUIET = {"pictures": False}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_whatever_stands_around(
    kind: str, place: Path, heavy: Server, tally: Tally
) -> None:
    """Another name, another time, other variables, a folder that holds other things."""
    command = prepare(place, kind)
    first = whole(heavy, place, command, faults=QUIET)
    (place / "other folder").mkdir()
    (place / "other.txt").write_text("noise")
    env = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "USER": "somebody", "HOSTNAME": "elsewhere"}
    for number in range(3):
        out = f"other folder/{number}.pt"
        ended = heavy.run([*command, "--out", out], place, faults=QUIET, env=env)
        assert ended.code == 0, ended
        Left.of(place / out, ended.out).same_as(first)
        tally("reproducible: the same seed, the same bytes", lost=False)


@pytest.mark.torture
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_whatever_the_hash_seed(
    kind: str, place: Path, heavy: Server, tally: Tally
) -> None:
    """The order of Python's sets differs from process to process."""
    command = prepare(place, kind)
    first = whole(heavy, place, command, faults=QUIET)
    for seed in ("1", "2", "3"):
        with Server(PYTHONHASHSEED=seed) as other:
            whole(other, place, (*command, "--force"), faults=QUIET).same_as(first)
        tally("reproducible: the same seed, the same bytes", lost=False)


def test_a_model_tells_neither_time_nor_place_nor_person(place: Path, heavy: Server) -> None:
    """But the path of its data, which `eval` needs."""
    command = prepare(place, "classifier")
    whole(heavy, place, command, faults=QUIET)
    described = filecheck.describe(place / "whole.pt")
    assert described["data"].pop("path") == str(place / "data.txt")
    assert described["config"]["data"].pop("path") == str(place / "data.txt")
    told = list(values(described))
    for private in (socket.gethostname(), getpass.getuser(), "whole.pt", ".tmp", str(place)):
        assert len(private) < 4 or not [text for text in told if private in str(text)], private
    ago = time.time() - 86_400  # a clock's seconds of today, whole or not
    assert not [number for number in told if isinstance(number, (int, float)) and number > ago]
    with zipfile.ZipFile(place / "whole.pt") as archive:
        assert {record.date_time[0] for record in archive.infolist()} == {1980}


def values(table: Any) -> Iterator[Any]:
    """All that is no table or list, at any depth."""
    if isinstance(table, (dict, list)):
        for value in table.values() if isinstance(table, dict) else table:
            yield from values(value)
    else:
        yield table
