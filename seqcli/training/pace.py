"""How far a run is, by updates and by the clock, and when it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqcli.settings.sections import Training
from seqcli.training.state import TrainState


class Pace:
    """How far a run is, by updates and by the clock."""

    def __init__(
        self, train: Training, batches: int, start: float, clock: Callable[[], float]
    ) -> None:
        """`batches` an epoch; `start` in seconds of `clock`."""
        self.train, self.batches, self.start, self.clock = train, batches, start, clock
        self.steps = train.epochs * batches
        if train.max_steps is not None:
            self.steps = min(self.steps, train.max_steps)

    def elapsed(self) -> float:
        """Seconds of training and validation so far."""
        return self.clock() - self.start

    def progress(self, state: TrainState) -> float:
        """The larger of the shares of updates and of time; the last validation's time is kept.

        The time is the state's: the same at every rank.
        """
        share = state.step / max(self.steps, 1)
        if self.train.max_time is not None:
            left = max(self.train.max_time - state.reading_seconds, 1e-9)
            share = max(share, state.seconds / left)
        return min(share, 1.0)

    def over(self, state: TrainState) -> bool:
        """Whether an end is reached."""
        return self.progress(state) >= 1.0 or state.step >= self.steps


def settle(counters: dict[str, Any], train: Training) -> str:
    """Why a run with these counters has nothing left to do; "" where it has."""
    if counters["epoch"] >= train.epochs:
        return "epochs"
    if train.max_steps is not None and counters["step"] >= train.max_steps:
        return "steps"
    if train.patience and counters["stale"] >= train.patience:
        return "patience"
    if train.max_time is not None and counters["finished"] == "time":
        left = train.max_time - counters["reading_seconds"]
        return "time" if counters["seconds"] >= left else ""
    return ""
