"""What a power cut may leave: a recorded run's operations played on a disk that keeps the least.

POSIX promises little. Two disks that do no more than they must:

- "names first": names are there at once, contents only once the file was flushed. (A rename before
  the flush then leaves an empty file.)
- "nothing unasked": contents likewise, and a name only once its folder was flushed. (A file whose
  folder was never flushed is gone.)
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

POLICIES = ("names first", "nothing unasked")
State = dict[str, bytes | None]  # by path: contents, None for a folder


def tape(path: Path) -> Iterator[tuple[Any, ...]]:
    """The recorded operations."""
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return


class Disk:
    """What is kept in memory, and what would be there after a cut."""

    def __init__(self, policy: str) -> None:
        self.names_first = policy == "names first"
        self.names: dict[str, int | None] = {}  # path -> file, None for a folder
        self.kept_names: dict[str, int | None] = {}
        self.contents: list[bytearray] = []
        self.kept: list[bytes] = []

    def play(self, name: str, *given: Any) -> None:
        """One operation."""
        getattr(self, f"_{name}")(*given)
        if self.names_first:
            self.kept_names = dict(self.names)

    def _mkdir(self, path: str) -> None:
        self.names[path] = None

    def _open(self, path: str, truncate: bool) -> None:
        number = self.names.get(path)
        if number is None:
            self.names[path] = len(self.contents)
            self.contents.append(bytearray())
            self.kept.append(b"")
        elif truncate:
            self.contents[number].clear()

    def _write(self, path: str, at: int, content: bytes) -> None:
        number = self.names[path]
        assert number is not None
        self.contents[number][at : at + len(content)] = content

    def _unlink(self, path: str) -> None:
        self.names.pop(path, None)

    def _replace(self, old: str, new: str) -> None:
        self.names[new] = self.names.pop(old)

    def _fsync(self, path: str) -> None:
        number = self.names.get(path)
        if number is not None:
            self.kept[number] = bytes(self.contents[number])
            return
        inside = {
            place for place in {*self.names, *self.kept_names} if os.path.dirname(place) == path
        }
        for place in inside:
            if place in self.names:
                self.kept_names[place] = self.names[place]
            else:
                self.kept_names.pop(place)

    def after_a_cut(self) -> State:
        """Paths that can be reached, with what is in them."""
        found: State = {}
        for path, number in sorted(self.kept_names.items()):
            folder = os.path.dirname(path)
            if folder in found or folder not in self.names:  # the folder it all lies in, or kept
                found[path] = None if number is None else self.kept[number]
        return found


def states(path: Path, policy: str) -> list[State]:
    """What may be left by a cut after each operation of a tape, each once."""
    disk, found = Disk(policy), [State()]
    for name, *given in tape(path):
        disk.play(name, *given)
        state = disk.after_a_cut()
        if state not in found:
            found.append(state)
    return found


def write(state: State) -> None:
    """Put a state on the real disk."""
    for path, content in sorted(state.items()):
        if content is None:
            os.mkdir(path)
        else:
            Path(path).write_bytes(content)
