"""The data of a classifier of numbers: found, looked over, and told of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqcli.data.findings import label_line
from seqcli.data.numbers import NumbersData, load_numbers
from seqcli.data.survey import Example, Found, Survey, lengths_of
from seqcli.errors import ConfigError, DataError
from seqcli.kinds.classifier.signals.spec import Settings
from seqcli.kinds.contract import Poll
from seqcli.kinds.recordings import channels_line, found_at, located, read_off
from seqcli.readers.series_source import SeriesSource


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
    named = any(not one.isdecimal() for one in data.channels)
    named = any(not one.isdecimal() for one in data.channels)
    return Survey(
        source.format,
        {"channels": channels_line(data)} if named else {},
        {name: len(split) for name, split in splits.items()},
        "steps",
        lengths_of(np.concatenate([split.lengths for split in splits.values()])),
        labels=dict(zip(data.labels, counts, strict=True)),
        notes=tuple(source.notes()),
        findings=tuple(located(source, [*read_off(data), *_oddities(data)])),
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
        f"channels {channels_line(data)}; {spans}",
    ]
    if data.groups:
        said.append(f"groups {data.groups:,}: each on one side")
    return said + [
        f"look at: {odd.said}: {odd.advice}" for odd in [*read_off(data), *_oddities(data)]
    ]


def _oddities(data: NumbersData) -> Iterator[Found]:
    for finding in data.findings:
        examples = tuple(Example("", row, "") for row in finding.rows)
        yield Found(finding.name, finding.said, finding.advice, finding.count, examples)
