"""The spam task on the real SMS Spam Collection, five seeds, beside a linear model on n-grams.

    SEQCLI_DATA=../shared/data python benchmarks/spam.py [--preset rnn] [-- train options]

Both see the same splits: repeats dropped, 80/20 stratified by seed, a tenth of the training part
set aside for validation. The linear model is scikit-learn's LinearSVC on TF-IDF of character
2-5-grams.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import rows as rows_of
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.svm import LinearSVC

from seqcli.data.labeled import load
from seqcli.readers import discover
from seqcli.tasks.taskfile import resolve

SEEDS = range(1, 6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="")
    parser.add_argument("options", nargs="*", help="more options of seqcli train")
    asked = parser.parse_args()
    path = rows_of.real("sms-spam/SMSSpamCollection.tsv")
    rows: dict[str, list[tuple[float, float]]] = {"linear SVM": [], "seqcli": []}
    print("seed  model        spam F1  accuracy  seconds")
    for seed in SEEDS:
        f1, accuracy = linear(path, seed)
        rows["linear SVM"].append((f1, accuracy))
        print(f"{seed:4}  {'linear SVM':11}  {f1:.4f}   {accuracy:.4f}")
        result = trained(path, seed, asked.preset, asked.options)
        test = result["test"]
        f1, accuracy = test["per_label"]["spam"]["f1"], test["accuracy"]
        rows["seqcli"].append((f1, accuracy))
        print(f"{seed:4}  {'seqcli':11}  {f1:.4f}   {accuracy:.4f}    {result['seconds']:6.1f}")
    for name, figures in rows.items():
        means = [statistics.mean(column) for column in zip(*figures, strict=True)]
        spread = [statistics.stdev(column) for column in zip(*figures, strict=True)]
        pairs = " ".join(f"{m:.4f} (sd {s:.4f})" for m, s in zip(means, spread, strict=True))
        print(f"mean  {name:11}  {pairs}")


def linear(path: Path, seed: int) -> tuple[float, float]:
    """Spam F1 and accuracy of the linear model on the split that seqcli cuts for `seed`."""
    data = resolve("spam").config.data
    source = discover(path, data)
    texts, labels = zip(*((record.text, record.label) for record in source.records()), strict=True)
    splits = load(source, data, seed=seed).splits
    weigh = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), lowercase=True)
    train, test = (splits[name].rows for name in ("train", "test"))
    model = LinearSVC().fit(
        weigh.fit_transform([texts[row] for row in train]), [labels[row] for row in train]
    )
    found = model.predict(weigh.transform([texts[row] for row in test]))
    truth = [labels[row] for row in test]
    return f1_score(truth, found, pos_label="spam"), accuracy_score(truth, found)


def trained(path: Path, seed: int, preset: str, options: list[str]) -> dict:
    """What `seqcli train --json` prints."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "seqcli", "train", "--task", "spam", "--data", str(path)]
        command += ["--seed", str(seed), "--out", f"{folder}/spam.pt", "--quiet", "--json"]
        command += ["--preset", preset] if preset else []
        return json.loads(subprocess.check_output([*command, *options]))


if __name__ == "__main__":
    main()
