"""Writing so that nothing is lost: whole files or none, durable, one writer at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from seqcli.errors import DataError, SeqcliError, TrainingError

CHUNK = 1 << 20


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well, and never before.

    Written beside its target, flushed to the disk, renamed over it, the folder flushed too. A link
    is followed: its target is replaced. On any failure the old file stays and the new one goes.
    """
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    file: BinaryIO | None = None
    try:
        # Not mkstemp: its mode 0600 would stay on the result.
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        with cast(BinaryIO, os.fdopen(descriptor, "w+b")) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
        _sync_folder(target.parent)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError):
            raise _not_written(path, error) from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """`atomic_write` of bytes at hand."""
    with atomic_write(path) as file:
        file.write(content)


def append_line(path: Path, line: str) -> None:
    """Add a line, durably. Errors: SeqcliError; a part of the line may then be there."""
    try:
        with path.open("ab") as file:
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _not_written(path, error) from error


def sweep(path: Path) -> None:
    """Remove what killed runs left of `atomic_write(path)`; call with the run's lock held."""
    target = Path(os.path.realpath(path))
    with suppress(OSError):
        for draft in target.parent.iterdir():
            name = draft.name.removeprefix(f".{target.name}.")
            # digits alone: .out.pt.7.tmp is a draft of out.pt, not of out
            if name != draft.name and name.removesuffix(".tmp").isdigit():
                with suppress(OSError):
                    draft.unlink()


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()


def fingerprint(root: Path, files: Iterable[Path]) -> str:
    """SHA-256, hex: of a single file's bytes; of a folder, over its files' names and their sums.

    files: `root` alone, or files below it. Errors: DataError for what cannot be read.
    """
    every = list(files)
    if root in every:
        return sha256(root)
    named = {path.relative_to(root).as_posix(): path for path in every}
    total = hashlib.sha256()
    for name in sorted(named):
        total.update(f"{sha256(named[name])}  {name}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold `path` as this run's alone; the system lets go of it however the run ends."""
    try:
        file = path.open("a+b")
    except OSError as error:
        raise _not_written(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TrainingError(
                f"another run is writing to {path.parent}",
                "wait for it to end, or give this one another --out",
            ) from None
        yield


def readable_file(path: Path, what: str, hint: str) -> Path:
    """`path`, if it is a file that can be opened; else an error that says what is wrong."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise DataError(path, 0, f"{what} expected, a folder found", hint)
        if not stat.S_ISREG(mode):
            raise DataError(path, 0, f"{what} expected, a pipe or device found", hint)
        with path.open("rb"):
            return path
    except OSError as error:
        raise unreadable(path, error, hint) from error


def unreadable(path: Path | str, error: OSError, hint: str = "") -> DataError:
    """The system's reason for not reading `path`, as our error."""
    reason = (error.strerror or str(error)).lower()
    return DataError(path, 0, f"cannot be read: {reason}", hint)


def _not_written(path: Path, error: OSError) -> SeqcliError:
    reason = (error.strerror or str(error)).lower()
    return SeqcliError(
        f"{path}: cannot be written: {reason}",
        "what was there before is unchanged; free some space or choose another place",
    )


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems refuse it; the rename has happened all the same
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
