"""What is odd about labeled data, counted in arrays: said by `train`, most harmful first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcli.data.splits import PARTS, TRAIN, Keys, Numbers, Parts

EXAMPLES = 5
LISTED = 12  # labels named on one line
ENDS = 4  # of more labels than that: so many of the commonest, and of the rarest
MOST = 0.8  # share of labels that makes them look like something
LONG = 4  # words of a label from which on it looks like a text
DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*")
DECIMAL = re.compile(r"-?\d*[.,]\d+(e-?\d+)?")
IDENTIFIER = re.compile(r"\d{2,}|[0-9a-f-]{16,}|(?=.*\d)[\w-]{6,}")
COLUMN = "is it the right column? --label-column names it, by name or by number from 1"
SWAPPED = "are the columns swapped? --text-column and --label-column name them, or number them"
CLASSES = "figures to be predicted are no labels: make classes of them, such as low and high"


@dataclass(frozen=True)
class Finding:
    """One thing to look at. count: of what it is about; rows: some examples, by record number."""

    name: str
    said: str
    advice: str
    count: int
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        """As one line."""
        return f"{self.said}: {self.advice}"


@dataclass(frozen=True, eq=False)
class Labeled:
    """R labeled texts as arrays: places in `names`, keys of the texts, parts, record numbers.

    unit: what a row is called, if it is no text.
    """

    names: tuple[str, ...]
    labels: Numbers
    keys: Keys
    part: Parts
    rows: Numbers
    unit: str = "text"

    @property
    def counts(self) -> NDArray[np.int64]:
        """Texts of each label, (C,)."""
        return np.bincount(self.labels, minlength=len(self.names))


def label_line(names: Sequence[str], counts: Sequence[int]) -> str:
    """The labels with their counts; of many, the commonest and the rarest."""
    order = sorted(range(len(names)), key=lambda place: -counts[place])
    told = [f"{names[place][:40]} {counts[place]:,}" for place in order]
    listed = ", ".join(told)
    if len(told) > LISTED:
        listed = f"{', '.join(told[:ENDS])}, ..., {', '.join(told[-ENDS:])}"
    return f"labels {len(names):,}: {listed}"


def findings(data: Labeled, shares: dict[str, float]) -> list[Finding]:
    """All of them; `shares`: of "valid" and "test", what was to be cut off."""
    return [
        *_wrong_column(data),
        *_overlaps(data),
        *_never_trained(data),
        *_contradictions(data),
        *_spellings(data),
        *_no_split(data, shares),
    ]


def _wrong_column(data: Labeled) -> Iterator[Finding]:
    names, counts = data.names, data.counts
    once = int((counts == 1).sum())
    mostly_once = once > len(names) / 2 and len(names) > 2
    shapes: dict[str, tuple[Callable[[str], object], str]] = {
        "dates": (DATE.fullmatch, COLUMN),
        "figures": (DECIMAL.fullmatch, CLASSES),
    }
    if mostly_once:
        shapes["texts"] = (lambda name: len(name.split()) >= LONG, SWAPPED)
        shapes["numbers that identify"] = (IDENTIFIER.fullmatch, COLUMN)
    alike, advice = "", COLUMN
    for what, (test, cure) in shapes.items():
        if len(names) > 2 and sum(bool(test(name)) for name in names) >= MOST * len(names):
            alike, advice = f"look like {what}", cure
            break
    rare = f"{once:,} of {len(names):,} labels have one {data.unit} each" if mostly_once else ""
    if alike or rare:
        said = f"{rare}, and they {alike}" if alike and rare else rare or f"labels {alike}"
        rows = np.flatnonzero(counts[data.labels] == 1) if rare else np.arange(len(data.labels))
        yield Finding("labels", said, advice, once or len(names), _some(data, rows))


def _overlaps(data: Labeled) -> Iterator[Finding]:
    trained = data.keys[data.part == TRAIN]
    for code in range(TRAIN + 1, len(PARTS)):
        rows = np.flatnonzero((data.part == code) & np.isin(data.keys, trained))
        if len(rows):
            whole = int((data.part == code).sum())
            said = f"{len(rows):,} of {whole:,} {PARTS[code]} {data.unit}s stand in train as well"
            advice = "figures on them are too good: take them out of one of the two"
            yield Finding("overlap", said, advice, len(rows), _some(data, rows))


def _never_trained(data: Labeled) -> Iterator[Finding]:
    rows = np.flatnonzero(
        (data.part > TRAIN) & ~np.isin(data.labels, data.labels[data.part == TRAIN])
    )
    if len(rows):
        places, counts = np.unique(data.labels[rows], return_counts=True)
        listed = _listed(f"{data.names[p]} {n:,}" for p, n in zip(places, counts, strict=True))
        said = f"labels without a {data.unit} to train on ({len(places):,}): {listed}"
        advice = "they can never be answered: is it another spelling, or are examples missing?"
        yield Finding("labels-untrained", said, advice, len(rows), _some(data, rows))


def _contradictions(data: Labeled) -> Iterator[Finding]:
    order = np.lexsort((data.labels, data.keys))
    keys, labels = data.keys[order], data.labels[order]
    other = (keys[1:] == keys[:-1]) & (labels[1:] != labels[:-1])
    count = len(np.unique(keys[1:][other]))
    if count:
        texts = f"{count:,} {data.unit}{'s' * (count > 1)} with more than one label each"
        advice = f"one of the labels must be wrong, or the {data.unit} says too little"
        rows = np.stack((order[:-1][other], order[1:][other]), 1).ravel()
        yield Finding("contradictions", texts, advice, count, _some(data, rows))


def _spellings(data: Labeled) -> Iterator[Finding]:
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(data.names):
        alike[" ".join(name.casefold().split())].append(place)
    groups = [places for places in alike.values() if len(places) > 1]
    if groups:
        listed = _listed(" = ".join(data.names[place] for place in places) for places in groups)
        said = f"labels that differ in case or space alone ({len(groups):,}): {listed}"
        several = [place for places in groups for place in places]
        rows = np.flatnonzero(np.isin(data.labels, several))
        yield Finding(
            "labels-alike", said, "spell each in one way", len(several), _some(data, rows)
        )


def _no_split(data: Labeled, shares: dict[str, float]) -> Iterator[Finding]:
    for code in range(TRAIN + 1, len(PARTS)):
        name = PARTS[code]
        if shares.get(name, 0) and not (data.part == code).any():
            said = f"no {name} split: no label has {data.unit}s enough to give one away"
            advice = f"add {data.unit}s, or a file of their own for it"
            yield Finding("no-split", said, advice, 1)


def _some(data: Labeled, rows: Numbers) -> tuple[int, ...]:
    return tuple(data.rows[rows[:EXAMPLES]].tolist())


def _listed(parts: Iterator[str]) -> str:
    every = list(parts)
    return ", ".join(every[:EXAMPLES]) + ", ..." * (len(every) > EXAMPLES)
