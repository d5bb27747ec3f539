"""All that a run knows, and that is saved to go on from."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqcli.kinds.contract import Figures
from seqcli.settings.sections import Training
from seqcli.training.averaging import Average
from seqcli.training.optim import Updater


@dataclass
class Best:
    """The best epoch so far, or part of one: its figures on the validation split, its weights."""

    epoch: int
    step: int
    figures: Figures
    weights: dict[str, Tensor]


@dataclass
class Counters:
    """What a run counts: plain values, which `last.pt` holds by these names."""

    epoch: int = 0  # epochs done
    batch: int = 0  # batches done of the epoch under way
    step: int = 0  # updates done
    count: int = 0  # predictions behind the sums of the epoch under way
    tokens: int = 0  # trained on, in all
    units: int = 0  # predictions trained on, in all: examples, or a language model's tokens
    seconds: float = 0.0  # training with its validation
    reading_seconds: float = 0.0  # the last validation's share; before it, an estimate
    stale: int = 0  # epochs without gain since the last one with it
    falls: int = 0  # of the rate, on a plateau
    rollbacks: int = 0  # each halved the rate
    rate: float = 0.0  # of the last update
    refit: int = 0  # epochs of the last pass, over training and validation rows; 0: not begun
    length: float = 0.0  # epochs over which that pass's rates fall; it may end before
    earlier: float = 0.0  # seconds, of those in all, before the last pass
    finished: str = ""  # why, once it is; where that cut an epoch short, more may be asked for

    @property
    def begun(self) -> int:
        """Epochs, with the one under way."""
        return self.epoch + (self.batch > 0)


@dataclass(kw_only=True)
class TrainState(Counters):
    """Everything a run knows; nothing else decides how it goes on."""

    model: nn.Module
    updater: Updater
    sums: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    carried: Any = None  # the model's state at the last batch's end, for the next one
    average: Average | None = None
    best: Best | None = None
    gained: Figures | None = None  # of the last whole epoch with a gain: what others must beat
    exploded: float = 1e6  # a loss a prediction that nothing comes back from: the kind's

    @classmethod
    def fresh(cls, model: nn.Module, train: Training, exploded: float = 1e6) -> TrainState:
        """The state of a run that begins with the weights that the model has."""
        average = Average(model, train.average) if train.average else None
        return cls(model=model, updater=Updater(model, train), average=average, exploded=exploded)

    def refitting(self, train: Training, best: Best, batches: int) -> None:
        """Begin the last pass: all anew for the weights that the model has now, but the best epoch.

        What is counted over the whole run goes on. `batches`: an epoch of the first pass had; its
        rates fell over as much as it came to where time ended it. A run that was gone on with may
        have been asked for fewer epochs than its best one.
        """
        timed = self.finished == "time"
        done = self.epoch + self.batch / batches
        self.length = done if timed else float(max(train.epochs, best.epoch))
        fresh = TrainState.fresh(self.model, train, self.exploded)
        for name in ("epoch", "batch", "step", "count", "stale", "falls", "reading_seconds"):
            setattr(self, name, getattr(fresh, name))
        self.updater, self.average = fresh.updater, fresh.average
        self.carried = self.gained = None
        self.sums.zero_()
        self.earlier, self.refit, self.finished = self.seconds, best.epoch, ""

    def answering(self) -> AbstractContextManager[None]:
        """While it is open the model's weights are those to judge and to keep: the mean, if any."""
        return nullcontext() if self.average is None else self.average.in_place()
