"""Tokens found and numbered in NumPy, many texts at a time: a tenth of what a look-up each costs.

Texts are read as UTF-8 bytes. A rule says by classes of ASCII bytes where its tokens stand; what
stands between two spaces and holds other characters is left to the rule's pattern. A token's number
is looked up by its bytes in a table of open addresses; a token that is not in it, because it is new
or long, is asked for one by one, in the order of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcli.text.sequences import Sequences

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Words = NDArray[np.uint64]
Split = Callable[[str], list[str]]

SPACE, FIRST, SECOND, ALONE, JOINING, OTHER = range(6)  # classes of bytes; OTHER is not ASCII
PORTION = 1 << 18  # characters worked on at a time: their arrays stay in the processor's cache
MOSTLY_ASCII = 16  # at least so many bytes for each that is not, else the pattern is faster
LONGEST = 15  # bytes of a token in the table: two words of 64 bits, with its length
PROBES = 4  # addresses a token may stand at
FEW, MOST = 1 << 12, 1 << 19  # addresses of a table, 32 bytes each
ABSENT = -(1 << 62)  # no token's number
MIX, MIX_TOO = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


class Shape(NamedTuple):
    """Tokens by classes of bytes.

    A token is a run of FIRST, a run of SECOND, or one byte ALONE. A byte JOINING belongs to the
    runs of FIRST on both sides of it, and else is one ALONE; `once`: of such bytes only every other
    one where a single run parts them, as a pattern finds it that joins two runs at most.
    """

    classes: bytes  # (256,)
    once: bool = False


def shape(
    first: str,
    *,
    second: str = "",
    joining: str = "",
    rest: int = SPACE,
    other: int = OTHER,
    once: bool = False,
) -> Shape:
    """Characters of each class; the `rest` of ASCII but white space; `other`: what is not ASCII."""
    named = {
        letter: name
        for letters, name in ((first, FIRST), (second, SECOND), (joining, JOINING))
        for letter in letters
    }

    def class_of(byte: int) -> int:
        if byte >= 0x80:
            return other
        return named.get(chr(byte), SPACE if chr(byte).isspace() else rest)

    return Shape(bytes(map(class_of, range(256))), once)


class Scanner:
    """Texts to rows of numbers: `number` of each token that `split` finds in what `clean` leaves.

    Threads may share one.
    `number` must give a token the same number each time it is asked. `clean` must leave single
    ASCII characters as they are, or make other ones of them, or drop them. shape: finds what
    `split` finds in ASCII; without one every text is split by itself.
    """

    def __init__(
        self,
        number: Callable[[str], int],
        split: Split,
        shape: Shape | None,
        clean: Callable[[str], str] = str,
        *,
        most: int = MOST,
    ) -> None:
        """most: addresses of the table, a power of two; beyond it tokens are asked for anew."""
        self._number, self._split, self._shape, self._clean = number, split, shape, clean
        self._table, self._most = _Table(min(FEW, most)), most
        self._one_at_a_time = Lock()

    def rows(self, texts: Sequence[str]) -> Sequences:
        """A row for each text, int64."""
        sizes = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
        ends = np.cumsum(sizes)
        done, begun = list[Sequences](), 0
        while begun < len(texts):
            before = ends[begun] - sizes[begun]
            stop = max(int(np.searchsorted(ends, before + PORTION, "right")), begun + 1)
            with self._one_at_a_time:
                done.append(self._portion(texts[begun:stop], ends[begun:stop] - before))
            begun = stop
        if len(done) == 1:
            return done[0]
        lengths = np.concatenate([np.zeros(1, np.int64), *(rows.lengths for rows in done)])
        ids = np.concatenate([np.empty(0, np.int64), *(rows.ids for rows in done)])
        return Sequences(ids, np.cumsum(lengths))

    def _portion(self, texts: Sequence[str], ends: Places) -> Sequences:
        """Of texts that end before `ends` (R,), each with a character more."""
        joined = "\n".join([*texts, ""])
        cleaned = self._clean(joined) if joined.isascii() else ""
        if len(cleaned) == len(joined):  # of each character one
            whole = cleaned.encode()
        else:
            texts = [self._clean(text) for text in texts]
            encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
            whole = b"\n".join([*encoded, b""])
            ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(texts)) + 1)
        shape = self._shape
        if shape is not None:
            classes = np.frombuffer(whole.translate(shape.classes), np.uint8)
            others = np.flatnonzero(classes == OTHER)
            if len(others) * MOSTLY_ASCII <= len(whole):
                return self._scanned(whole + bytes(16), shape.once, classes, others, ends)
        if len(cleaned) == len(joined):
            texts = [self._clean(text) for text in texts]
        return _flat([list(map(self._number, self._split(text))) for text in texts])

    def _scanned(
        self, text: bytes, once: bool, classes: Bytes, others: Places, ends: Places
    ) -> Sequences:
        """Rows of texts that end before `ends` (R,); 16 bytes more stand behind them."""
        found = _found(classes, others, once=once)
        ids = np.full(len(found.starts), ABSENT, np.int64)
        short = np.flatnonzero((found.sizes <= LONGEST) & ~found.foreign)
        ids[short] = self._table.get(*_keys(text, found, short))
        lengths = np.ones(len(ids), np.int64)
        missing = np.flatnonzero(ids == ABSENT)
        several = self._asked(text, found, missing, ids) if len(missing) else {}
        offsets = np.concatenate(([0], np.searchsorted(found.starts, ends)))
        if not several:
            return Sequences(ids, offsets)
        rows = _flat(list(several.values()))
        at = np.fromiter(several, np.int64, len(several))
        lengths[at] = rows.lengths
        every = np.repeat(ids, lengths)
        every[np.repeat(found.foreign, lengths)] = rows.ids
        return Sequences(every, np.concatenate(([0], np.cumsum(lengths)))[offsets])

    def _asked(
        self, text: bytes, found: _Found, missing: Places, ids: Places
    ) -> dict[int, list[int]]:
        """Fill what the table lacks into `ids`; by foreign place the numbers of its tokens."""
        several: dict[int, list[int]] = {}
        new: dict[str, int] = {}
        starts, sizes = found.starts[missing].tolist(), found.sizes[missing].tolist()
        foreign = found.foreign[missing].tolist()
        for place, start, size, odd in zip(missing.tolist(), starts, sizes, foreign, strict=True):
            token = text[start : start + size].decode("utf-8", "surrogatepass")
            if odd:
                several[place] = list(map(self._number, self._split(token)))
            else:
                ids[place] = self._number(token)
                if size <= LONGEST:
                    new[token] = place
        if new:
            at = np.fromiter(new.values(), np.int64, len(new))
            self._table = self._table.with_more(*_keys(text, found, at), ids[at], self._most)
        return several


class _Found(NamedTuple):
    """Where tokens stand (N,) each: from, how many bytes; whether the pattern is to be asked.

    A foreign place is all that stands between two spaces: any number of tokens.
    """

    starts: Places
    sizes: Places
    foreign: Bools


def _found(classes: Bytes, others: Places, *, once: bool) -> _Found:
    """By the classes of all bytes, of which `others` are not ASCII."""
    first = classes == FIRST
    joining = np.flatnonzero(classes == JOINING)
    if len(joining):
        first[_joined(first, joining, once=once)] = True
    runs = [first, classes == SECOND]
    alone = ((classes == ALONE) | (classes == JOINING)) & ~first
    if len(others) == 0:
        starts, stops = _bounds(runs, alone)
        return _Found(starts, stops - starts, np.zeros(len(starts), np.bool_))
    foreign = _between_spaces(classes, others)
    starts, stops = _bounds([*(run & ~foreign for run in runs), foreign], alone & ~foreign)
    return _Found(starts, stops - starts, foreign[starts])


class _Table:
    """Numbers of tokens by their keys, at one of PROBES addresses from a hash on.

    A row holds low, high and number, and fills half a line of the cache: one access finds all.
    """

    def __init__(self, size: int) -> None:
        """size: a power of two."""
        self.rows = np.zeros((size, 4), np.uint64)
        self.held = 0

    def __len__(self) -> int:
        """Addresses."""
        return len(self.rows)

    def get(self, low: Words, high: Words) -> Places:
        """The number of each key (N,), ABSENT where it is not there."""
        rows = self.rows.take(self._address(low, high), 0)
        there = (rows[:, 0] == low) & (rows[:, 1] == high)
        found = np.where(there, rows[:, 2].view(np.int64), ABSENT)
        left = np.flatnonzero(~there & (rows[:, 1] != 0))
        for probe in range(1, PROBES):
            if len(left) == 0:
                break
            at = (self._address(low[left], high[left]) + probe) & (len(self) - 1)
            rows = self.rows.take(at, 0)
            there = (rows[:, 0] == low[left]) & (rows[:, 1] == high[left])
            found[left[there]] = rows[there, 2].view(np.int64)
            left = left[~there & (rows[:, 1] != 0)]
        return found

    def with_more(self, low: Words, high: Words, numbers: Places, most: int) -> _Table:
        """A table with these keys (N,), all new and different, too; some may not find room."""
        table = self
        if self.held + len(low) > len(self) // 2:
            size = min(1 << (4 * (self.held + len(low))).bit_length(), most)
            if size > len(self):
                table, own = _Table(size), self.rows[self.rows[:, 1] != 0]
                table._put(own)
        table._put(np.stack([low, high, numbers.view(np.uint64), np.zeros_like(low)], 1))
        return table

    def _put(self, new: NDArray[np.uint64]) -> None:
        for probe in range(PROBES):
            if len(new) == 0:
                break
            at = (self._address(new[:, 0], new[:, 1]) + probe) & (len(self) - 1)
            free = np.flatnonzero(self.rows[at, 1] == 0)
            free = free[np.unique(at[free], return_index=True)[1]]  # the first that wants it
            for column in (2, 0, 1):  # high at last: whoever interrupts leaves nothing half done
                self.rows[at[free], column] = new[free, column]
            self.held += len(free)
            rest = np.ones(len(new), np.bool_)
            rest[free] = False
            new = new[rest]

    def _address(self, low: Words, high: Words) -> Places:
        mixed = (low ^ (high * MIX_TOO)) * MIX
        mixed ^= mixed >> np.uint64(32)
        mixed *= MIX_TOO
        return (mixed >> np.uint64(65 - len(self).bit_length())).astype(np.int64)


def _flat(rows: Sequence[Sequence[int]]) -> Sequences:
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    ids = np.array([number for row in rows for number in row], np.int64)
    return Sequences(ids, np.concatenate(([0], np.cumsum(lengths))))


def _joined(first: Bools, joining: Places, *, once: bool) -> Places:
    """Those of the bytes at `joining` that have a run on both sides."""
    inner = joining[(joining > 0) & (joining < len(first) - 1)]
    inner = inner[first[inner - 1] & first[inner + 1]]
    if once and len(inner) > 1:
        outside = np.flatnonzero(~first[: inner[-1] + 1])
        order = np.searchsorted(outside, inner)  # one apart: nothing but a run between them
        chained = np.concatenate(([False], np.diff(order) == 1))
        begin = np.maximum.accumulate(np.where(chained, 0, np.arange(len(inner))))
        inner = inner[(np.arange(len(inner)) - begin) % 2 == 0]
    return inner


def _between_spaces(classes: Bytes, others: Places) -> Bools:
    """Which bytes stand, without a space between, beside one of `others`."""
    edges = np.concatenate(([-1], np.flatnonzero(classes == SPACE), [len(classes)]))
    after = np.searchsorted(edges, others)
    marks = np.zeros(len(classes) + 1, np.int32)
    pieces = np.unique(after)
    marks[edges[pieces - 1] + 1] += 1
    marks[edges[pieces]] -= 1
    return np.cumsum(marks[:-1]) > 0


def _bounds(runs: Sequence[Bools], alone: Bools) -> tuple[Places, Places]:
    """Where tokens begin, and where they have ended."""
    begins, ends = alone.copy(), alone.copy()
    for run in runs:
        begins[1:] |= run[1:] & ~run[:-1]
        begins[:1] |= run[:1]
        ends[:-1] |= run[:-1] & ~run[1:]
        ends[-1:] |= run[-1:]
    return np.flatnonzero(begins), np.flatnonzero(ends) + 1


_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)


def _keys(text: bytes, found: _Found, places: Places) -> tuple[Words, Words]:
    """The bytes of tokens of at most LONGEST, and in the last of 16 their number: (N,) twice."""
    words = np.ndarray((len(text) - 7,), "<u8", text, strides=(1,))  # at every place
    starts, sizes = found.starts[places], found.sizes[places]
    low = words[starts] & _MASKS[np.minimum(sizes, 8)]
    high = words[starts + 8] & _MASKS[np.maximum(sizes - 8, 0)]
    return low, high | (sizes.astype(np.uint64) << np.uint64(56))
