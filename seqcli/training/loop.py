"""The training loop: a generator of events that prints nothing and writes nothing.

All of a run's state is one TrainState; between two events it can be saved and gone on from, bit for
bit: batches follow from (seed, epoch, index), and torch's random state is part of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqcli.errors import TrainingError
from seqcli.kinds.contract import Batches, Figures, Kind
from seqcli.kinds.spec import better
from seqcli.machine.device import Runtime
from seqcli.settings.sections import Training
from seqcli.training.evaluation import evaluate
from seqcli.training.pace import Pace, settle
from seqcli.training.replicas import Done, Replicas
from seqcli.training.schedule import rate_factor
from seqcli.training.state import Best, TrainState

CHECK_STEPS = 50  # on a GPU the loss is looked at this often: each look waits for the device


@dataclass(frozen=True)
class Stepped:
    """One update is done; `progress` in [0, 1] of the whole run, `share` of its epoch."""

    progress: float
    share: float
    rate: float
    stop: bool  # a rank was asked to


@dataclass(frozen=True)
class Evaluated:
    """An epoch's figures are known; `valid` is None without a validation split.

    share: below 1 where an end of the run cut the epoch short; more of it may be asked for later.
    """

    train: Figures
    valid: Figures | None
    best: bool
    stop: bool
    share: float = 1.0


Event = Stepped | Evaluated


def fit(
    kind: Kind,
    splits: dict[str, Any],
    state: TrainState,
    train: Training,
    runtime: Runtime,
    *,
    clock: Callable[[], float] = time.perf_counter,
    poll: Callable[[], None] = lambda: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Train from `state` to the end; it is whole at every event. `poll` may raise in validation.

    Ranks go through the same events, with equal weights and figures; what `stopping` says at one
    of them, all learn at the next event. Errors: Diverged when the loss or a weight is no longer
    finite, or the loss has exploded.
    """
    ranks, replicas = runtime.ranks, Replicas(kind, state.model, state.updater, runtime)
    while not state.finished:
        batches = replicas.batches(splits["train"], state.epoch + 1)
        if train.max_time is not None and "valid" in splits and not state.reading_seconds:
            seconds = _estimated(kind, splits["valid"], state, runtime, clock, poll)
            state.reading_seconds = ranks.totals(seconds if ranks.first else 0.0)[0]
        pace = Pace(train, len(batches[0]), clock() - state.seconds, clock)
        yield from _epoch(batches, state, train, replicas, runtime, pace, stopping)
        figures = running(kind, state)
        before = pace.elapsed()
        valid = None
        if "valid" in splits:
            with state.answering():
                valid = evaluate(kind.validation, state.model, splits["valid"], runtime, poll)
            if not valid["loss"] < state.exploded:
                raise Diverged(state)
        times = (pace.elapsed() - before, pace.elapsed()) if ranks.first else (0.0, 0.0)
        state.reading_seconds, state.seconds, asked = ranks.totals(*times, stopping())
        if not sound(state):
            raise Diverged(state)
        whole = state.batch >= len(batches[0])
        best = _judge(kind, state, train, valid if valid is not None else figures, whole=whole)
        share = 1.0 if whole else state.batch / len(batches[0])
        if whole:
            _close_epoch(state)
        if train.max_time is not None and pace.over(state):
            state.finished = "time"
        state.finished = settle(state, train) or state.finished
        yield Evaluated(figures, valid, best, bool(asked), share)


def _estimated(
    kind: Kind,
    split: Any,
    state: TrainState,
    runtime: Runtime,
    clock: Callable[[], float],
    poll: Callable[[], None],
) -> float:
    """Seconds that a validation will take, by a part of it. Not counted in the run's."""
    part, times = kind.portion(split)
    evaluate(kind.validation, state.model, part, runtime, poll)  # the first one makes its kernels
    before = clock()
    evaluate(kind.validation, state.model, part, runtime, poll)
    return (clock() - before) * times


def _epoch(
    batches: list[Batches],
    state: TrainState,
    train: Training,
    replicas: Replicas,
    runtime: Runtime,
    pace: Pace,
    stopping: Callable[[], bool],
) -> Iterator[Event]:
    """The rest of the epoch under way, one event an update."""
    replicas.train()
    while state.batch < len(batches[0]) and not pace.over(state):
        progress = pace.progress(state)
        epoch = state.epoch + 1
        if train.max_time is not None:  # a run cut by time passes through the whole schedule
            epoch = max(epoch, math.ceil(progress * train.epochs))
        factor = rate_factor(train, progress, epoch, state.falls) * 0.5**state.rollbacks
        state.updater.set_rate(factor)
        state.rate = state.updater.rate
        done = replicas.gradients(batches, state.batch, state.carried)
        if runtime.ranks.world == 1:
            sums = torch.stack([done.total, done.correct])
            _apply(state, runtime, sums, done.predictions, done.tokens)
            seconds, asked = pace.elapsed(), stopping()
        else:
            seconds, asked = _shared_update(done, state, runtime, pace, stopping())
        state.seconds, state.carried = seconds, done.carried
        state.batch += 1
        state.step += 1
        share = state.batch / len(batches[0])
        yield Stepped(pace.progress(state), share, train.lr * factor, asked)


def _shared_update(
    done: Done, state: TrainState, runtime: Runtime, pace: Pace, stopping: bool
) -> tuple[float, bool]:
    """One update by all ranks' gradients; rank 0's time, and whether any rank is to stop.

    The state is not touched before all gradients are there: a rank may die at any time.
    """
    ranks = runtime.ranks
    sums = [done.total.item(), done.correct.item(), done.predictions, done.tokens]
    seconds = pace.elapsed() if ranks.first else 0.0
    updater = state.updater
    *found, seconds, asked = ranks.add_gradients(
        updater.dense, updater.by_rows, *sums, seconds, float(stopping)
    )
    total, right, count, tokens = found
    _apply(state, runtime, torch.tensor([total, right]), round(count), round(tokens))
    return seconds, asked > 0


def _apply(state: TrainState, runtime: Runtime, sums: Tensor, count: int, tokens: int) -> None:
    """Clip and update; `sums` (loss, right ones) over `count` predictions are added to the run's.

    The loss is looked at before the update: the weights are still those of a good step.
    """
    norm = state.updater.norm()
    state.sums += sums.to(state.sums)
    state.count += count
    if runtime.device.type == "cpu" or state.step % CHECK_STEPS == 0:
        _check(state, sums[0] / max(count, 1), norm)
    state.updater.step(norm)
    if state.average is not None:
        state.average.add(state.step + 1)
    state.tokens += tokens
    state.units += count


def running(kind: Kind, state: TrainState) -> Figures:
    """Figures of the epoch under way, over its batches so far."""
    total, correct = state.sums.tolist()
    return kind.running(total, state.count, correct)


def _check(state: TrainState, loss: Tensor, norm: Tensor | None) -> None:
    """Stop at the first loss or gradient norm that is not finite; clipping alone would hide it."""
    if not loss.item() < state.exploded or not (norm is None or math.isfinite(norm.item())):
        raise Diverged(state, state.step + 1)


def sound(state: TrainState) -> bool:
    """Whether all weights, and the losses of the epoch under way, are finite numbers."""
    values = [state.sums, *state.model.state_dict().values()]
    return all(bool(value.isfinite().all()) for value in values)


class Diverged(TrainingError):
    """The loss is NaN, infinite or exploded, or a weight is no number any more."""

    def __init__(self, state: TrainState, step: int | None = None) -> None:
        """`step`: of the update that shows it, which is not done; else the last one."""
        number = state.step if step is None else step
        kept = "; the best model so far is kept" if state.best is not None else ""
        super().__init__(
            f"the loss is no longer a number, or beyond all bounds, at step {number:,} "
            f"(rate {state.rate:g})",
            "try a lower --lr, or --clip 1; or go on with --resume --on-nan rollback, at half the "
            f"rate{kept}",
        )


def _judge(
    kind: Kind, state: TrainState, train: Training, figures: Figures, *, whole: bool
) -> bool:
    """Keep the weights if they are the best so far, or the last; count epochs without a gain.

    A part of an epoch may be kept, but does not count: a run that is gone on with from there counts
    what one run counts.
    """
    if state.refit:  # nothing to judge by: the best epoch stays what the first pass says
        return False
    metric = chosen_by(kind, train, figures)
    figure = kind.spec.figure(metric)
    if whole and (state.gained is None or better(figure, figures, state.gained)):
        known = [name for name in (metric, kind.spec.metric, "loss") if name in figures]
        state.gained = {name: figures[name] for name in known}
        state.stale = 0
    elif whole:
        state.stale += 1
        if train.schedule == "plateau" and state.stale % train.plateau == 0:
            state.falls += 1
    before = None if train.select == "last" else state.best
    if before is not None and not better(figure, figures, before.figures):
        return False
    with state.answering():
        weights = {name: value.clone() for name, value in state.model.state_dict().items()}
    state.best = Best(state.begun, state.step, figures, weights)
    return True


def chosen_by(kind: Kind, train: Training, figures: Figures) -> str:
    """The figure that says which epoch is best, and whether an epoch brings a gain."""
    metric = train.select if train.select not in ("", "last") else kind.spec.metric
    # without a validation split, running figures are all there is
    return metric if metric in figures else "loss"


def _close_epoch(state: TrainState) -> None:
    state.epoch += 1
    state.batch = 0
    state.sums.zero_()
    state.count = 0
    state.carried = None
