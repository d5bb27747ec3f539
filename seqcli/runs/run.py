"""One training run on disk: data, kind, loop, model file and log joined; yields what happens.

Files of `train --out OUT.pt`: OUT.pt, the best model so far, whole at every instant; OUT.run/ with
last.pt (to go on from), log.jsonl (a row an epoch), config.toml and pictures. Order of writing at
an epoch's end: log row, OUT.pt, last.pt; a run killed in between repeats to the same numbers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqcli.errors import TooLittle
from seqcli.files import lock
from seqcli.interrupts import interrupts
from seqcli.kinds import contract, spec_of, trainable
from seqcli.kinds.contract import Prepared
from seqcli.kinds.spec import next_commands
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import Ranks, joined, launched
from seqcli.modelfile.storage import ModelFile
from seqcli.runs.folder import RunFolder, same_settings
from seqcli.runs.job import Job
from seqcli.runs.record import launch
from seqcli.runs.resume import RolledBack, as_begun, changed, check_same_cut, check_same_data
from seqcli.runs.session import Refitting, Session
from seqcli.settings.table import Table
from seqcli.tasks.taskfile import fitted
from seqcli.training.checkpoint import pack
from seqcli.training.evaluation import SCORED, Scoring
from seqcli.training.loop import Event
from seqcli.training.state import TrainState


@dataclass(frozen=True)
class Started:
    """Data is ready and the model is built."""

    job: Job  # its settings as they are for this much data
    prepared: Prepared
    table: Table
    runtime: Runtime
    state: TrainState  # the run's own: to be looked at only
    notes: tuple[str, ...]
    batches: int  # an epoch


@dataclass(frozen=True)
class Finished:
    """The run is complete; `result` is what `train --json` prints."""

    result: dict[str, Any]
    folder: RunFolder
    why: str
    next_commands: Sequence[str] = ()  # what to type next, after `seqcli`
    already: bool = False


RunEvent = Started | Event | RolledBack | Refitting | Scoring | Finished


def run(job: Job) -> Iterator[RunEvent]:
    """Train as `job` says. Signals are honored between two updates, after saving.

    Under torchrun this is one of several ranks, which all go through the same events; rank 0 alone
    writes. Errors: SeqcliError of many kinds; Interrupted once everything is saved.
    """
    trainable(job.task.config)
    ranks, folder = launched(), RunFolder(job.out)
    if ranks.world > 1:
        interrupts.under_launcher()
    with joined(ranks), contextlib.ExitStack() as held:
        with folder.only_if_begun() if ranks.first else contextlib.nullcontext():
            job, saved = _claimed(job, folder, ranks, held)
            done = saved is not None and _nothing_left(job, saved, folder, ranks)
            if not done:
                with ranks.checked():
                    job, prepared = _prepared(job, folder, saved, ranks)
                    session = Session(job, folder, prepared, ranks)
                ranks.agree(session.in_common())
                notes = session.begin(saved)
        if done:
            if ranks.first and saved is not None:
                yield Finished(saved.description["result"], folder, "complete", already=True)
            return
        parts = session.prepared
        batches = len(parts.kind.batches(parts.splits["train"], 1, ranks))
        yield Started(job, parts, session.table(), session.runtime, session.state, notes, batches)
        with interrupts.deferred():
            yield from session.train()
        packed = pack(session.state, ranks)
        if ranks.first:  # the others are done
            yield Scoring(tuple(name for name in SCORED if name in session.prepared.splits))
            result = session.finish(packed)
            figures = result["test"] or result["valid"] or {}
            commands = next_commands(session.kind.spec, folder.model, figures)
            yield Finished(result, folder, session.state.finished, commands)


def _claimed(
    job: Job, folder: RunFolder, ranks: Ranks, held: contextlib.ExitStack
) -> tuple[Job, ModelFile | None]:
    """The folder, for this run alone while `held` is; the state to go on from, where there is one.

    A run that the launcher started anew goes on, whatever it was told.
    """
    saved = None
    with ranks.checked():
        if ranks.first:
            job = _restarted(job, ranks, folder)
            folder.claim(force=job.force, resume=job.resume)
            held.enter_context(lock(folder.lock))
            folder.sweep()
            saved = folder.saved() if job.resume else None
            if saved is not None:
                same_settings(as_begun(job, saved).task.config, saved.description)
    resume, saved = ranks.told((job.resume, saved))
    return replace(job if saved is None else as_begun(job, saved), resume=resume), saved


def _restarted(job: Job, ranks: Ranks, folder: RunFolder) -> Job:
    """A run that the launcher started anew goes on with what it had saved, whatever it was told."""
    if not ranks.restarts:
        return job
    own = not job.force or folder.launched_by(launch())
    return replace(job, resume=True, force=False) if own else job


def _nothing_left(job: Job, saved: ModelFile, folder: RunFolder, ranks: Ranks) -> bool:
    """Whether the saved run is complete. Errors: SeqcliError where it is, but of other data."""
    config = job.task.config
    done: bool = ranks.told(ranks.first and folder.complete(saved.description, config.train))
    if done and ranks.first:
        check_same_data(saved, job.data, config, allowed=job.allow_changed_data)
    return done


def _prepared(
    job: Job, folder: RunFolder, saved: ModelFile | None, ranks: Ranks
) -> tuple[Job, Prepared]:
    """The data, read by every rank for itself, and the job as it is set for this much of it."""
    folder.path.mkdir(exist_ok=True, parents=True)  # of a rank on a host of its own
    try:
        job, prepared = _read(job, folder)
    finally:
        if not ranks.first:
            with contextlib.suppress(OSError):
                folder.path.rmdir()  # if that host has nothing else in it
    config = job.task.config
    if saved is not None and prepared.fingerprint != saved.description["data"]["sha256"]:
        allowed = job.allow_changed_data
        prepared = changed(prepared, saved, job.data, config, allowed=allowed)
    if saved is not None:
        check_same_cut(saved, prepared.kind.parts(job.data), folder)
    len(prepared.kind.batches(prepared.splits["train"], 1, ranks))  # can they be shared?
    return job, prepared


def _read(job: Job, folder: RunFolder) -> tuple[Job, Prepared]:
    """The data as the task reads it, and the task as it is set for so much.

    Where that is set otherwise the data is read again: a row may say how.
    """
    kind = contract.load(spec_of(job.task.config))
    try:
        prepared = kind.prepare(job.task.config, job.data, folder.path, interrupts.poll)
    except TooLittle as error:
        size, task = error.size, fitted(job.task, error.size)
        if task.fit is None:
            raise
    else:
        size = prepared.steps or prepared.sizes["train"]
        task = fitted(job.task, size, prepared.length, prepared.aligned)
    if task.fit is not None:
        prepared = kind.prepare(task.config, job.data, folder.path, interrupts.poll)
    return replace(job, task=task), replace(prepared, notes=[*prepared.notes, *task.said(size)])
