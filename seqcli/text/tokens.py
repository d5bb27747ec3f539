"""Text to tokens: cleaning (form, case, accents, alphabet), then one of five ways to split.

Four of them are rules. Subwords are learned: of them the vocabulary knows how (`Vocab.subwords`).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple, Protocol

from seqcli.errors import lookup
from seqcli.settings.sections import Tokens
from seqcli.text.marks import marks
from seqcli.text.normal import normalizer
from seqcli.text.scanning import ALONE, SPACE, Scanner, Shape, shape
from seqcli.text.sequences import Features
from seqcli.text.subwords import Span as Span
from seqcli.text.subwords import Subwords
from seqcli.text.subwords import words as whole_words

Clean = Callable[[str], str]
Pattern = Callable[[str], re.Pattern[str]]

SUBWORDS = "subwords"
LETTERS = re.compile(r"[a-z]+")
SPACES = re.compile(r"\S+")  # what str.split() leaves: both go by str.isspace
CHARACTERS = re.compile(r".", re.DOTALL)
# For text in ASCII alone the general pattern below says the same, at half the speed.
ASCII_WORDS = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*|[^A-Za-z0-9\s]")


class Splitter(Protocol):
    """How clean text becomes tokens, and tokens text."""

    def split(self, text: str) -> list[str]:
        """The tokens of a text."""

    def spans(self, text: str) -> list[Span]:
        """Where each of them stands in it."""

    def join(self, tokens: Iterable[str], *, begun: bool = False) -> str:
        """Tokens as text. begun: it goes on in the middle of a line."""


class Rule(NamedTuple):
    """Tokens that one look at the text gives; `pattern` and `shape` find the same ones."""

    split: Callable[[str], list[str]]
    pattern: Pattern
    glue: str
    shape: Shape | None = None

    def spans(self, text: str) -> list[Span]:
        """See `Splitter.spans`."""
        return [match.span() for match in self.pattern(text).finditer(text)]

    def join(self, tokens: Iterable[str], *, begun: bool = False) -> str:
        """See `Splitter.join`."""
        return self.glue.join(tokens)


@dataclass(frozen=True)
class Tokenizer:
    """`split` cleans and splits a text; `join` puts tokens together again.

    join(split(text)) is the cleaned text for "characters" and "subwords", and the cleaned text with
    its white space run together for "spaces"; "words" and "letters" have no inverse and get single
    spaces.
    """

    name: str
    cleaners: tuple[Clean, ...]
    splitter: Splitter

    def clean(self, text: str) -> str:
        """The text in the form, case and alphabet that were asked for, without accents if so."""
        return _cleaned(text, self.cleaners)

    def split(self, text: str) -> list[str]:
        """The tokens of a text; none for a text without any."""
        return self.splitter.split(self.clean(text))

    def numbering(self, number: Callable[[str], int]) -> Features:
        """What makes of each text a row of numbers: those of its tokens, in order.

        `number` must give a token the same number each time.
        """
        shape = self.splitter.shape if isinstance(self.splitter, Rule) else None
        return Scanner(number, self.splitter.split, shape, self.clean).rows

    def spans(self, text: str) -> list[Span]:
        """Where the tokens of `split(text)` stand in the text itself: from, up to but without.

        Two tokens may share a span, where cleaning makes several characters of one.
        """
        cleaned = self.clean(text)
        found = self.splitter.spans(cleaned)
        return found if cleaned == text else self._traced(text, found)

    def _traced(self, text: str, found: list[Span]) -> list[Span]:
        """Spans of the cleaned text as spans of `text`.

        Every cleaner works on each letter with its marks by itself, but for the Greek final s,
        which moves nothing: so lengths tell what became of which.
        """
        units = [match.span() for match in _letters().finditer(text)]
        sizes = {part: len(self.clean(part)) for part in {text[a:b] for a, b in units}}
        origin = [(a, b) for a, b in units for _ in range(sizes[text[a:b]])]
        if found and found[-1][1] > len(origin):  # NFKC has a few that join across letters
            return [(0, len(text))] * len(found)
        return [(origin[start][0], origin[end - 1][1]) for start, end in found]

    def join(self, tokens: Iterable[str], *, begun: bool = False) -> str:
        """Tokens as one text; begun: as what goes on in the middle of a line."""
        return self.splitter.join(tokens, begun=begun)


def tokenizer(data: Tokens, subwords: Subwords | None = None) -> Tokenizer:
    """The tokenizer that `data` asks for; ConfigError for an unknown one.

    subwords: a vocabulary's (`Vocab.subwords`), where `data` asks for such.
    """
    splitter: Splitter | None = subwords
    if data.tokenizer != SUBWORDS:
        splitter = lookup(SPLITTERS, data.tokenizer, "tokenizer")
    if splitter is None:
        raise ValueError("subwords are to be learned first")
    return Tokenizer(data.tokenizer, _cleaners(data), splitter)


def counted(data: Tokens) -> Callable[[str], list[str]]:
    """What is counted of a text before there is a vocabulary: its tokens; of subwords whole words.

    `Vocab.parts` says what becomes of each. ConfigError for an unknown tokenizer.
    """
    if data.tokenizer != SUBWORDS:
        return tokenizer(data).split
    cleaners = _cleaners(data)
    return lambda text: whole_words(_cleaned(text, cleaners))


def numbering(data: Tokens, number: Callable[[str], int]) -> Features:
    """As `Tokenizer.numbering`, of what `counted` gives. ConfigError for an unknown tokenizer."""
    if data.tokenizer != SUBWORDS:
        return tokenizer(data).numbering(number)
    clean = partial(_cleaned, cleaners=_cleaners(data))
    return Scanner(number, whole_words, None, clean).rows


def _cleaned(text: str, cleaners: tuple[Clean, ...]) -> str:
    for cleaner in cleaners:
        text = cleaner(text)
    return text


def _cleaners(data: Tokens) -> tuple[Clean, ...]:
    cleaners: list[Clean] = [] if data.normalize == "none" else [normalizer(data)]
    if data.lowercase:
        cleaners.append(str.lower)
    if data.strip_accents:  # after lower-casing, which itself makes a mark of the dot of "İ"
        cleaners.append(strip_accents)
    if data.fold_digits:
        cleaners.append(partial(re.compile(r"\d").sub, "0"))
    if data.alphabet:
        cleaners.append(_only(data.alphabet))
    return tuple(cleaners)


def strip_accents(text: str) -> str:
    """The text without combining marks: decomposed (NFD), category Mn dropped."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(char for char in decomposed if unicodedata.category(char) != "Mn")


def words(text: str) -> list[str]:
    """Words (letters and digits, with apostrophes inside), and each other symbol by itself.

    A quotation mark does not cling to its word, "don't" stays whole, and so does an emoji with
    its skin tone, joiners or flag letters. Scripts without spaces need "characters" instead.
    """
    return _words_in(text).findall(text)


def _words_in(text: str) -> re.Pattern[str]:
    return ASCII_WORDS if text.isascii() else _unicode_words()


def _only(alphabet: str) -> Clean:
    outside = re.compile(f"[^{re.escape(alphabet)}]+")
    return lambda text: outside.sub("", text)


@cache
def _letters() -> re.Pattern[str]:
    """Each character with the marks (or the vowel and end of a Korean syllable) behind it."""
    return re.compile(rf"\r\n|.[{marks()}\u1160-\u11ff]*", re.DOTALL)


@cache
def _unicode_words() -> re.Pattern[str]:
    # `\w` lacks combining marks, which would tear Hindi or decomposed French words apart.
    marked = marks()
    letter = r"[^\W_]"
    # a zero-width (non-)joiner holds the parts of a Persian or Indic word together
    word = rf"{letter}+(?:[{marked}]+{letter}*|['’\u200c\u200d]{letter}+)*"
    keycap = r"[0-9#*]\ufe0f?\u20e3"
    flag = r"[\U0001f1e6-\U0001f1ff]{2}"
    modifiers = rf"[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f{marked}]*"
    emoji = rf"(?:[^\s\w]|_){modifiers}(?:\u200d[^\s\w]{modifiers})*"
    return re.compile(f"{keycap}|{flag}|{word}|{emoji}")


_LETTERS_AND_DIGITS = string.ascii_letters + string.digits
_PRINTED = "".join(chr(code) for code in range(0x80) if not chr(code).isspace())

# How to split; the pattern and the shape that find the same tokens; what joins them.
SPLITTERS: dict[str, Rule] = {
    "words": Rule(words, _words_in, " ", shape(_LETTERS_AND_DIGITS, joining="'", rest=ALONE)),
    "letters": Rule(
        LETTERS.findall, lambda text: LETTERS, " ", shape(string.ascii_lowercase, other=SPACE)
    ),
    "spaces": Rule(str.split, lambda text: SPACES, " ", shape(_PRINTED)),
    "characters": Rule(list, lambda text: CHARACTERS, ""),
}
