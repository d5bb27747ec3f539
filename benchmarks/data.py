"""The labeled data of the rows: the real sets that SEQCLI_DATA names, else the bundled samples."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rows import REAL, real

from seqcli.data.labeled import load
from seqcli.readers import discover
from seqcli.settings.sections import LabeledText
from seqcli.tasks.taskfile import resolve, sample_path

PLACES = {"spam": "sms-spam/SMSSpamCollection.tsv", "imdb": "imdb", "names": "names"}


def place(task: str) -> Path:
    """Where a task's data are."""
    if REAL:
        return real(PLACES[task])
    return sample_path(resolve(task).about.sample)


def splits(task: str, seed: int) -> dict[str, list[tuple[str, str]]]:
    """(label, text) of "train" (validation in) and "test", as seqcli cuts them for `seed`."""
    data = resolve(task).config.data
    assert isinstance(data, LabeledText)
    source = discover(place(task), data)
    records = list(source.records())
    found = load(source, data, seed=seed).splits
    rows: dict[str, Iterable[Any]] = {
        "train": [row for name in ("train", "valid") if name in found for row in found[name].rows],
        "test": found["test"].rows,
    }
    return {
        name: [(records[row].label, records[row].text) for row in places]
        for name, places in rows.items()
    }


def write(task: str, folder: Path, seed: int = 1) -> None:
    """train.tsv and test.tsv: label, TAB, text, a line each; .ft and .txt are fastText's.

    The lines are shuffled: fastText takes them as they come, and learns little of sorted ones.
    """
    for name, rows in splits(task, seed).items():
        random.Random(seed).shuffle(rows)
        lines = [(label, " ".join(text.split())) for label, text in rows]
        texts = {
            f"{name}.tsv": [f"{label}\t{text}" for label, text in lines],
            f"{name}.ft": [f"__label__{label} {text}" for label, text in lines],
            f"{name}.txt": [text for _, text in lines],
        }
        for file, wanted in texts.items():
            (folder / file).write_text("\n".join(wanted) + "\n", encoding="utf-8")
