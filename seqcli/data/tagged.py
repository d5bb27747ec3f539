"""Tagged sentences as arrays: one pass over the files, then splits, words and tags as numbers.

While the files are read every word and every tag gets a provisional id from a dictionary that
grows; only these are kept, not the sentences.
"""

from __future__ import annotations

import os
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcli.data.splits import NOT_SAID, PARTS, TEST, TRAIN, VALID, assign, text_key
from seqcli.errors import DataError
from seqcli.readers.tagged_source import TaggedSource
from seqcli.text.sequences import Sequences, SequencesBuilder

POLL_EVERY = 1000  # sentences between two looks at the stop flag


@dataclass(frozen=True, eq=False)
class TaggedSentences:
    """S sentences of one split: words and tags, rows of equal lengths.

    words: places in `vocabulary`, a list of distinct words as they are written; tags: places in
    `names`; lines (S,): where each stands in its file, from 1; keys (S,): `splits.text_key` of the
    sentences, None of what is only to be answered.
    """

    words: Sequences
    tags: Sequences
    vocabulary: Sequence[str]
    names: Sequence[str]
    paths: Sequence[str]
    lines: NDArray[np.int64]
    keys: NDArray[np.uint64] | None = None

    def take(self, rows: NDArray[np.int64]) -> TaggedSentences:
        """These sentences alone."""
        return replace(
            self,
            words=self.words.take(rows),
            tags=self.tags.take(rows),
            paths=[self.paths[row] for row in rows.tolist()],
            lines=self.lines[rows],
            keys=None if self.keys is None else self.keys[rows],
        )

    def joined(self, other: TaggedSentences) -> TaggedSentences:
        """The sentences of both, this one's first; both are of one reading."""
        words, tags = SequencesBuilder(), SequencesBuilder()
        for part in (self, other):
            words.extend(part.words)
            tags.extend(part.tags)
        keys = self.keys
        if keys is not None and other.keys is not None:
            keys = np.concatenate([keys, other.keys])
        return replace(
            self,
            words=words.build(),
            tags=tags.build(),
            paths=[*self.paths, *other.paths],
            lines=np.concatenate([self.lines, other.lines]),
            keys=keys,
        )

    def __len__(self) -> int:
        """S."""
        return len(self.words)

    def places(self) -> NDArray[np.int64]:
        """A number for where each sentence stands, (S,): its file, by name, and its line."""
        files = {path: zlib.crc32(os.fsencode(path)) >> 1 for path in set(self.paths)}
        found = np.array([files[path] for path in self.paths], np.int64)
        return (found << 32) + self.lines

    def tag_rows(self) -> Iterator[list[str]]:
        """The tags of each sentence."""
        for row in range(len(self)):
            yield [self.names[place] for place in self.tags.row(row).tolist()]


@dataclass(frozen=True, eq=False)
class TaggedData:
    """The splits of a source, "train" first.

    shared: training sentences that are held out too; again: of all, those that an earlier one is
    equal to.
    """

    splits: dict[str, TaggedSentences]
    shared: int
    again: int


def load_tagged(
    source: TaggedSource,
    *,
    seed: int,
    whole: bool = False,
    scratch: Path | None = None,
    poll: Callable[[], None] = lambda: None,
) -> TaggedData:
    """Read all sentences once, and cut those of one file (`whole`: not, all is split "all").

    Official parts stay as they are; what is missing is cut from the training part. Equal sentences
    of one file stand on one side of a cut, unless data.repeats is "keep".
    Errors: DataError for files without sentences, or without any to train on.
    """
    words, names = _growing(), _growing()
    tokens, tags = SequencesBuilder(scratch), SequencesBuilder(scratch)
    keys, official, lines, pieces = array("Q"), array("b"), array("q"), array("q")
    paths = _growing()
    for part in source.parts:
        code, before = PARTS.index(part) if part in PARTS else NOT_SAID, len(lines)
        for record in source.records(part):
            if len(lines) % POLL_EVERY == 0:
                poll()
            tokens.append(map(words.__getitem__, record.tokens))
            tags.append(map(names.__getitem__, record.tags))
            keys.append(text_key(" ".join(record.tokens)))
            official.append(code)
            lines.append(record.line)
            pieces.append(paths[record.path])
        if len(lines) == before:
            piece = source.parts[part]
            raise DataError(piece, 0, "at least one sentence expected, none found")
    every_key = np.array(keys, np.uint64)
    rows_of, shared = _cut(source, every_key, np.array(official, np.int8), seed)
    if whole:
        rows_of = {"all": np.arange(len(lines))}
    elif not len(rows_of.get("train", ())):
        found = ", ".join(f"{len(rows)} {name}" for name, rows in rows_of.items())
        hint = "add sentences for training: a file or folder named train"
        raise DataError(source.path, 0, f"sentences to train on expected, found: {found}", hint)
    every, all_tags = tokens.build(), tags.build()
    vocabulary, named, places = list(words), list(names), np.array(lines, np.int64)
    files = list(paths)
    splits = {
        name: TaggedSentences(
            every.take(rows),
            all_tags.take(rows),
            vocabulary,
            named,
            [files[piece] for piece in np.array(pieces)[rows].tolist()],
            places[rows],
            every_key[rows],
        )
        for name, rows in rows_of.items()
    }
    return TaggedData(splits, shared, len(every_key) - len(np.unique(every_key)))


def _cut(
    source: TaggedSource, keys: NDArray[np.uint64], official: NDArray[np.int8], seed: int
) -> tuple[dict[str, NDArray[np.int64]], int]:
    """Rows of each split that has some, and how many training rows are held out too."""
    held_out = (official == VALID) | (official == TEST)
    trains = ~held_out
    shared = int(np.isin(keys[trains], keys[held_out]).sum())
    # An official part keeps what it has: short sentences ("Thank you .") are in all of them.
    own = keys.copy()
    own[held_out] = np.arange(held_out.sum(), dtype=np.uint64)
    own[trains] |= np.uint64(1 << 63)
    data = source.data
    cut = assign(
        np.zeros(len(keys), np.int64),
        own,
        official,
        test=data.test,
        valid=data.valid,
        seed=seed,
        repeats=data.repeats,
    )
    found = {}
    for name, code in zip(PARTS, (TRAIN, VALID, TEST), strict=True):
        rows = np.flatnonzero(cut.part == code)
        if len(rows):
            found[name] = rows
    return found, shared


def _growing() -> defaultdict[str, int]:
    """A dictionary that gives each new key the next number."""
    table: defaultdict[str, int] = defaultdict(None)
    table.default_factory = table.__len__
    return table
