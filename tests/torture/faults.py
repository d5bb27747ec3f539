"""What is done to a command from inside: a disk that fails, a kill or a signal at a chosen point.

`install` is called in a forked child (forkserver.py) before the program starts. Every operation
that changes the disk below the current folder is counted: opening for writing, each raw write,
fsync, rename, removal, making a folder. The operation with the chosen number fails, or is the
process's last act. So is every place that the program passes: a batch, an evaluation, a picture.
"""

from __future__ import annotations

import builtins
import errno
import importlib
import io
import os
import pathlib
import pickle
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

PHASES = {  # what to call the time inside a function, for the record of where kills hit
    "seqcli.data.labeled._Scan.of": "reading",
    "seqcli.data.corpus._Scan.__init__": "reading",
    "seqcli.text.vocab.Vocab.for_data": "vocabulary",
    "seqcli.training.replicas.Replicas.gradients": "training",
    "seqcli.training.loop.evaluate": "evaluation",
    "seqcli.runs.session.evaluate": "scoring",
    "seqcli.modelfile.storage.save": "saving",
    "seqcli.runs.folder.RunFolder.log": "logging",
    "seqcli.runs.folder.RunFolder.draw": "plotting",
    "seqcli.answers.loading.evaluate": "scoring",
    "seqcli.answers.prediction.Predictor.predict": "classifying",
    "seqcli.answers.sampling.choose": "sampling",
}


def install(faults: dict[str, Any], phase: Any) -> None:
    """Prepare this process for its faults.

    disk: {"at": n, "do": "fail" | "full" | "short" | "kill" | "count", "errno": name}. "full" fails
        from n on, "short" writes half and fails, "kill" dies in the middle. With "log": path every
        operation is noted there, with "tape": path in full, for disks.py to play back.
    signal: {"phase": name, "at": n, "send": [numbers]}, on entering the phase for the n-th time.
    remove: {"phase", "at", "path"}, a folder that is taken away then.
    memory: a phase in which memory runs out.
    nan: {"step", "times"}, the loss of that update of the run is NaN so many times.
    save_every: seconds between two saves of a run. pictures: False for none.
    mapped: bytes of ids from which they lie on the disk.
    """
    marks = _Marks(faults, phase)
    for name, mark in PHASES.items():
        _wrap(name, partial(marks.wrapped, mark))
    if "save_every" in faults:
        import seqcli.runs.session

        seqcli.runs.session.SAVE_SECONDS = faults["save_every"]
    if "mapped" in faults:
        from seqcli.text import growing

        growing.MAPPED_BYTES = faults["mapped"]
    if faults.get("pictures") is False:
        from seqcli.runs import pictures

        pictures.curves_png = lambda *given, **more: b"\x89PNG curves"
        pictures.confusion_png = lambda *given, **more: b"\x89PNG matrix"
    if "nan" in faults:
        _spoil(faults["nan"]["step"], faults["nan"]["times"])
    if "disk" in faults:
        _Disk(Path.cwd(), faults["disk"], phase).install()


def _spoil(step: int, times: int) -> None:
    from seqcli.training import loop

    apply, left = loop._apply, [times]

    def spoiled(state: Any, runtime: Any, sums: Any, count: int, tokens: int) -> None:
        if state.step + 1 == step and left[0]:
            left[0] -= 1
            sums = sums * float("nan")
            for weight in state.updater.dense:
                weight.grad.fill_(float("nan"))
        apply(state, runtime, sums, count, tokens)

    loop._apply = spoiled


def _wrap(name: str, wrap: Callable[[Any], Any]) -> None:
    """Replace a function or method by what `wrap` makes of it, where its module is loaded."""
    module, inside = _module(name)
    *owners, last = inside
    owner: Any = module
    for part in owners:
        owner = getattr(owner, part)
    found = vars(owner)[last]
    if isinstance(found, classmethod):
        setattr(owner, last, classmethod(wrap(found.__func__)))
    else:
        setattr(owner, last, wrap(found))


def _module(name: str) -> tuple[Any, list[str]]:
    """The module of a dotted name, and the names within it."""
    parts = name.split(".")
    return importlib.import_module(".".join(parts[:3])), parts[3:]


def load() -> None:
    """Import whatever can be wrapped, before there are children."""
    for name in PHASES:
        _module(name)


class _Marks:
    """Tells the parent where the program is, and does what is to be done there."""

    def __init__(self, faults: dict[str, Any], phase: Any) -> None:
        self.send, self.remove = faults.get("signal", {}), faults.get("remove", {})
        self.memory, self.shared = faults.get("memory"), phase
        self.counts: dict[str, int] = {}

    def wrapped(self, mark: str, inner: Any) -> Any:
        def outer(*given: Any, **more: Any) -> Any:
            before = self.shared.value
            self.shared.value = mark.encode()
            self.enter(mark)
            try:
                return inner(*given, **more)
            finally:
                self.shared.value = before

        return outer

    def enter(self, mark: str) -> None:
        self.counts[mark] = self.counts.get(mark, 0) + 1
        if self.memory == mark:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        for number in self.due(self.send, mark).get("send", ()):
            os.kill(os.getpid(), number)
        if taken := self.due(self.remove, mark):
            shutil.rmtree(taken["path"])

    def due(self, what: dict[str, Any], mark: str) -> dict[str, Any]:
        """What is to be done here and now; nothing: {}."""
        now = (mark, self.counts[mark])
        return what if what and now == (what["phase"], what["at"]) else {}


class _Disk:
    """Counts operations, and lets one go wrong."""

    def __init__(self, folder: Path, fault: dict[str, Any], phase: Any) -> None:
        self.folder, self.phase = str(folder.resolve()) + os.sep, phase
        self.at, self.do = fault["at"], fault["do"]
        self.error = getattr(errno, fault.get("errno", "ENOSPC"))
        self.done = 0
        self.log, self.tape = fault.get("log"), fault.get("tape")
        self.real_open_number, self.real_open = os.open, io.open

    def ours(self, path: Any) -> bool:
        return os.path.join(os.getcwd(), os.fsdecode(path)).startswith(self.folder)

    def install(self) -> None:
        os.open = self.open
        os.replace = self.counted("replace", os.replace)
        os.unlink = self.counted("unlink", os.unlink)
        os.mkdir = self.counted("mkdir", os.mkdir)
        real_fsync, real_fdopen = os.fsync, os.fdopen

        def fsync(number: Any) -> None:
            self.operation("fsync", lambda: real_fsync(number))
            self.note("fsync", os.readlink(f"/proc/self/fd/{number}"))

        def fdopen(number: int, mode: str = "r", *rest: Any) -> Any:
            if "w" in mode or "a" in mode:
                return io.BufferedRandom(_Raw(self, number, "r+b"))
            return real_fdopen(number, mode, *rest)

        os.fsync, os.fdopen = fsync, fdopen  # type: ignore[assignment]
        io.open = builtins.open = self.opened  # type: ignore[assignment]
        pathlib.io.open = self.opened  # type: ignore[attr-defined]

    def counted(self, name: str, real: Any) -> Any:
        def operation(path: Any, *rest: Any, **more: Any) -> Any:
            if not self.ours(path):
                return real(path, *rest, **more)
            result = self.operation(name, lambda: real(path, *rest, **more))
            places = [path, rest[0]] if name == "replace" else [path]
            self.note(name, *(os.path.abspath(os.fsdecode(place)) for place in places))
            return result

        return operation

    def note(self, *what: Any) -> None:
        if self.tape:
            with self.real_open(self.tape, "ab") as tape:
                pickle.dump(what, tape)

    def open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        real = self.real_open_number
        if flags & (os.O_WRONLY | os.O_RDWR) and self.ours(path):
            number: int = self.operation("open", lambda: real(path, flags, mode, **more))
            self.note("open", os.path.abspath(os.fsdecode(path)), bool(flags & os.O_TRUNC))
            return number
        return int(real(path, flags, mode, **more))

    def opened(self, path: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        writes = any(letter in mode for letter in "wax+")
        if isinstance(path, int) or not writes or "b" not in mode or not self.ours(path):
            return self.real_open(path, mode, *rest, **more)
        opener = more.get("opener")  # of a file without a name
        file = self.operation("open", lambda: io.BufferedRandom(_Raw(self, path, mode, opener)))
        self.note("open", os.path.abspath(os.fsdecode(path)), "w" in mode)
        return file

    def operation(self, name: str, act: Callable[[], Any], half: Any = None) -> Any:
        self.done += 1
        now = self.done == self.at or (self.do == "full" and self.done > self.at)
        if self.log:
            with self.real_open(self.log, "a") as log:
                log.write(f"{self.done} {name}\n")
        if not now or self.do == "count":
            return act()
        if self.do == "kill":
            if half is not None and self.done % 2:
                half()
            self.phase.value = f"operation {name}".encode()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.do == "full" and name == "unlink" and self.error == errno.ENOSPC:
            return act()  # a full disk can be cleared
        if self.do == "short" and half is not None:
            half()
        raise OSError(self.error, os.strerror(self.error))


class _Raw(io.FileIO):
    """An unbuffered file whose every write is an operation."""

    def __init__(self, disk: _Disk, name: Any, mode: str, opener: Any = None) -> None:
        self.disk = disk
        plus = "" if "+" in mode else "+"
        super().__init__(name, mode.replace("b", "") + plus, opener=opener)

    def write(self, content: Any) -> int:
        whole = memoryview(content).cast("B")
        place, at = os.readlink(f"/proc/self/fd/{self.fileno()}"), self.tell()
        written: int = self.disk.operation(
            "write",
            lambda: super(_Raw, self).write(whole),
            lambda: super(_Raw, self).write(whole[: len(whole) // 2]),
        )
        self.disk.note("write", place, at if self.seekable() else 0, bytes(whole[:written]))
        return written
