"""A run under way: the loop's events, each saved before it is handed on, and the end of it."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

import seqcli
from seqcli.errors import TrainingError
from seqcli.interrupts import Interrupted, interrupts
from seqcli.kinds.contract import Figures, Prepared
from seqcli.machine.device import float32_products, training_runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.modelfile import storage
from seqcli.runs.folder import RunFolder
from seqcli.runs.job import Job
from seqcli.runs.record import Recorder
from seqcli.runs.resume import RolledBack, last_good, roll_back, take_up
from seqcli.runs.transfer import transfer
from seqcli.settings.config import to_dict
from seqcli.settings.table import Table
from seqcli.training.checkpoint import Packed, pack
from seqcli.training.evaluation import SCORED, evaluate
from seqcli.training.loop import Diverged, Evaluated, Event, fit, sound
from seqcli.training.state import TrainState

SAVE_SECONDS = 60.0


class Session:
    """The parts of a run under way, so that its steps need not hand them round."""

    def __init__(self, job: Job, folder: RunFolder, prepared: Prepared, ranks: Ranks) -> None:
        self._job, self._folder, self.prepared, self._ranks = job, folder, prepared, ranks
        self._config, self.kind = job.task.config, prepared.kind
        self._record = Recorder(job, folder, prepared, ranks)
        train, table = self._config.train, self.table()
        self.runtime = training_runtime(
            job.device,
            job.threads,
            train.precision,
            bfloat16_helps=self.kind.bfloat16_helps,
            multiply_adds=table.multiply_adds_per_step * train.batch_size // ranks.world,
            rows=train.batch_size,
            numbers=table.total,
            ranks=ranks,
            deterministic=train.deterministic,
        )
        device = self.runtime.device
        torch.manual_seed(ranks.seed(train.seed))
        model = self.kind.build(torch.Generator().manual_seed(train.seed)).to(device)
        exploded = self.kind.spec.exploded
        self.state = TrainState.fresh(model, train, exploded)
        exact = torch.float32 if device.type == "mps" else torch.float64  # mps has no float64
        self.state.sums = self.state.sums.to(device, exact)
        self._saved_at = 0.0

    def table(self) -> Table:
        """What the network is made of."""
        spec = self.kind.spec
        return spec.count(self._config.model, spec.sizes(self.kind.learned()))

    def in_common(self) -> dict[str, str]:
        """What all ranks must have alike."""
        settings = to_dict(self._config)
        del settings["data"]["path"]  # its fingerprint counts
        return {
            "data": self.prepared.fingerprint,
            "settings": hashlib.sha256(json.dumps(settings).encode()).hexdigest(),
            "seqcli": seqcli.__version__,
            "torch": torch.__version__,
            "precision": self.runtime.precision,
        }

    def begin(self, saved: storage.ModelFile | None) -> tuple[str, ...]:
        """First weights, or the saved state; notes for the person."""
        if saved is not None:
            with self._ranks.checked():
                note = take_up(saved, self.state, self._config, self._folder, self._ranks)
            self._saved_at = self.state.seconds
            return (note,)
        notes = ["nothing to resume yet: starting anew"] if self._job.resume else []
        with self._ranks.checked():
            if self._job.init_from is not None and self._ranks.first:
                notes.append(transfer(self._job.init_from, self.kind, self.state.model))
            self._record.begin()  # not before: until here an error may still end this run
        self._ranks.share_weights(self.state.model)
        self._save()  # a run killed after its first model can then be resumed
        return tuple(notes)

    def train(self) -> Iterator[Event | RolledBack]:
        """The loop's events, each saved before it is handed on.

        Errors: Diverged, unless the settings ask for another try at half the rate.
        """
        while True:
            try:
                yield from self._loop()
                return
            except Diverged as error:
                state, saved = self.state, None
                with self._ranks.checked():
                    if self._ranks.first:
                        saved = last_good(error, state, self._config, self._folder)
                roll_back(self._ranks.told(saved), state, self._config, self._folder, self._ranks)
                self._save()
                yield RolledBack(error.message, state.step, state.rollbacks)

    def _loop(self) -> Iterator[Event]:
        alone = self._ranks.world == 1
        events = fit(
            self.kind,
            self.prepared.splits,
            self.state,
            self._config.train,
            self.runtime,
            poll=interrupts.poll if alone else _wait,
            stopping=lambda: bool(interrupts.requested),
        )
        try:
            for event in events:
                if isinstance(event, Evaluated):
                    self._record.epoch(self.state, event)
                    self._save()
                elif event.stop or self.state.seconds - self._saved_at > SAVE_SECONDS:
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
        self._record.state(pack(self.state, self._ranks))
        self._saved_at = self.state.seconds

    def finish(self, packed: Packed) -> dict[str, Any]:
        """Score the best model, write it with its scores, draw the pictures: rank 0 by itself.

        What `train --json` prints. Errors: TrainingError where there was no time for an update.
        """
        best = self.state.best
        if best is None:
            raise TrainingError("the run ended before its first update", "give it more time")
        model = self.state.model
        last = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(best.weights)
        splits = self.prepared.splits
        float32_products(self.runtime.device, exact=True)  # as `eval` will score it
        torch.set_num_threads(self.runtime.threads)
        fp32 = replace(self.runtime, precision="fp32", ranks=ALONE)
        scores: dict[str, Figures | None] = dict.fromkeys(SCORED)
        for name in SCORED:
            if name in splits:
                score = self.kind.figures
                scores[name] = evaluate(score, model, splits[name], fp32, interrupts.poll)
        model.load_state_dict(last)  # a run that more epochs are asked of goes on from here
        self._record.model(best, scores)
        result = self._record.result(self.state, best, scores)
        marked = None if self._config.train.select == "last" else best.epoch
        spec = self.kind.spec
        self._folder.draw(marked, spec.figure(spec.metric), scores["test"] or scores["valid"])
        if self._job.keep_state:
            self._record.state(packed, result)
        else:  # the model is written: nothing is lost that anybody wants
            self._folder.last.unlink(missing_ok=True)
        return result


def _wait() -> None:
    """Ranks go through validation together; a signal is looked at after it."""
