"""Labeled texts as several kinds read them: found, looked over, told of, a split of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.data.findings import Finding, label_line
from seqcli.data.labeled import Examples, LabeledData, load, load_whole, with_labels
from seqcli.data.survey import Survey, lengths_of, located, looked_over
from seqcli.kinds import metrics
from seqcli.kinds.contract import Poll
from seqcli.readers import Source, discover
from seqcli.settings.sections import LabeledText
from seqcli.text.sequences import Features
from seqcli.text.vocab import Vocab

MOST_LABELS_SHOWN = 1000  # a confusion matrix beyond this is null
UNKNOWN = 0.3  # share of tokens from which on it is worth a word


def survey(settings: LabeledText, seed: int, path: Path, poll: Poll, *, fewest: int = 2) -> Survey:
    """As `Kind.survey` says; `fewest`: labels that there must be."""
    source = found_at(path, settings)
    data = load(source, settings, seed=seed, fewest=fewest, poll=poll)
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
            *located(source, [*data.findings, *oddities(data, settings)]),
            *looked_over(source.records(), poll),
        ),
        aligned=data.aligned,
    )


def found_at(path: Path, settings: LabeledText) -> Source:
    """The labeled texts at `path`. Errors: DataError."""
    return with_labels(discover(path, settings, ("text", "label")))


def read_from(path: Path, split: str, settings: LabeledText) -> Source:
    """What `load_split` reads: its rows are numbers of records here."""
    source = found_at(path, settings)
    # a part by itself: there may be no training part beside it
    return source.only(split) if split in source.parts and split != "train" else source


def load_split(
    path: Path,
    split: str,
    settings: LabeledText,
    *,
    seed: int,
    vocab: Vocab,
    labels: Sequence[str],
    features: Features | None = None,
    poll: Poll,
) -> tuple[Examples, float]:
    """As `Kind.load_split` says, with a model's vocabulary and labels; and its unknown share."""
    source = read_from(path, split, settings)
    known: dict[str, Any] = {"features": features, "vocab": vocab, "labels": labels, "poll": poll}
    if split == "all" or (split in source.parts and split != "train"):
        data, split = load_whole(source, settings, **known), "all"
    elif not {"all", "train"} & set(source.parts):
        raise KeyError(split)
    else:
        data = load(source, settings, seed=seed, fewest=1, **known)
    return data.splits[split], data.unknown_share[split]


def remarks(split: Examples) -> list[str]:
    """As `Kind.remarks` says."""
    count = split.unlabeled
    return [f"texts without a label: {count:,} left out"] if count else []


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
        keep = settings.kept_end
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


def figures(
    true: NDArray[np.int64], answered: NDArray[np.int64], labels: Sequence[str]
) -> dict[str, Any]:
    """How many of the labels (R,) are answered right, as `eval --json` prints it."""
    matrix = metrics.confusion(true, answered, len(labels))
    return {
        "accuracy": metrics.accuracy(matrix),
        "accuracy_interval": list(metrics.accuracy_interval(matrix)),
        "macro_f1": metrics.macro_f1(matrix),
        "macro_f1_interval": list(metrics.macro_f1_interval(matrix)),
        "mcc": metrics.mcc(matrix),
        "majority": metrics.majority(matrix),
        "labels": list(labels),
        "per_label": {
            label: asdict(found)
            for label, found in zip(labels, metrics.per_label(matrix), strict=True)
        },
        "confusion": matrix.tolist() if len(labels) <= MOST_LABELS_SHOWN else None,
    }
