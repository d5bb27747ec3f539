"""torchrun itself: its restarts, Ctrl-C on it, and two hosts as two network namespaces."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ranks import environment
from tiny_runs import write_data, write_task

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
TRAIN = "-m seqcli train --task task.toml --data data.tsv --device cpu --threads 1 "
TRAIN += "--set train.schedule=constant --dropout 0.3 "
RANK_VARIABLES = environment(0, 1, 0).keys() - os.environ.keys()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_data(tmp_path / "data.tsv")
    write_task(tmp_path / "task.toml")
    return tmp_path


def torchrun(
    folder: Path, options: str, train: str, *, before: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    plain = {name: value for name, value in os.environ.items() if name not in RANK_VARIABLES}
    return subprocess.Popen(
        [*before, *TORCHRUN, *options.split(), *TRAIN.split(), *train.split()],
        cwd=folder,
        env=plain | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "veth" if before else "lo"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_ranks_train_one_model(folder: Path) -> None:
    asked = "--epochs 2 --json --out both.pt"
    process = torchrun(folder, "--standalone --nproc-per-node 2", asked)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["steps"] == 10  # one answer
    assert err.count("epoch 1/2") == 1


def whole(folder: Path) -> bytes:
    asked = "--epochs 40 --quiet --out whole.pt"
    process = torchrun(folder, "--standalone --nproc-per-node 2", asked)
    process.communicate(timeout=120)
    assert process.returncode == 0
    return (folder / "whole.pt").read_bytes()


def wait_for(path: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def workers(launcher: int) -> list[int]:
    """Its children that train."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    named = [(int(pid), Path(f"/proc/{pid}/cmdline").read_bytes()) for pid in children]
    return [pid for pid, command in named if b"seqcli" in command]


@pytest.mark.slow
def test_its_restarts_go_on_by_themselves(folder: Path) -> None:
    expected = whole(folder)
    options = "--standalone --nproc-per-node 2 --max-restarts 2"
    process = torchrun(folder, options, "--epochs 40 --out restarted.pt --force")
    wait_for(folder / "restarted.pt")
    os.kill(workers(process.pid)[1], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "resumed at epoch" in err or "nothing left to do" in err, err
    assert (folder / "restarted.pt").read_bytes() == expected


@pytest.mark.slow
def test_ctrl_c_on_it_saves_once(folder: Path) -> None:
    expected = whole(folder)
    options = "--standalone --nproc-per-node 2"
    process = torchrun(folder, options, "--epochs 4000 --out cut.pt")
    wait_for(folder / "cut.pt")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    begun = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < 30
    assert err.count("; all is saved") == 1
    assert err.count("to go on: the same command with --resume\n") == 1
    again = torchrun(folder, options, "--epochs 40 --quiet --resume --out cut.pt")
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert (folder / "cut.pt").read_bytes() == expected


HOSTS = ("seqcli-a", "seqcli-b")


@pytest.fixture
def hosts() -> Iterator[tuple[str, ...]]:
    """Two network namespaces joined by a pair of veth devices: 10.77.0.1 and 10.77.0.2."""
    made = [f"ip netns add {host}" for host in HOSTS]
    made.append(f"ip link add veth netns {HOSTS[0]} type veth peer name veth netns {HOSTS[1]}")
    for number, host in enumerate(HOSTS, 1):
        made.append(f"ip -n {host} addr add 10.77.0.{number}/24 dev veth")
        made += [f"ip -n {host} link set {device} up" for device in ("veth", "lo")]
    try:
        for command in made:
            try:
                subprocess.run(command.split(), check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                reason = getattr(error, "stderr", "") or error
                pytest.skip(f"no network namespaces here: {command}: {reason}")
        yield HOSTS
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", host], capture_output=True, check=False)


@pytest.mark.slow
def test_two_hosts(folder: Path, hosts: tuple[str, ...]) -> None:
    """Each has the data; the second shares no folder with the first."""
    expected = whole(folder)
    away = folder / "away"
    away.mkdir()
    for name in ("data.tsv", "task.toml"):
        (away / name).write_bytes((folder / name).read_bytes())
    processes = []
    for number, (host, place) in enumerate(zip(hosts, (folder, away), strict=True)):
        options = f"--nnodes 2 --node-rank {number} --nproc-per-node 1 --rdzv-backend static "
        options += "--master-addr 10.77.0.1 --master-port 29500"
        before = ("ip", "netns", "exec", host)
        asked = "--epochs 40 --quiet --out hosts.pt"
        processes.append(torchrun(place, options, asked, before=before))
    for process in processes:
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        assert out == ""
    assert (folder / "hosts.pt").read_bytes() == expected
    assert sorted(path.name for path in away.iterdir()) == ["data.tsv", "task.toml"]
