"""Ctrl-C and SIGTERM: at once where nothing is at stake, at the next safe point where it is.

Outside `deferred` a signal raises Interrupted where the program stands. Inside, it only sets
`requested`, which the loop polls between two updates, saves, and leaves. A second signal ends the
program there and then.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """Raised by a signal; not an Exception, so that no handler swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interrupts:
    """The signals seen so far; one instance, `interrupts`, serves the process."""

    def __init__(self) -> None:
        self.requested = 0
        self._deferring = 0
        self._leaving = 0
        self._spare = 0

    def install(self) -> None:
        """Take over SIGINT and SIGTERM (main thread only)."""
        self.requested = self._spare = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def under_launcher(self) -> None:
        """The launcher hands on the signal that the terminal gave to all: that is no second one."""
        self._spare = 1

    def poll(self) -> None:
        """Raise what a signal asked for while it was deferred."""
        if self.requested:
            raise Interrupted(self.requested)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Signals wait for the next `poll` (or for the caller to look at `requested`)."""
        self._deferring += 1
        try:
            yield
        finally:
            self._deferring -= 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Signals wait for the end of the block (or for the next `poll`, inside `deferred`).

        For C code that calls back into Python: an exception out of nowhere would come out of it as
        another one, or not at all.
        """
        with self.deferred():
            yield
        if not self._deferring:
            self.poll()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A signal ends the program there and then.

        For start-up and heavy imports: nothing is at stake yet, and an exception out of nowhere
        would be swallowed by the import system, or abort the process inside C++.
        """
        self._leaving += 1
        try:
            yield
        finally:
            self._leaving -= 1

    def end(self) -> None:
        """From now on a signal ends the program there and then: it is closing down anyway."""
        self._leaving += 1

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested and self._spare:
            self._spare -= 1
            return
        if self.requested or self._leaving:
            if os.isatty(2):
                os.write(2, b"\x1b[?25h")  # a bar hides the cursor
            os._exit(128 + number)
        self.requested = number
        if not self._deferring:
            raise Interrupted(number)


interrupts = Interrupts()
