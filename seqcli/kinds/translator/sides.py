"""The two sides of a pair: how their text becomes rows of a vocabulary, and rows text again."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqcli.kinds.contract import Poll
from seqcli.kinds.translator.spec import SPECIALS, SUBWORDS, Settings
from seqcli.readers.pairs import MARK
from seqcli.settings.sections import Pairs, Tokens
from seqcli.text.sequences import Sequences
from seqcli.text.subwords import Subwords, size_of
from seqcli.text.subwords import count as count_words
from seqcli.text.tokens import Tokenizer, tokenizer
from seqcli.text.vocab import Vocab

UNKNOWN, END = range(len(SPECIALS))  # rows; the end mark also stands before a target's first token
BETWEEN = ";"  # what parts features


@dataclass(frozen=True)
class Reader:
    """Text of one side as tokens.

    decompose: letters in their parts; features: some stand behind the text; subwords: those of the
    tokenizer, where it has any.
    """

    tokenizer: Tokenizer
    decompose: bool = False
    features: bool = False
    subwords: Subwords | None = None

    def clean(self, text: str) -> str:
        """The text as it is split."""
        found = self.tokenizer.clean(text)
        return unicodedata.normalize("NFD", found) if self.decompose else found

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text; features stand behind it as tokens that begin with MARK."""
        wanted: list[str] = []
        if self.features:
            text, mark, named = text.partition(MARK)
            wanted = [MARK + name.strip() for name in named.split(BETWEEN) if mark and name.strip()]
        return self.tokenizer.splitter.split(self.clean(text)) + wanted


@dataclass(frozen=True)
class Side:
    """One side's reader and its vocabulary."""

    reader: Reader
    vocab: Vocab

    def encode(self, texts: Iterable[str]) -> Sequences:
        """A row of ids for each text, with the end mark behind it."""
        return Sequences.from_rows(
            [*self.vocab.places(self.reader.tokens(text)).tolist(), END] for text in texts
        )

    def text(self, ids: Iterable[int]) -> str:
        """Ids as text, without specials."""
        tokens = self.vocab.decode(place for place in ids if place >= len(SPECIALS))
        return self.reader.tokenizer.join(tokens)


@dataclass(frozen=True)
class Sides:
    """Both sides of a model."""

    source: Side
    target: Side

    def learned(self) -> dict[str, Any]:
        """What the model file keeps of them; merges of a shared vocabulary once."""
        read, written = self.source.reader.subwords, self.target.reader.subwords
        tables = {} if read is None else {"source": read.to_json()}
        if written is not None and written is not read:
            tables["target"] = written.to_json()
        found: dict[str, Any] = {
            "source": self.source.vocab.to_list(),
            "target": self.target.vocab.to_list(),
        }
        return found | ({"subwords": tables} if tables else {})

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> Sides:
        """The inverse of `learned`."""
        names = tokenizers(config.data)
        tables = learned.get("subwords", {})
        known = {part: Subwords.from_json(table) for part, table in tables.items()}
        read = known["source"] if names[0] == SUBWORDS else None
        written = None
        if names[1] == SUBWORDS:
            written = known["source" if config.model.shared else "target"]
        source, target = _readers(config.data, read, written)
        return cls(
            Side(source, Vocab(learned["source"])),
            Side(target, Vocab(learned["target"])),
        )

    @classmethod
    def fit(
        cls, config: Settings, sources: Sequence[str], targets: Sequence[str], poll: Poll
    ) -> Sides:
        """Subwords and vocabularies fitted on these texts, those of the training part."""
        data, model = config.data, config.model
        read, written = _learned(config, sources, targets, poll)
        source, target = _readers(data, read, written)
        rows = _vocab(_counted(source, sources, poll), data.min_count, data.vocabulary)
        every = _counted(target, targets, poll)
        most = data.target_vocabulary or data.vocabulary
        outputs = _vocab(every, data.min_count, most)
        if model.shared:
            own = set(outputs.to_list())
            rest = [token for token in rows.to_list() if token not in own]
            rows = Vocab([*outputs.to_list(), *rest])
        return cls(Side(source, rows), Side(target, outputs))


def tokenizers(data: Pairs) -> tuple[str, str]:
    """The names of both sides' tokenizers."""
    return data.tokenizer, data.target_tokenizer or data.tokenizer


def _readers(data: Pairs, read: Subwords | None, written: Subwords | None) -> tuple[Reader, Reader]:
    """Those of the source and of the target."""
    names = tokenizers(data)
    source = Tokens(normalize=data.normalize, tokenizer=names[0], lowercase=data.lowercase)
    target = Tokens(normalize=data.normalize, tokenizer=names[1])
    return (
        Reader(tokenizer(source, read), data.decompose, bool(data.features), read),
        Reader(tokenizer(target, written), subwords=written),
    )


def _learned(
    config: Settings, sources: Sequence[str], targets: Sequence[str], poll: Poll
) -> tuple[Subwords | None, Subwords | None]:
    """The subwords of both sides: shared ones are learned on both."""
    data = config.data
    # what is to be learned needs no splitting yet: text is cleaned alone
    names = tokenizers(data)
    unsplit = replace(data, tokenizer="characters", target_tokenizer="characters")
    counts: list[Counter[str] | None] = []
    for reader, name, texts in zip(
        _readers(unsplit, None, None), names, (sources, targets), strict=True
    ):
        bare = (text.partition(MARK)[0] if reader.features else text for text in texts)
        counts.append(count_words(map(reader.clean, bare)) if name == SUBWORDS else None)
    most = data.vocabulary, data.target_vocabulary or data.vocabulary
    if config.model.shared and counts[0] is not None and counts[1] is not None:
        both = Subwords.learn(counts[0] + counts[1], _pieces(most[0]), poll=poll)
        return both, both
    read, written = (
        None if found is None else Subwords.learn(found, _pieces(size), poll=poll)
        for found, size in zip(counts, most, strict=True)
    )
    return read, written


def _pieces(most: int) -> int:
    """How many subwords are learned. Errors: ConfigError for too few."""
    return size_of(Tokens(tokenizer=SUBWORDS, vocabulary=most))


def _counted(reader: Reader, texts: Iterable[str], poll: Poll) -> Counter[str]:
    counts: Counter[str] = Counter()
    for number, text in enumerate(texts):
        if number % 1000 == 0:
            poll()
        counts.update(reader.tokens(text))
    return counts


def _vocab(counts: Counter[str], min_count: int, size: int) -> Vocab:
    return Vocab.fit(list(counts), list(counts.values()), min_count=min_count, size=size, end=True)
