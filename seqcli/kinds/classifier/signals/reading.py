"""The data of a classifier of numbers: found, looked over, and told of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqcli.data.findings import label_line
from seqcli.data.numbers import NumbersData, load_numbers
from seqcli.data.survey import Example, Found, Survey, lengths_of
from seqcli.errors import ConfigError, DataError
from seqcli.kinds.classifier.signals.spec import Settings
from seqcli.kinds.contract import Poll
from seqcli.readers.recording import Recording
from seqcli.readers.series_source import SeriesSource, discover_series
from seqcli.settings.sections import Series

LISTED = 6  # channels named on a line


def found_at(path: Path, data: Series, channels: tuple[str, ...] = ()) -> SeriesSource:
    """The recordings at `path`; of a table, a model's `channels` by name. Errors: DataError."""
    if channels and not data.channels and not all(name.isdecimal() for name in channels):
        data = replace(data, channels=channels)
    return discover_series(path, data)


def check_labels(config: Settings, path: Path, labels: tuple[str, ...]) -> None:
    """Errors: DataError, ConfigError for labels that cannot be told apart, or not by this head."""
    if len(labels) < 2:
        problem = f"at least two labels expected, found: {', '.join(labels)}"
        hint = "is the label column the right one? see --label-column"
        raise DataError(path, 0, problem, hint)
    if config.model.head == "sigmoid" and len(labels) != 2:
        raise ConfigError(
            f'model.head = "sigmoid" needs two labels, the data has {len(labels)}',
            "--set model.head=softmax",
        )


def survey(config: Settings, path: Path, poll: Poll) -> Survey:
    """As `Kind.survey` says; lengths are in steps."""
    source = found_at(path, config.data)
    data = load_numbers(source, seed=config.split_seed, poll=poll)
    splits = data.splits
    labels = np.concatenate([split.labels for split in splits.values()])
    counts = np.bincount(labels, minlength=len(data.labels)).tolist()
    return Survey(
        source.format,
        {"channels": _channels(data)} if any(not one.isdecimal() for one in data.channels) else {},
        {name: len(split) for name, split in splits.items()},
        "steps",
        lengths_of(np.concatenate([split.lengths for split in splits.values()])),
        labels=dict(zip(data.labels, counts, strict=True)),
        notes=tuple(source.notes()),
        findings=tuple(_located(source, [*_read_off(data), *_oddities(data)])),
    )


def notes(source: SeriesSource, data: NumbersData) -> list[str]:
    """What a person should know of the data before it is trained on."""
    every = [split for split in data.splits.values() if len(split)]
    counts = np.bincount(
        np.concatenate([split.labels for split in every]), minlength=len(data.labels)
    )
    lengths = np.concatenate([split.lengths for split in every])
    low, high = int(lengths.min()), int(lengths.max())
    spans = f"{low:,} steps each" if low == high else f"{low:,} to {high:,} steps"
    said = [
        *source.notes(),
        label_line(data.labels, counts.tolist()),
        f"channels {_channels(data)}; {spans}",
    ]
    if data.groups:
        said.append(f"groups {data.groups:,}: each on one side")
    return said + [
        f"look at: {odd.said}: {odd.advice}" for odd in [*_read_off(data), *_oddities(data)]
    ]


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


def _channels(data: NumbersData) -> str:
    names = data.channels
    if all(name.isdecimal() for name in names):
        return str(len(names))
    listed = ", ".join(names[:LISTED]) + ", ..." * (len(names) > LISTED)
    return f"{len(names)} ({listed})"


def _read_off(data: NumbersData) -> Iterator[Found]:
    """Findings that need no example."""
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


def _oddities(data: NumbersData) -> Iterator[Found]:
    for finding in data.findings:
        examples = tuple(Example("", row, "") for row in finding.rows)
        yield Found(finding.name, finding.said, finding.advice, finding.count, examples)


def _located(source: SeriesSource, findings: list[Found]) -> Iterator[Found]:
    """Findings whose examples, numbers of records until now, are read once more."""
    wanted = {example.line for found in findings for example in found.examples}
    seen: dict[int, Example] = {}
    for number, record in enumerate(source.records() if wanted else ()):
        if number in wanted:
            seen[number] = Example(record.path, record.line, shown(record))
    for found in findings:
        yield replace(found, examples=tuple(seen[one.line] for one in found.examples))
