"""Labeling the 25,000 test reviews from a file, whole processes: seqcli, Keras' predict, fastText.

    SEQCLI_DATA=../shared/data python benchmarks/imdb_classify.py MODEL.pt [MODEL.pt ...]

Each in turn, ROUNDS times. The Keras script is the usual one: read, split, look words up, pad to
80, predict, write; a network of the published shape (weights do not change the time).
fastText has bigrams, and predicts what it was trained on before.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from seqcli.readers import discover
from seqcli.taskfile import resolve

ROOT = Path(__file__).resolve().parents[1]
PEERS = os.environ.get("SEQCLI_PEERS", str(ROOT / ".venv-peers" / "bin" / "python"))
ROUNDS = 3


def write_lines(folder: Path) -> None:
    """test.txt, a review a line, and train.txt in fastText's format."""
    data = resolve("imdb").config.data
    source = discover(Path(os.environ["SEQCLI_DATA"]) / "imdb", data)
    for part in ("train", "test"):
        rows = [(record.label, " ".join(record.text.split())) for record in source.records(part)]
        lines = [text if part == "test" else f"__label__{label} {text}" for label, text in rows]
        (folder / f"{part}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    peers = Path(__file__).with_name("peers")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_lines(folder)
        commands = {
            f"seqcli classify, {Path(model).stem}": [
                *(sys.executable, "-m", "seqcli", "classify", "--model", os.path.abspath(model)),
                *("--input", "test.txt"),
            ]
            for model in sys.argv[1:]
        }
        for size in ("32", "128"):  # 32 is Keras' default
            commands[f"Keras' predict, {size} at a time"] = [
                PEERS,
                peers / "keras_classify.py",
                size,
            ]
        commands["fastText"] = [PEERS, peers / "fasttext_classify.py"]
        for setup in ("keras_classify.py", "fasttext_classify.py"):
            subprocess.run([PEERS, peers / setup, "setup"], cwd=folder, check=True)
        taken: dict[str, list[float]] = {label: [] for label in commands}
        for _ in range(ROUNDS):
            for label, command in commands.items():
                begun = time.perf_counter()
                with (folder / "answers.txt").open("wb") as answers:
                    subprocess.run(
                        command, cwd=folder, stdout=answers, stderr=subprocess.DEVNULL, check=True
                    )
                taken[label].append(time.perf_counter() - begun)
                count = (folder / "answers.txt").read_bytes().count(b"\n")
                assert count == 25_000, (label, count)
    for label, values in taken.items():
        middle = statistics.median(values)
        print(f"{label:32} {middle:6.1f} s  ({min(values):.1f} to {max(values):.1f})", flush=True)


if __name__ == "__main__":
    main()
