"""A run under way: the loop's events, each saved before it is handed on, and the end of it."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn

import seqcli
from seqcli.errors import TrainingError
from seqcli.interrupts import Interrupted, interrupts
from seqcli.kinds.abilities import refitting
from seqcli.kinds.contract import Figures, Kind, Prepared
from seqcli.machine.device import float32_products, training_runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.modelfile import storage
from seqcli.runs.folder import RunFolder
from seqcli.runs.job import Job
from seqcli.runs.record import Recorder
from seqcli.runs.resume import RolledBack, last_good, roll_back, take_up
from seqcli.runs.transfer import transfer
from seqcli.settings.config import to_dict
from seqcli.settings.sections import refits
from seqcli.settings.table import Table
from seqcli.training.checkpoint import Packed, pack
from seqcli.training.evaluation import SCORED, evaluate
from seqcli.training.loop import Diverged, Evaluated, Event, fit, sound
from seqcli.training.state import Best, TrainState

SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Refitting:
    """The first pass is over: another begins, over training and validation `rows` together."""

    epochs: int
    rows: int


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
        model = self._first(self.kind).to(device)
        exploded = self.kind.spec.exploded
        self.state = TrainState.fresh(model, train, exploded)
        exact = torch.float32 if device.type == "mps" else torch.float64  # mps has no float64
        self.state.sums = self.state.sums.to(device, exact)
        self._saved_at = 0.0

    def _first(self, kind: Kind) -> nn.Module:
        """A model with the first weights of the seed; dropout begins anew with it."""
        seed = self._config.train.seed
        torch.manual_seed(self._ranks.seed(seed))
        return kind.build(torch.Generator().manual_seed(seed))

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
            notes += self._transferred()
            self._record.begin()  # not before: until here an error may still end this run
        self._ranks.share_weights(self.state.model)
        self._save()  # a run killed after its first model can then be resumed
        return tuple(notes)

    def _transferred(self) -> list[str]:
        """Another model's weights as first ones, where that is asked for: rank 0's part."""
        if self._job.init_from is None or not self._ranks.first:
            return []
        return [transfer(self._job.init_from, self.kind, self.state.model)]

    def train(self) -> Iterator[Event | RolledBack | Refitting]:
        """The loop's events, each saved before it is handed on; with a last pass if asked for.

        Errors: Diverged, unless the settings ask for another try at half the rate.
        """
        yield from self._passed()
        best = self.state.best
        if best is not None and self._to_refit():
            yield self._refitting(best)
            yield from self._passed()

    def _to_refit(self) -> bool:
        """Whether the last pass is still to begin."""
        asked = refits(self._config.train) and "valid" in self.prepared.splits
        return asked and not self.state.refit

    def _refitting(self, best: Best) -> Refitting:
        """First weights anew, and the state saved: from here on the run is in its last pass."""
        kind, splits = self._together
        state = self.state
        batches = len(self.kind.batches(self.prepared.splits["train"], 1, self._ranks))
        state.model.load_state_dict(self._first(kind).state_dict())
        with self._ranks.checked():
            self._transferred()
        self._ranks.share_weights(state.model)
        state.refitting(self._config.train, best, batches)
        self._save()
        return Refitting(state.refit, len(splits["train"]))

    @cached_property
    def _together(self) -> tuple[Kind, dict[str, Any]]:
        """What the last pass trains on, and the kind as it begins on that."""
        splits = self.prepared.splits
        kind, both = refitting(self.kind).together(splits["train"], splits["valid"])
        return kind, {"train": both}

    def _passed(self) -> Iterator[Event | RolledBack]:
        """One pass to its end."""
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
        last = self.state.refit > 0
        kind, splits = self._together if last else (self.kind, self.prepared.splits)
        events = fit(
            kind,
            splits,
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
        kept = self._refitted(best) if self.state.refit else best
        splits = self.prepared.splits
        float32_products(self.runtime.device, exact=True)  # as `eval` will score it
        torch.set_num_threads(self.runtime.threads)
        fp32 = replace(self.runtime, precision="fp32", ranks=ALONE)
        scores: dict[str, Figures | None] = dict.fromkeys(SCORED)
        for name in SCORED:
            if name in splits:
                # the last pass has trained on the rows of validation: the first one's model has not
                model.load_state_dict((best if name == "valid" else kept).weights)
                score = self.kind.figures
                scores[name] = evaluate(score, model, splits[name], fp32, interrupts.poll)
        model.load_state_dict(last)  # a run that more epochs are asked of goes on from here
        record = self._record
        if self.state.refit:
            trained = {**splits, **self._together[1]}
            record = replace(record, prepared=replace(self.prepared, splits=trained))
        record.model(kept, scores)
        result = record.result(self.state, best, scores)
        marked = None if self._config.train.select == "last" else best.epoch
        spec = self.kind.spec
        self._folder.draw(marked, spec.figure(spec.metric), scores["test"] or scores["valid"])
        if self._job.keep_state:
            record.state(packed, result)
        else:  # the model is written: nothing is lost that anybody wants
            self._folder.last.unlink(missing_ok=True)
        return result

    def _refitted(self, best: Best) -> Best:
        """The last pass's weights, under the figures of the first one's best epoch."""
        state = self.state
        with state.answering():
            weights = {name: value.clone() for name, value in state.model.state_dict().items()}
        return Best(state.begun, state.step, best.figures, weights)


def _wait() -> None:
    """Ranks go through validation together; a signal is looked at after it."""
