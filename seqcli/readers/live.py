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
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

from seqcli.errors import DataError
from seqcli.readers.lines import binary, check_encoding, foreign, undecodable, unreadable

BLOCK = 1 << 16  # bytes a read: what a pipe holds
BULK = BLOCK // 2  # a read of more than this has a program at its other end, with more to say
GRACE = 0.002  # seconds it gets to say it
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
    feed = _Feed(encoding)
    if stream is None:
        hint = "send lines through a pipe, or name a file: --input FILE"
        raise DataError(NAME, 0, "an open stream expected, a closed one found", hint)
    fill = _filler(stream, feed)
    while True:
        while feed.open and not feed.full(rows, characters) and fill():
            pass
        if not feed.ready:
            break
        yield feed.group(rows, characters)
    if feed.fault is not None:
        raise feed.fault


class _Feed:
    """Bytes in, lines out; a fault waits until the lines before it are gone."""

    def __init__(self, encoding: str) -> None:
        check_encoding(encoding)
        self._encoding = encoding
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
            lines.append(self.ready.popleft())
            held += len(lines[-1])
        self._characters -= held
        return lines

    def put(self, block: bytes) -> None:
        """More bytes; none at all: the end."""
        self.bulk = len(block) > BULK
        begins = not self._lines and not self._begun
        pending = len(self._decoder.getstate()[0])
        self.fault = foreign(NAME, block) if begins else None
        try:
            text = self._decoder.decode(block, not block)
        except UnicodeError as error:
            if self.fault is None:
                self._fail(block, pending, error)
        if self.fault is None and begins and text.count("\0") > len(text) // 4 > 0:
            self.fault = binary(NAME, 1)  # UTF-16 read as UTF-8
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
            line = line.removesuffix("\r")
            self._characters += len(line)
            self.ready.append(line)
        if begun:
            self._begun.append(begun)

    def _fail(self, block: bytes, pending: int, error: UnicodeError) -> None:
        """Hand on the whole lines before the bad byte, and keep the error for after them."""
        if isinstance(error, UnicodeDecodeError):
            with suppress(UnicodeError):
                self._cut(self._decoder.decode(block[: max(error.start - pending, 0)]))
        self.fault = undecodable(NAME, self._lines + 1, self._encoding, error)

    def break_off(self, error: OSError) -> None:
        """The stream cannot be read on."""
        self.open = False
        self.fault = unreadable(NAME, self._lines, error)


def _filler(stream: BinaryIO, feed: _Feed) -> Callable[[], bool]:
    """A function that reads one block; False where none is there and lines are waiting."""
    try:
        # The descriptor, not the buffer over it: that would wait for more than what is there.
        number = stream.fileno()
    except (io.UnsupportedOperation, AttributeError):
        return lambda: _from_memory(stream, feed)
    return lambda: _from_descriptor(number, feed)


def _from_memory(stream: BinaryIO, feed: _Feed) -> bool:
    feed.put(stream.read(BLOCK))
    return True


def _from_descriptor(number: int, feed: _Feed) -> bool:
    patience = (GRACE if feed.bulk else 0) if feed.ready else None
    try:
        if not select.select([number], [], [], patience)[0]:
            return False
        feed.put(os.read(number, BLOCK))
    except OSError as error:
        feed.break_off(error)
    return True
