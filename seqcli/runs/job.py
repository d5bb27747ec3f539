"""What the command line asks of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqcli.tasks.taskfile import Task


@dataclass(frozen=True)
class Job:
    """A task, its data, where the model goes, and how to start."""

    task: Task
    data: Path
    sample: bool  # the data is the bundled sample
    out: Path
    device: str = "auto"
    threads: int | None = None
    force: bool = False
    resume: bool = False
    allow_changed_data: bool = False
    init_from: Path | None = None
