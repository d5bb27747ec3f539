"""Labeled text as arrays: one pass over the files, then split, vocabulary and ids.

While the files are read every token gets a provisional id from a dictionary that grows; only
these ids are kept, never the texts. Once the split is known the vocabulary is fitted on the
training rows by counting ids, and one array look-up turns provisional ids into final ones.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from seqcli.data.findings import Finding, Labeled, findings
from seqcli.data.labels import foreign, in_order, none_given, placed
from seqcli.data.splits import NOT_SAID, PARTS, TRAIN, assign, text_key
from seqcli.errors import DataError
from seqcli.readers.record import Record
from seqcli.readers.source import Source
from seqcli.settings.sections import LabeledText
from seqcli.text.growing import numbered
from seqcli.text.normal import normalizer
from seqcli.text.sequences import Chosen, Features, Made, Sequences, SequencesBuilder
from seqcli.text.special import UNKNOWN
from seqcli.text.tokens import numbering, tokenizer
from seqcli.text.vocab import Vocab

POLL_EVERY = 1000  # records between two looks at the stop flag


@dataclass(frozen=True, eq=False)
class Examples:
    """R rows of one split.

    tokens: R rows of ids below V; labels (R,) places in `LabeledData.labels`; features: R rows
    of whatever the caller made of the text, or None; rows (R,): the record's number in
    `source.records()`, from 0; unlabeled: records left out where all were to be read; keys (R,):
    `splits.text_key` of the texts, None of texts that are only to be answered.
    """

    tokens: Sequences
    labels: NDArray[np.int64]
    features: Chosen | None
    rows: NDArray[np.int64]
    unlabeled: int = 0
    keys: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        """R, the number of rows."""
        return len(self.labels)

    def joined(self, other: Examples) -> Examples:
        """The rows of both, this one's first; both are of one reading, with the same features."""
        tokens = SequencesBuilder()
        tokens.extend(self.tokens)
        tokens.extend(other.tokens)
        features = self.features
        if features is not None and other.features is not None:
            rows = np.concatenate([features.rows, other.features.rows])
            features = Chosen(features.table, rows)
        keys = self.keys
        if keys is not None and other.keys is not None:
            keys = np.concatenate([keys, other.keys])
        return Examples(
            tokens.build(),
            np.concatenate([self.labels, other.labels]),
            features,
            np.concatenate([self.rows, other.rows]),
            self.unlabeled + other.unlabeled,
            keys,
        )

    def take(self, rows: NDArray[np.int64]) -> Examples:
        """These rows alone."""
        return Examples(
            self.tokens.take(rows),
            self.labels[rows],
            self.features and Chosen(self.features.table, self.features.rows[rows]),
            self.rows[rows],
            self.unlabeled,
            None if self.keys is None else self.keys[rows],
        )


@dataclass(frozen=True, eq=False)
class LabeledData:
    """Everything a classifier trains on.

    splits: "train", and "valid" and "test" where they have rows (from `load_whole`: "all");
    repeated, shared: see `Split`; repeats: `data.repeats`, or "keep" where all training texts are
    held out too and nothing would be left to train on;
    unknown_share: by split, the share of token occurrences that the vocabulary lacks, before
    any text is cut; truncated: by split, the number of texts cut to data.max_tokens; unlabeled:
    by part, the records without a label, which are left out; empty: by split, texts in which the
    model finds no token; again: rows of all splits whose text an earlier one has; findings: what
    is odd, if asked for; aligned: all training texts have the same number of characters.
    """

    vocab: Vocab
    labels: tuple[str, ...]
    splits: dict[str, Examples]
    repeated: int
    shared: int
    repeats: str
    unknown_share: dict[str, float]
    truncated: dict[str, int]
    fingerprint: str
    unlabeled: dict[str, int]
    empty: dict[str, int]
    again: int = 0
    findings: tuple[Finding, ...] = ()
    aligned: bool = False


def load(
    source: Source,
    data: LabeledText,
    *,
    seed: int,
    features: Features | None = None,
    vocab: Vocab | None = None,
    labels: Sequence[str] | None = None,
    fewest: int = 2,
    end: bool = False,
    scratch: Path | None = None,
    poll: Callable[[], None] = lambda: None,
) -> LabeledData:
    """Read all records once, split them, and turn their tokens into ids.

    vocab and labels: a model's, to read its data anew; otherwise the vocabulary is fitted on
    the training rows, labels are sorted, and findings are looked for. features: makes a row of
    int32 of each text. fewest: labels that there must be. end: the vocabulary has an end mark.
    scratch: a folder for ids beyond what is held in memory; None: the system's.
    poll is called every thousand records; it may raise to stop.
    Errors: DataError for unreadable data, no training row, too few labels, or a label
    that is not one of `labels`.
    """
    scan = _Scan.of(source, data, features, labels, scratch, poll)
    cut = partial(
        assign,
        scan.labels,
        scan.keys,
        scan.official,
        test=data.test,
        valid=data.valid,
        seed=seed,
    )
    repeats = data.repeats
    split = cut(repeats=repeats)
    if split.shared and not np.any(split.part == TRAIN):  # parts that are copies: a first try
        repeats = "keep"
        split = cut(repeats=repeats)
    rows = {name: np.flatnonzero(split.part == code) for code, name in enumerate(PARTS)}
    _trainable(source, scan.names, rows, fewest)
    present = {name: indices for name, indices in rows.items() if len(indices)}
    counts = split.repeated, split.shared, repeats
    if vocab is not None:
        return _finished(source, data, scan, vocab, present, *counts)
    kept = scan.keys[np.concatenate(list(present.values()))]
    found = Labeled(scan.names, scan.labels, scan.keys, split.part, scan.rows)
    shares = {"valid": data.valid, "test": data.test}
    vocab = _fitted(scan, split.part == TRAIN, data, end, poll)
    loaded = _finished(source, data, scan, vocab, present, *counts)
    again = len(kept) - len(np.unique(kept))
    aligned = len(np.unique(scan.widths[rows["train"]])) == 1
    odd = tuple(findings(found, shares))
    return replace(loaded, again=again, findings=odd, aligned=aligned)


def load_whole(
    source: Source,
    data: LabeledText,
    *,
    vocab: Vocab,
    labels: Sequence[str],
    features: Features | None = None,
    poll: Callable[[], None] = lambda: None,
) -> LabeledData:
    """Read all records with a model's vocabulary and labels as one split, "all".

    No row is dropped or set aside; texts are cut to data.max_tokens as in training.
    Errors: DataError for unreadable data, no row, or a label that is not one of `labels`.
    """
    scan = _Scan.of(source, data, features, labels, None, poll)
    rows = {"all": np.arange(len(scan.labels))}
    loaded = _finished(source, data, scan, vocab, rows, 0, 0, "keep")
    whole = replace(loaded.splits["all"], unlabeled=sum(scan.unlabeled.values()))
    return replace(loaded, splits={"all": whole})


class Encoder:
    """Texts without labels as a model's ids; it remembers tokens from one call to the next."""

    def __init__(self, vocab: Vocab, data: LabeledText) -> None:
        self._data = data
        self._numbers = tokenizer(data, vocab.subwords).numbering(vocab.place)
        self._missing = vocab.place(UNKNOWN)
        self._drops = vocab.unknown is None

    def __call__(self, texts: Sequence[str]) -> tuple[Sequences, NDArray[np.float64]]:
        """A row of ids for each text, cut to data.max_tokens; the share of unknown tokens (R,).

        The share is of the whole text, before any cut; 1 for a text without tokens: in both the
        model finds nothing that it knows.
        """
        found = self._numbers(texts)
        ids, offsets, lengths = found.ids, found.offsets, found.lengths
        lacking = np.concatenate(([0], np.cumsum(ids == self._missing)))
        shares = np.where(lengths, np.diff(lacking[offsets]) / np.maximum(lengths, 1), 1.0)
        tokens = Sequences(ids.astype(np.int32), offsets)
        if self._drops:
            tokens = tokens.where(ids >= 0)
        return tokens.cut(self._data.max_tokens, self._data.kept_end), shares


@dataclass(frozen=True, eq=False)
class _Scan:
    """What one pass over R records leaves: ids, no texts."""

    tokens: list[str]  # as `counted`, by provisional id, in order of first appearance
    scratch: Path | None
    ids: Sequences  # provisional
    features: Sequences | None
    names: tuple[str, ...]
    labels: NDArray[np.int64]  # (R,) places in names
    keys: NDArray[np.uint64]  # (R,) of the texts, for finding repeats
    official: NDArray[np.int8]
    rows: NDArray[np.int64]  # (R,) numbers of the records
    widths: NDArray[np.int64]  # (R,) characters
    unlabeled: dict[str, int]  # by part, records that are none of the rows

    @classmethod
    def of(
        cls,
        source: Source,
        data: LabeledText,
        features: Features | None,
        known: Sequence[str] | None,
        scratch: Path | None,
        poll: Callable[[], None],
    ) -> _Scan:
        normal = normalizer(data)
        provisional, labels = numbered(), placed(known)
        # of what is normal already
        numbers_of = numbering(replace(data, normalize="none"), provisional.__getitem__)
        ids, extra = Made(numbers_of, scratch), Made(features, scratch)
        places, keys, official, numbers = array("q"), array("Q"), array("b"), array("q")
        widths = array("q")
        unlabeled: dict[str, int] = {}
        for number, part, record in _numbered(source, poll):
            if not record.label:
                unlabeled[part] = unlabeled.get(part, 0) + 1
                if not data.skip_unlabeled:
                    raise none_given(record)
                continue
            if known is not None and record.label not in labels:
                raise foreign(record, known)
            text = normal(record.text)
            ids.add(text)
            places.append(labels[record.label])
            keys.append(text_key(text, casefold=data.repeats_casefold))
            official.append(PARTS.index(part) if part in PARTS else NOT_SAID)
            numbers.append(number)
            widths.append(len(text.strip()))
            extra.add(text)
        if not places:
            bare = sum(unlabeled.values())
            found = f"{bare:,} without a label found" if bare else "none found"
            raise DataError(source.path, 0, f"at least one labeled text expected, {found}")
        names = tuple(labels) if known is None else tuple(known)
        label = np.array(places, np.int64)
        if known is None:
            names, label = in_order(names, label)
        built = cast(Sequences, ids.build())  # before tokens are listed: it numbers the last ones
        return cls(
            list(provisional),
            scratch,
            built,
            extra.build(),
            names,
            label,
            np.array(keys, np.uint64),
            np.array(official, np.int8),
            np.array(numbers, np.int64),
            np.array(widths, np.int64),
            unlabeled,
        )


def with_labels(source: Source) -> Source:
    """The source without parts to be scored that have no label at all: nothing can be scored there.

    They are named as left out.
    """
    bare = [
        part
        for part in ("valid", "test")
        if part in source.parts and not any(record.label for record in source.records(part))
    ]
    kept = {part: pieces for part, pieces in source.parts.items() if part not in bare}
    if not bare or not kept:
        return source
    names = [f"{piece.path.name} (no labels)" for part in bare for piece in source.parts[part]]
    return replace(source, parts=kept, left_out=(*source.left_out, *names))


def _numbered(source: Source, poll: Callable[[], None]) -> Iterator[tuple[int, str, Record]]:
    """Each record with its number and its part."""
    number = 0
    for part in source.parts:
        for record in source.records(part):
            if number % POLL_EVERY == 0:
                poll()
            yield number, part, record
            number += 1


def _trainable(
    source: Source, names: tuple[str, ...], rows: dict[str, NDArray[np.int64]], fewest: int
) -> None:
    if not len(rows["train"]):
        found = ", ".join(f"{len(rows[name])} {name}" for name in PARTS[1:])
        hint = "add rows for training: a file or folder named train"
        raise DataError(source.path, 0, f"rows to train on expected, found: {found}", hint)
    if len(names) < fewest:
        problem = f"at least two labels expected, found: {names[0]}"
        hint = "is the label column the right one? see --label-column"
        raise DataError(source.path, 0, problem, hint)


def _fitted(
    scan: _Scan,
    trains: NDArray[np.bool_],
    data: LabeledText,
    end: bool,
    poll: Callable[[], None],
) -> Vocab:
    """The vocabulary of the training rows; ties by first appearance among these."""
    size, read = len(scan.tokens), 0
    counts, first = np.zeros(size, np.int64), np.full(size, np.iinfo(np.int64).max)
    for _, rows in Chosen(scan.ids, np.flatnonzero(trains)).blocks():
        ids = rows.ids
        new = np.full(size, np.iinfo(np.int64).max)
        new[ids[::-1]] = np.arange(read, read + len(ids))[::-1]  # of equal places the last stays
        np.minimum(first, new, out=first)
        counts += np.bincount(ids, minlength=size)
        read += len(ids)
    seen = np.flatnonzero(counts)
    seen = seen[np.argsort(first[seen])]
    tokens = [scan.tokens[place] for place in seen]
    return Vocab.for_data(tokens, counts[seen], data, end=end, poll=poll)


def _finished(
    source: Source,
    data: LabeledText,
    scan: _Scan,
    vocab: Vocab,
    rows: dict[str, NDArray[np.int64]],
    repeated: int,
    shared: int,
    repeats: str,
) -> LabeledData:
    parts, lacking = vocab.parts(scan.tokens), ~vocab.knows(scan.tokens)
    splits, unknown_share, truncated, empty = {}, {}, {}, {}
    for name, indices in rows.items():
        built, unknown, read = SequencesBuilder(scan.scratch), 0, 0
        truncated[name] = empty[name] = 0
        for _, provisional in Chosen(scan.ids, indices).blocks():
            unknown += int(lacking[provisional.ids].sum())
            read += len(provisional.ids)
            tokens = provisional.spelled(parts)
            empty[name] += int(np.sum(tokens.lengths == 0))
            if data.max_tokens:
                truncated[name] += int(np.sum(tokens.lengths > data.max_tokens))
            built.extend(tokens.cut(data.max_tokens, data.kept_end))
        unknown_share[name] = unknown / max(read, 1)
        splits[name] = Examples(
            built.build(),
            scan.labels[indices],
            None if scan.features is None else Chosen(scan.features, indices),
            scan.rows[indices],
            keys=scan.keys[indices],
        )
    return LabeledData(
        vocab,
        scan.names,
        splits,
        repeated,
        shared,
        repeats,
        unknown_share,
        truncated,
        source.fingerprint(),
        scan.unlabeled,
        empty,
    )
