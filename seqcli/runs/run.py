"""One training run on disk: data, kind, loop, model file and log joined; yields what happens.

Files of `train --out OUT.pt`: OUT.pt, the best model so far, whole at every instant; OUT.run/ with
last.pt (to go on from), log.jsonl (a row an epoch), config.toml and pictures. Order of writing at
an epoch's end: log row, OUT.pt, last.pt; a run killed in between repeats to the same numbers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

import seqcli
from seqcli.errors import TrainingError
from seqcli.files import lock
from seqcli.interrupts import Interrupted, interrupts
from seqcli.kinds import KINDS
from seqcli.kinds.contract import Figures, Prepared
from seqcli.machine.device import Runtime, training_runtime
from seqcli.machine.distributed import ALONE, Ranks, joined, launched
from seqcli.modelfile import storage
from seqcli.runs.folder import RunFolder
from seqcli.runs.job import Job
from seqcli.runs.record import Recorder, launch
from seqcli.runs.resume import (
    RolledBack,
    changed,
    check_same_cut,
    check_same_data,
    last_good,
    roll_back,
    take_up,
)
from seqcli.runs.transfer import transfer
from seqcli.settings import config as configs
from seqcli.settings import counting
from seqcli.settings.table import Table
from seqcli.settings.taskfile import trainable
from seqcli.training.checkpoint import Packed, pack
from seqcli.training.evaluation import SCORED, Scoring, evaluate
from seqcli.training.loop import Diverged, Evaluated, Event, fit, sound
from seqcli.training.optim import Updater
from seqcli.training.state import TrainState

SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Started:
    """Data is ready and the model is built."""

    prepared: Prepared
    table: Table
    runtime: Runtime
    state: TrainState  # the run's own: to be looked at only
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """The run is complete; `result` is what `train --json` prints."""

    result: dict[str, Any]
    folder: RunFolder
    why: str
    next_command: str = ""  # what to type next, after `seqcli`
    already: bool = False


RunEvent = Started | Event | RolledBack | Scoring | Finished


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
        saved = None
        with ranks.checked():
            if ranks.first:
                job = _restarted(job, ranks, folder)
                folder.claim(force=job.force, resume=job.resume)
                held.enter_context(lock(folder.lock))
                folder.sweep()
                saved = folder.load_last(job.task.config) if job.resume else None
        resume, saved = ranks.told((job.resume, saved))
        yield from _run(replace(job, resume=resume), folder, saved, ranks)


def _restarted(job: Job, ranks: Ranks, folder: RunFolder) -> Job:
    """A run that the launcher started anew goes on with what it had saved, whatever it was told."""
    if not ranks.restarts:
        return job
    own = not job.force or folder.launched_by(launch())
    return replace(job, resume=True, force=False) if own else job


def _run(
    job: Job, folder: RunFolder, saved: storage.ModelFile | None, ranks: Ranks
) -> Iterator[RunEvent]:
    config = job.task.config
    done = saved is not None and ranks.first and folder.complete(saved.description, config.train)
    if saved is not None and ranks.told(done):
        if ranks.first:
            check_same_data(saved, job.data, config, allowed=job.allow_changed_data)
            yield Finished(saved.description["result"], folder, "complete", already=True)
        return
    with ranks.checked():
        run = _Run(job, folder, _prepared(job, folder, saved, ranks), ranks)
    ranks.agree(run.in_common())
    yield Started(run.prepared, run.table(), run.runtime, run.state, tuple(run.start(saved)))
    with interrupts.deferred():
        yield from run.train()
    packed = pack(run.state, ranks)
    if ranks.first:  # the others are done
        yield Scoring(tuple(name for name in SCORED if name in run.prepared.splits))
        yield run.finish(packed)


def _prepared(
    job: Job, folder: RunFolder, saved: storage.ModelFile | None, ranks: Ranks
) -> Prepared:
    """The data, read by every rank for itself."""
    config = job.task.config
    folder.path.mkdir(exist_ok=True, parents=True)  # of a rank on a host of its own
    prepared = KINDS[config.kind].prepare(config, job.data, folder.path, interrupts.poll)
    if saved is not None and prepared.fingerprint != saved.description["data"]["sha256"]:
        allowed = job.allow_changed_data
        prepared = changed(prepared, saved, job.data, config, allowed=allowed)
    if saved is not None:
        check_same_cut(saved, prepared.kind.parts(job.data), folder)
    if not ranks.first:
        with contextlib.suppress(OSError):
            folder.path.rmdir()  # if that host has nothing else in it
    len(prepared.kind.batches(prepared.splits["train"], 1, ranks))  # can they be shared?
    return prepared


class _Run:
    """The parts of a run under way, so that its steps need not hand them round."""

    def __init__(self, job: Job, folder: RunFolder, prepared: Prepared, ranks: Ranks) -> None:
        self.job, self.folder, self.prepared, self.ranks = job, folder, prepared, ranks
        self.config, self.kind = job.task.config, prepared.kind
        self.record = Recorder(job, folder, prepared, ranks)
        train = self.config.train
        self.runtime = training_runtime(
            job.device,
            job.threads,
            train.precision,
            bfloat16_helps=self.config.model.cell == "lstm",
            multiply_adds=self.table().multiply_adds_per_step * train.batch_size // ranks.world,
            ranks=ranks,
            deterministic=train.deterministic,
        )
        device = self.runtime.device
        torch.manual_seed(ranks.seed(train.seed))
        model = self.kind.build(torch.Generator().manual_seed(train.seed)).to(device)
        self.state = TrainState(model, Updater(model, train))
        exact = torch.float32 if device.type == "mps" else torch.float64  # mps has no float64
        self.state.sums = self.state.sums.to(device, exact)
        self.saved_at = 0.0

    def table(self) -> Table:
        described = self.kind.describe()
        return counting.count(
            self.config.model,
            kind=self.config.kind,
            vocabulary=len(described["vocabulary"]),
            outputs=len(described.get("labels", ())) or None,
        )

    def in_common(self) -> dict[str, str]:
        """What all ranks must have alike."""
        settings = configs.to_dict(self.config)
        del settings["data"]["path"]  # its fingerprint counts
        return {
            "data": self.prepared.fingerprint,
            "settings": hashlib.sha256(json.dumps(settings).encode()).hexdigest(),
            "seqcli": seqcli.__version__,
            "torch": torch.__version__,
            "precision": self.runtime.precision,
        }

    def start(self, saved: storage.ModelFile | None) -> Iterator[str]:
        """First weights, or the saved state; yields notes for the person."""
        if saved is not None:
            with self.ranks.checked():
                note = take_up(saved, self.state, self.config, self.folder, self.ranks)
            self.saved_at = self.state.seconds
            yield note
            return
        if self.job.resume:
            yield "nothing to resume yet: starting anew"
        with self.ranks.checked():
            if self.job.init_from is not None and self.ranks.first:
                yield transfer(self.job.init_from, self.kind, self.state.model)
            self.record.begin()  # not before: until here an error may still end this run
        self.ranks.share_weights(self.state.model)
        self._save()  # a run killed after its first model can then be resumed

    def train(self) -> Iterator[RunEvent]:
        """The loop's events, each saved before it is handed on.

        Errors: Diverged, unless the settings ask for another try at half the rate.
        """
        while True:
            try:
                yield from self._train()
                return
            except Diverged as error:
                state, saved = self.state, None
                with self.ranks.checked():
                    if self.ranks.first:
                        saved = last_good(error, state, self.config, self.folder)
                roll_back(self.ranks.told(saved), state, self.config, self.folder, self.ranks)
                self._save()
                yield RolledBack(error.message, state.step, state.rollbacks)

    def _train(self) -> Iterator[Event]:
        alone = self.ranks.world == 1
        events = fit(
            self.kind,
            self.prepared.splits,
            self.state,
            self.config.train,
            self.runtime,
            poll=interrupts.poll if alone else _wait,
            stopping=lambda: bool(interrupts.requested),
        )
        try:
            for event in events:
                if isinstance(event, Evaluated):
                    self.record.epoch(self.state, event)
                    self._save()
                elif event.stop or self.state.seconds - self.saved_at > SAVE_SECONDS:
                    self._save_sound()
                yield event
                if event.stop:
                    raise Interrupted(interrupts.requested or signal.SIGTERM)
                if alone:
                    interrupts.poll()
        except Interrupted:
            if sound(self.state):  # else what was saved before is better
                self._save()
            raise

    def _save_sound(self) -> None:
        if not sound(self.state):  # on a GPU the loss is looked at now and then
            raise Diverged(self.state)
        self._save()

    def _save(self) -> None:
        self.record.state(pack(self.state, self.ranks))
        self.saved_at = self.state.seconds

    def finish(self, packed: Packed) -> Finished:
        """Score the best model, write it with its scores, draw the pictures: rank 0 by itself."""
        best = self.state.best
        if best is None:
            raise TrainingError("the run ended before its first update", "give it more time")
        model = self.state.model
        last = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(best.weights)
        splits = self.prepared.splits
        fp32 = replace(self.runtime, precision="fp32", ranks=ALONE)
        scores: dict[str, Figures | None] = dict.fromkeys(SCORED)
        for name in SCORED:
            if name in splits:
                score = self.kind.figures
                scores[name] = evaluate(score, model, splits[name], fp32, interrupts.poll)
        model.load_state_dict(last)  # a run that more epochs are asked of goes on from here
        self.record.model(best, scores)
        result = self.record.result(self.state, best, scores)
        marked = None if self.config.train.select == "last" else best.epoch
        self.folder.draw(marked, self.kind.metric, scores["test"] or scores["valid"])
        self.record.state(packed, result)
        command = self.kind.next_command(self.folder.model)
        return Finished(result, self.folder, self.state.finished, command)


def _wait() -> None:
    """Ranks go through validation together; a signal is looked at after it."""
