"""What all tests share: a plain environment, one thread, no network, and where the data is.

Nothing heavy is imported here: a test without torch starts at once.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from seqcli.tasks.taskfile import sample_path

ROOT = Path(__file__).resolve().parents[1]
STEERING = ("COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS", "SEQCLI_DEBUG")

# A shell's background jobs ignore Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Before torch is imported anywhere: two workers with a thread each, not two times all cores.
os.environ["OMP_NUM_THREADS"] = "1"
for name in (*STEERING, "TERMINAL_WIDTH", "TYPER_FORCE_DISABLE_TERMINAL"):
    os.environ.pop(name, None)

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile(
    "here", deadline=None, max_examples=60, suppress_health_check=SLOW_IS_FINE
)
settings.register_profile(
    "unattended", settings.get_profile("here"), derandomize=True, database=None, print_blob=True
)
settings.load_profile("unattended" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """A command run in this process takes all cores; the next test gives them back."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would go out fails at once."""
    connect = socket.socket.connect

    def local(self: socket.socket, address: Any) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        if host and not host.startswith("127.") and host not in ("localhost", "::1"):
            raise AssertionError(f"a test connects to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local)


@pytest.fixture(scope="session")
def sample() -> Path:
    """The folder with the bundled samples."""
    return sample_path("spam.tsv").parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real data sets."""
    named = os.environ.get("SEQCLI_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: SEQCLI_DATA names the folder, {folder} is none")
    return folder


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a shell in which `seqcli` is this checkout."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "seqcli"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m seqcli "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
