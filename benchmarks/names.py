"""Surnames in 18 languages, five seeds, beside a linear model on character n-grams.

    SEQCLI_DATA=../shared/data python benchmarks/names.py [--preset rnn] [-- train options]

Both see the same splits: repeats dropped, 80/20 stratified by seed. The linear model is
scikit-learn's logistic regression on TF-IDF of character 1-4-grams, with a space at both ends of a
name so that they can be told apart. With its default C of 1 it learns too little from texts this
short; 30 is far better in cross-validation inside the first seed's training part.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

import data
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

SEEDS = range(1, 6)
STRENGTH = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="")
    parser.add_argument("options", nargs="*", help="more options of seqcli train")
    asked = parser.parse_args()
    print("seed  model     accuracy  macro-F1  seconds")
    rows: dict[str, list[tuple[float, float]]] = {"linear": [], "seqcli": []}
    for seed in SEEDS:
        accuracy, f1, seconds = linear(seed)
        rows["linear"].append((accuracy, f1))
        print(f"{seed:4}  {'linear':8}  {accuracy:.4f}    {f1:.4f}    {seconds:6.1f}", flush=True)
        result = trained(seed, asked.preset, asked.options)
        accuracy, f1 = result["test"]["accuracy"], result["test"]["macro_f1"]
        rows["seqcli"].append((accuracy, f1))
        seconds = result["seconds"]
        print(f"{seed:4}  {'seqcli':8}  {accuracy:.4f}    {f1:.4f}    {seconds:6.1f}", flush=True)
    for name, figures in rows.items():
        means = [statistics.mean(column) for column in zip(*figures, strict=True)]
        spread = [statistics.stdev(column) for column in zip(*figures, strict=True)]
        pairs = "  ".join(f"{m:.4f} (sd {s:.4f})" for m, s in zip(means, spread, strict=True))
        print(f"mean  {name:8}  {pairs}")


def linear(seed: int) -> tuple[float, float, float]:
    """Test accuracy, macro-F1 and seconds of the linear model."""
    cut = data.splits("names", seed)
    (labels, texts), (truth, unseen) = (zip(*cut[name], strict=True) for name in ("train", "test"))
    start = time.perf_counter()
    weigh = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4))
    model = make_pipeline(weigh, LogisticRegression(C=STRENGTH, max_iter=1000))
    found = model.fit(texts, labels).predict(unseen)
    seconds = time.perf_counter() - start
    return accuracy_score(truth, found), f1_score(truth, found, average="macro"), seconds


def trained(seed: int, preset: str, options: list[str]) -> dict:
    """What `seqcli train --json` prints."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "seqcli",
            "train",
            "--task",
            "names",
            "--data",
            data.place("names"),
        ]
        command += ["--seed", str(seed), "--out", f"{folder}/names.pt", "--quiet", "--json"]
        command += ["--preset", preset] if preset else []
        return json.loads(subprocess.check_output([*command, *options]))


if __name__ == "__main__":
    main()
