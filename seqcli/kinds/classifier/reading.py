"""A classifier's data: read, looked over, and told of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcli.data.findings import Finding, label_line
from seqcli.data.labeled import (
    LabeledData,
    load,
    with_labels,
)
from seqcli.data.survey import Survey, lengths_of, located, looked_over
from seqcli.kinds.classifier.network import ngrams
from seqcli.kinds.classifier.spec import Settings
from seqcli.kinds.contract import Poll
from seqcli.readers import Source, discover
from seqcli.settings.sections import LabeledText
from seqcli.text.ngrams import naive_bayes
from seqcli.text.sequences import Features

UNKNOWN = 0.3  # share of tokens from which on it is worth a word


def survey(config: Settings, path: Path, poll: Poll) -> Survey:
    """As `Kind.survey` says."""
    source = found_at(path, config)
    data = load(source, config.data, seed=config.split_seed, poll=poll)
    splits = data.splits
    counts = np.bincount(
        np.concatenate([split.labels for split in splits.values()]),
        minlength=len(data.labels),
    )
    lengths = np.concatenate([split.tokens.lengths for split in splits.values()])
    return Survey(
        source.format,
        source.columns(),
        {name: len(split) for name, split in splits.items()},
        "tokens",
        lengths_of(lengths),
        len(data.vocab),
        data.unknown_share,
        dict(zip(data.labels, counts.tolist(), strict=True)),
        tuple(source.notes()),
        (
            *located(source, [*data.findings, *oddities(data, config.data)]),
            *looked_over(source.records(), poll),
        ),
    )


def features(config: Settings) -> Features | None:
    """What makes a row of n-grams of each text, if the model reads any."""
    grams = ngrams(config)
    return None if grams is None else grams.rows


def naive_scores(config: Settings, data: LabeledData) -> NDArray[np.float32] | None:
    """What the n-gram table starts from, fitted on the training split alone."""
    train, model = data.splits["train"], config.model
    if model.wide_init != "naive-bayes" or train.features is None:
        return None
    return naive_bayes(train.features, train.labels, len(data.labels), model.wide_buckets)


def found_at(path: Path, config: Settings) -> Source:
    """The labeled texts at `path`. Errors: DataError."""
    return with_labels(discover(path, config.data, ("text", "label")))


def oddities(data: LabeledData, settings: LabeledText) -> Iterator[Finding]:
    """What training would leave out or cut."""
    if data.shared:
        done = "are trained on all the same" if data.repeats == "keep" else "are not trained on"
        said = f"{data.shared:,} texts of train stand in valid or test too"
        yield Finding("shared", said, f"they {done} (data.repeats)", data.shared)
    if data.repeated:
        said = f"{data.repeated:,} texts repeat an earlier one with its label"
        yield Finding("repeated", said, "they are dropped (data.repeats = drop)", data.repeated)
    if data.again:
        said = f"{data.again:,} texts repeat an earlier one, and are trained on or scored as well"
        advice = "equal ones stand on one side of the cut; --set data.repeats=drop drops them"
        if data.repeats == "keep":
            advice = "they may stand on both sides; --set data.repeats=group puts them on one"
        yield Finding("again", said, advice, data.again)
    if empty := sum(data.empty.values()):
        said = f"{empty:,} texts without a token: nothing is read of them"
        yield Finding("empty", said, "leave them out, or is the text in another column?", empty)
    if unlabeled := sum(data.unlabeled.values()):
        said = f"{unlabeled:,} texts without a label"
        advice = "they are left out; --no-skip-unlabeled makes them errors"
        yield Finding("unlabeled", said, advice, unlabeled)
    if cut := sum(data.truncated.values()):
        keep = settings.keep
        said = f"{cut:,} texts are longer than {settings.max_tokens:,} tokens"
        advice = f"their {keep} {settings.max_tokens:,} are read; --set data.max_tokens=N"
        yield Finding("cut", said, advice, cut)
    for name, share in data.unknown_share.items():
        if share > UNKNOWN and name != "train":
            said = f"{share:.0%} of the tokens of {name} are unknown"
            advice = "is it another language, or too little text? data.min_count, data.vocabulary"
            yield Finding("unknown", said, advice, 1)


def notes(source: Source, data: LabeledData, repeats: str) -> list[str]:
    """What a person should know of the data before it is trained on."""
    labels = np.concatenate([split.labels for split in data.splits.values()])
    counts = np.bincount(labels, minlength=len(data.labels)).tolist()
    shares = ", ".join(f"{name} {share:.1%}" for name, share in data.unknown_share.items())
    notes = [
        *source.notes(),
        label_line(data.labels, counts),
        f"vocabulary {len(data.vocab):,} (unknown: {shares})",
    ]
    if data.repeated:
        notes.append(f"{data.repeated:,} repeated texts dropped")
    if data.shared:
        done = "trained on all the same" if data.repeats == "keep" else "not trained on"
        if repeats != data.repeats:
            done += ", since there are no others: figures on valid and test mean nothing"
        notes.append(f"{data.shared:,} texts of train stand in valid or test too: {done}")
    if data.again:
        cure = "group keeps them on one side" if repeats == "keep" else "drop leaves them out"
        kept = f"{data.again:,} texts repeat an earlier one, and are used all the same"
        notes.append(f"{kept} (data.repeats = {repeats}; {cure})")
    if any(data.empty.values()):
        where = ", ".join(f"{name} {count:,}" for name, count in data.empty.items() if count)
        notes.append(f"texts without a token, of which nothing is read: {where}")
    for part, count in data.unlabeled.items():
        where = "" if part == "all" else f" in {part}"
        notes.append(f"texts without a label{where}: {count:,} left out")
    return notes + [f"look at: {finding}" for finding in data.findings]
