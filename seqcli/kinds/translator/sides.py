"""The two sides of a pair: how their text becomes rows of a vocabulary, and rows text again."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seqcli.kinds.translator.spec import SPECIALS, Settings
from seqcli.readers.pairs import MARK
from seqcli.settings.sections import Pairs, Tokens
from seqcli.text.sequences import Sequences
from seqcli.text.tokens import Tokenizer, tokenizer
from seqcli.text.vocab import Vocab

UNKNOWN, END = range(len(SPECIALS))  # rows; the end mark also stands before a target's first token
BETWEEN = ";"  # what parts features


@dataclass(frozen=True)
class Reader:
    """Text of one side as tokens. `decompose`: letters in their parts, `features`: some behind."""

    tokenizer: Tokenizer
    decompose: bool = False
    features: bool = False

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text; features stand behind it as tokens that begin with MARK."""
        wanted: list[str] = []
        if self.features:
            text, mark, named = text.partition(MARK)
            wanted = [MARK + name.strip() for name in named.split(BETWEEN) if mark and name.strip()]
        if not self.decompose:
            return self.tokenizer.split(text) + wanted
        parts = unicodedata.normalize("NFD", self.tokenizer.clean(text))
        return self.tokenizer.splitter(parts) + wanted


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


def readers(data: Pairs) -> tuple[Reader, Reader]:
    """Those of the source and of the target."""
    source = Tokens(normalize=data.normalize, tokenizer=data.tokenizer, lowercase=data.lowercase)
    target = Tokens(normalize=data.normalize, tokenizer=data.target_tokenizer or data.tokenizer)
    return (
        Reader(tokenizer(source), data.decompose, bool(data.features)),
        Reader(tokenizer(target)),
    )


def fitted(config: Settings, sources: Sequence[str], targets: Iterable[str]) -> tuple[Side, Side]:
    """Both sides, their vocabularies fitted on these texts of the training part."""
    data = config.data
    reads = readers(data)
    source = _counted(reads[0], sources)
    target = _counted(reads[1], targets)
    written = _vocab(target, data.min_count, data.target_vocabulary)
    read = _vocab(source, data.min_count, data.vocabulary)
    if config.model.shared:
        rest = [token for token in read.to_list() if token not in set(written.to_list())]
        read = Vocab([*written.to_list(), *rest])
    return Side(reads[0], read), Side(reads[1], written)


def _counted(reader: Reader, texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(reader.tokens(text))
    return counts


def _vocab(counts: Counter[str], min_count: int, size: int) -> Vocab:
    return Vocab.fit(list(counts), list(counts.values()), min_count=min_count, size=size, end=True)
