"""Starts `seqcli` thousands of times at the price of one start: each command is a forked child.

A process of its own imports the program (and, asked to, torch, numpy and matplotlib), computes
nothing, and from then on only forks. Forking is sound while a process has one thread: no lock can
be held by a thread that is not there in the child. So before every fork the server counts its
threads and refuses with more than one. The child is what a fresh start would be at the point where
its imports are done: it takes over the signals, has a session, streams and folder of its own, and
runs `seqcli.__main__.main`.

Run as a script this file is the server: one JSON request a line on stdin, one reply a line.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 6 << 30  # bytes of data that a child may take: a net, not a measure


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (or minus the signal), what it said, what it took."""

    code: int
    out: str
    err: str
    cpu: float  # seconds, user and system
    memory: int  # most resident bytes
    modules: frozenset[str]  # heavy ones that were loaded; empty where it was killed
    phase: str  # where the child said it was, see `faults.py`
    hung: bool


class Server:
    """The process that forks; use as a context."""

    def __init__(self, heavy: bool = True, **variables: str) -> None:
        """`variables`: of its environment, for what counts from the start (PYTHONHASHSEED)."""
        env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **variables}
        env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        env["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = "64"
        command = [sys.executable, __file__, "heavy" if heavy else "light"]
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:  # closes both pipes and waits
            pass
        assert self.process.returncode == 0

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        assert "refused" not in reply, reply
        return reply

    def start(
        self,
        args: Sequence[str | Path],
        folder: Path,
        *,
        faults: dict[str, Any] | None = None,
        stdin: Path | str = os.devnull,
        out: Path | str | None = None,
        err: Path | str | None = None,
        plain: bool = False,
        limits: dict[str, int] | None = None,
        env: dict[str, str] | None = None,
    ) -> Child:
        """A command under way.

        faults: see faults.py; plain: where this is root, without its right to every file.
        """
        number = self._ask(
            {
                "args": [os.fsencode(arg).hex() for arg in args],
                "folder": str(folder),
                "faults": faults or {},
                "stdin": str(stdin),
                "out": None if out is None else str(out),
                "err": None if err is None else str(err),
                "plain": plain,
                "limits": limits or {},
                "env": env or {},
            }
        )["pid"]
        return Child(self, number)

    def run(
        self, args: Sequence[str | Path], folder: Path, *, timeout: float = 600.0, **given: Any
    ) -> Ended:
        """A command to its end; one that is not over in `timeout` seconds is killed, and hung."""
        return self.start(args, folder, **given).wait(timeout)


@dataclass(frozen=True)
class Child:
    """A command that was started."""

    server: Server
    pid: int

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def phase(self) -> str:
        """Where it says it is."""
        return str(self.server._ask({"phase": self.pid})["phase"])

    def wait(self, timeout: float = 600.0) -> Ended:
        """Wait for its end, or kill it."""
        reply = self.server._ask({"wait": self.pid, "timeout": timeout})
        reply["modules"] = frozenset(reply["modules"])
        return Ended(**reply)


# --- the server's side


@dataclass
class _Running:
    out: int
    err: int
    told: int  # what the child reports
    phase: Any  # shared memory


def _serve(heavy: bool) -> None:
    _import(heavy)
    gc.collect()
    # Of a child, until the program takes over; set here, as a signal may come with its first line.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.freeze()  # what is there now is not looked at again, so that children share its memory
    running: dict[int, _Running] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            reply = _wait(request["wait"], running.pop(request["wait"]), request["timeout"])
        elif "phase" in request:
            reply = {"phase": running[request["phase"]].phase.value.decode()}
        else:
            threads = len(os.listdir("/proc/self/task"))
            reply = {"refused": f"{threads} threads"} if threads != 1 else _fork(request, running)
        print(json.dumps(reply), flush=True)


def _import(heavy: bool) -> None:
    from seqcli.__main__ import main  # noqa: F401
    from seqcli.cli.app import app

    nowhere = io.TextIOWrapper(io.BytesIO())
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(nowhere):
        app(["params", "rnn", "--hidden", "1", "--input", "1"])  # typer loads more at a command
    if not heavy:
        return
    import torch

    torch.set_num_threads(1)
    import number_kind
    import torch._dynamo
    import torch._inductor  # what --deterministic loads
    import torch.utils.data

    from seqcli.runs import pictures
    from torture import faults

    number_kind.register()
    faults.load()
    pictures.confusion_png([[1]], ["a"])  # loads matplotlib and its fonts


def _fork(request: dict[str, Any], running: dict[int, _Running]) -> dict[str, int]:
    import ctypes
    import mmap

    out, err, told = (os.memfd_create(name) for name in ("out", "err", "told"))
    shared = mmap.mmap(-1, 4096)
    phase = (ctypes.c_char * 64).from_buffer(shared)
    pid = os.fork()
    if pid == 0:
        _child(request, out, err, told, phase)
    running[pid] = _Running(out, err, told, phase)
    return {"pid": pid}


def _child(request: dict[str, Any], out: int, err: int, told: int, phase: Any) -> None:
    """Never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(request["folder"])
        os.dup2(os.open(request["stdin"], os.O_RDONLY), 0)
        where = out if request["out"] is None else os.open(request["out"], os.O_WRONLY)
        os.dup2(where, 1)
        os.dup2(err if request["err"] is None else os.open(request["err"], os.O_WRONLY), 2)
        opened: dict[str, Any] = {"closefd": False, "encoding": "utf-8"}
        sys.stdin = open(0, errors="surrogateescape", **opened)  # noqa: SIM115
        sys.stdout = open(1, "w", **opened)  # noqa: SIM115
        sys.stderr = open(2, "w", errors="backslashreplace", **opened)  # noqa: SIM115
        os.environ.update(request["env"])
        limits = {"DATA": MEMORY, "CORE": 0, **request["limits"]}
        for name, most in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
        if request["plain"]:
            _be_plain()
        sys.argv = ["seqcli", *(os.fsdecode(bytes.fromhex(arg)) for arg in request["args"])]
        code = _main(request["faults"], phase)
    except BaseException as error:
        os.write(err, f"the server's own: {error!r}".encode())
    finally:
        heavy = sorted({"torch", "numpy", "pandas", "matplotlib"} & sys.modules.keys())
        os.write(told, json.dumps(heavy).encode())
        os._exit(code)


def _be_plain() -> None:
    """Give up all capabilities: file modes then hold for root, too."""
    import ctypes

    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    none = (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None, use_errno=True).capset(header, none) == 0


def _main(faults: dict[str, Any], phase: Any) -> int:
    from seqcli import __main__ as program

    if faults:
        from torture import faults as injected

        injected.install(faults, phase)
    phase.value = b"running"
    try:
        program.main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 71
    else:
        code = 0
    phase.value = b"ended"
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    return code


def _wait(pid: int, child: _Running, timeout: float) -> dict[str, Any]:
    watched = os.pidfd_open(pid)
    hung = not select.select([watched], [], [], timeout)[0]
    os.close(watched)
    if hung:
        os.kill(pid, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    out, err, told = (_all_of(number) for number in (child.out, child.err, child.told))
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": out.decode("utf-8", "replace"),
        "err": err.decode("utf-8", "replace"),
        "cpu": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss << 10,
        "modules": json.loads(told or b"[]"),
        "phase": child.phase.value.decode(),
        "hung": hung,
    }


def _all_of(number: int) -> bytes:
    with open(number, "rb") as file:
        file.seek(0)
        return file.read()


if __name__ == "__main__":
    _serve(sys.argv[1] == "heavy")
    os._exit(0)  # what torch would tidy takes seconds
