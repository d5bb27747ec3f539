"""Recordings as kinds of numbers tell of them: found, drawn in a line, and what is odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqcli.data.numbers import NumbersData
from seqcli.data.survey import Example, Found
from seqcli.readers.recording import Recording
from seqcli.readers.series_source import SeriesSource, discover_series
from seqcli.settings.sections import Series

LISTED = 6  # channels named on a line


def found_at(path: Path, data: Series, channels: tuple[str, ...] = ()) -> SeriesSource:
    """The recordings at `path`; of a table, a model's `channels` by name. Errors: DataError."""
    if channels and not data.channels and not all(name.isdecimal() for name in channels):
        data = replace(data, channels=channels)
    return discover_series(path, data)


def shown(record: Recording) -> str:
    """A recording in words: what it is called, how large it is, and its first channel drawn."""
    steps, channels = record.values.shape
    said = f"recording {record.name}: {steps:,} steps, {channels:,} channel{'s' * (channels != 1)}"
    return f"{said}  {drawn(record.values[:, 0])}" if channels else said


def drawn(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], width: int = 40) -> str:
    """A line of numbers (T,) as `width` bars at most; a gap where all are missing."""
    parts = np.array_split(values, min(width, len(values))) if len(values) else []
    means = np.array(
        [part[~np.isnan(part)].mean() if not np.isnan(part).all() else np.nan for part in parts]
    )
    known = means[~np.isnan(means)]
    if not len(known):
        return ""
    low, span = float(known.min()), float(np.ptp(known)) or 1.0
    bars = "▁▂▃▄▅▆▇█"
    return "".join(
        " " if np.isnan(mean) else bars[min(int((mean - low) / span * 8), 7)] for mean in means
    )


def channels_line(data: NumbersData) -> str:
    """How many channels there are, and what they are called if they have names."""
    names = data.channels
    if all(name.isdecimal() for name in names):
        return str(len(names))
    listed = ", ".join(names[:LISTED]) + ", ..." * (len(names) > LISTED)
    return f"{len(names)} ({listed})"


def read_off(data: NumbersData) -> Iterator[Found]:
    """What is odd about the numbers themselves."""
    for words in data.told:
        yield Found("header", words, "the rows are read as they are", 1)
    if data.constant:
        listed = ", ".join(data.constant[:LISTED])
        said = f"channels that never change in train ({len(data.constant)}): {listed}"
        yield Found("constant", said, "nothing is learned of them", len(data.constant))
    if data.missing:
        said = f"{data.missing:.2%} of the numbers are missing"
        advice = "they are read as their channel's middle; data.mask_channels tells the network"
        yield Found("missing", said, advice, 1)
    if data.cut:
        said = f"{data.cut:,} numbers lie a million deviations off"
        advice = "they are read as so much; data.missing names what stands for a missing number"
        yield Found("far", said, advice, data.cut)
    if data.split_groups:
        said = f"{data.split_groups:,} groups stand in train and in valid or test"
        yield Found("groups", said, "figures say little of new groups", data.split_groups)
    if data.shared:
        said = f"{data.shared:,} recordings of train stand in valid or test too"
        yield Found(
            "shared", said, "they are not trained on, unless data.repeats = keep", data.shared
        )
    if data.repeated:
        said = f"{data.repeated:,} recordings repeat an earlier one with its label"
        yield Found("repeated", said, "they are dropped (data.repeats = drop)", data.repeated)
    if unlabeled := sum(data.unlabeled.values()):
        said = f"{unlabeled:,} recordings without a label"
        yield Found(
            "unlabeled", said, "they are left out; --no-skip-unlabeled refuses them", unlabeled
        )
    empty = sum(int((split.lengths == 0).sum()) for split in data.splits.values())
    if empty:
        said = f"{empty:,} recordings without a number"
        yield Found("empty", said, "a label alone teaches nothing: take them out", empty)


def located(source: SeriesSource, findings: list[Found]) -> Iterator[Found]:
    """Findings whose examples, numbers of records until now, are read once more."""
    wanted = {example.line for found in findings for example in found.examples}
    seen: dict[int, Example] = {}
    for number, record in enumerate(source.records() if wanted else ()):
        if number in wanted:
            seen[number] = Example(record.path, record.line, shown(record))
    for found in findings:
        yield replace(found, examples=tuple(seen[one.line] for one in found.examples))
