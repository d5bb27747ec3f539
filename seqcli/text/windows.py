"""Hashed features of a token's window of five words: the inputs of a tagger's linear part.

They are those of the usual linear-chain taggers: words, shapes, beginnings and ends of the token
and of its neighbors, and pairs of these.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcli.text.sequences import Ids

WORD, CASED, SHAPE, PREFIX, SUFFIX, LENGTH = 0, 1, 2, 3, 7, 11  # columns of Words.codes
REACH = 2  # words on either side

Place = tuple[int, int]  # words to the right, column
TEMPLATES: tuple[tuple[Place, ...], ...] = (
    *(((offset, column),) for offset in range(-REACH, REACH + 1) for column in (WORD, SHAPE)),
    ((0, CASED),),
    ((0, LENGTH),),
    *(((0, column),) for column in range(PREFIX, LENGTH)),
    *(
        ((offset, column),)
        for offset in (-1, 1)
        for column in (PREFIX + 2, SUFFIX + 1, SUFFIX + 2, SUFFIX + 3)
    ),
    ((-1, WORD), (0, WORD)),
    ((0, WORD), (1, WORD)),
    ((-2, WORD), (-1, WORD)),
    ((1, WORD), (2, WORD)),
    ((-1, WORD), (1, WORD)),
    ((-1, SHAPE), (0, SHAPE)),
    ((0, SHAPE), (1, SHAPE)),
    ((-1, SHAPE), (0, SHAPE), (1, SHAPE)),
    ((-1, WORD), (0, SUFFIX + 2)),
    ((0, SUFFIX + 2), (1, WORD)),
    ((-1, SUFFIX + 2), (0, SUFFIX + 2)),
    ((0, SUFFIX + 2), (1, SUFFIX + 2)),
)
MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


def windows(codes: NDArray[np.uint64], words: Ids, lengths: Ids, buckets: int) -> NDArray[np.int32]:
    """codes (U + 1, FIELDS), words (N,) below U of rows of these lengths -> (N, F) buckets.

    A row's window ends where the row does: beyond it lies the last row of `codes`.
    """
    outside = len(codes) - 1
    padded = np.full(len(words) + REACH * (len(lengths) + 1), outside, np.int64)
    places = np.arange(len(words)) + REACH * (1 + np.repeat(np.arange(len(lengths)), lengths))
    padded[places] = words
    near = [codes[padded[places + offset]].T for offset in range(-REACH, REACH + 1)]
    found = np.empty((len(TEMPLATES), len(words)), np.uint64)
    with np.errstate(over="ignore"):
        for number, template in enumerate(TEMPLATES):
            value = np.full(len(words), number + 1, np.uint64) * MIX[0]
            for offset, column in template:
                value = _mixed(value + near[offset + REACH][column])
            found[number] = value
        return (found % np.uint64(buckets)).astype(np.int32).T


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of the input moves about half of the output's (splitmix64)."""
    value = value * MIX[0]
    value ^= value >> np.uint64(31)
    value *= MIX[1]
    value ^= value >> np.uint64(29)
    return value
