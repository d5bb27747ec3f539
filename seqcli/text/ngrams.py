"""Hashed n-grams of words and characters: the inputs of the wide part.

Hashing is vectorized over all positions, in 64-bit arithmetic that is the same everywhere. Each
text gives its distinct buckets; words and characters have separate parts of the table, and each
part is a binary vector of length 1 (so that long texts weigh no more than short ones).
"""

from __future__ import annotations

import re
import string
import zlib
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcli.text.normal import Normal
from seqcli.text.scanning import ALONE, Scanner, shape
from seqcli.text.sequences import Chosen, Sequences

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # of SplitMix64 (Steele et al. 2014), as is the mixing
MIXER = np.uint64(0xBF58476D1CE4E5B9)
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[^\w\s]|_")
ASCII_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+|[^a-z0-9\s]")  # the same, of lower case
DIGIT = re.compile(r"\d")
PORTION = 1 << 15  # characters hashed together: their numbers stay in the processor's cache
SPAN = 1 << 22  # places hashed together in a text of any length: tens of megabytes at a time
SMOOTHING = 8.0  # texts
START = 1.0  # logits


@dataclass(frozen=True)
class Ngrams:
    """Which n-grams are read, into how many buckets, and of what form of the text."""

    words: tuple[int, ...]
    characters: tuple[int, ...]
    buckets: int
    normal: Normal = str
    placed: tuple[int, ...] = ()  # orders of those of characters that count by where they stand
    within: bool = False  # those of characters stand within words, a space at either end

    def row(self, text: str) -> NDArray[np.int32]:
        """The distinct buckets of a text, (N,), rising."""
        return self.rows([text]).ids.astype(np.int32, copy=False)

    def rows(self, texts: Sequence[str]) -> Sequences:
        """The distinct buckets of each text, int32, rising in each row."""
        lowered = [self.normal(text).lower() for text in texts]
        words = _scanner.rows(lowered if self.words else [])
        portions = [self._portion(lowered[part], words, part) for part in self._portions(lowered)]
        ids = [found for found, _ in portions]
        lengths = [length for _, found in portions for length in found]
        offsets = np.cumsum([0, *lengths], dtype=np.int64)
        return Sequences(np.concatenate(ids) if ids else np.empty(0, np.int32), offsets)

    def _portions(self, texts: Sequence[str]) -> Iterator[slice]:
        """Texts one after another, so many that arrays stay in the cache, and keys in 32 bits."""
        most = max(1, 2**32 // self.buckets)
        begun = held = 0
        for place, text in enumerate(texts):
            if held >= PORTION or place - begun == most:
                yield slice(begun, place)
                begun, held = place, 0
            held += len(text)
        if begun < len(texts):
            yield slice(begun, len(texts))

    def _portion(
        self, texts: Sequence[str], words: Sequences, part: slice
    ) -> tuple[NDArray[np.int32], list[int]]:
        """Buckets of lower-cased texts, the `part` of `words`, and how many each of them has."""
        keys = [np.empty(0, np.uint32)]  # row * buckets + bucket
        if self.words:
            codes, owners = _word_codes(words, part)
            keys += _keys(codes, owners, self.words, self.share, 0, self.buckets)
        if self.characters or self.placed:
            start = self.share if self.words else 0
            codes, owners = _character_codes(texts)
            keys += _keys(
                codes, owners, self.characters, self.share, start, self.buckets, within=self.within
            )
            places = _within(owners) if self.placed else None
            keys += _keys(codes, owners, self.placed, self.share, start, self.buckets, places)
        found = np.sort(np.concatenate(keys))
        if len(found):
            found = found[np.concatenate(([True], found[1:] != found[:-1]))]
        first = np.arange(len(texts) + 1, dtype=np.uint64) * np.uint64(self.buckets)
        lengths = np.diff(np.searchsorted(found, first))
        ids = found - np.repeat(first[:-1].astype(np.uint32), lengths)
        return ids.astype(np.int32), lengths.tolist()

    @property
    def share(self) -> int:
        """Buckets of each part of the table."""
        both = self.words and (self.characters or self.placed)
        return self.buckets // 2 if both else self.buckets

    def weights(self, rows: Sequences) -> NDArray[np.float32]:
        """1 / sqrt(n) for each bucket, n the number in its row and part: (N,)."""
        part = rows.ids >= self.share
        owner = np.repeat(np.arange(len(rows)), rows.lengths) * 2 + part
        counts = np.bincount(owner, minlength=2 * len(rows))
        return (1 / np.sqrt(counts[owner])).astype(np.float32)


def naive_bayes(
    rows: Chosen, labels: NDArray[np.int64], classes: int, buckets: int
) -> NDArray[np.float32]:
    """What each bucket says for each label: log p(bucket | label), less its mean over labels.

    (buckets, classes). Counts are of texts that have the bucket, one more than there are (Laplace);
    a bucket that no text has says nothing.
    """
    counts = _counts(rows, labels, classes, buckets)
    scores = np.empty((buckets, classes), np.float32)
    for label in range(classes):
        own = counts[:, label]
        scores[:, label] = np.log((own + 1) / (own.sum() + buckets))
    scores -= scores.mean(1, keepdims=True)
    scores[~counts.any(1)] = 0
    return scores


def smoothed_bayes(
    rows: Chosen, labels: NDArray[np.int64], classes: int, grams: Ngrams
) -> NDArray[np.float32]:
    """What each bucket says for each label: log of its share of the label's texts, less the mean.

    (buckets, classes). A share is smoothed by SMOOTHING texts in which the bucket is as common as
    in all of them, so that a rare label is not taken for one that speaks against what it lacks.
    Scaled so that these very texts' own labels stand START * (1 - 1 / classes) above the mean of
    all in their answers: part of what a network that fits them says.
    """
    counts = _counts(rows, labels, classes, grams.buckets)
    texts = np.bincount(labels, minlength=classes)
    seen = counts.any(1)
    common = counts[seen].sum(1, keepdims=True) / len(labels)
    found = np.log((counts[seen] + SMOOTHING * common) / (texts + SMOOTHING))
    scores = np.zeros(counts.shape, np.float32)
    scores[seen] = found - found.mean(1, keepdims=True)
    height, total = START * (1 - 1 / classes), 0.0
    for place, block in rows.blocks():
        owners = np.repeat(labels[place], block.lengths)
        total += float((scores[block.ids, owners] * grams.weights(block)).sum())
    return scores * np.float32(height * len(labels) / total if total > 0 else 0)


def rarity(rows: Chosen, buckets: int) -> NDArray[np.float32]:
    """Inverse document frequencies of the buckets, (buckets,); 0 for those that no text has.

    1 + log((1 + texts) / (1 + texts that have it)), smoothed as scikit-learn does.
    """
    texts = _counts(rows, np.zeros(len(rows), np.int64), 1, buckets)[:, 0]
    found = 1 + np.log((1 + len(rows)) / (1 + texts))
    return np.where(texts, found, 0).astype(np.float32)


def _counts(
    rows: Chosen, labels: NDArray[np.int64], classes: int, buckets: int
) -> NDArray[np.int32]:
    """Texts of each label that have each bucket, (buckets, classes)."""
    counts = np.zeros((buckets, classes), np.int32)
    for place, block in rows.blocks():
        owners = np.repeat(labels[place], block.lengths)
        for label in range(classes):
            counts[:, label] += np.bincount(block.ids[owners == label], minlength=buckets)
    return counts


def _code(word: str) -> int:
    """A number for a word of lower case; a number counts by its digits alone."""
    spelled = "0" * min(len(word), 12) if word.isdecimal() else word
    return zlib.crc32(spelled.encode("utf-8", "surrogatepass"))


def _words(text: str) -> list[str]:
    return (ASCII_WORD if text.isascii() else WORD).findall(text)


_SHAPE = shape(string.ascii_lowercase, second=string.digits, joining="'", rest=ALONE, once=True)
_scanner = Scanner(_code, _words, _SHAPE)  # words come again and again


def _word_codes(words: Sequences, part: slice) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """A number for each word of some rows, and its row's place among these: (N,) each."""
    offsets = words.offsets[part.start : part.stop + 1]
    owners = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint32), np.diff(offsets))
    return words.ids[offsets[0] : offsets[-1]].astype(np.uint64), owners


def _character_codes(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Code points of lower-cased texts, spaces run together, one at each end, digits as 0.

    And each one's text's place: (N,) each.
    """
    lines = [f" {' '.join(text.split())} " if text.strip() else " " for text in texts]
    lines = [line if line.isascii() else DIGIT.sub("0", line) for line in lines]
    joined = "".join(lines).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, np.uint32).astype(np.uint64)
    codes[(codes >= ord("0")) & (codes <= ord("9"))] = ord("0")
    return codes, _owners(lines)


def _within(owners: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """How many of its owner's stand before each, (N,)."""
    first = np.concatenate(([True], owners[1:] != owners[:-1]))
    starts = np.flatnonzero(first)
    lengths = np.diff(np.concatenate((starts, [len(owners)])))
    return (np.arange(len(owners)) - np.repeat(starts, lengths)).astype(np.uint64)


def _owners(rows: Sequence[Sized]) -> NDArray[np.uint32]:
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    return np.repeat(np.arange(len(rows), dtype=np.uint32), lengths)


def _keys(
    codes: NDArray[np.uint64],
    owners: NDArray[np.uint32],
    orders: tuple[int, ...],
    share: int,
    start: int,
    buckets: int,
    places: NDArray[np.uint64] | None = None,
    within: bool = False,
) -> list[NDArray[np.uint32]]:
    """owner * buckets + start + hash % share of all n-grams within one text, by order.

    places: where each code stands in its text; then an n-gram is another one at another place.
    within: none goes on behind a space.
    """
    found = []
    for order in orders:
        for begin in range(0, len(codes) - order + 1, SPAN):
            end = begin + SPAN + order - 1
            some, own = codes[begin:end], owners[begin:end]
            count = len(some) - order + 1
            value = _hashed(some, order, count, None if places is None else places[begin:end])
            if share & (share - 1):
                value %= np.uint64(share)
            else:  # a power of two: the same remainder without a division
                value &= np.uint64(share - 1)
            keys = value.astype(np.uint32)
            keys += np.uint32(start)
            keys += own[:count] * np.uint32(buckets)
            whole = own[:count] == own[order - 1 :]
            keys = keys[whole & _in_words(some, order, count) if within else whole]
            found.append(keys if len(codes) <= SPAN else np.unique(keys))
    return found


def _in_words(codes: NDArray[np.uint64], order: int, count: int) -> NDArray[np.bool_]:
    """Which n-grams at places 0 to count - 1 have a space at their ends alone."""
    if order <= 2:
        return np.ones(count, np.bool_)
    spaces = np.cumsum(codes == ord(" "))
    inner: NDArray[np.bool_] = spaces[order - 2 : order - 2 + count] == spaces[:count]
    return inner


def _hashed(
    codes: NDArray[np.uint64], order: int, count: int, places: NDArray[np.uint64] | None
) -> NDArray[np.uint64]:
    """The n-grams at places 0 to count - 1, mixed in place: new arrays would cost the most."""
    value = np.full(count, order, np.uint64)
    if places is not None:
        value += (places[:count] + np.uint64(1)) * MULTIPLIER
    shifted = np.empty_like(value)
    for place in range(order):
        value += codes[place : place + count]
        value *= MULTIPLIER
        np.right_shift(value, np.uint64(31), out=shifted)
        value ^= shifted
        value *= MIXER
        np.right_shift(value, np.uint64(29), out=shifted)
        value ^= shifted
    return value
