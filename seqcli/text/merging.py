"""Byte-pair merges learned from counted words (Sennrich et al. 2016).

Again and again the most frequent pair of neighbors becomes one piece. Counting anew each time would
read all words thousands of times: here only the words that hold the pair are changed, counts move
by what changed, and a heap gives the next pair. Its entries may be out of date; that shows when
they are taken.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from heapq import heapify, heappop, heappush

Pair = tuple[int, int]
Poll = Callable[[], None]


class Merging:
    """Words under merging. Of equally frequent pairs the one of older pieces goes first."""

    def __init__(self, words: Iterable[tuple[list[int], int]], pieces: Iterable[str]) -> None:
        """words: pieces by their numbers, and how often; pieces: each one's text."""
        self.pieces = list(pieces)
        self._numbers = {piece: number for number, piece in enumerate(self.pieces)}
        self._words: list[list[int]] = []
        self._times: list[int] = []
        self._counts: defaultdict[Pair, int] = defaultdict(int)
        self._places: defaultdict[Pair, set[int]] = defaultdict(set)  # and some more
        for place, (word, times) in enumerate(words):
            self._words.append(word)
            self._times.append(times)
            for pair in itertools.pairwise(word):
                self._counts[pair] += times
                self._places[pair].add(place)
        self._heap = [(-count, *pair) for pair, count in self._counts.items()]
        heapify(self._heap)

    def run(
        self, size: int, *, least: int, longest: int, taken: Container[str], poll: Poll
    ) -> list[Pair]:
        """Merge until there are `size` pieces; gives the pairs, in their order, each once.

        Left alone are pairs seen fewer than `least` times, and those that would make a piece of
        more than `longest` characters, or one that is spelled like something else (`taken`).
        """
        pairs: dict[Pair, None] = {}
        while len(self.pieces) < size:
            poll()
            pair = self._most_frequent(least)
            if pair is None:
                break
            text = self.pieces[pair[0]] + self.pieces[pair[1]]
            if len(text) > longest or text in taken:
                self._counts[pair] = 0  # it is not looked at again until it changes
                continue
            if text not in self._numbers:
                self._numbers[text] = len(self.pieces)
                self.pieces.append(text)
            pairs[pair] = None
            self._merge(pair, self._numbers[text])
        return list(pairs)

    def _most_frequent(self, least: int) -> Pair | None:
        while self._heap:
            count, *pair = heappop(self._heap)
            found = (pair[0], pair[1])
            now = self._counts.get(found, 0)
            if now == -count and now >= least:
                return found
            if least <= now < -count:
                heappush(self._heap, (-now, *found))
        return None

    def _merge(self, pair: Pair, merged: int) -> None:
        """Put the piece `merged` for each `pair` in all words, from the left."""
        changes: defaultdict[Pair, int] = defaultdict(int)
        for place in self._places.pop(pair):
            times = self._times[place]
            self._words[place], gone, come = _replaced(self._words[place], pair, merged)
            for old in gone:
                changes[old] -= times
            for new in come:
                changes[new] += times
                self._places[new].add(place)
        del self._counts[pair]  # all of them: "aaa" counts as two, and one merge takes both away
        changes.pop(pair, None)
        for changed, by in changes.items():
            self._counts[changed] += by
            if by > 0:
                heappush(self._heap, (-self._counts[changed], *changed))


def _replaced(word: list[int], pair: Pair, merged: int) -> tuple[list[int], list[Pair], list[Pair]]:
    """The word with `merged` for each `pair`; which pairs of neighbors went, and which came."""
    left, right = pair
    result: list[int] = []
    gone: list[Pair] = []
    come: list[Pair] = []
    at, size = 0, len(word)
    while at < size:
        if word[at] != left or at + 1 == size or word[at + 1] != right:
            result.append(word[at])
            at += 1
            continue
        if result:
            gone.append((word[at - 1], left))
            come.append((result[-1], merged))
        result.append(merged)
        at += 2
        again = at + 1 < size and word[at] == left and word[at + 1] == right
        if at < size and not again:  # else the next one counts what lies between
            gone.append((right, word[at]))
            come.append((merged, word[at]))
    return result, gone, come
