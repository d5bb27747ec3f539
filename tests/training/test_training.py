"""The loop's events: what is counted, what is best, when it ends, and how the rate moves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_kind import Batch, Scripted
from torch import nn

from seqcli.errors import TrainingError
from seqcli.kinds.classifier.spec import Train
from seqcli.kinds.contract import Figures, Loss
from seqcli.machine.device import Runtime
from seqcli.tasks.taskfile import fitted, resolve
from seqcli.training.loop import Evaluated, Event, Stepped, fit
from seqcli.training.pace import settle
from seqcli.training.schedule import rate_factor
from seqcli.training.state import Counters, TrainState

CPU = Runtime(torch.device("cpu"), "fp32", 1)
SPLITS = {"train": [4, 4, 1], "valid": "any"}  # examples of each batch


def fresh(train: Train) -> TrainState:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    return TrainState.fresh(model, train)


def go(kind: Any, state: TrainState, train: Train, splits: Any = SPLITS) -> Iterator[Event]:
    return fit(kind, splits, state, train, CPU, clock=lambda: kind.clock)


def evaluated(events: list[Event]) -> list[Evaluated]:
    return [event for event in events if isinstance(event, Evaluated)]


SGD = Train(optimizer="sgd", lr=0.1, epochs=2)


def test_events_come_in_order_and_tell_how_far_the_run_is() -> None:
    state = fresh(SGD)
    seen = []
    for event in go(Scripted(), state, SGD):
        seen.append((type(event).__name__, state.epoch, state.batch, state.step))
        if isinstance(event, Stepped):
            assert event.progress == pytest.approx(state.step / 6)
            assert event.share == pytest.approx(state.batch / 3)
            assert event.rate == 0.1
    epoch = [("Stepped", 0, n, n) for n in (1, 2, 3)] + [("Evaluated", 1, 0, 3)]
    again = [("Stepped", 1, n, 3 + n) for n in (1, 2, 3)] + [("Evaluated", 2, 0, 6)]
    assert seen == epoch + again
    assert state.finished == "epochs"
    assert (state.tokens, state.units) == (60, 18)
    assert not list(go(Scripted(), state, SGD))  # a finished run stays finished


def test_running_figures_are_means_over_examples_not_over_batches() -> None:
    first, second = evaluated(list(go(Scripted(), fresh(SGD), SGD)))
    expected = {"loss": (1 * 4 + 2 * 4 + 3 * 1) / 9, "accuracy": (3 + 3 + 0) / 9}
    assert first.train == pytest.approx(expected)
    assert second.train == pytest.approx(expected)  # each epoch counts from zero


def test_without_a_validation_split_the_running_figures_choose() -> None:
    state = fresh(SGD)
    events = evaluated(list(go(Scripted(), state, SGD, {"train": [2, 2]})))
    assert [event.valid for event in events] == [None, None]
    assert [event.best for event in events] == [True, False]
    assert state.best is not None
    assert state.best.figures == events[0].train


ACCURACY_FIRST = [
    {"accuracy": 0.7, "loss": 0.9},
    {"accuracy": 0.8, "loss": 0.6},
    {"accuracy": 0.8, "loss": 0.5},  # equal: the loss decides
    {"accuracy": 0.8, "loss": 0.5},  # no gain
    {"accuracy": 0.7, "loss": 0.1},
]


@pytest.mark.parametrize(
    ("select", "best"),
    [
        ("", [True, True, True, False, False]),
        ("loss", [True, True, True, False, True]),
        ("last", [True] * 5),
    ],
)
def test_the_best_epoch(select: str, best: list[bool]) -> None:
    train = replace(SGD, epochs=5, select=select)
    state = fresh(train)
    events = list(go(Scripted(*ACCURACY_FIRST), state, train))
    assert [event.best for event in evaluated(events)] == best
    chosen = len(best) - best[::-1].index(True)
    assert state.best is not None
    assert (state.best.epoch, state.best.step) == (chosen, 3 * chosen)
    assert state.best.figures == ACCURACY_FIRST[chosen - 1]
    # every update takes 0.1 off the one weight: the best epoch's are kept, not the last's
    assert state.best.weights["weight"].item() == pytest.approx(1 - 0.3 * chosen)
    assert state.model.weight.item() == pytest.approx(1 - 1.5)  # type: ignore[operator]


def test_patience_ends_a_run_without_gain() -> None:
    train = replace(SGD, epochs=50, patience=2)
    state = fresh(train)
    events = evaluated(list(go(Scripted(*ACCURACY_FIRST), state, train)))
    assert len(events) == 5
    assert (state.finished, state.stale) == ("patience", 2)


def test_a_rate_that_falls_on_a_plateau() -> None:
    train = replace(SGD, epochs=5, schedule="plateau", decay=0.5)
    events = list(go(Scripted(*ACCURACY_FIRST), fresh(train), train))
    rates = [event.rate for event in events if isinstance(event, Stepped)][::3]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.05])


def test_max_steps_ends_in_the_middle_of_an_epoch() -> None:
    train = replace(SGD, epochs=9, max_steps=4, schedule="linear")
    state = fresh(train)
    events = list(go(Scripted(), state, train))
    assert (state.step, state.epoch, state.batch, state.finished) == (4, 1, 1, "steps")
    assert state.begun == 2
    rates = [event.rate for event in events if isinstance(event, Stepped)]
    assert rates == pytest.approx([0.1, 0.075, 0.05, 0.025])
    assert isinstance(events[-1], Evaluated)
    assert events[-1].train["loss"] == 1.0  # of the one batch there was
    assert events[-1].share == pytest.approx(1 / 3)


def test_schedules_reach_the_optimizer() -> None:
    train = replace(SGD, schedule="linear", warmup=0.5, epochs=4)
    state = fresh(train)
    for event in go(Scripted(), state, train):
        if isinstance(event, Stepped):
            done = (state.step - 1) / 12
            expected = 0.1 * (1 - done) * (max(done / 0.5, 1e-3) if done < 0.5 else 1)
            assert state.updater.rate == pytest.approx(expected)
            assert event.rate == pytest.approx(expected)
    for number, falls in enumerate((0, 0, 1, 2)):
        rate = _rate_in_epoch(number + 1, replace(SGD, schedule="step", full_rate_epochs=2))
        assert rate == pytest.approx(0.1 * 0.5**falls)


def _rate_in_epoch(epoch: int, train: Train) -> float:
    state = fresh(replace(train, epochs=epoch))
    list(go(Scripted(), state, replace(train, epochs=epoch)))
    return state.updater.rate


@pytest.mark.parametrize("select", ["", "last", "loss"])
def test_a_plateau_and_patience_are_judged_whichever_epoch_is_kept(select: str) -> None:
    train = replace(SGD, epochs=9, schedule="plateau", patience=3, select=select)
    kind, state = Scripted(*[{"accuracy": 0.5, "loss": 1.0}] * 9), fresh(train)
    events = list(go(kind, state, train))
    rates = [event.rate for event in events if isinstance(event, Stepped)][::3]
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.025])
    assert (state.epoch, state.finished) == (4, "patience")


# --- cut short, and gone on with


class Recorded(Scripted):
    """Notes the batches; validation figures hang on the updates done, whenever it happens."""

    def __init__(self, figures: list[int]) -> None:
        super().__init__()
        self.figures_by_step, self.batches_seen = figures, list[int]()
        self.step_seconds = 1.0

    def loss(self, model: nn.Module, batch: Batch, state: Any, runtime: Runtime) -> Loss:
        self.batches_seen.append(batch.number)
        return super().loss(model, batch, state, runtime)

    def validation(self, model: nn.Module, split: Any, runtime: Runtime, poll: Any) -> Figures:
        at = len(self.batches_seen) % len(self.figures_by_step)
        return {"accuracy": self.figures_by_step[at] / 9, "loss": 1.0}


CUTS = st.lists(st.tuples(st.sampled_from(["max_steps", "max_time"]), st.integers(1, 25)))


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 7),
    st.integers(1, 3),
    CUTS,
    st.lists(st.integers(0, 9), min_size=5, max_size=5),
    st.sampled_from(["constant", "step", "plateau"]),
    st.sampled_from(["", "last"]),
)
def test_a_run_cut_and_extended_sees_what_one_run_sees(
    count: int, epochs: int, cuts: list[Any], figures: list[int], schedule: str, select: str
) -> None:
    train = replace(SGD, lr=1 / 64, epochs=epochs, schedule=schedule, select=select)
    splits = {"train": [3] * count, "valid": 0}

    def trained(limits: list[dict[str, Any]]) -> tuple[TrainState, Recorded, list[Event]]:
        state, kind, events = fresh(train), Recorded(figures), list[Event]()
        for limit in limits:
            part = replace(train, **limit)
            state.finished = settle(state, part)
            events += go(kind, state, part, splits)
        return state, kind, events

    one, kind, events = trained([{}])
    # a step schedule cut by time passes through all its falls: see below
    wanted = [{name: at} for name, at in cuts if schedule != "step" or name == "max_steps"]
    other, again, parts = trained([*wanted, {}])
    assert again.batches_seen == kind.batches_seen == list(range(count)) * epochs
    assert other.finished == "epochs"
    assert Counters(**counters(other)) == Counters(**counters(one))
    assert (other.gained, other.model.weight) == (one.gained, one.model.weight)
    wholes = [replace(event, best=True) for event in evaluated(parts) if event.share == 1.0]
    assert wholes == [replace(event, best=True) for event in evaluated(events)]
    assert rates(parts) == rates(events)


def counters(state: TrainState) -> dict[str, Any]:
    return {field.name: getattr(state, field.name) for field in fields(Counters)}


def rates(events: list[Event]) -> list[float]:
    return [event.rate for event in events if isinstance(event, Stepped)]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("cuts", [[3], [1, 2, 10], [27, 30]])
def test_the_schedule_of_an_extended_run_ends_where_it_should(
    schedule: str, cuts: list[int]
) -> None:
    train = replace(SGD, schedule=schedule, epochs=2)
    state, splits = fresh(train), {"train": [1] * 27, "valid": 0}
    for most in [*cuts, None]:
        part = replace(train, max_steps=most)
        state.finished = settle(state, part)
        last = rates(list(go(Scripted(), state, part, splits)))[-1]
        end = most or 54
        assert last == pytest.approx(0.1 * rate_factor(train, (end - 1) / end, 1, 0))
    assert (state.step, state.epoch, state.finished) == (54, 2, "epochs")


def test_fewer_batches_than_before_end_the_run_in_order() -> None:
    state = fresh(SGD)
    for number, _ in enumerate(go(Scripted(), state, SGD, {"train": [1] * 20, "valid": 0})):
        if number == 14:
            break
    list(go(Scripted(), state, SGD, {"train": [1] * 3, "valid": 0}))  # the data changed
    assert (state.epoch, state.batch, state.finished) == (2, 0, "epochs")
    assert state.step == 15 + 3


# --- time


def test_max_time_ends_the_run_annealed_with_time_kept_for_validation() -> None:
    train = replace(SGD, epochs=100, max_time=50.0, schedule="linear")
    state, kind = fresh(train), Scripted()
    kind.step_seconds, kind.valid_seconds = 1.0, 4.0
    events = list(go(kind, state, train))
    assert state.finished == "time"
    # 7 s an epoch: the 7th ends at 49 s; 46 s were there for updates before its validation
    assert state.epoch == 7
    assert state.seconds == pytest.approx(49.0)
    rates = [event.rate for event in events if isinstance(event, Stepped)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * 0.1
    last = next(event for event in reversed(events) if isinstance(event, Stepped))
    assert last.progress > 0.95


def test_max_time_cuts_an_epoch_short() -> None:
    train = replace(SGD, epochs=10, max_time=5.0)
    state, kind = fresh(train), Scripted()
    kind.step_seconds = 1.0
    events = list(go(kind, state, train, {"train": [1] * 100, "valid": 0}))
    assert (state.step, state.begun, state.finished) == (5, 1, "time")
    assert isinstance(events[-1], Evaluated)


@pytest.mark.parametrize(("validation", "end"), [(0.0, 40), (4.0, 40), (14.0, 40), (30.0, 50)])
@pytest.mark.parametrize("batches", [13, 25, 1000])
def test_the_first_validation_is_foreseen(validation: float, end: int, batches: int) -> None:
    """A part of it is timed before; training has half of the time, however long validation is."""
    train = replace(SGD, epochs=1000, max_time=40.0, schedule="linear")
    state, kind = fresh(train), Scripted()
    kind.step_seconds, kind.valid_seconds = 1.0, validation
    events = list(go(kind, state, train, {"train": [1] * batches, "valid": 0}))
    assert state.finished == "time"
    assert state.seconds <= end
    last = [event for event in events if isinstance(event, Stepped)][-1]
    if batches == 1000:  # one epoch, cut by the end
        assert state.step == min(40 - validation, 40) if validation < 20 else 20
        assert last.progress == 1.0
        assert last.rate <= 0.1 / state.step + 1e-12
    elif validation <= 4:
        assert last.progress > 0.85


def test_a_step_schedule_cut_by_time_passes_through_all_its_falls() -> None:
    train = replace(SGD, epochs=10, max_time=30.0, schedule="step", full_rate_epochs=5)
    state, kind = fresh(train), Scripted()
    kind.step_seconds = 1.0
    events = list(go(kind, state, train, {"train": [1] * 100, "valid": 0}))
    rates = [event.rate for event in events if isinstance(event, Stepped)]
    assert rates[0] == 0.1
    assert rates[-1] == pytest.approx(0.1 * 0.5**5)
    assert len(set(rates)) == 6


def test_the_epochs_may_end_before_the_time_does() -> None:
    train = replace(SGD, max_time=1e6, schedule="linear")
    state, kind = fresh(train), Scripted()
    kind.step_seconds = 1.0
    rates = [e.rate for e in go(kind, state, train) if isinstance(e, Stepped)]
    assert state.finished == "epochs"
    assert rates == pytest.approx([0.1 * (1 - n / 6) for n in range(6)])


@pytest.mark.parametrize(
    ("given", "why", "epochs"),
    [
        ({"max_time": 109.0}, "time", 15),
        ({"max_time": 109.0, "epochs": 5}, "epochs", 5),
        ({"max_time": 1e6}, "epochs", 20),  # its table for a given time says no more
        ({}, "epochs", 9),
    ],
)
def test_char_uses_the_time_it_is_given(given: dict[str, Any], why: str, epochs: int) -> None:
    """7 s an epoch: of 109 s 105 are there for updates, and the rate falls over these."""
    train: Any = fitted(resolve("char", "", {"train": given}), 10**6).config.train
    state, kind = fresh(train), Scripted()
    kind.step_seconds, kind.valid_seconds = 1.0, 4.0
    steps = [event for event in go(kind, state, train) if isinstance(event, Stepped)]
    assert (state.finished, state.begun) == (why, epochs)
    of = 105.0 if why == "time" else 3.0 * epochs
    done = [number + 4 * (number // 3) if why == "time" else number for number in range(len(steps))]
    falls = [train.lr * (1 - share / of) for share in done]
    warm = next(number for number, share in enumerate(done) if share / of >= train.warmup)
    assert [step.rate for step in steps][warm:] == pytest.approx(falls[warm:])
    assert steps[-1].rate < train.lr * (0.05 if epochs > 5 else 0.1)


def test_patience_ends_a_little_text_before_its_time() -> None:
    train: Any = fitted(resolve("char", "", {"train": {"max_time": 1e6}}), 4000).config.train
    state, kind = fresh(train), Scripted()
    kind.step_seconds = 1.0
    events = evaluated(list(go(kind, state, train)))
    gained = [number for number, event in enumerate(events, 1) if event.best]
    assert state.finished == "patience"
    assert len(events) == gained[-1] + train.patience


def test_time_adds_up_over_parts_and_pauses_do_not_count() -> None:
    train = replace(SGD, epochs=100, max_time=20.0)
    state, kind = fresh(train), Scripted()
    kind.step_seconds = 1.0
    for _ in range(4):  # four parts of five updates; a night lies between them
        for number, _event in enumerate(go(kind, state, train, {"train": [1] * 100, "valid": 0})):
            if number == 4:
                break
        kind.clock += 30000.0
    assert state.seconds == pytest.approx(20.0)
    (end,) = go(kind, state, train, {"train": [1] * 100, "valid": 0})
    assert isinstance(end, Evaluated)
    assert (state.step, state.finished) == (20, "time")


# --- what goes wrong


@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_the_update(bad: float, clip: float) -> None:
    train = replace(SGD, clip=clip)
    state = fresh(train)
    with pytest.raises(TrainingError, match=r"step 3 \(rate 0\.1\)") as caught:
        list(go(Scripted(losses={2: bad}), state, train))
    assert "--lr" in caught.value.hint
    assert "kept" not in caught.value.hint  # nothing has been saved yet
    assert state.step == 2
    assert state.model.weight.item() == pytest.approx(0.8)  # type: ignore[operator]


def test_a_gradient_that_is_no_number_stops_too() -> None:
    class Bad(Scripted):
        def loss(self, model: nn.Module, batch: Batch, state: Any, runtime: Runtime) -> Loss:
            found = super().loss(model, batch, state, runtime)
            return replace(found, objective=found.objective * math.inf)

    state = fresh(replace(SGD, clip=1.0))
    with pytest.raises(TrainingError, match="step 1 "):
        list(go(Bad(), state, replace(SGD, clip=1.0)))
    assert state.model.weight.item() == 1.0  # type: ignore[operator]


def test_weights_that_the_last_update_ruined_are_not_the_best() -> None:
    state = fresh(SGD)
    kind = Scripted({"accuracy": 0.5, "loss": 1.0}, {"accuracy": 0.5, "loss": math.nan})
    with pytest.raises(TrainingError, match="step 6 ") as caught:
        list(go(kind, state, SGD))
    assert "kept" in caught.value.hint
    assert state.best is not None
    assert state.best.epoch == 1


def test_validation_may_be_interrupted_and_is_then_done_again() -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    whole = fresh(SGD)
    events = list(go(Scripted(), whole, SGD))
    state = fresh(SGD)
    kind: Any = Scripted()
    with pytest.raises(Stop):
        list(fit(kind, SPLITS, state, SGD, CPU, clock=lambda: 0.0, poll=stop))
    assert (state.epoch, state.batch, state.step) == (0, 3, 3)
    assert state.model.training
    assert list(go(kind, state, SGD)) == events[3:]
