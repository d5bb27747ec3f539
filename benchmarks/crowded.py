"""Training PTB small while another program keeps a core busy.

Threads that share a product wait for each other at its end; one that has to queue for a core holds
all up. `seqcli train` says so when it sees it. The other program is a loop that does nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import ptb
from rows import OURS, Row, afresh, answer, rates, tell, worker

from seqcli.tasks.taskfile import resolve

UPDATES, ROUNDS = 20, 3
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


def work(program: str, threads: str) -> None:
    """In the worker."""
    config = resolve("ptb", "small").config
    steps = ptb.program(program, config, ptb.VOCABULARY, ptb.stream(), int(threads))
    next(steps)
    answer(lambda: [next(steps) for _ in range(UPDATES)])


def measure() -> Iterator[Row]:
    """A thread for every core, and one fewer."""
    fewer = max(CORES - 1, 1)
    programs = {
        OURS: (OURS, CORES),
        f"{OURS} --threads {fewer}": (OURS, fewer),
        ptb.TEXTBOOK: (ptb.TEXTBOOK, CORES),
    }
    commands = {name: worker(__file__, *words) for name, words in programs.items()}
    train = resolve("ptb", "small").config.train
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            taken, _ = afresh(commands, ROUNDS)
        finally:
            busy.kill()
    speed = rates(train.batch_size * train.steps * UPDATES, taken)
    yield Row("training PTB small beside a busy program", "words/s", speed)


if __name__ == "__main__":
    tell(measure, work)
