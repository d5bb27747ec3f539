"""Word vectors in GloVe's text format: `word number number …`, one word a line.

The file is read once, line by line; only rows of words in the vocabulary are kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.files import readable_file
from seqcli.interrupts import interrupts
from seqcli.readers.lines import lines
from seqcli.text.vocab import Vocab


def find(path: Path, vocab: Vocab, size: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Vectors (V, size) of the vocabulary's words, zero where not found, and found (V,).

    Errors: DataError naming the line of a row with another number of numbers.
    """
    readable_file(path, "a file of word vectors", "GloVe's text format: word number number …")
    rows = {token: place for place, token in enumerate(vocab.to_list())}
    vectors = np.zeros((len(vocab), size), np.float32)
    found = np.zeros(len(vocab), np.bool_)
    for number, line in enumerate(lines(path), 1):
        if number % 4096 == 0:
            interrupts.poll()
        word, _, numbers = line.rstrip().partition(" ")
        place = rows.get(word)
        if place is None or found[place]:
            continue
        try:
            row = np.array(numbers.split(" "), np.float32)
        except ValueError:
            raise DataError(path, number, f"numbers expected after {word!r}") from None
        if len(row) != size:
            raise DataError(
                path,
                number,
                f"{size} numbers expected, {len(row)} found",
                f"--embed {len(row)} fits this file",
            )
        if not np.isfinite(row).all():
            raise DataError(path, number, f"finite numbers expected after {word!r}")
        vectors[place] = row
        found[place] = True
    if not found.any():
        raise DataError(
            path, 0, "none of the vocabulary's words found", "GloVe's text format expected"
        )
    return vectors, found
