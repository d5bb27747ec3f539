"""How long a command takes from the return key to the prompt: whole processes, in turn.

The peers label one line with a model that lies ready, as `seqcli classify` does.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import peers
from rows import OURS, SEQCLI, Row, in_turn, run, tell

from seqcli.tasks.taskfile import sample_path

LINE = "a wonderful film, and not a minute too long"
PYTHON = "python -c pass"


def row(name: str, limit: float, commands: Mapping[str, Sequence[str]], folder: Path) -> Row:
    """The seconds of each command."""
    runs = {
        program: partial(lambda command: run(command, folder).seconds, command)
        for program, command in commands.items()
    }
    return Row(name, "s", in_turn(runs), more=False, limit=limit, reference=PYTHON in commands)


def one_line(folder: Path) -> dict[str, list[str]]:
    """The commands that label one line; their models are made here."""
    for part in ("train", "test"):  # what a peer learns from does not matter
        (folder / f"{part}.txt").write_text(f"{LINE}\n", encoding="utf-8")
    (folder / "train.ft").write_text(f"__label__pos {LINE}\n__label__neg bad\n", encoding="utf-8")
    train = ["train", "--task", "imdb", "--preset", "lstm", "--max-steps", 1, "--quiet"]
    run([*SEQCLI, *train, "--data", sample_path("reviews.tsv"), "--out", "m.pt"], folder)
    commands = {OURS: [*SEQCLI, "classify", "--model", "m.pt", LINE]}
    for module, name, program in (
        ("keras", "keras_classify.py", "Keras script"),
        ("fasttext", "fasttext_classify.py", "fastText script"),
    ):
        if peers.has(module):
            run(peers.script(name, "setup"), folder)
            commands[program] = peers.script(name, 32)
    return commands


def measure() -> Iterator[Row]:
    """--help, params, and one line labeled."""
    peers.install()
    params = ["params", "lstm", "--hidden", "12", "--input", "30"]
    plain = [sys.executable, "-c", "pass"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for words, limit in ((["--help"], 0.25), (params, 0.25)):
            commands = {OURS: [*SEQCLI, *words], PYTHON: plain}
            yield row(f"seqcli {words[0]}", limit, commands, folder)
        yield row("classify of one line", 2.0, one_line(folder), folder)


if __name__ == "__main__":
    tell(measure)
