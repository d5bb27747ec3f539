"""What the tests of training share: tiny data, tiny task files, and a run in this process."""

from __future__ import annotations

import json
import random
import re
import signal
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from seqcli.cli.app import app
from seqcli.interrupts import Interrupted, interrupts
from seqcli.runs.job import Job
from seqcli.runs.run import Finished, RunEvent, run
from seqcli.tasks.taskfile import resolve, with_data
from seqcli.training.loop import Stepped

PLAIN = ["the", "a", "you", "at", "now", "see", "six", "call", "later", "home", "we", "meet"]
OTHERS = {"ham": ["dinner", "mum", "bus"], "spam": ["win", "prize", "free"], "eggs": ["hen", "egg"]}
GERMAN = {"der": "the", "ein": "a", "hund": "dog", "baum": "tree", "laut": "loud", "alt": "old"}
TASK = """
kind = "classifier"
[about]
title = "tiny"
[data]
test = 0.2
valid = 0.2
[model]
embed = 6
hidden = [5]
read_out = ["max"]
dropout = 0.2
output_dropout = 0.1
embed_scale = 0.5
[train]
epochs = 3
batch_size = 8
lr = 0.05
optimizer = "adam"
schedule = "linear"
precision = "fp32"
"""


def write_data(path: Path, rows: int = 60, labels: tuple[str, ...] = ("ham", "spam")) -> Path:
    """A .tsv of label TAB text; the label's own words stand among common ones."""
    draw = random.Random(5)
    lines = []
    for number in range(rows):
        label = labels[number % len(labels)]
        words = [*draw.choices(PLAIN, k=draw.randint(2, 7)), draw.choice(OTHERS[label])]
        draw.shuffle(words)
        lines.append(f"{label}\t{' '.join(words)} {number}\n")
    path.write_text("".join(lines))
    return path


def write_tagged(path: Path, sentences: int = 60) -> Path:
    """Columns of word and BIO tag: a name or a place among common words."""
    draw = random.Random(7)
    rows = []
    for number in range(sentences):
        rows += [f"{word}\tO" for word in draw.choices(PLAIN, k=draw.randint(1, 5))]
        rows += draw.choice((["Mary\tB-person", "Smith\tI-person"], ["Oslo\tB-place"]))
        rows += [f"{number}\tO", ""]
    path.write_text("\n".join(rows))
    return path


def write_pairs(path: Path, pairs: int = 60) -> Path:
    """source TAB target: words and their translation, word by word, the number moved."""
    draw = random.Random(11)
    lines = []
    for number in range(pairs):
        words = draw.choices(list(GERMAN), k=draw.randint(1, 4))
        english = [GERMAN[word] for word in words]
        lines.append(f"{' '.join(words)} {number}\t{number} {' '.join(english)}\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_recordings(path: Path, recordings: int = 60) -> Path:
    """UCR's form: the label first, then 6 to 20 numbers; a slope that rises or falls."""
    draw = random.Random(9)
    lines = []
    for number in range(recordings):
        label, slope = ("down", "up")[number % 2], (-0.3, 0.3)[number % 2]
        steps = range(draw.randint(6, 20))
        lines.append(" ".join([label, *(f"{slope * t + draw.gauss(0, 1):.3f}" for t in steps)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_steps(path: Path, recordings: int = 24) -> Path:
    """A csv with a row a step: recordings of 10 to 40 steps that rest, rise and rest again."""
    draw = random.Random(10)
    lines = ["id,x,y,label"]
    for number in range(recordings):
        rise, end = draw.randint(3, 12), draw.randint(15, 30)
        for step in range(end + draw.randint(0, 10)):
            up = rise <= step < end
            x, y = draw.gauss(float(up), 0.3), draw.gauss(step - rise if up else 0.0, 0.5)
            label = "" if draw.random() < 0.05 else ("rest", "rise")[up]
            lines.append(f"{number},{x:.3f},{y:.3f},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_task(path: Path) -> Path:
    """TASK as a file."""
    path.write_text(TASK)
    return path


def job(folder: Path, name: str = "out", overrides: Any = None, **given: Any) -> Job:
    """A job on data.tsv and task.toml of `folder`, both written where they are missing."""
    folder.mkdir(exist_ok=True)
    data, task = folder / "data.tsv", folder / "task.toml"
    if not data.exists():
        write_data(data)
    if not task.exists():
        write_task(task)
    chosen = with_data(resolve(str(task), "", overrides or {}), data)
    given = {"device": "cpu", "threads": 1, **given}
    return Job(chosen, data, False, folder / f"{name}.pt", **given)


def begun(asked: Job) -> Generator[RunEvent, None, None]:
    """The events of a run; `close` ends it where it is."""
    yield from run(asked)


def finished(asked: Job) -> Finished:
    """Run to the end."""
    return last_of(run(asked))


def last_of(events: Iterator[RunEvent]) -> Finished:
    """The last event, which must be Finished."""
    *_, last = events
    assert isinstance(last, Finished)
    return last


def seqcli(*args: str | Path) -> Result:
    """The command line in this process, with one thread."""
    words = [str(arg) for arg in args]
    threads = ["--threads", "1"] if words[0] in ("train", "eval") and "--list" not in words else []
    return CliRunner().invoke(app, [*words, *threads])


def answer(*args: str | Path) -> Any:
    """The one JSON document on stdout of a command that succeeds."""
    result = seqcli(*args, "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout, parse_constant=lambda name: 1 / 0)


def line_of(lines: Sequence[str], beginning: str) -> str:
    """The one line that begins so."""
    (found,) = (line for line in lines if line.startswith(beginning))
    return found


def log_rows(model: Path) -> list[dict[str, Any]]:
    """log.jsonl of a run, without the seconds."""
    text = (model.with_suffix(".run") / "log.jsonl").read_text()
    return log_of([json.loads(line) for line in text.splitlines()])


def log_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A run's history, without the seconds."""
    return [{name: row[name] for name in row if name != "seconds"} for row in rows]


def figures_of(result: dict[str, Any]) -> dict[str, Any]:
    """A run's result without what the clock says, and without its place."""
    other = ("seconds", "tokens_per_second", "model", "run")
    return {name: value for name, value in result.items() if name not in other}


@dataclass(frozen=True)
class Whole:
    """What a run leaves that nothing stopped; its files are called whole.pt."""

    model: bytes
    log: list[dict[str, Any]]
    figures: dict[str, Any]

    def equals(self, asked: Job, result: dict[str, Any]) -> None:
        """Assert that the run `asked` for has left the same."""
        assert asked.out.read_bytes() == self.model
        assert log_rows(asked.out) == self.log
        assert figures_of(result) == self.figures
        assert pictures(asked.out) == pictures(asked.out.with_name("whole.pt"))
        assert not list(asked.out.parent.glob("**/*.tmp"))


def pictures(out: Path) -> list[bytes]:
    """Both pictures of a run."""
    folder = out.with_suffix(".run")
    return [(folder / f"{name}.png").read_bytes() for name in ("curves", "confusion")]


def interrupted(asked: Job, step: int) -> None:
    """Run, and end by Ctrl-C after `step` updates."""
    try:
        for event in run(asked):
            step -= isinstance(event, Stepped)
            if step == 0:
                interrupts.requested = signal.SIGINT
    except Interrupted:
        interrupts.requested = 0
        return
    raise AssertionError("the run was not stopped")


TINY = ("train", "--task", "tiny.toml", "--data", "data.tsv")


def train(*args: str | Path) -> str:
    """Stderr of a run that succeeds; what it gives stands on stdout."""
    result = seqcli(*TINY, *args)
    assert result.exit_code == 0, result.stderr
    assert re.fullmatch(
        r"(valid: .*\n)?(test: .*\n)?(worst label: .*\n)?model: .*\n", result.stdout
    )
    return result.stderr


def error(code: int, *args: str | Path) -> str:
    """Stderr of a command that fails as it should."""
    result = seqcli(*args)
    assert result.exit_code == code, (result.stderr, result.exception)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert re.search(r"^error: .+\n(hint: .+\n)?\Z", result.stderr, re.M)
    return result.stderr
