"""Lines of a stream as they arrive: a person's pipe line by line, a bulk file in full groups.

One thread: the stream is read when the caller asks for more, and never waited for while there is
a line to hand on. So a signal ends a read at once, and nothing is left behind at exit.
"""

from __future__ import annotations

import codecs
import io
import os
import select
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from seqcli.errors import DataError
from seqcli.readers.lines import binary, check_encoding, foreign, undecodable, unreadable

BLOCK = 1 << 16  # bytes a read: what a pipe holds
BULK = BLOCK // 2  # a read of more than this has a program at its other end, with more to say
GRACE = 0.002  # seconds it gets to say it
LOOK = 64  # lines among which the end of a row is looked for
NAME = "stdin"


def arriving(
    stream: BinaryIO | None, encoding: str, *, rows: int, characters: int
) -> Iterator[list[str]]:
    r"""Groups of lines, each as soon as nothing more is at hand, or when it is full.

    Full is `rows` lines, or `characters` or more. Lines end as in `lines.lines`; a NUL now and then
    stays inside: it is no reason to end a stream. A last line without "\n" counts.
    Errors: DataError with the line, after the lines before it were handed on; ConfigError for
    the encoding.
    """
    yield from Live(stream, encoding).groups(rows=rows, characters=characters)


class Live:
    """Lines of a stream, one at a time, waited for only where none is at hand.

    name: what errors call it; closes: the stream is closed at its end; told: takes, once each, what
    a person should know of it.
    """

    def __init__(
        self, stream: BinaryIO | None, encoding: str, name: str = NAME, *, closes: bool = False
    ) -> None:
        if stream is None:
            hint = "send lines through a pipe, or name a file: --input FILE"
            raise DataError(name, 0, "an open stream expected, a closed one found", hint)
        self.name, self._stream, self._closes = name, stream, closes
        self.told: Callable[[str], None] = _nobody
        self._heard: set[str] = set()
        self._feed = _Feed(encoding, name)
        self._read = _filler(stream, self._feed)
        self._quotes = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line without its end. Errors: DataError, after the lines before it."""
        return bare(self._next())

    def _next(self) -> str:
        feed = self._feed
        while not feed.ready:
            if not feed.open:
                if feed.fault is not None:
                    raise feed.fault
                raise StopIteration
            self._fill(True)
        return feed.take()

    def _fill(self, wait: bool) -> bool:
        read = self._read(wait)
        if self._closes and not self._feed.open:
            self._stream.close()
        return read

    def rows_over_lines(self) -> Iterator[str]:
        """Lines with their ends, for rows that may span several: quotes are open at a line's end.

        `idle` then says whether a whole row is at hand.
        """
        self._quotes = True
        return iter(self._next_or_none, None)

    def _next_or_none(self) -> str | None:
        try:
            return self._next()
        except StopIteration:
            return None

    def peek(self) -> str | None:
        """The next line, which is not taken; None at the end. Errors: as the next line."""
        try:
            line = self._next()
        except StopIteration:
            return None
        self._feed.put_back([line])
        return bare(line)

    def ahead(self, most: int) -> Generator[str, None, None]:
        """The next lines, until they are `most` characters; none of them is taken."""
        seen, held = list[str](), 0
        try:
            while held < most:
                try:
                    line = self._next()
                except StopIteration:
                    return
                seen.append(line)
                held += len(line)
                yield bare(line)
        finally:
            self._feed.put_back(seen)

    def tell(self, words: str) -> None:
        """Say it to whoever listens, if it is the first of its kind."""
        kind = words.partition(":")[2]
        if kind not in self._heard:
            self._heard.add(kind)
            self.told(f"{self.name}, {words}")

    def idle(self) -> bool:
        """Whether the next line, or row, would have to be waited for."""
        while self._feed.open and not self._whole():
            if not self._fill(False):
                return True
        return False

    def _whole(self) -> bool:
        """Whether a line is ready; of rows, one whose quotes are closed, as far as one looks."""
        ready = self._feed.ready
        if not self._quotes:
            return bool(ready)
        quotes = 0
        for line in islice(ready, LOOK):
            quotes += line.count('"')
            if quotes % 2 == 0:
                return True
        return len(ready) >= LOOK

    def groups(self, *, rows: int, characters: int) -> Iterator[list[str]]:
        """See `arriving`."""
        feed = self._feed
        yield from _groups(feed, self._fill, rows, characters)


def bare(line: str) -> str:
    r"""A line without its end."""
    return line.removesuffix("\n").removesuffix("\r")


def _nobody(words: str) -> None:
    """Nobody listens."""


def _groups(
    feed: _Feed, fill: Callable[[bool], bool], rows: int, characters: int
) -> Iterator[list[str]]:
    while True:
        while feed.open and not feed.full(rows, characters) and fill(not feed.ready):
            pass
        if not feed.ready:
            break
        yield feed.group(rows, characters)
    if feed.fault is not None:
        raise feed.fault


class _Feed:
    """Bytes in, lines out; a fault waits until the lines before it are gone."""

    def __init__(self, encoding: str, name: str) -> None:
        check_encoding(encoding)
        self._encoding, self._name = encoding, name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._begun: list[str] = []  # pieces of the line that has not ended
        self._ends: io.IncrementalNewlineDecoder | None = None  # where "\r" alone ends lines
        self._lines = 0
        self._characters = 0
        self.ready: deque[str] = deque()
        self.open = True
        self.bulk = False
        self.fault: DataError | None = None

    def full(self, rows: int, characters: int) -> bool:
        """Whether a whole group is ready."""
        return len(self.ready) >= rows or self._characters >= characters

    def group(self, rows: int, characters: int) -> list[str]:
        """The next lines, taken out."""
        lines: list[str] = []
        held = 0
        while self.ready and len(lines) < rows and held < characters:
            lines.append(bare(self.take()))
            held += len(lines[-1])
        return lines

    def take(self) -> str:
        """The next line, with its end."""
        line = self.ready.popleft()
        self._characters -= len(line)
        return line

    def put_back(self, lines: list[str]) -> None:
        """Lines that were taken, to be taken again."""
        self.ready.extendleft(reversed(lines))
        self._characters += sum(map(len, lines))

    def put(self, block: bytes) -> None:
        """More bytes; none at all: the end."""
        self.bulk = len(block) > BULK
        begins = not self._lines and not self._begun
        pending = len(self._decoder.getstate()[0])
        self.fault = foreign(self._name, block) if begins else None
        try:
            text = self._decoder.decode(block, not block)
        except UnicodeError as error:
            if self.fault is None:
                self._fail(block, pending, error)
        if self.fault is None and begins and text.count("\0") > len(text) // 4 > 0:
            self.fault = binary(self._name, 1)  # UTF-16 read as UTF-8
        if self.fault is not None:
            self.open = False
            return
        self._cut(text, last=not block)
        if not block:
            self.open = False
            if any(self._begun):
                self._cut("\n")

    def _cut(self, text: str, *, last: bool = False) -> None:
        if not self._lines and self._ends is None and "\n" not in text and "\r" in text[:-1]:
            self._ends = io.IncrementalNewlineDecoder(None, translate=True)
        if self._ends is not None:
            text = self._ends.decode(text, last)
        *ended, begun = text.split("\n")
        for line in ended:
            if self._begun:
                line = "".join([*self._begun, line])
                self._begun = []
            if not self._lines:
                line = line.removeprefix("\ufeff")
            self._lines += 1
            self._characters += len(line) + 1
            self.ready.append(f"{line}\n")
        if begun:
            self._begun.append(begun)

    def _fail(self, block: bytes, pending: int, error: UnicodeError) -> None:
        """Hand on the whole lines before the bad byte, and keep the error for after them."""
        if isinstance(error, UnicodeDecodeError):
            with suppress(UnicodeError):
                self._cut(self._decoder.decode(block[: max(error.start - pending, 0)]))
        self.fault = undecodable(self._name, self._lines + 1, self._encoding, error)

    def break_off(self, error: OSError) -> None:
        """The stream cannot be read on."""
        self.open = False
        self.fault = unreadable(self._name, self._lines, error)


def _filler(stream: BinaryIO, feed: _Feed) -> Callable[[bool], bool]:
    """A function that reads one block, and if told to waits for it; False where none is there."""
    try:
        # The descriptor, not the buffer over it: that would wait for more than what is there.
        number = stream.fileno()
    except (io.UnsupportedOperation, AttributeError):
        return lambda wait: _from_memory(stream, feed)
    return lambda wait: _from_descriptor(number, feed, wait)


def _from_memory(stream: BinaryIO, feed: _Feed) -> bool:
    feed.put(stream.read(BLOCK))
    return True


def _from_descriptor(number: int, feed: _Feed, wait: bool) -> bool:
    patience = None if wait else GRACE if feed.bulk else 0
    try:
        if not select.select([number], [], [], patience)[0]:
            return False
        feed.put(os.read(number, BLOCK))
    except OSError as error:
        feed.break_off(error)
    return True
