"""Threads that take parts of one batch, where they work on something together: `Meeting`.

Which member a thread is, it knows by itself (`among`): nothing between hands it down. A thread that
is none works alone, by the same calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Given = TypeVar("Given")
Built = TypeVar("Built")


class NotAll(Exception):
    """It is not for all: some have nothing to bring, or nothing is gained. Each does its own."""


class Meeting:
    """Of `size` threads. One that has left does not come again: whoever waits, waits in vain."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._changed = threading.Condition()
        self._given: dict[int, Any] = {}
        self._found: Any = None
        self._rounds, self._left = 0, 0

    def join(self, number: int, given: Given, make: Callable[[list[Given]], Built]) -> Built:
        """One thing for all: `make` of what each gives, by number, when the last one has come.

        Errors: BrokenBarrierError where a member has left.
        """
        with self._changed:
            self._given[number] = given
            rounds = self._rounds
            if len(self._given) == self.size:
                self._found = make([self._given.pop(each) for each in range(self.size)])
                self._rounds += 1
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._rounds > rounds or self._left)
            if self._rounds == rounds:
                raise threading.BrokenBarrierError
            found: Built = self._found  # the next round needs this member too
            return found

    def leave(self) -> None:
        """A member has gone."""
        with self._changed:
            self._left += 1
            self._changed.notify_all()


class Member:
    """One of those who meet; without a meeting, somebody who is alone."""

    def __init__(self, meeting: Meeting | None = None, number: int = 0) -> None:
        self._meeting, self.number = meeting, number
        self.size = meeting.size if meeting else 1

    def gather(self, given: Given, make: Callable[[list[Given]], Built]) -> Built:
        """One thing for all: `make` of what each gives, by number.

        Errors: NotAll where one is through, and will not come.
        """
        try:
            return self._join(given, make)
        except threading.BrokenBarrierError as error:
            raise NotAll from error

    def build(self, make: Callable[[], Built]) -> Built:
        """One thing for all, in the midst of what they do together. Errors: BrokenBarrierError."""
        return self._join(None, lambda _: make())

    def each(self, places: Iterator[int], count: int) -> Iterator[int]:
        """Of the `places` that all share those below `count` that fall to this member.

        Whoever is free takes the next; it ends when all are done. Errors: BrokenBarrierError.
        """
        while (place := next(places)) < count:
            yield place
        self.build(lambda: None)

    def _join(self, given: Given, make: Callable[[list[Given]], Built]) -> Built:
        return self._meeting.join(self.number, given, make) if self._meeting else make([given])


ALONE = Member()


class _Own(threading.local):
    member = ALONE


_own = _Own()


@contextmanager
def among(meeting: Meeting, number: int) -> Iterator[None]:
    """While it is open this thread is that member; then it leaves."""
    before, _own.member = _own.member, Member(meeting, number)
    try:
        yield
    finally:
        _own.member = before
        meeting.leave()


def member() -> Member:
    """Who this thread is."""
    return _own.member
