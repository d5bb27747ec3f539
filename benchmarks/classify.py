"""Labeling IMDB's test reviews, a review a line: whole processes, and warm.

seqcli classify with the published LSTM and with the default of the task, the usual Keras script
(read, split, look words up, pad to 80, predict, write; the published LSTM; 32 texts at a time, its
default, and 128), and fastText with bigrams. The networks are trained for a few updates: weights do
not change the time. Warm: the model is loaded and has answered once.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import data
import peers
from rows import OURS, SEQCLI, Row, Worker, in_turn, run, seconds, skip, tell

import seqcli

ROUNDS = 3  # of seconds each
DEFAULT = "seqcli, default of --task imdb"
KERAS, KERAS_128, FASTTEXT = "Keras predict", "Keras predict, 128 at a time", "fastText"


def models(folder: Path) -> dict[str, str]:
    """seqcli's two model files."""
    files = {OURS: "lstm.pt", DEFAULT: "imdb.pt"}
    train = ["train", "--task", "imdb", "--data", data.place("imdb"), "--max-steps", 5, "--quiet"]
    run([*SEQCLI, *train, "--preset", "lstm", "--out", "lstm.pt"], folder)
    run([*SEQCLI, *train, "--out", "imdb.pt"], folder)
    return files


def others(folder: Path) -> dict[str, list[str]]:
    """The peers' commands; their models are made here."""
    found = {}
    for module, name, sizes in (
        ("keras", "keras_classify.py", {KERAS: 32, KERAS_128: 128}),
        ("fasttext", "fasttext_classify.py", {FASTTEXT: 0}),
    ):
        if peers.has(module):
            run(peers.script(name, "setup"), folder)
            found |= {label: peers.script(name, size) for label, size in sizes.items()}
        else:
            skip(name, f"{module} is not installed")
    return found


def whole(folder: Path, commands: dict[str, list[str]], lines: int) -> tuple[dict, dict]:
    """Lines a second and MB at most, by program and round."""
    memory: dict[str, list[float]] = {name: [] for name in commands}

    def speed(name: str) -> float:
        ran = run(commands[name], folder)
        if ran.output.count("\n") != lines:
            raise SystemExit(f"{name}: {lines} answers expected")
        memory[name].append(ran.megabytes)
        return lines / ran.seconds

    runs = {name: partial(speed, name) for name in commands}
    return in_turn(runs, ROUNDS, warm=False), memory


def warm(
    folder: Path, files: dict[str, str], commands: dict[str, list[str]]
) -> dict[str, list[float]]:
    """Lines a second once the model is loaded."""
    texts = (folder / "test.txt").read_text("utf-8").splitlines()
    loaded = {name: seqcli.load(folder / file) for name, file in files.items()}
    asked = {name: Worker([*command, "warm"], folder) for name, command in commands.items()}
    runs: dict[str, Callable[[], float]] = {
        name: lambda model=model: len(texts) / seconds(lambda: model.classify(texts))
        for name, model in loaded.items()
    }
    runs |= {name: lambda peer=peer: len(texts) / peer.ask() for name, peer in asked.items()}
    found = in_turn(runs, ROUNDS)
    for peer in asked.values():
        peer.end()
    return found


def measure() -> Iterator[Row]:
    """Whole, memory, warm."""
    peers.install()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data.write("imdb", folder)
        lines = (folder / "test.txt").read_bytes().count(b"\n")
        files, commands = models(folder), others(folder)
        classify = [*SEQCLI, "classify", "--input", "test.txt", "--model"]
        ours = {name: [*classify, file] for name, file in files.items()}
        speed, memory = whole(folder, {**ours, **commands}, lines)
        note = f"{lines:,} lines, {len(os.sched_getaffinity(0))} cores"
        target = 2.0 if KERAS in commands else None
        yield Row("classify, whole process", "reviews/s", speed, target=target, note=note)
        yield Row("classify, peak memory", "MB", memory, more=False, note=note)
        yield Row("classify, warm", "reviews/s", warm(folder, files, commands), note=note)


if __name__ == "__main__":
    tell(measure)
