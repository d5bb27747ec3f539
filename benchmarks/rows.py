"""What a benchmark measures: rows of one figure for each program, taken in turn."""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROUNDS = 5
LEAST = 1e-3  # errors that a share of 1 counts for: one more row would have been wrong
OURS = "seqcli"
REAL = os.environ.get("SEQCLI_DATA")
DATA_PAGE = "docs/data.md lists its files"
SEQCLI = [sys.executable, "-m", "seqcli"]


def real(name: str) -> Path:
    """A file or folder of the real data; without it the program ends with one line that says so."""
    if not REAL:
        sys.exit(f"SEQCLI_DATA is not set: it names the folder with the real data; {DATA_PAGE}")
    path = (Path(REAL) / name).resolve()
    if not path.exists():
        sys.exit(
            f"{path} is not there: SEQCLI_DATA names the folder with the real data; {DATA_PAGE}"
        )
    return path


@dataclass(frozen=True)
class Row:
    """One figure: of seqcli, and of each program it is compared with, a value a round."""

    name: str
    unit: str
    values: Mapping[str, Sequence[float]]  # program -> values; the same round at the same place
    more: bool = True  # is better
    target: float | None = None  # of the ratio to the first of the others
    limit: float | None = None  # of seqcli's own figure
    note: str = ""
    reference: bool = False  # the others are no programs to choose instead
    others: list[str] = field(init=False)

    def __post_init__(self) -> None:
        names = () if self.reference else self.values
        others = [name for name in names if not name.startswith(OURS)]
        object.__setattr__(self, "others", others)

    def ratios(self, other: str) -> list[float]:
        """Round by round, how many times better seqcli is; of shares that are right, the errors."""
        pairs = zip(self.values[OURS], self.values[other], strict=True)
        if self.unit == "share":
            return [1.0 if one == two else (1 - two) / (1 - one or LEAST) for one, two in pairs]
        return [ours / theirs if self.more else theirs / ours for ours, theirs in pairs]


def in_turn(
    runs: Mapping[str, Callable[[], float]], rounds: int = ROUNDS, *, warm: bool = True
) -> dict[str, list[float]]:
    """Every run's figure, round by round; a first round before them warms up."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + warm):
        for name, work in runs.items():
            value = work()
            if turn >= warm:
                found[name].append(value)
    return found


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


@dataclass(frozen=True)
class Ran:
    """A whole process: its time, its largest resident memory, its output.

    processor: seconds that it kept a core, the system's work for it included.
    """

    seconds: float
    processor: float
    megabytes: float
    output: str


def run(command: Sequence[object], folder: Path | str = ".") -> Ran:
    """Run it to its end; SystemExit with its last words where it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun, worked = time.perf_counter(), _children()
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        most = 0.0
        while process.poll() is None:
            most = max(most, peak(process.pid))
            time.sleep(0.005)
        taken = time.perf_counter() - begun
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    if process.returncode:
        raise SystemExit(f"{command}: exit {process.returncode}\n{texts[1][-2000:]}")
    return Ran(taken, _children() - worked, most, texts[0])


def _children() -> float:
    """Processor seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Worker:
    """A process that does its work whenever it is asked, and answers with a number.

    So every program has a memory, an allocator and threads of its own, and waits while others work.
    """

    def __init__(self, command: Sequence[object], folder: Path | str = ".") -> None:
        self.words = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the process)
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.words,
            text=True,
        )

    def ask(self) -> float:
        """Have it done once more."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.words.seek(0)
            last = self.words.read()[-2000:]
            self.end()
            raise SystemExit(f"{self.process.args!s}: ended\n{last}")
        return float(answer)

    def end(self) -> float:
        """Stop it; MB that it had resident at most."""
        most = peak(self.process.pid)
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.words):
            if stream:
                stream.close()
        return most


def afresh(
    commands: Mapping[str, Sequence[object]], rounds: int = ROUNDS
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds that each worker takes, in turn, and MB at most; new processes for every round.

    Where the allocator puts a process's memory makes it up to 20 % faster or slower for its life,
    and TensorFlow now and then runs a round at half its speed: a round is the middle of three.
    """
    taken: dict[str, list[float]] = {name: [] for name in commands}
    memory: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        workers = {name: Worker(command) for name, command in commands.items()}
        for worker in workers.values():
            worker.ask()  # warms up
        asked = [{name: worker.ask() for name, worker in workers.items()} for _ in range(3)]
        for name, worker in workers.items():
            taken[name].append(statistics.median(answers[name] for answers in asked))
            memory[name].append(worker.end())
    return taken, memory


def rates(amount: float, taken: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """So much a second, of each program's seconds."""
    return {name: [amount / value for value in values] for name, values in taken.items()}


def answer(work: Callable[[], object]) -> None:
    """The worker's side: the seconds that the work takes, for each line that comes."""
    for _ in sys.stdin:
        print(seconds(work), flush=True)


def peak(pid: int | str = "self") -> float:
    """MB that the process had resident at most so far."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:  # just gone
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def table(row: Row) -> str:
    """A row as lines of text: medians, spread, and the ratio to each of the others."""
    lines = [f"{row.name}, {row.unit}" + (f"  ({row.note})" if row.note else "")]
    for name, values in row.values.items():
        line = f"  {name:34} {figure(statistics.median(values)):>9}"
        if len(values) > 1:
            line += f"  ({figure(min(values))} to {figure(max(values))})"
        if name in row.others and OURS in row.values:
            line += f"  ratio {statistics.median(row.ratios(name)):.2f}"
        lines.append(line)
    return "\n".join(lines)


def figure(value: float) -> str:
    """Three digits that count, or all of a large number's."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def worker(file: Path | str, *words: object) -> list[object]:
    """The command by which a file of rows does a program's part in a process of its own."""
    return [sys.executable, file, "--work", *words]


def tell(measure: Callable[[], Iterator[Row]], work: Callable[..., None] | None = None) -> None:
    """Run a file of rows as a script: text on stderr as they come; with --json, JSON on stdout.

    As a `worker`: only `work`, on its words.
    """
    if work is not None and sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
        return
    for row in measure():
        print(table(row), file=sys.stderr, flush=True)
        if "--json" in sys.argv:
            plain: dict[str, Any] = asdict(row)
            del plain["others"]
            print(json.dumps(plain), flush=True)


def skip(name: str, why: str) -> None:
    """A line for what cannot be measured here."""
    print(f"skipped: {name}: {why}", file=sys.stderr, flush=True)
