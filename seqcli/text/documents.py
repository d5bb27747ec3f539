"""Ids of documents behind each other, as text."""

from __future__ import annotations

from collections.abc import Iterable

from seqcli.text.tokens import Tokenizer
from seqcli.text.vocab import Vocab


def readable(ids: Iterable[int], vocab: Vocab, split: Tokenizer, between: str, before: str) -> str:
    """The text of `ids`, that goes on from `before`; an end mark becomes `between`."""
    documents: list[list[int]] = [[]]
    for token in ids:
        if token == vocab.end:
            documents.append([])
        else:
            documents[-1].append(token)
    first, *rest = [vocab.decode(document) for document in documents]
    begun = bool(before) and not before.endswith("\n")
    return between.join([split.join(first, begun=begun), *map(split.join, rest)])
