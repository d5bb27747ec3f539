"""Classifiers of numbers beside ROCKET (aeon, 10,000 kernels) and 1-NN with dynamic time warping.

UCR and UEA data with their own parts: all of the training part trains, the test part is read once a
seed, for three seeds. All have one thread, and of their time the processor's counts. ROCKET takes
no unequal lengths, so that JapaneseVowels is padded with zeros for it; 1-NN DTW is written in
NumPy, over all channels together, no window. Real data, a quarter of an hour; the bundled sample
otherwise.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import peers
from rows import OURS, REAL, SEQCLI, Row, real, run, skip, tell

from seqcli.tasks.taskfile import resolve, sample_path

ROCKET, DTW = "ROCKET", "1-NN DTW"
SEEDS = (1, 2, 3)
ALONE = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Work(NamedTuple):
    """A data set, and the preset that it is trained with."""

    name: str
    preset: str | None = None

    def place(self) -> Path:
        """The folder with its two parts."""
        if REAL:
            return real(f"ucr/{self.name}")
        return sample_path(resolve("signals").about.sample)


WORKS = (
    (
        Work("JapaneseVowels"),
        Work("BasicMotions", "long"),
        Work("ArrowHead", "long"),
        Work("GunPoint", "long"),
        Work("ItalyPowerDemand", "short"),
    )
    if REAL
    else (Work("bundled sample"),)
)


def measure() -> Iterator[Row]:
    """Each data set trained on with each seed."""
    os.environ.update(ALONE)
    for one in WORKS:
        with tempfile.TemporaryDirectory() as name:
            yield from rows(one, Path(name))


def rows(one: Work, folder: Path) -> Iterator[Row]:
    """What is measured on one data set."""
    train = "train --task signals --quiet --json --threads 1 --force --out model.pt"
    preset = ["--preset", one.preset] if one.preset else []
    right: dict[str, list[float]] = {}
    taken: dict[str, list[float]] = {}
    memory: dict[str, list[float]] = {}

    def note(name: str, command: list[object], seed: int) -> None:
        ran = run(command, folder)
        found = json.loads(ran.output)
        figure = found["test"]["accuracy"] if name == OURS else found["accuracy"]
        for table, value in ((right, figure), (taken, ran.processor), (memory, ran.megabytes)):
            table.setdefault(name, []).append(value)

    for seed in SEEDS:
        ours = [*SEQCLI, *train.split(), "--seed", seed, "--data", one.place(), *preset]
        note(OURS, ours, seed)
        if peers.has("aeon"):
            note(ROCKET, [*peers.script("rocket.py", one.place(), seed)], seed)
    if not peers.has("aeon"):
        skip(ROCKET, "not installed")
    if peers.PYTHON.exists():
        note(DTW, [*peers.script("dtw.py", one.place())], 1)
        for table in (right, taken, memory):  # nothing is drawn: the same with every seed
            table[DTW] *= len(SEEDS)
    yield Row(f"{one.name}: test accuracy", "accuracy", right, note="seeds 1 to 3")
    name = f"{one.name}: from nothing to figures"
    yield Row(name, "processor s", taken, False, note="seeds 1 to 3")
    yield Row(f"{one.name}: memory", "MB", memory, False, note="seeds 1 to 3")


if __name__ == "__main__":
    tell(measure)
