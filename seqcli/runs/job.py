"""What the command line asks of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from seqcli import kinds
from seqcli.errors import DataError, SeqcliError
from seqcli.modelfile import filecheck
from seqcli.settings import fields
from seqcli.tasks import fits
from seqcli.tasks.taskfile import About, Expected, Task


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
    keep_state: bool = True  # last.pt of a complete run


def folder_of(model: Path) -> Path:
    """Where the other files of the run that writes `model` are: OUT.run beside OUT.pt."""
    return model.parent / f"{model.stem if model.suffix == '.pt' else model.name}.run"


def model_of(folder: Path, name: str = "") -> Path:
    """The model beside a run's folder: `name`, if that is its folder, else OUT.pt.

    Where there is no OUT.pt it may be OUT.bin, of OUT.bin.run: earlier versions wrote no name.
    """
    if name and folder_of(folder.with_name(name)) == folder:
        return folder.with_name(name)
    usual, bare = folder.with_suffix(".pt"), folder.with_suffix("")
    return bare if bare.is_file() and not usual.is_file() else usual


class Begun(NamedTuple):
    """What a run's state says of its job."""

    task: Task
    data: Path
    sample: bool
    out: Path


def begun(path: Path, changes: Mapping[str, Mapping[str, Any]]) -> Begun:
    """The job of the run at `path`: its folder, a file in it, or the model beside it.

    `changes` as the overrides of `taskfile.resolve`. Errors: SeqcliError where there is no state of
    a run, ConfigError for settings that do not exist.
    """
    folder = path if path.is_dir() else path.parent
    if folder.suffix != ".run":  # from inside of it, or the model beside it
        here = folder.absolute()
        folder = here if here.suffix == ".run" else folder_of(path)
    last = folder / "last.pt"
    if not last.exists():
        raise DataError(path, 0, "no run to go on with", "--resume OUT.run names a run's folder")
    description = filecheck.describe(last)
    try:
        table, data = dict(description["config"]), description["data"]
        about = fields.read(About, description.get("about", {}), "about")
        timed = fits.timed(description.get("timed", {}))
        kinds.read(kinds.over(table, timed))
        name, preset = description.get("task", folder.stem), description.get("preset", "")
        out = model_of(folder, description.get("out", ""))
        own = Path(data["path"]), data["sample"] is True
    except (AttributeError, KeyError, TypeError, ValueError, SeqcliError) as error:
        raise filecheck.broken(last, "not the state of a run") from error
    config = kinds.read(kinds.over(table, changes))
    timed = fits.without(timed, changes)
    task = Task(name, preset, about, Expected(), config, (), timed=timed)
    return Begun(task, own[0], own[1], out)
