"""What a word is made of: folded form, characters, beginnings and ends, and its shape.

Everything is asked once for each distinct word, not for each token.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seqcli.settings.counting import MARKS
from seqcli.text.sequences import Ids, Sequences
from seqcli.text.vocab import Vocab

BEGIN, END = 1, 2
LONGEST = 24  # characters of a word that are read
LONGEST_SHAPE = 12
LEAST = {"characters": 3, "affixes": 3, "shapes": 2}  # distinct words that have it
FIELDS = 12  # numbers of a word that features of windows are made from
RARE, OUTSIDE = 11, 7  # in place of such a number: a rare word, no word

Fold = Callable[[str], str]


def shape(word: str) -> str:
    """The classes of a word's characters, equal neighbors once: "McDonald's" is "XxXx'x".

    The length of a short word stands behind it. Not ASCII and neither letter nor digit: "u".
    """
    found: list[str] = []
    for character in word:
        if character.isupper():
            kind = "X"
        elif character.islower():
            kind = "x"
        elif character.isdigit():
            kind = "d"
        else:
            kind = character if character.isascii() else "u"
        if not found or found[-1] != kind:
            found.append(kind)
    return "".join(found[:LONGEST_SHAPE]) + (str(len(word)) if len(word) < 5 else "")


def affixes(folded: str, longest: int) -> list[str]:
    """2 * longest of them: `<b`, `n>`, `<be`, `un>`, …; `<` and `>` where the word is shorter."""
    found = []
    for size in range(1, longest + 1):
        whole = size <= len(folded)
        found += [f"<{folded[:size]}", f"{folded[-size:]}>"] if whole else ["<", ">"]
    return found


@dataclass(frozen=True, eq=False)
class Words:
    """U distinct words as numbers.

    rows (U,): of the vocabulary; shapes (U,); affixes (U, 2 A); characters: U rows, with a mark
    at each end; codes (U + 1, FIELDS) uint64, the last row for what lies outside a sentence.
    """

    rows: NDArray[np.int64]
    shapes: NDArray[np.int64]
    affixes: NDArray[np.int64]
    characters: Sequences
    codes: NDArray[np.uint64]

    def __len__(self) -> int:
        """U."""
        return len(self.rows)


@dataclass(frozen=True)
class Spelling:
    """The words, characters, affixes and shapes that have rows of their own.

    frequent: the first so many rows of the vocabulary are words seen twice or more; to features of
    windows all others are one word, so that words that training lacks are trained for.
    trained: rows of words that training has; those behind them came with word vectors.
    """

    vocab: Vocab
    frequent: int
    characters: tuple[str, ...]
    affixes: tuple[str, ...]
    shapes: tuple[str, ...]
    fold: Fold
    longest: int  # of an affix
    trained: int

    @classmethod
    def fit(cls, counts: Mapping[str, int], vocab: Vocab, fold: Fold, longest: int) -> Spelling:
        """From the words of the training part, as they are written, and how often they occur."""
        parts: dict[str, Counter[str]] = {name: Counter() for name in LEAST}
        folded: Counter[str] = Counter()
        for word, seen in counts.items():
            plain = fold(word)
            folded[plain] += seen
            parts["characters"].update(word[:LONGEST])
            parts["affixes"].update(set(affixes(plain, longest)))
            parts["shapes"][shape(word)] += 1
        kept = {
            name: tuple(sorted(part for part, seen in found.items() if seen >= LEAST[name]))
            for name, found in parts.items()
        }
        rows = vocab.to_list()
        frequent = sum(folded[word] > 1 for word in rows[1:]) + 1
        return cls(vocab, frequent, fold=fold, longest=longest, trained=len(rows), **kept)

    def widened(self, more: Sequence[str]) -> Spelling:
        """With rows for these words as well, which training lacks."""
        return replace(self, vocab=Vocab([*self.vocab.to_list(), *more])) if more else self

    def known(self, rows: Ids) -> NDArray[np.bool_]:
        """Whether these rows of the vocabulary are of words that training has."""
        return (rows > 0) & (rows < self.trained)

    def trained_on(self, word: str) -> bool:
        """Whether training has the word, as it is folded."""
        return bool(self.known(self.vocab.places([self.fold(word)]))[0])

    @cached_property
    def _places(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """Rows of characters, affixes and shapes; those that are not there have row 0."""
        return (
            {part: place + MARKS for place, part in enumerate(self.characters)},
            {part: place + 1 for place, part in enumerate(self.affixes)},
            {part: place + 1 for place, part in enumerate(self.shapes)},
        )

    def words(self, words: Sequence[str]) -> Words:
        """Distinct words as numbers, in their order."""
        characters, ends, shapes = self._places
        folded = [self.fold(word) for word in words]
        rows = self.vocab.places(folded).astype(np.int64)
        forms = [shape(word) for word in words]
        spelled = [
            [BEGIN, *(characters.get(one, 0) for one in word[:LONGEST]), END] for word in words
        ]
        wanted = [[ends.get(one, 0) for one in affixes(word, self.longest)] for word in folded]
        return Words(
            rows,
            np.fromiter((shapes.get(form, 0) for form in forms), np.int64, len(words)),
            np.array(wanted, np.int64).reshape(len(words), 2 * self.longest),
            Sequences.from_rows(spelled),
            self._codes(words, folded, forms, rows),
        )

    def _codes(
        self, words: Sequence[str], folded: Sequence[str], forms: Sequence[str], rows: Ids
    ) -> NDArray[np.uint64]:
        """Folded word, word, shape, beginnings and ends of 1 to 4 letters, length."""
        codes = np.full((len(words) + 1, FIELDS), OUTSIDE, np.uint64)
        for place, (word, plain, form) in enumerate(zip(words, folded, forms, strict=True)):
            parts = (plain, word, form, plain[:1], plain[:2], plain[:3], plain[:4])
            ends = (plain[-1:], plain[-2:], plain[-3:], plain[-4:], str(min(len(word), 9)))
            codes[place] = [
                zlib.crc32(part.encode("utf-8", "surrogatepass")) for part in (*parts, *ends)
            ]
        rare = np.flatnonzero((rows == 0) | (rows >= self.frequent))
        codes[rare, :2] = RARE
        return codes
