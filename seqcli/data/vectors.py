"""Word vectors as text: `word number number …`, one word a line (GloVe, word2vec, fastText).

The file is read once, line by line; only rows of words in the vocabulary are kept, and as many
more as are asked for. A first line `rows size` is skipped, tabs part as well as spaces do, and a
word may hold spaces itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.files import readable_file
from seqcli.interrupts import interrupts
from seqcli.readers.lines import lines
from seqcli.text.special import RESERVED
from seqcli.text.vocab import Vocab

FORM = "each line: word number number …, as of GloVe, word2vec or fastText (.vec)"
UTF_8 = "word vectors are read as UTF-8: iconv -f latin1 -t utf-8 FILE > NEW writes them so"


class Found(NamedTuple):
    """Vectors (V + M, size) of V words, zero where not found, and of M more; found (V,)."""

    vectors: NDArray[np.float32]
    found: NDArray[np.bool_]
    more: tuple[str, ...] = ()


def find(
    path: Path, vocab: Vocab, size: int, *, fold: Callable[[str], str] = str, more: int = 0
) -> Found:
    """Vectors of the vocabulary's words, and of the first `more` words of the file beside these.

    fold: what the words of the vocabulary went through. Of words of the file that it makes equal
    the one counts that is written so, else the first.
    Errors: DataError naming the line of a row with another number of numbers.
    """
    readable_file(path, "a file of word vectors", FORM)
    rows = {token: place for place, token in enumerate(vocab.to_list())}
    vectors = np.zeros((len(rows), size), np.float32)
    found, exact = np.zeros((2, len(rows)), np.bool_)
    others: dict[str, NDArray[np.float32]] = {}
    for number, line in _rows(path, size):
        if number % 4096 == 0:
            interrupts.poll()
        start = line[: line.find(" ")]
        if len(others) == more and start not in rows and fold(start) not in rows:
            continue  # most lines: of many words few are ours
        word, row = _parted(path, number, line, size)
        place = rows.get(word, rows.get(fold(word)))
        if place is None:
            if len(others) < more and word not in ("", *RESERVED):
                others.setdefault(fold(word), row)
        elif not found[place] or (word in rows and not exact[place]):
            vectors[place], found[place], exact[place] = row, True, word in rows
    if not found.any():
        problem = f"none of the vocabulary's {len(vocab):,} words found"
        raise DataError(path, 0, problem, f"are they of the same language and case? {FORM}")
    return Found(np.concatenate([vectors, *([row] for row in others.values())]), found, (*others,))


def _parted(path: Path, number: int, line: str, size: int) -> tuple[str, NDArray[np.float32]]:
    """A line's word and its vector (size,)."""
    word, *numbers = line.rsplit(" ", size)
    if len(numbers) < size or _figures(word):
        raise _wrong(path, number, line, size)
    try:
        row = np.array(numbers, np.float32)
    except ValueError:
        problem = f"numbers expected after {word!r}, found: {' '.join(numbers)[:40]}"
        raise DataError(path, number, problem, FORM) from None
    if not np.isfinite(row).all():
        raise DataError(path, number, f"finite numbers expected after {word!r}", FORM)
    return word, row


def _rows(path: Path, size: int) -> Iterator[tuple[int, str]]:
    """The lines with words, parted by single spaces. Errors: DataError for another size."""
    first = True
    try:
        for number, line in enumerate(lines(path), 1):
            line = line.replace("\t", " ").rstrip(" \r")
            if first and line:
                first = False
                words = line.split(" ")
                header = len(words) == 2 and all(map(str.isdecimal, words))
                width = int(words[1]) if header else _figures(line)
                if width != size and (width or not header):
                    raise _wrong(path, number, line, size, width)
                if header:
                    continue
            if line:
                yield number, line
    except DataError as error:
        if "--encoding" not in error.hint:
            raise
        raise DataError(path, error.line, error.problem, UTF_8) from None


def _wrong(path: Path, number: int, line: str, size: int, width: int | None = None) -> DataError:
    width = _figures(line) if width is None else width
    hint = f"--embed {width} fits this file" if width else FORM
    return DataError(path, number, f"{size} numbers expected, {width} found", hint)


def _figures(line: str) -> int:
    """How many numbers stand at the end of a line, its first word aside."""
    return len(list(takewhile(_figure, reversed(line.split(" ")[1:]))))


def _figure(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
