"""How time and memory grow with the data: a text and a labeled table, 1, 2, 4 and 8 times as large.

    python benchmarks/growth.py [--text MB] [--table MB] [--plot growth.png]

Both are made here from a seed, out of bundled samples; measured is a whole `seqcli train` of
20 updates on one thread: processor time, and the largest private memory (RssAnon) on the way.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES = (1, 2, 4, 8)
STEPS = "--max-steps 20 --threads 1 --quiet --json --force --out run.pt"
SPLITS = "--set data.valid=0.001 --set data.test=0.001"
COMMANDS = {
    "text": f"train --task char --data data.txt {SPLITS} {STEPS}",
    "table": "train --task text --data data.csv --text-column text --label-column label "
    f"{SPLITS} {STEPS}",
}


def sample(name: str) -> list[str]:
    from seqcli.taskfile import sample_path

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


def measured(command: str, folder: Path) -> tuple[float, float, float]:
    """Seconds of processor time, seconds in all, MB of private memory at most."""
    begun, most = time.monotonic(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "seqcli", *command.split()], cwd=folder, stdout=subprocess.DEVNULL
    )
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        found = re.search(r"RssAnon:\s+(\d+) kB", status.read_text())
        most = max(most, int(found[1]) if found else 0)
        time.sleep(0.02)
    wall = time.monotonic() - begun
    if process.returncode:
        raise SystemExit(f"{command}: exit {process.returncode}")
    used = os.times()
    return used.children_user + used.children_system, wall, most / 1024


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--text", type=float, default=64, help="MB of the smallest text")
    asked.add_argument("--table", type=float, default=25, help="MB of the smallest table")
    asked.add_argument("--plot", type=Path, help="write a picture of it")
    given = asked.parse_args()
    rows: list[dict[str, float | str]] = []
    print("| data | MB | processor s | s | private memory, MB |")
    print("|---|---|---|---|---|")
    before = 0.0
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        for kind, write, file in (
            ("text", write_text, "data.txt"),
            ("table", write_table, "data.csv"),
        ):
            for times in TIMES:
                megabytes = getattr(given, kind) * times
                write(folder / file, round(megabytes * 1e6))
                used, wall, memory = measured(COMMANDS[kind], folder)
                used, before = used - before, used
                row = {"data": kind, "MB": megabytes, "cpu": used, "wall": wall, "memory": memory}
                rows.append(row)
                print(
                    f"| {kind} | {megabytes:g} | {used:.0f} | {wall:.0f} | {memory:.0f} |",
                    flush=True,
                )
    if given.plot:
        draw(rows, given.plot)
    print(json.dumps(rows), file=sys.stderr)


def draw(rows: list[dict[str, float | str]], path: Path) -> None:
    """Time and memory over size, both from 0."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, key, label in zip(
        panels, ("cpu", "memory"), ("processor time, s", "private memory, MB"), strict=True
    ):
        for kind, mark in (("text", "o-"), ("table", "s-")):
            own = [row for row in rows if row["data"] == kind]
            panel.plot([row["MB"] for row in own], [row[key] for row in own], mark, label=kind)
        top = 1.1 * max(float(row[key]) for row in rows)
        panel.set(xlabel="data, MB", ylabel=label, xlim=(0, None), ylim=(0, top))
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
