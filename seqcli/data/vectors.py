"""Word vectors as text: `word number number …`, one word a line (GloVe, word2vec, fastText).

The file is read once, line by line; only rows of words in the vocabulary are kept. A first line
`rows size` is skipped, tabs part as well as spaces do, and a word may hold spaces itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.files import readable_file
from seqcli.interrupts import interrupts
from seqcli.readers.lines import lines
from seqcli.text.vocab import Vocab

FORM = "each line: word number number …, as of GloVe, word2vec or fastText (.vec)"
UTF_8 = "word vectors are read as UTF-8: iconv -f latin1 -t utf-8 FILE > NEW writes them so"


def find(path: Path, vocab: Vocab, size: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Vectors (V, size) of the vocabulary's words, zero where not found, and found (V,).

    Errors: DataError naming the line of a row with another number of numbers.
    """
    readable_file(path, "a file of word vectors", FORM)
    rows = {token: place for place, token in enumerate(vocab.to_list())}
    vectors = np.zeros((len(vocab), size), np.float32)
    found = np.zeros(len(vocab), np.bool_)
    for number, line in _rows(path, size):
        if number % 4096 == 0:
            interrupts.poll()
        if line[: line.find(" ")] not in rows:  # most lines: of many words few are ours
            continue
        word, *numbers = line.rsplit(" ", size)
        place = rows.get(word)
        if len(numbers) < size or _figures(word):
            raise _wrong(path, number, line, size)
        if place is None or found[place]:
            continue
        try:
            row = np.array(numbers, np.float32)
        except ValueError:
            problem = f"numbers expected after {word!r}, found: {' '.join(numbers)[:40]}"
            raise DataError(path, number, problem, FORM) from None
        if not np.isfinite(row).all():
            raise DataError(path, number, f"finite numbers expected after {word!r}", FORM)
        vectors[place] = row
        found[place] = True
    if not found.any():
        problem = f"none of the vocabulary's {len(vocab):,} words found"
        raise DataError(path, 0, problem, f"are they of the same language and case? {FORM}")
    return vectors, found


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
