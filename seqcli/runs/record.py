"""What a run writes: log rows, the model, the state to go on from, the result. Rank 0 alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

import seqcli
from seqcli.data.splits import CUT
from seqcli.data.trained import Keys, packed
from seqcli.files import write_bytes
from seqcli.kinds.abilities import remembering
from seqcli.kinds.contract import Figures, Prepared
from seqcli.kinds.saved import trained_on
from seqcli.machine.distributed import Ranks
from seqcli.modelfile import filecheck, storage
from seqcli.runs.folder import RunFolder
from seqcli.runs.job import Job
from seqcli.settings import fields
from seqcli.settings.config import to_dict
from seqcli.tasks.taskfile import to_toml
from seqcli.training.checkpoint import Packed, parameters
from seqcli.training.loop import Evaluated, chosen_by
from seqcli.training.state import Best, TrainState


@dataclass(frozen=True)
class Recorder:
    """The writer of one run; past rank 0 it writes nothing."""

    job: Job
    folder: RunFolder
    prepared: Prepared
    ranks: Ranks

    def begin(self) -> None:
        """Take away an earlier run's files, write the settings."""
        if self.ranks.first:
            self.folder.clear()
            settings = to_toml(self.job.task.config)
            write_bytes(self.folder.settings, settings.encode("utf-8", "surrogateescape"))

    def epoch(self, state: TrainState, event: Evaluated) -> None:
        """The log's row, then the model if it is the best so far.

        Of the last pass of a run that refits, nothing: it has no figure to be compared.
        """
        if not self.ranks.first or state.refit:
            return
        self.folder.log(
            {
                "epoch": state.begun,
                "step": state.step,
                "rate": state.rate,
                "train": event.train,
                "valid": event.valid,
                "best": event.best,
                "seconds": state.seconds,
            }
        )
        if event.best and state.best is not None:
            self.model(state.best, {"valid": event.valid})

    def state(self, packed: Packed, result: dict[str, Any] | None = None) -> None:
        """last.pt. `result`: of a complete run."""
        if not self.ranks.first:
            return
        values, tensors = packed
        task = self.job.task
        description = {
            "task": task.name,
            "preset": task.preset,
            "about": fields.as_dict(task.about),
            "out": self.folder.model.name,
            "config": to_dict(task.config),
            "timed": task.in_time,
            "data": self._data(),
            "learned": self.prepared.kind.learned(),
            "state": values,
            "complete": result is not None,
            "result": result,
            "launch": launch(),
        }
        storage.save(self.folder.last, description, tensors)

    def model(self, best: Best, scores: dict[str, Figures | None]) -> None:
        """OUT.pt."""
        task = self.job.task
        description = {
            "task": task.name,
            "preset": task.preset,
            "config": to_dict(task.config),
            "learned": self.prepared.kind.learned(),
            "data": self._data(),
            "epoch": best.epoch,
            "step": best.step,
            "scores": scores,
            "versions": {"seqcli": seqcli.__version__, "torch": torch.__version__},
        }
        storage.save(self.folder.model, description, best.weights)

    def result(self, state: TrainState, best: Best, scores: dict[str, Any]) -> dict[str, Any]:
        """What `train --json` prints."""
        task, kind = self.job.task, self.prepared.kind
        metric = chosen_by(kind, task.config.train, best.figures)
        history, sizes = self.folder.history(), self.prepared.sizes
        return {
            "task": task.name,
            "preset": task.preset or None,
            "model": str(self.folder.model),
            "run": str(self.folder.path),
            "parameters": parameters(state.model),
            "epochs": history[-1]["epoch"] if state.refit and history else state.begun,
            "steps": history[-1]["step"] if state.refit and history else state.step,
            "seconds": state.seconds,
            "tokens_per_second": state.tokens / max(state.seconds, 1e-9),
            "best": {"epoch": best.epoch, "metric": metric, "value": best.figures.get(metric)},
            "train": history[-1]["train"] if history else None,
            **scores,
            "data": {
                **{name: sizes.get(name, 0) for name in ("train", "valid", "test")},
                "vocabulary": kind.spec.sizes(kind.learned()).vocabulary,
                "sample": self.job.sample,
            },
            **({"refit": {"epochs": state.begun, "steps": state.step}} if state.refit else {}),
        }

    def _data(self) -> dict[str, Any]:
        return {
            "path": str(self.job.data.resolve()),
            "sha256": self.prepared.fingerprint,
            "sample": self.job.sample,
            "sizes": self.prepared.sizes,
            "cut": CUT,
            **self._trained,
        }

    @cached_property
    def _trained(self) -> dict[str, Any]:
        """The columns of a table, and what tells the rows that are trained on from others."""
        found: dict[str, Any] = {}
        if self.prepared.columns:
            found["columns"] = self.prepared.columns
        able, splits = remembering(self.prepared.kind), self.prepared.splits
        keys = None if able is None else able.keys(splits["train"])
        before = None if keys is None else self._before()
        if keys is not None and before is not None:
            text = packed(np.concatenate([keys, *before]))
            found |= {} if text is None else {"trained": text}
        return found

    def _before(self) -> list[Keys] | None:
        """Keys of what the weights were trained on before; None where that is not known.

        A run that goes on may have begun with other data, and it may start from another model.
        """
        found = list[Keys]()
        for path, given in ((self.folder.last, self.job.resume), (self.job.init_from, True)):
            if path is None or not given or not path.exists():
                continue
            description = filecheck.describe(path)
            if description["config"]["kind"] != self.prepared.kind.spec.name:
                continue
            keys = trained_on(description, path)
            if keys is not None:
                found.append(keys)
            elif path == self.job.init_from:
                return None
        return found


def launch() -> str:
    """The launcher's name for all processes it starts, and starts again; "" without one."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "")
