"""A disk that fails at the n-th operation, for every n: the old file stays, and it is said."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tiny_models import write_model

from seqcli.modelfile import storage
from torture.checks import no_drafts, one_error, whole_or_absent
from torture.conftest import Tally
from torture.forkserver import Server
from torture.runs_hurt import KINDS, Left, prepare, whole

NO_PICTURES = {"pictures": False}
FAULTS = [("fail", "ENOSPC"), ("full", "ENOSPC"), ("short", "EIO"), ("full", "EROFS")]


def operations(server: Server, folder: Path, command: tuple[str, ...]) -> int:
    """How many there are when nothing goes wrong."""
    log = folder.parent / f"{folder.name}.log"
    count = {"disk": {"at": 0, "do": "count", "log": str(log)}}
    assert server.run(command, folder, faults=NO_PICTURES | count).code == 0
    number = len(log.read_text().splitlines())
    log.unlink()
    return number


def earlier(server: Server, folder: Path, kind: str) -> tuple[tuple[str, ...], Left]:
    """A folder in which an earlier model lies; the command that overwrites it, the whole run."""
    folder.mkdir()
    command = prepare(folder, kind)
    expected = whole(server, folder, command, faults=NO_PICTURES)
    command = (*command, "--out", "out.pt")
    old = server.run([*command, "--epochs", "1", "--seed", "9"], folder, faults=NO_PICTURES)
    assert old.code == 0
    return command, expected


@pytest.mark.parametrize(
    ("kind", "faults", "step"),
    [
        ("classifier", FAULTS[:1], 16),
        ("numbers", FAULTS[:1], 16),
        *(
            pytest.param(kind, [fault], 1, marks=pytest.mark.torture)
            for kind in KINDS
            for fault in FAULTS
        ),
    ],
)
def test_a_training_whose_disk_fails(
    kind: str,
    faults: list[tuple[str, str]],
    step: int,
    place: Path,
    heavy: Server,
    tally: Tally,
) -> None:
    """A clear error, a whole model (old or new), and the run can be gone on with."""
    folder, source = place / "hurt", place / "source"  # a model file names its data's path
    command, expected = earlier(heavy, folder, kind)
    before = (folder / "out.pt").read_bytes()
    shutil.copytree(folder, source)
    number = operations(heavy, folder, (*command, "--force"))
    for do, name in faults:
        for at in range(1, number + 1, step):
            shutil.rmtree(folder)
            shutil.copytree(source, folder)
            fault = {"disk": {"at": at, "do": do, "errno": name}}
            ended = heavy.run([*command, "--force"], folder, faults=NO_PICTURES | fault)
            if ended.code:
                one_error(ended, 1)
                assert reason(name) in ended.err, ended.err
            # else it was the flush of a folder, whose failure harms nothing: the file is there
            whole_or_absent(folder / "out.pt")
            whole_or_absent(folder / "out.run" / "last.pt")
            if name != "EROFS":
                no_drafts(folder)
            assert (folder / "out.pt").exists()
            goes_on(heavy, folder, command, before, expected)
            tally(f"disk: {name} at every operation of a training", lost=False)


def reason(name: str) -> str:
    return os.strerror(getattr(errno, name)).lower()


def goes_on(
    server: Server, folder: Path, command: tuple[str, ...], before: bytes, expected: Left
) -> None:
    """--resume gives the whole run, or (where the new one had not begun) keeps the old one."""
    again = server.run([*command, "--resume"], folder, faults=NO_PICTURES)
    if again.code == 0:
        Left.of(folder / "out.pt", again.out).same_as(expected)
        no_drafts(folder)
        return
    # The new run had not saved anything yet: the old model is there, with or without its state.
    one_error(again, 1, 2)
    assert "--force" in again.err
    assert (folder / "out.pt").read_bytes() == before


def unpacked(path: Path) -> bytes:
    """A file's bytes; of a packed one what is in it, since gzip keeps the time."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


TABLES = ("csv", "tsv", "jsonl", "csv.gz", "parquet")


@pytest.mark.parametrize(
    ("ending", "faults"),
    [
        ("csv", FAULTS[:1]),
        *(pytest.param(ending, FAULTS, marks=pytest.mark.torture) for ending in TABLES),
    ],
)
def test_a_table_whose_disk_fails(
    ending: str, faults: list[tuple[str, str]], place: Path, heavy: Server, tally: Tally
) -> None:
    write_model(place / "m.pt")
    (place / "in.csv").write_text("text\n" + "win a prize now\n" * 3000)
    out = place / f"out.{ending}"
    command = ("classify", "--model", "m.pt", "--input", "in.csv", "--output", out.name, "--force")
    number = operations(heavy, place, command)
    table = unpacked(out)
    out.write_bytes(b"old")
    for do, name in faults:
        for at in range(1, number + 1, 3 if len(faults) == 1 else 1):
            fault = {"disk": {"at": at, "do": do, "errno": name}}
            ended = heavy.run(command, place, faults=fault)
            tally(f"disk: {name} at every operation of classify", lost=False)
            if ended.code == 0:
                # the flush of the folder, or a look for a folder that scratch files may lie in
                assert unpacked(out) == table
                out.write_bytes(b"old")
                continue
            one_error(ended, 1)
            assert reason(name) in ended.err, ended.err
            if out.read_bytes() != b"old":
                raise AssertionError((at, do, name))
            if name != "EROFS":
                no_drafts(place)


# --- real ones


@pytest.mark.torture
def test_a_disk_that_is_really_full(place: Path, heavy: Server, tally: Tally) -> None:
    """A file system of a given size, for many sizes; needs the right to mount one."""
    mount = place / "small"
    mount.mkdir()
    for kilobytes in range(32, 400, 24):
        asked = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(mount)]
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a small file system")
        try:
            command = prepare(mount, "classifier")
            ended = heavy.run([*command, "--out", "out.pt"], mount, faults=NO_PICTURES)
            if ended.code:
                one_error(ended, 1)
                assert "no space left" in ended.err
            whole_or_absent(mount / "out.pt")
            whole_or_absent(mount / "out.run" / "last.pt")
            no_drafts(mount)
            tally("disk: really full", lost=False)
        finally:
            subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.parametrize("bytes_each", [4_000, pytest.param(0, marks=pytest.mark.torture)])
def test_files_that_may_not_grow(bytes_each: int, place: Path, heavy: Server, tally: Tally) -> None:
    """The system's own limit on a file's size, for many sizes."""
    command = prepare(place, "classifier")
    for most in [bytes_each] if bytes_each else range(4_000, 34_000, 1_000):
        limits = {"FSIZE": most}
        ended = heavy.run(
            [*command, "--out", f"m{most}.pt"], place, faults=NO_PICTURES, limits=limits
        )
        if ended.code:
            one_error(ended, 1)
            assert "file too large" in ended.err
        whole_or_absent(place / f"m{most}.pt")
        whole_or_absent(place / f"m{most}.run" / "last.pt")
        no_drafts(place)
        tally("disk: a limit on the size of files", lost=False)


def test_a_folder_that_may_not_be_written(place: Path, heavy: Server, tally: Tally) -> None:
    command = prepare(place, "classifier")
    write_model(place / "m.pt")
    before = write_model(place / "old.pt").read_bytes()
    place.chmod(0o555)
    try:
        for args in (
            [*command, "--out", "new.pt"],
            [*command, "--out", "old.pt", "--force"],
            ["classify", "--model", "m.pt", "a text", "--output", "new.csv"],
            ["eval", "--model", "m.pt", "--data", "data.txt", "--plots", "pictures"],
        ):
            ended = heavy.run(args, place, plain=True)
            one_error(ended, 1)
            assert "permission denied" in ended.err, ended.err
            tally("disk: a folder that may not be written", lost=False)
    finally:
        place.chmod(0o755)
    assert (place / "old.pt").read_bytes() == before
    assert not (place / "new.pt").exists()


@pytest.mark.parametrize("at", [2, pytest.param(range(1, 20), marks=pytest.mark.torture)])
def test_a_folder_removed_while_training(
    at: int | range, place: Path, heavy: Server, tally: Tally
) -> None:
    command = prepare(place, "classifier")
    for number in [at] if isinstance(at, int) else at:
        (place / "out").mkdir()
        fault = {"remove": {"phase": "training", "at": number, "path": str(place / "out")}}
        ended = heavy.run([*command, "--out", "out/m.pt"], place, faults=NO_PICTURES | fault)
        if number <= 15:  # updates of the run
            one_error(ended, 1)
            assert "no such file or directory" in ended.err
        tally("disk: the folder removed while training", lost=False)
        shutil.rmtree(place / "out", ignore_errors=True)


def test_out_is_a_link(place: Path, heavy: Server, tally: Tally) -> None:
    """The link stays a link; where its target cannot be written the old model stays."""
    command = (*prepare(place, "classifier"), "--epochs", "1", "--out", "link.pt", "--force")
    (place / "store").mkdir()
    target = write_model(place / "store" / "model.pt")
    before = target.read_bytes()
    (place / "link.pt").symlink_to(target)
    (place / "store").chmod(0o555)
    ended = heavy.run(command, place, faults=NO_PICTURES, plain=True)
    one_error(ended, 1)
    assert target.read_bytes() == before
    (place / "store").chmod(0o755)
    assert heavy.run(command, place, faults=NO_PICTURES, plain=True).code == 0
    assert (place / "link.pt").is_symlink()
    assert target.read_bytes() != before
    storage.load(target)
    tally("disk: --out is a link", lost=False)
