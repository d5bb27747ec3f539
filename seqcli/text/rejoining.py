"""Running text cut into the tokens that a tagged corpus has: by its own words.

Corpora part text in ways of their own ("do n't", "3.5", "U.S."). No rule knows them all, but the
training words do: what one rule has parted is joined where the whole is a word of the corpus, and a
word with an apostrophe is parted where its end is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seqcli.text.tokens import Span

LONGEST = 8  # pieces that are joined
APOSTROPHES = "'’"


def rejoined(text: str, found: Sequence[Span], known: Callable[[str], bool]) -> list[Span]:
    """Spans of a text's tokens, from those of words and single symbols, in order.

    known: whether a text is a word of the corpus.
    """
    result: list[Span] = []
    at = 0
    while at < len(found):
        size = _joined(text, found, at, known)
        span = (found[at][0], found[at + size - 1][1])
        result += [span] if size > 1 else _parted(text, span, known)
        at += size
    return result


def _joined(text: str, found: Sequence[Span], at: int, known: Callable[[str], bool]) -> int:
    """How many of the spans from `at` on, nothing between them, make the longest known word."""
    touching = 1
    while (
        touching < LONGEST
        and at + touching < len(found)
        and found[at + touching][0] == found[at + touching - 1][1]
    ):
        touching += 1
    for size in range(touching, 1, -1):
        if known(text[found[at][0] : found[at + size - 1][1]]):
            return size
    return 1


def _parted(text: str, span: Span, known: Callable[[str], bool]) -> list[Span]:
    """A word in two where its end, from an apostrophe or "n't" on, is a known word."""
    start, end = span
    word = text[start:end]
    places = [place for place, character in enumerate(word) if character in APOSTROPHES and place]
    if not places or known(word):
        return [span]
    for place in places:
        for cut in (place - 1, place):  # "n't" first: "don 't" is no usual way
            ending = word[cut:]
            negation = ending[:1] in "nN" and ending[-1:] in "tT" and len(ending) == 3
            if cut > 0 and (negation or ending[0] in APOSTROPHES) and known(ending):
                return [(start, start + cut), (start + cut, end)]
    return [span]
