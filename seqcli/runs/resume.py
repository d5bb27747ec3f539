"""A run's saved state taken up again: after an interruption, on changed data, after a bad step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqcli import kinds
from seqcli.data.splits import cut_otherwise
from seqcli.errors import SeqcliError, TrainingError
from seqcli.interrupts import interrupts
from seqcli.kinds import contract, spec_of
from seqcli.kinds.contract import Prepared
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.modelfile.storage import ModelFile
from seqcli.runs.folder import MAY_CHANGE, RunFolder
from seqcli.runs.job import Job
from seqcli.settings.config import AnyConfig, to_dict
from seqcli.tasks.taskfile import Task, set_by
from seqcli.training.checkpoint import unpack
from seqcli.training.loop import Diverged
from seqcli.training.pace import settle
from seqcli.training.state import TrainState

MOST_ROLLBACKS = 3


def as_begun(job: Job, saved: ModelFile) -> Job:
    """The job of a run to go on with, as that was set for the data it began with, and a given time.

    A run that was not (of an earlier version) is left to what the job says.
    """
    then, sizes = saved.description["config"], saved.description["data"].get("sizes")
    size = sizes.get("train") if isinstance(sizes, dict) else None
    job = replace(job, task=_in_time(job.task, then))
    for fit in job.task.fits:
        if (
            isinstance(size, int)
            and fit.limit.holds(size)
            and fit.begun(job.task.config, then, MAY_CHANGE)
        ):
            return replace(job, task=set_by(job.task, fit))
    return replace(job, task=replace(job.task, fits=()))


def _in_time(task: Task, then: Mapping[str, Any]) -> Task:
    """The task as a time that is given sets it, where a run of the settings `then` can yet change.

    Errors: ConfigError for settings that are none.
    """
    if task.config.train.max_time is None:
        return task
    table = to_dict(task.config)
    for section, values in task.timed.items():
        began = then.get(section)
        fixed = began.items() if isinstance(began, Mapping) else ()
        kept = {key: value for key, value in fixed if f"{section}.{key}" not in MAY_CHANGE}
        table[section] |= {key: kept.get(key, value) for key, value in values.items()}
    return replace(task, config=kinds.read(table))


def take_up(
    saved: ModelFile, state: TrainState, config: AnyConfig, folder: RunFolder, ranks: Ranks = ALONE
) -> str:
    """Put a saved state into a fresh one, and the log back to it; returns a line for the person.

    Errors: TrainingError for a state that does not fit these settings.
    """
    try:
        unpack(saved.description["state"], saved.tensors, state, ranks)
        _check_figures(state, config)
        # an epoch under way is first validated, whatever the limits are now; where an end had cut
        # it short it was, and goes on only if more is asked for
        under_way = state.batch and not state.finished
        state.finished = "" if under_way else settle(state, config.train)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        why = f"{folder.last}: does not fit these settings"
        raise TrainingError(why, "start anew with --force") from error
    if ranks.first and not state.refit:  # else the log is whole: the last pass has no rows
        folder.cut_log(state.begun if state.finished else state.epoch)
    if state.refit:
        return f"resumed in the last pass at epoch {state.epoch + 1}, step {state.step:,}"
    return f"resumed at epoch {state.epoch + 1}, step {state.step:,}"


def _check_figures(state: TrainState, config: AnyConfig) -> None:
    """What later epochs are compared with must be numbers. Errors: KeyError, TypeError."""
    metrics = {"loss", spec_of(config).metric}
    for figures in (state.best.figures if state.best else None, state.gained):
        if figures is not None:
            for name in metrics | (figures.keys() & {config.train.select}):
                if type(figures[name]) not in (int, float):
                    raise TypeError(name)


@dataclass(frozen=True)
class RolledBack:
    """Training went wrong (`why`) and begins again at `step`, for the `number`-th time."""

    why: str
    step: int
    number: int


def last_good(
    error: Diverged, state: TrainState, config: AnyConfig, folder: RunFolder
) -> ModelFile:
    """The state to roll back to.

    Errors: the one given, where nothing is to be rolled back, or MOST_ROLLBACKS did not help.
    """
    if config.train.on_nan != "rollback":
        raise error
    if state.rollbacks == MOST_ROLLBACKS:
        error.hint = (
            f"{MOST_ROLLBACKS} times half the rate did not help: try a much lower --lr, or --clip 1"
        )
        raise error
    saved = folder.load_last(config)
    if saved is None:
        raise error
    return saved


def roll_back(
    saved: ModelFile, state: TrainState, config: AnyConfig, folder: RunFolder, ranks: Ranks
) -> None:
    """Return to a saved state, with half the rate from then on."""
    done, seconds = state.rollbacks, state.seconds
    take_up(saved, state, config, folder, ranks)
    state.rollbacks, state.seconds = done + 1, seconds


def changed(
    prepared: Prepared, saved: ModelFile, data: Path, config: AnyConfig, *, allowed: bool
) -> Prepared:
    """Data that changed since, read with the vocabulary of before, if the person wants that.

    Errors: SeqcliError with both fingerprints otherwise.
    """
    then = saved.description
    if not allowed:
        raise _other_data(then["data"], prepared.fingerprint, data)
    kind = contract.load(spec_of(config)).restore(config, then["learned"])
    splits = {name: kind.load_split(data, name, interrupts.poll) for name in prepared.splits}
    notes = [*prepared.notes, "the data changed: the run goes on with the vocabulary it has"]
    return replace(prepared, kind=kind, splits=splits, notes=notes)


def check_same_data(saved: ModelFile, data: Path, config: AnyConfig, *, allowed: bool) -> None:
    """A complete run has nothing to read; other data in its place is an error all the same.

    Errors: SeqcliError unless `allowed`; DataError for data that cannot be read.
    """
    then = saved.description
    if allowed or not data.exists():
        return
    now = contract.load(spec_of(config)).restore(config, then["learned"]).fingerprint(data)
    if now != then["data"]["sha256"]:
        raise _other_data(then["data"], now, data)


def check_same_cut(saved: ModelFile, parts: tuple[str, ...], folder: RunFolder) -> None:
    """Errors: TrainingError where the run's splits were cut by another rule than today's."""
    repeats = saved.description["config"]["data"].get("repeats")
    if cut_otherwise(saved.description["data"], repeats, parts):
        why = "its splits were cut by an earlier version, which could put one text on both sides"
        raise TrainingError(f"{folder.last}: {why}", "start anew with --force")


def _other_data(then: dict[str, Any], now: str, data: Path) -> SeqcliError:
    """The same file with other content, or another file: two mistakes."""
    what, path = "changed since the run began", str(then.get("path"))
    if os.path.realpath(path) != os.path.realpath(data):
        what = f"not the data that the run began with, {path}"
    return SeqcliError(
        f"{data}: {what} (SHA-256 was {then['sha256']}, is {now})",
        "--allow-changed-data goes on all the same; --force starts anew",
    )
