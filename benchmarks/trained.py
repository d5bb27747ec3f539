"""From nothing to a trained model: whole processes, their time, test accuracy, memory and file.

Each program reads the same lines, trains, labels the same test lines and counts the right ones:

- seqcli train with the task's defaults, and for film reviews its published LSTM too;
- TF-IDF of n-grams and a linear model (scikit-learn): characters 2-5 and LinearSVC for spam,
  characters 1-4 and logistic regression for names, words 1-2 and LinearSVC for reviews;
- fastText with word bigrams, for spam and names with character n-grams too;
- the published Keras script for reviews (two LSTM layers of 64), by words or characters.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import data
import peers
from rows import OURS, SEQCLI, Ran, Row, run, skip, tell

PRESET = "seqcli --preset lstm"
LINEAR, FASTTEXT, KERAS = "n-grams + linear model", "fastText", "Keras script"
TASKS = {"spam": "spam", "names": "surnames", "imdb": "film reviews"}


def commands(task: str) -> dict[str, list[str]]:
    """What is run in a folder of train and test lines, by program."""
    train = [*f"train --task {task} --seed 1 --quiet --json --data".split(), str(data.place(task))]
    found = {OURS: [*SEQCLI, *train, "--out", "model.pt"]}
    if task == "imdb":
        found[PRESET] = [*SEQCLI, *train, "--preset", "lstm", "--out", "lstm.pt"]
    for name, module, script in (
        (LINEAR, "sklearn", "linear.py"),
        (FASTTEXT, "fasttext", "fasttext_train.py"),
        (KERAS, "keras", "keras_train.py"),
    ):
        if peers.has(module):
            found[name] = peers.script(script, task)
        else:
            skip(name, f"{module} is not installed")
    return found


def outcome(name: str, ran: Ran, folder: Path) -> dict[str, float]:
    """What a program says of its test, and what its files weigh."""
    found = json.loads(ran.output.strip().splitlines()[-1])
    files = {OURS: "model.pt", PRESET: "lstm.pt"}
    weight = (folder / files.get(name, found.get("file", ""))).stat().st_size / 1e6
    score = found.get("test", found)
    return {
        "time": ran.seconds,
        "accuracy": score["accuracy"],
        "macro-F1": score["macro_f1"],
        "memory": ran.megabytes,
        "file": weight,
    }


UNITS = {
    "time": ("from nothing to a trained model and its test", "s", False),
    "accuracy": ("test accuracy", "share", True),
    "macro-F1": ("test macro-F1", "share", True),
    "memory": ("peak memory of training", "MB", False),
    "file": ("model file", "MB", False),
}


def measure() -> Iterator[Row]:
    """Once for every task and program."""
    peers.install()
    for task, title in TASKS.items():
        found = {}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data.write(task, folder)
            for program, command in commands(task).items():
                found[program] = outcome(program, run(command, folder), folder)
        for figure, (words, unit, more) in UNITS.items():
            values = {program: [own[figure]] for program, own in found.items()}
            yield Row(f"{title}: {words}", unit, values, more, note="once")


if __name__ == "__main__":
    tell(measure)
