"""Several processes train one model: the same figures, the same files, and nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ranks import finish, start
from tiny_runs import line_of, write_data, write_tagged, write_task

from seqcli.modelfile import storage

WORDS = ["one", "two", "three", "four", "five", "six", "seven"]
Processes = list[subprocess.Popen[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A classifier's task and data, and a text."""
    write_data(tmp_path / "data.tsv")
    write_task(tmp_path / "task.toml")
    write_tagged(tmp_path / "tags.conll")
    lines = [" ".join(WORDS[(i * k) % 7] for k in range(2, 9)) for i in range(600)]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


LANGUAGE = "train --task ptb --data text.txt --cell lstm --hidden 8 --layers 1 --embed 8 "
LANGUAGE += "--batch-size 6 --set train.steps=5 --precision fp32 --device cpu --threads 1 "
CLASSIFIER = "train --task task.toml --data data.tsv --device cpu --threads 1 "
CLASSIFIER += "--set train.schedule=constant "


TAGGER = "train --task ner --data tags.conll --device cpu --threads 1 --hidden 6 --embed 5 "
TAGGER += "--set model.character_hidden=4 --set model.window_buckets=64 --batch-size 8 "
TAGGER += "--set train.schedule=constant --set train.warmup=0 --set train.average=0.5 "
COMMANDS = {
    "language": LANGUAGE,
    "n-grams": f"{LANGUAGE}--set model.ngrams=4 ",  # one column validates: a rank has none of it
    "classifier": CLASSIFIER,
    "refitted": f"{CLASSIFIER}--refit ",
    "tagger": TAGGER,
}


def launch(command: str, world: int, folder: Path, *more: str) -> Processes:
    return start(["-m", "seqcli", *command.split(), *more], world, folder)


def result(processes: Processes) -> dict[str, Any]:
    """What rank 0 prints; the others say nothing."""
    (status, out, err), *others = finish(processes)
    assert status == 0, err
    assert others == [(0, "", "")] * len(others)
    found: dict[str, Any] = json.loads(out)
    return found


def close(one: Any, other: Any) -> None:
    """Figures to 1e-4."""
    for part in ("train", "valid", "test"):
        for name, value in one[part].items():
            if isinstance(value, float):
                assert other[part][name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("name", COMMANDS)
def test_ranks_are_one_rank(name: str, folder: Path) -> None:
    plain = f"{COMMANDS[name]} --epochs 1 --dropout 0 --set model.output_dropout=0 --quiet --json "
    if name == "tagger":
        plain += "--set model.word_dropout=0 --set model.character_dropout=0 "
    plain += "--out "
    alone = result(launch(plain + "alone.pt", 1, folder))
    both = result(launch(plain + "both.pt", 2, folder))
    assert both["steps"] == alone["steps"]
    close(alone, both)
    assert sorted(path.name for path in (folder / "both.run").iterdir()) == sorted(
        path.name for path in (folder / "alone.run").iterdir()
    )


def wait_for(path: Path, processes: Processes, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, [process.poll() for process in processes]
        time.sleep(0.01)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=name, marks=pytest.mark.slow if name == "n-grams" else ())
        for name, command in COMMANDS.items()
    ],
)
def test_stopped_and_resumed_they_are_the_run_that_was_not(command: str, folder: Path) -> None:
    """Both ranks draw dropout of their own, and carry columns of their own."""
    some = f"{command} --dropout 0.3 --quiet --out "
    processes = launch(some + "cut.pt --epochs 3000", 2, folder)
    wait_for(folder / "cut.pt", processes)
    processes[1].send_signal(signal.SIGINT)  # one is enough: they stop at the same step
    statuses = [status for status, _, _ in finish(processes)]
    assert statuses == [143, 130]
    saved = storage.load(folder / "cut.run" / "last.pt").description["state"]
    epochs = saved["epoch"] + 2  # the one under way, and another
    for out in ("cut.pt --resume", "whole.pt"):
        ended = finish(launch(f"{some} {out} --epochs {epochs}", 2, folder))
        assert [status for status, _, _ in ended] == [0, 0], ended
    assert (folder / "cut.pt").read_bytes() == (folder / "whole.pt").read_bytes()


def test_a_rank_that_dies_ends_all_and_loses_nothing(folder: Path) -> None:
    long = LANGUAGE + "--epochs 100000 --quiet --out long.pt"
    processes = launch(long, 3, folder)
    wait_for(folder / "long.pt", processes)
    processes[2].kill()
    (status, out, err), (other, *silent), _ = finish(processes)
    assert (status, out, other, silent) == (1, "", 1, ["", ""])
    assert err.splitlines() == [
        "error: another process of this run has ended",
        "hint: what was saved is kept: the same command with --resume goes on",
    ]
    steps = storage.load(folder / "long.run" / "last.pt").description["state"]["step"]
    goes_on = LANGUAGE + f"--epochs 100000 --max-steps {steps + 5} --json --out long.pt --resume"
    assert result(launch(goes_on + " --quiet", 2, folder))["steps"] == steps + 5  # and with two


def errors(processes: Processes) -> list[tuple[int, list[str]]]:
    return [(status, err.splitlines()) for status, _, err in finish(processes)]


def test_a_batch_that_cannot_be_shared(folder: Path) -> None:
    found = errors(launch(LANGUAGE + "--batch-size 5", 2, folder))
    said = [
        "error: 2 ranks cannot share 5 columns evenly",
        "hint: --batch-size 6, for example",
    ]
    assert found == [(2, said), (1, [])]


def test_other_data_on_one_rank(folder: Path) -> None:
    script = folder / "other.py"
    script.write_text(
        "import os, sys\nfrom seqcli.__main__ import main\n"
        "sys.argv[1:] = sys.argv[1:-1] + [sys.argv[-1] + os.environ['RANK'] + '.tsv']\nmain()\n"
    )
    write_data(folder / "0.tsv")
    write_data(folder / "1.tsv", rows=80)
    found = errors(start([str(script), *CLASSIFIER.split(), "--data", ""], 2, folder))
    (status, lines), other = found
    assert status == 2
    said = line_of(lines, "error: ")
    assert said.startswith("error: rank 1 has another data than rank 0: ")
    assert other == (1, [])


def test_a_fault_of_one_rank_is_said_by_rank_0(folder: Path) -> None:
    script = folder / "faulty.py"
    script.write_text(
        "import os, sys\nfrom seqcli.__main__ import main\n"
        "sys.argv[1:] = sys.argv[1:-1] + [sys.argv[-1] + os.environ['RANK'] + '.tsv']\nmain()\n"
    )
    write_data(folder / "0.tsv")
    (folder / "1.tsv").write_text("")
    (status, lines), other = errors(
        start([str(script), *CLASSIFIER.split(), "--data", ""], 2, folder)
    )
    assert status == 1
    said = line_of(lines, "error: ")
    assert said.startswith("error: rank 1: ")
    assert "1.tsv" in said
    assert other == (1, [])


def test_a_mistake_in_the_command_is_said_once(folder: Path) -> None:
    assert errors(launch(LANGUAGE + "--optimizer sdg", 2, folder)) == [
        (2, ["error: unknown value of train.optimizer 'sdg'", "hint: did you mean 'sgd'?"]),
        (2, []),
    ]


def test_a_port_that_is_taken(folder: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        given = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        found = subprocess.run(
            [*python(), *LANGUAGE.split()],
            cwd=folder,
            env=os.environ | given,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert found.returncode == 1
    assert found.stderr.splitlines() == [
        f"error: rank 0 cannot join the others at 127.0.0.1:{port}",
        "hint: is the port free, and can this host reach it?",
    ]


def python() -> Sequence[str]:
    import sys

    return sys.executable, "-m", "seqcli"
