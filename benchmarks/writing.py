"""Surnames written for a language: how many are new, and whether a classifier knows their language.

    SEQCLI_DATA=… python benchmarks/writing.py [--seeds 3] [--count 1000] [-- options]

For each seed a writer (`--task names --preset writer`) and the classifier of the task are trained
on the same cut, and the writer writes `--count` names for each language. Said of these: the share
that stands in the training part under that language (known), the share that stands nowhere in the
data (new), how many differ, and the share to which the classifier gives the language that they
were written for (told). Of the test part: the writer's loss, and how well it tells languages by
Bayes' rule, beside the classifier. Without SEQCLI_DATA the bundled sample is read; `options` go to
the writer's training.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import data
from rows import REAL

import seqcli

FIGURES = ("known", "new", "different", "told")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("options", nargs="*", help="more options of the writer's training")
    asked = parser.parse_args()
    print(f"data: {data.place('names')}" if REAL else "data: the bundled sample")
    runs = []
    for seed in range(1, asked.seeds + 1):
        runs.append(one(seed, asked.count, asked.options))
        print(f"seed {seed}: {said(runs[-1])}", flush=True)
    print(f"\n{'language':12} {'loss':>7} " + " ".join(f"{name:>9}" for name in FIGURES))
    for label in runs[0]["by label"]:
        rows = [run["by label"][label] for run in runs]
        shares = " ".join(f"{mean(row[name] for row in rows):9.3f}" for name in FIGURES)
        print(f"{label:12} {mean(row['loss'] for row in rows):7.4f} {shares}")


def said(run: dict[str, Any]) -> str:
    """A run's figures of all languages."""
    rows = run["by label"].values()
    shares = ", ".join(f"{name} {mean(row[name] for row in rows):.3f}" for name in FIGURES)
    return (
        f"{shares}; test: {run['loss']:.4f} nats a character, accuracy {run['accuracy']:.4f} "
        f"macro-F1 {run['macro_f1']:.4f} by Bayes' rule, {run['classifier']:.4f} "
        f"{run['classifier_f1']:.4f} of the classifier; trained in {run['seconds']:.0f} s and "
        f"{run['classifier_seconds']:.0f} s"
    )


def one(seed: int, count: int, options: list[str]) -> dict[str, Any]:
    """What two models of one seed give."""
    with tempfile.TemporaryDirectory() as folder:
        writer = trained(seed, Path(folder) / "writer.pt", ["--preset", "writer", *options])
        judge = trained(seed, Path(folder) / "classifier.pt", [])
        texts = seqcli.load(Path(folder) / "writer.pt", threads=1).sample(
            label="all", count=count, seed=seed, max_tokens=40
        )
        told = seqcli.load(Path(folder) / "classifier.pt", threads=1).classify(texts["text"])
    cut = data.splits("names", seed)
    every = {text.strip() for rows in cut.values() for _, text in rows}
    rows = {}
    for label, own in texts.groupby("label")["text"]:
        known = {text.strip() for name, text in cut["train"] if name == label}
        support = writer["test"]["per_label"][label]
        rows[label] = {
            "loss": support["loss"] if support["loss"] is not None else float("nan"),
            "known": mean(text.strip() in known for text in own),
            "new": mean(text.strip() not in every for text in own),
            "different": own.nunique() / len(own),
            "told": float((told["label"][own.index] == label).mean()),
        }
    test, other = writer["test"], judge["test"]
    return {
        "by label": rows,
        "loss": test["loss"],
        "accuracy": test["accuracy"],
        "macro_f1": test["macro_f1"],
        "classifier": other["accuracy"],
        "classifier_f1": other["macro_f1"],
        "seconds": writer["seconds"],
        "classifier_seconds": judge["seconds"],
    }


def trained(seed: int, out: Path, options: list[str]) -> dict[str, Any]:
    """What `seqcli train --json` prints."""
    command = [sys.executable, "-m", "seqcli", "train", "--task", "names", "--threads", "1"]
    command += ["--data", str(data.place("names")), "--seed", str(seed), "--out", str(out)]
    found: dict[str, Any] = json.loads(
        subprocess.check_output([*command, "--quiet", "--json", *options])
    )
    return found


def mean(values: Any) -> float:
    """Of numbers, or of yes and no."""
    return statistics.mean(map(float, values))


if __name__ == "__main__":
    main()
