"""DNA and frames beside linear models: accuracy under cross-validation, and by person.

dna: `--task dna` and a logistic regression on counts of k-mers at their places (k up to 3), on the
same five folds of sequences, or with one left out; no sequence is in two folds.
frames: `--task frames` on gesture-phase, trained on person a without its third video, which
validates, tested on person b, and a logistic regression on each frame's numbers, scaled by their
recording, on all of a. Real data alone.

    SEQCLI_DATA=folder python benchmarks/dna.py promoters | promoters-one | splice | frames
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from rows import SEQCLI, real, run
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from seqcli.kinds import metrics
from seqcli.kinds.tagger.frames.metrics import segment_figures

FOLDS = 5
FILES = {"promoters": "promoters/promoters.data", "splice": "splice/splice.data"}
LONGEST = 3  # letters of a k-mer
TRAIN = [*SEQCLI, "train", "--threads", 1, "--quiet", "--json"]


def rows(name: str) -> list[tuple[str, str]]:
    """(class, sequence) of every line."""
    lines = real(FILES[name]).read_text().splitlines()
    parts = [line.split(",") for line in lines if line.strip()]
    return [(part[0].strip(), part[2].strip().lower()) for part in parts]


def fold_of(sequence: str) -> int:
    """Equal sequences lie in one fold, the same on every machine."""
    return int(hashlib.sha256(sequence.encode()).hexdigest(), 16) % FOLDS


def placed(sequence: str) -> str:
    """Every k-mer as a word that holds its place, and as one that does not."""
    found = []
    for size in range(1, LONGEST + 1):
        for place in range(len(sequence) - size + 1):
            word = sequence[place : place + size]
            found += [f"{word}{place}", word]
    return " ".join(found)


def linear(train: list[tuple[str, str]], test: list[tuple[str, str]]) -> float:
    """The accuracy of the k-mer model."""
    model = make_pipeline(
        CountVectorizer(token_pattern=r"\S+"), MaxAbsScaler(), LogisticRegression(max_iter=1000)
    )
    model.fit([placed(text) for _, text in train], [label for label, _ in train])
    return float(model.score([placed(text) for _, text in test], [label for label, _ in test]))


def ours(train: list[tuple[str, str]], test: list[tuple[str, str]], folder: Path) -> float:
    """The accuracy of --task dna; all that is not tested trains."""
    for name, part in (("train", train), ("test", test)):
        lines = [f"{label},{number},{text}" for number, (label, text) in enumerate(part)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    given = ["--task", "dna", "--data", folder, "--set", "data.valid=0", "--force"]
    told = json.loads(run([*TRAIN, *given, "--out", folder / "m.pt"]).output)
    return float(told["test"]["accuracy"])


def dna(name: str) -> None:
    """A line for both: the mean over folds, and each; "-one": of one sequence."""
    every = rows(name.removesuffix("-one"))
    folds = [fold_of(text) for _, text in every]
    if name.endswith("-one"):
        texts = [text for _, text in every]
        folds = [texts.index(text) for text in texts]
    found: dict[str, list[float]] = {"k-mer logistic regression": [], "seqcli": []}
    for fold in sorted(set(folds)):
        train = [row for row, own in zip(every, folds, strict=True) if own != fold]
        test = [row for row, own in zip(every, folds, strict=True) if own == fold]
        found["k-mer logistic regression"].append(linear(train, test))
        with tempfile.TemporaryDirectory() as folder:
            found["seqcli"].append(ours(train, test, Path(folder)))
    for who, shares in found.items():
        each = " ".join(f"{share:.4f}" for share in shares[:FOLDS])
        print(f"{name}, {len(shares)} folds, {who}: {np.mean(shares):.4f} ({each} …)")


def video(path: Path) -> tuple[np.ndarray, list[str]]:
    """Frames (T, 18), scaled by their recording, and phases."""
    with gzip.open(path, "rt") as file:
        _, *lines = csv.reader(file)
    values = np.array([line[:18] for line in lines], np.float64)
    return (values - values.mean(0)) / values.std(0), [line[19] for line in lines]


def frames() -> None:
    """Both, trained on person a and tested on person b."""
    folder = real("gesture-phase")
    train = [video(folder / f"a{number}_raw.csv.gz") for number in (1, 2, 3)]
    names = sorted({label for _, labels in train for label in labels})
    model = LogisticRegression(max_iter=2000)
    model.fit(np.concatenate([x for x, _ in train]), [y for _, labels in train for y in labels])
    true, said = [], []
    for number in (1, 3):
        values, labels = video(folder / f"b{number}_raw.csv.gz")
        kept = np.array([label in names for label in labels])
        true.append(np.array([names.index(one) for one in np.array(labels)[kept]]))
        said.append(np.array([names.index(one) for one in model.predict(values[kept])]))
    matrix = metrics.confusion(np.concatenate(true), np.concatenate(said), len(names))
    figures = {"accuracy": metrics.accuracy(matrix), "macro_f1": metrics.macro_f1(matrix)}
    show("logistic regression of frames", figures | segment_figures(true, said))
    with tempfile.TemporaryDirectory() as place:
        given = [
            "--task",
            "frames",
            "--preset",
            "gesture",
            "--data",
            folder,
            "--out",
            Path(place) / "m.pt",
        ]
        told = json.loads(run([*TRAIN, *given]).output)
    show("seqcli", told["test"])


def show(who: str, figures: dict[str, float]) -> None:
    """One line."""
    listed = ("accuracy", "macro_f1", "edit", "f1_10", "f1_25", "f1_50")
    told = ", ".join(f"{name} {figures[name]:.4f}" for name in listed)
    print(f"gesture-phase, person a to b, {who}: {told}")


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "promoters"
    if chosen == "frames":
        frames()
    else:
        dna(chosen)
