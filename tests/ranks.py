"""Processes that form one run, as torchrun starts them, without torchrun's own start-up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def environment(rank: int, world: int, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(TESTS)])),
    }


def start(command: list[str], world: int, cwd: Path) -> list[subprocess.Popen[str]]:
    """`python COMMAND` once a rank."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            env=environment(rank, world, port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]


def finish(
    processes: list[subprocess.Popen[str]], seconds: float = 120
) -> list[tuple[int, str, str]]:
    """Exit status, stdout and stderr of each."""
    found = []
    for process in processes:
        out, err = process.communicate(timeout=seconds)
        found.append((process.returncode, out, err))
    return found
