"""Short trainings to be hurt: two kinds of task, the whole run to compare with, and the comparison.

The comparison is bit for bit: the model's file, the state's numbers, figures and log. Left out is
what a clock says: the seconds in the log and in the state of the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import number_kind
from tiny_runs import (
    TASK,
    figures_of,
    log_rows,
    write_data,
    write_pairs,
    write_recordings,
    write_steps,
    write_tagged,
)

import seqcli.kinds
from seqcli.modelfile import storage
from torture.forkserver import Server

CLOCKS = ("seconds", "reading_seconds", "earlier")
TALE = "the cat sat on the mat and the dog sat on the log; a bird sang and the cat ran away.\n"
LANGUAGE = """
kind = "language-model"
[data]
tokenizer = "words"
document = "line"
valid = 0.2
test = 0.1
[model]
embed = 6
hidden = [7, 5]
dropout = 0.2
[train]
epochs = 3
batch_size = 4
steps = 5
lr = 0.02
optimizer = "adamw"
clip = 1.0
schedule = "cosine"
precision = "fp32"
"""


TAGGER = """
kind = "tagger"
[data]
valid = 0.2
test = 0.2
[model]
embed = 6
hidden = [5]
bidirectional = true
dropout = 0.2
dropout_mask = "sequence"
word_dropout = 0.5
characters = 4
character_hidden = 3
character_dropout = 0.2
affixes = 2
affix_embed = 4
shape_embed = 3
window = true
window_buckets = 64
window_dropout = 0.2
[train]
epochs = 3
batch_size = 8
lr = 0.02
optimizer = "adamw"
clip = 1.0
schedule = "linear"
precision = "fp32"
"""


TRANSLATOR = """
kind = "translator"
[data]
source = "1"
target = "2"
tokenizer = "spaces"
valid = 0.2
test = 0.2
[model]
embed = 6
hidden = [5]
decoder = [6]
bidirectional = true
attention = "additive"
dropout = 0.2
output_dropout = 0.2
memory_dropout = 0.1
word_dropout = 0.1
beam = 2
[train]
epochs = 3
batch_size = 8
lr = 0.02
optimizer = "adamw"
clip = 1.0
label_smoothing = 0.1
schedule = "linear"
precision = "fp32"
"""


SIGNALS = """
kind = "classifier"
[data]
input = "numbers"
valid = 0.2
test = 0.2
[model]
cell = "gru"
hidden = [5]
bidirectional = true
read_out = ["mean", "max"]
window = 3
stride = 2
noise = 0.2
output_dropout = 0.2
[train]
epochs = 3
batch_size = 8
lr = 0.05
optimizer = "adamw"
clip = 1.0
schedule = "linear"
precision = "fp32"
"""


FRAMES = """
kind = "tagger"
[data]
input = "numbers"
format = "csv"
valid = 0.2
test = 0.2
max_steps = 16
[model]
cell = "gru"
hidden = [5]
bidirectional = true
differences = [1, 2]
window = 3
noise = 0.2
output_dropout = 0.2
change_cost = 0.5
[train]
epochs = 3
batch_size = 4
piece = 16
lr = 0.05
optimizer = "adamw"
clip = 1.0
schedule = "linear"
class_weight = "balanced"
precision = "fp32"
"""


WRITER = """
kind = "writer"
[data]
valid = 0.2
test = 0.2
[model]
embed = 6
label_embed = 4
hidden = [7, 5]
dropout = 0.2
output_dropout = 0.1
[train]
epochs = 3
batch_size = 8
lr = 0.02
optimizer = "adamw"
clip = 1.0
schedule = "cosine"
precision = "fp32"
"""


def _language(folder: Path) -> None:
    (folder / "data.txt").write_text(TALE.replace(".", " language.") * 12)
    (folder / "tiny.toml").write_text(LANGUAGE)


def _classifier(folder: Path) -> None:
    write_data(folder / "data.txt")
    (folder / "tiny.toml").write_text(f"{TASK}refit = true\n")  # in both of its passes


def _numbers(folder: Path) -> None:
    number_kind.write_points(folder / "data.txt")
    (folder / "tiny.toml").write_text(number_kind.TASK)


def _tagger(folder: Path) -> None:
    write_tagged(folder / "data.txt")
    (folder / "tiny.toml").write_text(TAGGER)


def _translator(folder: Path) -> None:
    write_pairs(folder / "data.txt")
    (folder / "tiny.toml").write_text(TRANSLATOR)


def _signals(folder: Path) -> None:
    write_recordings(folder / "data.txt")
    (folder / "tiny.toml").write_text(SIGNALS)


def _frames(folder: Path) -> None:
    write_steps(folder / "data.txt")
    (folder / "tiny.toml").write_text(FRAMES)


def _writer(folder: Path) -> None:
    write_data(folder / "data.txt")
    (folder / "tiny.toml").write_text(WRITER)


@dataclass(frozen=True)
class Small:
    """A kind's small run: all that the suites of faults must know of a kind."""

    write: Callable[[Path], None]  # data.txt and tiny.toml into a folder
    phases: tuple[str, ...]  # of faults.PHASES, in which it is stopped
    ending: str = ""  # of train.…, valid.…, test.… in a folder; none: its data is one file


READS = ("reading", "vocabulary")
SMALL = {
    "classifier": Small(
        _classifier, (*READS, "training", "evaluation", "scoring", "saving"), "tsv"
    ),
    "language-model": Small(
        _language, (*READS, "training", "evaluation", "scoring", "logging"), "txt"
    ),
    "tagger": Small(_tagger, ("training", "evaluation", "scoring", "saving", "logging")),
    "translator": Small(_translator, ("training", "evaluation", "scoring", "saving", "logging")),
    "classifier of numbers": Small(
        _signals, ("training", "evaluation", "scoring", "saving", "logging"), "txt"
    ),
    "tagger of numbers": Small(
        _frames, ("training", "evaluation", "scoring", "saving", "logging"), "csv"
    ),
    "writer": Small(_writer, (*READS, "training", "evaluation", "scoring"), "tsv"),
    "numbers": Small(_numbers, ("training", "evaluation", "scoring", "saving", "logging")),
}
# All there are (one without a small run here fails), and the tests' own. That one is known to the
# server that runs the commands, and here while a test of this folder runs: see conftest.py.
KINDS = (*seqcli.kinds.KINDS, number_kind.SPEC.name)


def prepare(folder: Path, kind: str) -> tuple[str, ...]:
    """Data and task file in `folder`; the command that trains on them, but for --out."""
    SMALL[kind].write(folder)
    given = ("train", "--task", "tiny.toml", "--data", "data.txt", "--device", "cpu")
    return (*given, "--threads", "1", "--deterministic", "--json", "--quiet")


@dataclass(frozen=True)
class Left:
    """What a complete run leaves."""

    model: bytes
    state: dict[str, Any]
    tensors: dict[str, Any]
    log: list[dict[str, Any]]
    figures: dict[str, Any]

    @classmethod
    def of(cls, model: Path, answer: str) -> Left:
        """The files of a run and its JSON answer."""
        saved = storage.load(model.with_suffix(".run") / "last.pt")
        description = dict(saved.description)
        assert description.pop("out") == model.name
        state = {k: v for k, v in description.pop("state").items() if k not in CLOCKS}
        description["result"] = figures_of(description["result"])
        return cls(
            model.read_bytes(),
            {**description, "state": state},
            saved.tensors,
            log_rows(model),
            figures_of(json.loads(answer)),
        )

    def same_as(self, other: Left) -> None:
        """Assert equality."""
        assert self.figures == other.figures
        assert self.log == other.log
        assert self.state == other.state
        assert self.tensors.keys() == other.tensors.keys()
        for name, tensor in self.tensors.items():
            assert tensor.equal(other.tensors[name]), name
        assert self.model == other.model


def whole(server: Server, folder: Path, command: tuple[str, ...], **given: Any) -> Left:
    """The run that nothing happens to, at whole.pt."""
    ended = server.run([*command, "--out", "whole.pt"], folder, **given)
    assert ended.code == 0, ended
    return Left.of(folder / "whole.pt", ended.out)
