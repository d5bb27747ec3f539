r"""Subwords: words in pieces that byte-pair merges have made, and bytes for all that is rare.

Text is parted into words, and merges stay inside a word. A space belongs to the word behind it and
stands in the piece as it is, so that pieces put together are the text again: no mark stands for it
that a text could hold too. A line's first word gets a space as well (taken away again by `join`),
so that a word is the same pieces at the beginning of a line as inside of it: as SentencePiece does,
where GPT-2 learns both. A line end is a piece by itself.

What no piece is for is spelled in UTF-8's bytes: nothing is unknown. A file's `learned` has it all
as plain text and numbers, and `problem` says what is wrong with one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, groupby, pairwise
from typing import Any

from seqcli.errors import ConfigError
from seqcli.settings.sections import Tokens
from seqcli.text.marks import marks
from seqcli.text.merging import Merging, Pair, Poll

LONGEST = 64  # characters of a piece, and of a run in a word: a word's merges take its square
LEAST = 2  # times that a character or a pair is seen to get a row: one seen once teaches nothing
USUAL = 4000  # pieces where data.vocabulary does not say
REMEMBERED = 1 << 16  # words whose pieces are kept, 20 MB

ASCII = tuple(map(chr, range(128)))
# The bytes that UTF-8 can hold, but for ASCII's, which are characters.
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(0x80, 0xF5) if byte not in (0xC0, 0xC1))
BASE = (*ASCII, *BYTES)
_BYTE = {name: bytes([int(name[1:-1], 16)]) for name in BYTES}
RESERVED = frozenset((*BYTES, "<unk>", "<eos>"))  # no merged piece is spelled so

Span = tuple[int, int]


def size_of(data: Tokens) -> int:
    """Rows that a vocabulary of subwords may have. Errors: ConfigError for too few."""
    size, fewest = data.vocabulary or USUAL, len(BASE) + 1
    if size <= fewest:
        raise ConfigError(
            f"data.vocabulary is {size}, but subwords begin with {fewest} rows: ASCII, bytes, "
            "and an end mark",
            f"--set data.vocabulary={USUAL}, or another tokenizer",
        )
    return size


class Subwords:
    """Pieces by number: ASCII, bytes, the other characters, then what merges made of these."""

    def __init__(self, characters: Iterable[str], merges: Iterable[Pair]) -> None:
        """As `to_json` gives them; merges: two pieces by number, in the order they were learned.

        ValueError for a piece that no text could have made: merges of merges double their length.
        """
        self._characters, self._merges = tuple(characters), tuple(merges)
        pieces = [*BASE, *self._characters]
        numbers = {piece: number for number, piece in enumerate(pieces)}
        self._ranks: dict[Pair, tuple[int, int]] = {}  # how early, and what comes of it
        for rank, (left, right) in enumerate(self._merges):
            text = pieces[left] + pieces[right]
            if len(text) > LONGEST:
                raise ValueError(f"a piece of {len(text)} characters")
            if text not in numbers:
                numbers[text] = len(pieces)
                pieces.append(text)
            self._ranks[left, right] = rank, numbers[text]
        self.pieces = tuple(pieces)
        self._single = {piece: number for piece, number in numbers.items() if len(piece) == 1}
        self._bytes = {byte: numbers[name] for name, byte in _BYTE.items()}
        self._known: dict[str, tuple[int, ...]] = {}

    @classmethod
    def learn(
        cls,
        counts: Mapping[str, int],
        size: int,
        *,
        least: int = LEAST,
        poll: Poll = lambda: None,
    ) -> Subwords:
        """From how often each word stands in the training text (`count`), at most `size` pieces.

        Characters come first, the most frequent of them if there is no room for all; then merges,
        the most frequent pair first, of equally frequent ones that of the older pieces. A character
        or a pair seen fewer than `least` times is left to bytes, or apart. ValueError for a size
        below that of `BASE`.
        """
        if size < len(BASE):
            raise ValueError(f"{size} pieces are fewer than the {len(BASE)} that are always there")
        letters: Counter[str] = Counter()
        for word, times in counts.items():
            if not word.isascii():
                for letter in word:
                    letters[letter] += times
        rest = [one for one, times in letters.items() if times >= least and not one.isascii()]
        rest.sort(key=lambda letter: (-letters[letter], letter))
        characters = rest[: size - len(BASE)]
        numbers = {piece: number for number, piece in enumerate([*BASE, *characters])}
        runs = (
            ([numbers[letter] for letter in run], times)
            for word, times in counts.items()
            for run in _runs(word, numbers)
        )
        merging = Merging(runs, numbers)
        merges = merging.run(
            size, least=max(least, LEAST), longest=LONGEST, taken=RESERVED, poll=poll
        )
        return cls(characters, merges)

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Subwords:
        """The inverse of `to_json`, for a table in which `problem` found nothing."""
        return cls(table["characters"], [(left, right) for left, right in table["merges"]])

    def to_json(self) -> dict[str, Any]:
        """What the model file keeps: the characters, and pairs of pieces by number."""
        return {
            "characters": "".join(self._characters),
            "merges": [list(pair) for pair in self._merges],
        }

    def split(self, text: str) -> list[str]:
        """The pieces of a text."""
        pieces = self.pieces
        return [pieces[number] for number in self.encode(text)]

    def encode(self, text: str) -> list[int]:
        """The pieces of a text by number."""
        return list(chain.from_iterable(map(self.of_word, words(text))))

    def of_word(self, word: str) -> tuple[int, ...]:
        """The pieces of one of the text's `words`, by number."""
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[word] = tuple(self._spelled(word))
        return found

    def join(self, pieces: Iterable[str], *, begun: bool = False) -> str:
        """The text of pieces. begun: it goes on in the middle of a line, not at the beginning.

        Bytes that make no character become U+FFFD.
        """
        content = b"".join(
            _BYTE.get(piece) or piece.encode("utf-8", "surrogatepass") for piece in pieces
        )
        try:
            text = content.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            text = content.decode("utf-8", "replace")
        return _unspaced(text, begun)

    def spans(self, text: str) -> list[Span]:
        """Where the pieces of `split(text)` stand: from, up to but without; a space is left out.

        The bytes of a character share its place; a space that only `join` takes away again has
        that of the character behind it.
        """
        spans: list[Span] = []
        at, fresh = 0, True
        for word in words(text):
            added = fresh and word != "\n"  # a line's first word has a space that is not there
            for number in self.of_word(word):
                piece = self.pieces[number]
                if piece in _BYTE:
                    first = piece[3:5] >= "C0"
                    spans.append((at, at + 1) if first else spans[-1])
                    at += first
                    continue
                end = at + len(piece) - added
                start = at + (piece[0] == " " and len(piece) > 1 and not added)
                spans.append((start, max(end, start + 1)))
                at, added = end, False
            fresh = word == "\n"
        return spans

    def _spelled(self, word: str) -> Iterator[int]:
        for known, part in _parts(word, self._single):
            if known:
                yield from self._merged([self._single[letter] for letter in part])
            else:
                for byte in part.encode("utf-8", "surrogatepass"):
                    yield self._bytes[bytes([byte])]

    def _merged(self, run: list[int]) -> list[int]:
        """The earliest merge that is possible, wherever it is, until there is none."""
        ranks, none = self._ranks, (len(self._ranks), -1)
        while len(run) > 1:
            found = min(ranks.get(pair, none) for pair in pairwise(run))
            if found is none:
                break
            joined: list[int] = []
            at, last = 0, len(run) - 1
            while at <= last:
                if at < last and ranks.get((run[at], run[at + 1])) == found:
                    joined.append(found[1])
                    at += 2
                else:
                    joined.append(run[at])
                    at += 1
            run = joined
        return run


def words(text: str) -> list[str]:
    """The words of a text, in whose insides merges stay, with the spaces before them.

    Put together they are the text with a space more before each line that is not empty.
    """
    return (_ASCII_WORDS if text.isascii() else _unicode_words()).findall(_spaced(text))


def count(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in texts: what `Subwords.learn` learns from."""
    return Counter(chain.from_iterable(map(words, texts)))


def problem(table: Any, vocabulary: Sequence[str]) -> str:
    """What is wrong with a file's table of subwords, or with its vocabulary; "" where nothing is.

    vocabulary: names that were checked to be different texts.
    """
    if not isinstance(table, dict) or table.keys() != {"characters", "merges"}:
        return "its subwords are no table of characters and merges"
    characters, merges = table["characters"], table["merges"]
    if not isinstance(characters, str) or len(set(characters)) != len(characters):
        return "the characters of its subwords are no text, or repeat"
    if any(letter.isascii() for letter in characters):
        return "the characters of its subwords repeat ASCII"
    if not isinstance(merges, list):
        return "the merges of its subwords are no list"
    pieces = {piece: number for number, piece in enumerate([*BASE, *characters])}
    texts, seen = list(pieces), set()
    for pair in merges:
        if not _is_pair(pair, len(texts)) or tuple(pair) in seen:
            return "the merges of its subwords are no different pairs of earlier pieces"
        seen.add(tuple(pair))
        parts = [texts[number] for number in pair]
        text = "".join(parts)
        if len(text) > LONGEST or text in RESERVED or not RESERVED.isdisjoint(parts):
            return "a merge of its subwords makes what is no piece"
        if text not in pieces:
            pieces[text] = len(texts)
            texts.append(text)
    if list(vocabulary)[-len(texts) :] != texts or not set(vocabulary[: -len(texts)]) <= {"<eos>"}:
        return "its vocabulary and its subwords disagree"
    return ""


def _is_pair(pair: Any, size: int) -> bool:
    """Whether a JSON value is two numbers of pieces."""
    whole = isinstance(pair, list) and len(pair) == 2 and all(type(one) is int for one in pair)
    return whole and min(pair) >= 0 and max(pair) < size


def _runs(word: str, known: Container[str]) -> Iterator[str]:
    """What of a word can be merged: its longest parts of known characters."""
    return (part for is_known, part in _parts(word, known) if is_known)


def _parts(word: str, known: Container[str]) -> Iterator[tuple[bool, str]]:
    """A word in runs of characters that are known, and runs of others."""
    if word.isascii():
        yield True, word
        return
    for is_known, part in groupby(word, known.__contains__):
        yield is_known, "".join(part)


def _spaced(text: str) -> str:
    """A space before each line that is not empty: its first word begins like all others."""
    if "\n" in text:
        return _LINES.sub(" ", text)
    return f" {text}" if text else ""


def _unspaced(text: str, begun: bool) -> str:
    """Without it. begun: the first line goes on, and its space is its own."""
    if "\n" in text:
        first, end, rest = text.partition("\n")
        return _unspaced(first, begun) + end + _SPACES.sub("", rest)
    return text if begun else text.removeprefix(" ")


_LINES = re.compile(r"^(?=[^\n])", re.MULTILINE)
_SPACES = re.compile(r"^ ", re.MULTILINE)


def _pattern(letter: str, other: str) -> re.Pattern[str]:
    """Letters with apostrophes inside, digits, other symbols, each with the space before it.

    Then line ends one by one, and white space, of which the last before a word is the word's.
    """
    run = f"{{1,{LONGEST - 1}}}"
    word = rf"{letter}{run}(?:['’]{letter}{run}){{0,4}}"
    space = rf"[^\S\n]{run}"
    return re.compile(rf" ?(?:{word}|\d{run}|{other}{run})|\n|{space}(?!\S)|{space}")


_ASCII_WORDS = _pattern("[A-Za-z]", r"[^\sA-Za-z\d]")


@cache
def _unicode_words() -> re.Pattern[str]:
    marked = marks()
    return _pattern(rf"(?:[^\W\d_]|[{marked}])", rf"(?:[^\s\w{marked}]|_)")
