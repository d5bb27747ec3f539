"""How far a run is, by updates and by the clock, and when it is done."""

from __future__ import annotations

from collections.abc import Callable

from seqcli.settings.sections import Training, refits
from seqcli.training.state import Counters


class Pace:
    """How far a run is, by updates and by the clock."""

    def __init__(
        self, train: Training, batches: int, start: float, clock: Callable[[], float]
    ) -> None:
        """`batches` an epoch; `start` in seconds of `clock`."""
        self.train, self.batches, self.start, self.clock = train, batches, start, clock

    def elapsed(self) -> float:
        """Seconds of training and validation so far."""
        return self.clock() - self.start

    def progress(self, at: Counters) -> float:
        """The largest of the shares of epochs, of updates and of time.

        Of epochs, not of updates: these are counted otherwise where the data changed under a run.
        The time is the state's: the same at every rank.
        """
        done = at.epoch * self.batches + at.batch
        share = done / max((at.length or self.train.epochs) * self.batches, 1)
        if self.train.max_steps is not None:
            share = max(share, at.step / self.train.max_steps)
        if self.train.max_time is not None:
            spent = at.seconds - at.earlier
            share = max(share, spent / _for_training(at, self.train, self.train.max_time))
        return min(share, 1.0)

    def over(self, at: Counters) -> bool:
        """Whether an end is reached."""
        return self.progress(at) >= 1.0


def settle(at: Counters, train: Training) -> str:
    """Why a run with these counters has nothing left to do; "" where it has."""
    if at.epoch >= (at.refit or train.epochs):
        return "epochs"
    if train.max_steps is not None and at.step >= train.max_steps:
        return "steps"
    if train.patience and at.stale >= train.patience:
        return "patience"
    if train.max_time is not None and at.finished == "time":
        spent = at.seconds - at.earlier
        return "time" if spent >= _for_training(at, train, train.max_time) else ""
    return ""


def _for_training(at: Counters, train: Training, most: float) -> float:
    """Seconds of a pass until its last validation must begin; half of all of them are for training.

    A run that is to refit has half of its time for each pass, and the last one what is left.
    """
    if at.refit:
        return max(most - at.earlier, 1e-9)
    if refits(train) and at.reading_seconds:  # without a validation there is nothing to refit on
        most /= 2
    return most - min(at.reading_seconds, most / 2)
