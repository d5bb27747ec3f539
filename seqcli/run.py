"""One training run on disk: data, kind, loop, model file and log joined; yields what happens.

Files of `train --out OUT.pt`: OUT.pt, the best model so far, whole at every instant; OUT.run/ with
last.pt (to go on from), log.jsonl (a row an epoch), config.toml and pictures. Order of writing at
an epoch's end: log row, OUT.pt, last.pt; a run killed in between repeats to the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import seqcli
from seqcli import config as configs
from seqcli import counting, modelfile
from seqcli.checkpoint import pack, parameters
from seqcli.device import Runtime, training_runtime
from seqcli.errors import TrainingError
from seqcli.evaluation import evaluate
from seqcli.files import lock, write_bytes
from seqcli.interrupts import Interrupted, interrupts
from seqcli.kinds import KINDS
from seqcli.kinds.contract import Figures, Prepared
from seqcli.optim import Updater
from seqcli.resume import RolledBack, changed, check_same_data, roll_back, take_up
from seqcli.runfolder import RunFolder
from seqcli.table import Table
from seqcli.taskfile import Task, to_toml, trainable
from seqcli.training import Best, Diverged, Evaluated, Event, TrainState, chosen_by, fit, sound
from seqcli.transfer import transfer

SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Job:
    """What the command line asks for."""

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


RunEvent = Started | Event | RolledBack | Finished


def run(job: Job) -> Iterator[RunEvent]:
    """Train as `job` says. Signals are honored between two updates, after saving.

    Errors: SeqcliError of many kinds; Interrupted once everything is saved.
    """
    trainable(job.task.config)
    folder = RunFolder(job.out)
    folder.claim(force=job.force, resume=job.resume)
    with lock(folder.lock):
        folder.sweep()
        saved = folder.load_last(job.task.config) if job.resume else None
        yield from _run(job, folder, saved)


def _run(job: Job, folder: RunFolder, saved: modelfile.ModelFile | None) -> Iterator[RunEvent]:
    config = job.task.config
    if saved is not None and folder.complete(saved.description, config.train):
        check_same_data(saved, job.data, config, allowed=job.allow_changed_data)
        yield Finished(saved.description["result"], folder, "complete", already=True)
        return
    prepared = KINDS[config.kind].prepare(config, job.data, folder.path, interrupts.poll)
    if saved is not None and prepared.fingerprint != saved.description["data"]["sha256"]:
        allowed = job.allow_changed_data
        prepared = changed(prepared, saved, job.data, config, allowed=allowed)
    run = _Run(job, folder, prepared)
    yield Started(prepared, run.table(), run.runtime, run.state, tuple(run.start(saved)))
    with interrupts.deferred():
        yield from run.train()
    yield run.finish()


class _Run:
    """The parts of a run under way, so that its steps need not hand them round."""

    def __init__(self, job: Job, folder: RunFolder, prepared: Prepared) -> None:
        self.job, self.folder, self.prepared = job, folder, prepared
        self.config, self.kind = job.task.config, prepared.kind
        train = self.config.train
        self.runtime = training_runtime(
            job.device,
            job.threads,
            train.precision,
            bfloat16_helps=self.config.model.cell == "lstm",
            multiply_adds=self.table().multiply_adds_per_step * train.batch_size,
        )
        device = self.runtime.device
        if train.deterministic:
            torch.use_deterministic_algorithms(True)
        torch.manual_seed(train.seed)
        model = self.kind.build(torch.Generator().manual_seed(train.seed)).to(device)
        self.state = TrainState(model, Updater(model, train))
        exact = torch.float32 if device.type == "mps" else torch.float64  # mps has no float64
        self.state.sums = self.state.sums.to(device, exact)
        self.saved_at = time.monotonic()

    def table(self) -> Table:
        described = self.kind.describe()
        return counting.count(
            self.config.model,
            kind=self.config.kind,
            vocabulary=len(described["vocabulary"]),
            outputs=len(described.get("labels", ())) or None,
        )

    def start(self, saved: modelfile.ModelFile | None) -> Iterator[str]:
        """First weights, or the saved state; yields notes for the person."""
        if saved is None:
            if self.job.resume:
                yield "nothing to resume yet: starting anew"
            if self.job.init_from is not None:
                yield transfer(self.job.init_from, self.kind, self.state.model)
            self.folder.clear()  # not before: until here an error may still end this run
            write_bytes(
                self.folder.settings, to_toml(self.config).encode("utf-8", "surrogateescape")
            )
            self._save()  # a run killed after its first model can then be resumed
            return
        yield take_up(saved, self.state, self.config, self.folder)

    def train(self) -> Iterator[RunEvent]:
        """The loop's events, each saved before it is handed on.

        Errors: Diverged, unless the settings ask for another try at half the rate.
        """
        while True:
            try:
                yield from self._train()
                return
            except Diverged as error:
                roll_back(error, self.state, self.config, self.folder)
                self._save()
                yield RolledBack(error.message, self.state.step, self.state.rollbacks)

    def _train(self) -> Iterator[Event]:
        events = fit(
            self.kind,
            self.prepared.splits,
            self.state,
            self.config.train,
            self.runtime,
            poll=interrupts.poll,
        )
        try:
            for event in events:
                if isinstance(event, Evaluated):
                    self._record(event)
                elif interrupts.requested or time.monotonic() - self.saved_at > SAVE_SECONDS:
                    self._save_sound()
                yield event
                interrupts.poll()
        except Interrupted:
            if sound(self.state):  # else what was saved before is better
                self._save()
            raise

    def _save_sound(self) -> None:
        if not sound(self.state):  # on a GPU the loss is looked at now and then
            raise Diverged(self.state)
        self._save()

    def _record(self, event: Evaluated) -> None:
        state = self.state
        self.folder.log(
            {
                "epoch": state.epoch,
                "step": state.step,
                "rate": state.rate,
                "train": event.train,
                "valid": event.valid,
                "best": event.best,
                "seconds": state.seconds,
            }
        )
        if event.best and state.best is not None:
            self._write_model(state.best, {"valid": event.valid})
        self._save()

    def _save(self, result: dict[str, Any] | None = None) -> None:
        values, tensors = pack(self.state)
        description = {
            "config": configs.to_dict(self.config),
            "data": self._data(),
            "learned": self.kind.describe(),
            "state": values,
            "complete": result is not None,
            "result": result,
        }
        modelfile.save(self.folder.last, description, tensors)
        self.saved_at = time.monotonic()

    def _data(self) -> dict[str, Any]:
        return {
            "path": str(self.job.data.resolve()),
            "sha256": self.prepared.fingerprint,
            "sample": self.job.sample,
            "sizes": self.prepared.sizes,
        }

    def _write_model(self, best: Best, scores: dict[str, Figures | None]) -> None:
        description = {
            "task": self.job.task.name,
            "preset": self.job.task.preset,
            "config": configs.to_dict(self.config),
            **self.kind.describe(),
            "data": self._data(),
            "epoch": best.epoch,
            "step": best.step,
            "scores": scores,
            "versions": {"seqcli": seqcli.__version__, "torch": torch.__version__},
        }
        modelfile.save(self.folder.model, description, best.weights)

    def finish(self) -> Finished:
        """Score the best model, write it with its scores, draw the pictures."""
        best = self.state.best
        if best is None:
            raise TrainingError("the run ended before its first update", "give it more time")
        model = self.state.model
        last = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(best.weights)
        splits = self.prepared.splits
        fp32 = replace(self.runtime, precision="fp32")
        scores: dict[str, Figures | None] = {"valid": None, "test": None}
        for name in ("valid", "test"):
            if name in splits:
                figures = self.kind.figures
                scores[name] = evaluate(figures, model, splits[name], fp32, interrupts.poll)
        model.load_state_dict(last)  # a run that more epochs are asked of goes on from here
        self._write_model(best, scores)
        result = self._result(best, scores)
        marked = None if self.config.train.select == "last" else best.epoch
        self.folder.draw(marked, self.kind.metric, scores["test"] or scores["valid"])
        self._save(result)
        command = self.kind.next_command(self.folder.model)
        return Finished(result, self.folder, self.state.finished, command)

    def _result(self, best: Best, scores: dict[str, Figures | None]) -> dict[str, Any]:
        state, train = self.state, self.config.train
        metric = chosen_by(self.kind, train, best.figures)
        history = self.folder.history()
        return {
            "task": self.job.task.name,
            "preset": self.job.task.preset or None,
            "model": str(self.folder.model),
            "run": str(self.folder.path),
            "parameters": parameters(state.model),
            "epochs": state.epoch,
            "steps": state.step,
            "seconds": state.seconds,
            "tokens_per_second": state.tokens / max(state.seconds, 1e-9),
            "best": {"epoch": best.epoch, "metric": metric, "value": best.figures.get(metric)},
            "train": history[-1]["train"] if history else None,
            **scores,
            "data": {
                **{name: self.prepared.sizes.get(name, 0) for name in ("train", "valid", "test")},
                "vocabulary": len(self.kind.describe()["vocabulary"]),
                "sample": self.job.sample,
            },
        }
