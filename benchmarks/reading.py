"""From the return key to the first update: processor seconds of whole processes, one thread.

seqcli reads, splits into tokens, cuts the splits, fits the vocabulary, makes ids (and for reviews
n-grams and what they say for each label), builds the network and trains one update. Beside it
fastText counts the words of the same lines for its dictionary and trains nothing, and datasets
splits every line into tokens, for reviews by seqcli's own pattern, and keeps them as Arrow. The
text: lines of Penn Treebank, else of the bundled sample, drawn until they are 500 MB.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import data
import peers
from rows import OURS, REAL, Row, in_turn, real, run, skip, tell, worker

from seqcli.readers.lines import lines
from seqcli.runs.job import Job
from seqcli.runs.run import run as train
from seqcli.tasks.taskfile import resolve, sample_path
from seqcli.training.loop import Stepped

BYTES = 500_000_000
PARTS = ("train", "test")
ROUNDS = {"imdb": 3, "ptb": 1}  # the text takes minutes
FASTTEXT, DATASETS = "fastText, its dictionary alone", "datasets, tokens alone"


def work(task: str, path: str) -> None:
    """In the worker: a run until its first update."""
    out = Path(path).parent / "model.pt"
    job = Job(resolve(task), Path(path), False, out, threads=1, force=True, keep_state=False)
    for event in train(job):
        if isinstance(event, Stepped):
            return


def write_text(path: Path) -> None:
    """BYTES of lines."""
    files = [real("ptb/ptb.train.txt.gz")] if REAL else sorted(sample_path("words").rglob("*.txt"))
    found = [f"{line}\n" for file in files for line in lines(file) if line.strip()]
    draw, written = random.Random(1), 0
    with path.open("w", encoding="utf-8") as text:
        while written < BYTES:
            written += text.write("".join(draw.choices(found, k=10_000)))


def processor(command: list[object], folder: Path) -> float:
    """Seconds that all its threads take."""
    before = os.times()
    run(command, folder)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def row(name: str, task: str, path: Path, file: Path) -> Row:
    """The seconds of each program, of seqcli's data and of the peers' file."""
    commands = {OURS: worker(Path(__file__).resolve(), task, path)}
    for module, program, script in (
        ("fasttext", FASTTEXT, "fasttext_read.py"),
        ("datasets", DATASETS, "datasets_read.py"),
    ):
        if peers.has(module):
            commands[program] = [*peers.script(script, task, file)]
        else:
            skip(program, f"{module} is not installed")
    runs = {name: partial(processor, given, file.parent) for name, given in commands.items()}
    values = in_turn(runs, ROUNDS[task], warm=False)
    return Row(f"reading {name}, to the first update", "processor s", values, more=False)


def measure() -> Iterator[Row]:
    """Reviews, then running text."""
    peers.install()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data.write("imdb", folder)
        reviews = folder / "reviews"
        reviews.mkdir()
        for file in folder.glob("*.tsv"):
            file.rename(reviews / file.name)
        every = folder / "every.ft"  # as many as seqcli reads
        every.write_bytes(b"".join((folder / f"{part}.ft").read_bytes() for part in PARTS))
        yield row("IMDB's reviews", "imdb", reviews, every)
        text = folder / "text.txt"
        write_text(text)
        yield row("500 MB of words", "ptb", text, text)


if __name__ == "__main__":
    tell(measure, work)
