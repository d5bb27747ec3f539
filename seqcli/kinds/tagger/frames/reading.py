"""The data of a tagger of numbers: read, its labels put in place, looked over, told of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcli.data.findings import label_line
from seqcli.data.numbers import NONE, NumbersData, Recordings, load_numbers
from seqcli.data.survey import Found, Survey, lengths_of
from seqcli.errors import DataError
from seqcli.kinds.contract import Poll
from seqcli.kinds.recordings import channels_line, found_at, read_off
from seqcli.kinds.tagger.frames.batches import Split
from seqcli.kinds.tagger.frames.spec import Settings
from seqcli.kinds.tagger.spec import MOST_TAGS
from seqcli.readers.series_source import SeriesSource

COLUMN = "is the label column the right one? see --label-column"


class Fitted(NamedTuple):
    """Data whose labels are those of the training part.

    counts (C,): of its steps; foreign: by split, steps with another label, which is left out.
    """

    source: SeriesSource
    data: NumbersData
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    splits: dict[str, Split]
    foreign: dict[str, int]

    @property
    def steps(self) -> int:
        """Those of the training part that have a label."""
        return sum(self.counts)


def fitted(config: Settings, path: Path, scratch: Path | None, poll: Poll) -> Fitted:
    """All of it, for training. Errors: DataError for fewer than two labels to train on, or many."""
    source = found_at(path, config.data)
    data = load_numbers(source, seed=config.split_seed, each=True, scratch=scratch, poll=poll)
    most = config.data.max_steps
    splits = {name: Split.of(part, most) for name, part in data.splits.items()}
    seen = _counts(splits["train"].labels, len(data.labels))
    if not 2 <= np.count_nonzero(seen) <= MOST_TAGS:
        found = label_line(data.labels, seen.tolist())
        problem = f"2 to {MOST_TAGS:,} labels of steps to train on expected, found: {found}"
        raise DataError(path, 0, problem, COLUMN)
    trained = np.flatnonzero(seen)
    lookup = np.full(len(seen) + 1, NONE, np.int32)  # NONE, -1, is the last place
    lookup[trained] = np.arange(len(trained))
    foreign = {}
    for name, split in splits.items():
        labels = lookup[split.labels]
        foreign[name] = int(((labels == NONE) & (split.labels != NONE)).sum())
        splits[name] = replace(split, labels=labels)
    names = tuple(data.labels[place] for place in trained.tolist())
    return Fitted(source, data, names, tuple(seen[trained].tolist()), splits, foreign)


def survey(config: Settings, path: Path, poll: Poll) -> Survey:
    """As `Kind.survey` says; lengths are in steps, labels those of steps."""
    found = fitted(config, path, None, poll)
    counts = sum(_counts(split.labels, len(found.labels)) for split in found.splits.values())
    named = any(not one.isdecimal() for one in found.data.channels)
    lengths = [split.recordings.lengths for split in found.splits.values()]
    return Survey(
        found.source.format,
        {"channels": channels_line(found.data)} if named else {},
        {name: len(split.recordings) for name, split in found.splits.items()},
        "steps",
        lengths_of(np.concatenate(lengths)),
        labels=dict(zip(found.labels, np.asarray(counts).tolist(), strict=True)),
        notes=tuple(found.source.notes()),
        findings=tuple(_oddities(found)),
        steps=found.steps,
    )


def notes(found: Fitted) -> list[str]:
    """What a person should know of the data before it is trained on."""
    counts = sum(_counts(split.labels, len(found.labels)) for split in found.splits.values())
    lengths = np.concatenate([split.recordings.lengths for split in found.splits.values()])
    low, high = int(lengths.min()), int(lengths.max())
    spans = f"{low:,} steps each" if low == high else f"{low:,} to {high:,} steps"
    said = [
        *found.source.notes(),
        f"{label_line(found.labels, np.asarray(counts).tolist())} (steps)",
        f"channels {channels_line(found.data)}; {spans}",
    ]
    if found.data.groups:
        said.append(f"groups {found.data.groups:,}: each on one side")
    return said + [f"look at: {odd.said}: {odd.advice}" for odd in _oddities(found)]


def usual_differences(train: Recordings, span: int) -> NDArray[np.float64]:
    """The root of the mean square of x[t + span] - x[t - span], by channel (E,); 1 for none.

    Over all recordings that long, and inside of them, where it needs no end.
    """
    squares, count = np.zeros(train.frames.channels), 0
    for row in train.rows.tolist():
        own = train.frames.row(row).astype(np.float64)
        apart = own[2 * span :] - own[: -2 * span]
        squares += (apart**2).sum(0)
        count += len(apart)
    sizes = np.sqrt(squares / max(count, 1))
    found: NDArray[np.float64] = np.where(sizes > 1e-6, sizes, 1.0)
    return found


def _counts(labels: NDArray[np.int32], names: int) -> NDArray[np.int64]:
    return np.bincount(labels[labels != NONE], minlength=names).astype(np.int64)


def _oddities(found: Fitted) -> Iterator[Found]:
    yield from read_off(found.data)
    for name, count in found.foreign.items():
        if count:
            said = f"{count:,} steps of {name} have a label that training lacks"
            yield Found("untrained", said, "they are not scored: is it a misspelling?", count)
    bare = {name: int((split.labels == NONE).sum()) for name, split in found.splits.items()}
    bare = {name: count - found.foreign[name] for name, count in bare.items()}
    if total := sum(bare.values()):
        told = ", ".join(f"{name} {count:,}" for name, count in bare.items() if count)
        said = f"steps without a label: {told}"
        yield Found("bare", said, "they are read, and neither trained on nor scored", total)
