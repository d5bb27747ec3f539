"""Whole files or none, one writer at a time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from seqcli.errors import DataError, SeqcliError, TrainingError
from seqcli.files import append_line, atomic_write, lock, readable_file, sha256, sweep, write_bytes


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        assert len(names(tmp_path)) == 2
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_write(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SeqcliError, match="cannot be written: no space left"):
        write_bytes(tmp_path / "a", b"x")
    assert names(tmp_path) == []
    with pytest.raises(SeqcliError, match="cannot be written: no space left"):
        append_line(tmp_path / "b", "x")


def test_lines_are_added(tmp_path: Path) -> None:
    append_line(tmp_path / "a", "é")
    append_line(tmp_path / "a", "b")
    assert (tmp_path / "a").read_bytes() == "é\nb\n".encode()


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_bytes(tmp_path / "a", b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_to_nothing_yet_gives_its_target(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "to" / "file")
    write_bytes(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "to" / "file").read_bytes() == b"x"


def test_sweep_takes_drafts_of_this_file_alone(tmp_path: Path) -> None:
    others = [".a.pt.1.tmp", ".a.tmp", ".b.1.tmp", "a.1.tmp"]
    for name in (".a.1.tmp", ".a.22.tmp", *others):
        (tmp_path / name).write_text("")
    sweep(tmp_path / "a")
    assert names(tmp_path) == others
    sweep(tmp_path / "none" / "a")


def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        lock(path),
        pytest.raises(TrainingError, match="another run is writing"),
        lock(path),
    ):
        raise AssertionError("two at a time")
    with lock(path):
        pass
    with pytest.raises(SeqcliError, match="cannot be written"), lock(tmp_path / "no" / "lock"):
        raise AssertionError("no such folder")


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3_000_000)
    assert sha256(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert readable_file(path, "text", "") == path
    with pytest.raises(DataError, match="no such file"):
        sha256(tmp_path / "none")
    with pytest.raises(DataError, match="a folder found"):
        readable_file(tmp_path, "text", "")
