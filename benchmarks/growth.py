"""How time and memory grow with the data: text, a table, recordings, 1, 2, 4 and 8 times as large.

    python benchmarks/growth.py [--text MB] [--table MB] [--recordings MB] [--plot growth.png]

All are made here from a seed, texts out of bundled samples; measured is a whole `seqcli train` of
20 updates on one thread: processor time, and the largest private memory (RssAnon) on the way.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rows import OURS, Row, tell

TIMES = (1, 2, 4, 8)
STEPS = "--max-steps 20 --threads 1 --quiet --json --force --out run.pt"
SPLITS = "--set data.valid=0.001 --set data.test=0.001"
COMMANDS = {
    "text": f"train --task char --data data.txt {SPLITS} {STEPS}",
    "table": "train --task text --data data.csv --text-column text --label-column label "
    f"{SPLITS} {STEPS}",
    "recordings": f"train --task signals --data data.ts {SPLITS} {STEPS}",
}


class Point(NamedTuple):
    """One size, and what it took."""

    kind: str
    megabytes: float
    seconds: float
    memory: float


def sample(name: str) -> list[str]:
    from seqcli.tasks.taskfile import sample_path

    path = sample_path(name)
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    return [line for file in files for line in file.read_text("utf-8").splitlines() if line]


def write_text(path: Path, size: int) -> None:
    lines, draw, written = sample("words"), random.Random(1), 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            written += file.write("\n".join(draw.choices(lines, k=10_000)) + "\n")


def write_table(path: Path, size: int) -> None:
    """Rows of 20 to 300 words, about 900 bytes, of four labels; no two are equal."""
    words = " ".join(sample("words")).split()
    draw, written = random.Random(1), 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        while written < size:
            label, start = draw.randrange(4), draw.randrange(len(words) - 300)
            own = f" topic{label} {draw.getrandbits(40)}"
            text = " ".join(words[start : start + draw.randint(20, 300)]) + own
            written += table.writerow([text, f"label{label}"])


def write_recordings(path: Path, size: int) -> None:
    """200 steps of 6 channels, about 7 kB each, of four labels that differ in their level."""
    draw, written = random.Random(1), 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            label = draw.randrange(4)
            channels = [[f"{draw.gauss(label / 4, 1):.3f}" for _ in range(200)] for _ in range(6)]
            line = ":".join([*map(",".join, channels), f"label{label}"])
            written += file.write(f"{line}\n")


def measured(command: str, folder: Path) -> tuple[float, float]:
    """Seconds of processor time, MB of private memory at most."""
    most, before = 0, os.times()
    process = subprocess.Popen(
        [sys.executable, "-m", "seqcli", *command.split()], cwd=folder, stdout=subprocess.DEVNULL
    )
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        found = re.search(r"RssAnon:\s+(\d+) kB", status.read_text())
        most = max(most, int(found[1]) if found else 0)
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{command}: exit {process.returncode}")
    used = os.times()
    seconds = used.children_user + used.children_system
    return seconds - before.children_user - before.children_system, most / 1024


def measure() -> Iterator[Row]:
    """Text, table, recordings: a row for each size."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--text", type=float, default=20, help="MB of the smallest text")
    asked.add_argument("--table", type=float, default=10, help="MB of the smallest table")
    asked.add_argument("--recordings", type=float, default=20, help="MB of the fewest recordings")
    asked.add_argument("--plot", type=Path, help="write a picture of it")
    given, _ = asked.parse_known_args()
    found: list[Point] = []
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        for kind, write, file in (
            ("text", write_text, "data.txt"),
            ("table", write_table, "data.csv"),
            ("recordings", write_recordings, "data.ts"),
        ):
            for times in TIMES:
                megabytes = getattr(given, kind) * times
                write(folder / file, round(megabytes * 1e6))
                point = Point(kind, megabytes, *measured(COMMANDS[kind], folder))
                found.append(point)
                name = f"{kind} of {megabytes:g} MB"
                yield Row(f"train on a {name}", "processor s", {OURS: [point.seconds]}, False)
                yield Row(f"… private memory, {name}", "MB", {OURS: [point.memory]}, False)
    if given.plot:
        draw(found, given.plot)


def draw(found: list[Point], path: Path) -> None:
    """Time and memory over size, both from 0."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, key, label in zip(
        panels, ("seconds", "memory"), ("processor time, s", "private memory, MB"), strict=True
    ):
        for kind, mark in (("text", "o-"), ("table", "s-"), ("recordings", "^-")):
            own = [point for point in found if point.kind == kind]
            values = [getattr(point, key) for point in own]
            panel.plot([point.megabytes for point in own], values, mark, label=kind)
        top = 1.1 * max(getattr(point, key) for point in found)
        panel.set(xlabel="data, MB", ylabel=label, xlim=(0, None), ylim=(0, top))
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    tell(measure)
