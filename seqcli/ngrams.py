"""Hashed n-grams of words and characters: the inputs of the wide part.

Hashing is vectorized over all positions, in 64-bit arithmetic that is the same everywhere. Each
text gives its distinct buckets; words and characters have separate parts of the table, and each
part is a binary vector of length 1 (so that long texts weigh no more than short ones).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcli.sequences import Sequences

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # of SplitMix64 (Steele et al. 2014), as is the mixing
MIXER = np.uint64(0xBF58476D1CE4E5B9)
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[^\w\s]|_")
SPACE = re.compile(r"\s+")
DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Ngrams:
    """Which n-grams are read, and into how many buckets."""

    words: tuple[int, ...]
    characters: tuple[int, ...]
    buckets: int

    def row(self, text: str) -> NDArray[np.int32]:
        """The distinct buckets of a text, (N,), rising."""
        parts = []
        share = self.share
        if self.words:
            parts.append(_hashed(_word_codes(text), self.words, share))
        if self.characters:
            start = share if self.words else 0
            parts.append(_hashed(_character_codes(text), self.characters, share) + start)
        return np.concatenate(parts).astype(np.int32)

    @property
    def share(self) -> int:
        """Buckets of each part of the table."""
        return self.buckets // 2 if self.words and self.characters else self.buckets

    def weights(self, rows: Sequences) -> NDArray[np.float32]:
        """1 / sqrt(n) for each bucket, n the number in its row and part: (N,)."""
        part = rows.ids >= self.share
        owner = np.repeat(np.arange(len(rows)), rows.lengths) * 2 + part
        counts = np.bincount(owner, minlength=2 * len(rows))
        return (1 / np.sqrt(counts[owner])).astype(np.float32)


def _word_codes(text: str) -> NDArray[np.uint64]:
    """A number for each word of the lower-cased text; a number counts by its digits alone."""
    codes = [
        zlib.crc32(
            b"0" * min(len(word), 12) if word.isdecimal() else word.encode("utf-8", "surrogatepass")
        )
        for word in WORD.findall(text.lower())
    ]
    return np.array(codes, np.uint64)


def _character_codes(text: str) -> NDArray[np.uint64]:
    """Code points of the lower-cased text, spaces run together, one at each end, digits as 0."""
    line = DIGIT.sub("0", SPACE.sub(" ", f" {text.lower()} "))
    return np.frombuffer(line.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def _hashed(codes: NDArray[np.uint64], orders: tuple[int, ...], buckets: int) -> NDArray[np.int64]:
    """Distinct buckets of all n-grams of these orders, rising."""
    found = []
    for order in orders:
        count = len(codes) - order + 1
        if count <= 0:
            continue
        value = np.full(count, order, np.uint64)
        for place in range(order):
            value = _mixed((value + codes[place : place + count]) * MULTIPLIER)
        found.append(value % np.uint64(buckets))
    return np.unique(np.concatenate(found or [codes[:0]])).astype(np.int64)


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(31))) * MIXER
    return value ^ (value >> np.uint64(29))
