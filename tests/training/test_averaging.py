"""Averaged weights: the recursion in NumPy, and what is validated, kept and gone on with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_kind import Scripted
from torch import Tensor, nn

from seqcli.kinds.classifier.spec import Train
from seqcli.kinds.contract import Figures
from seqcli.machine.device import Runtime
from seqcli.training.averaging import Average
from seqcli.training.loop import fit
from seqcli.training.state import TrainState

CPU = Runtime(torch.device("cpu"), "fp32", 1)
SPLITS = {"train": [4, 4, 1], "valid": "any"}
SGD = Train(optimizer="sgd", lr=0.1, epochs=4, average=0.3)  # every update takes 0.1 off the weight


class Watched(Scripted):
    """It remembers which weight was validated."""

    def __init__(self, *valid: dict[str, float]) -> None:
        super().__init__(*valid)
        self.read: list[float] = []

    def validation(self, model: nn.Module, split: Any, runtime: Runtime, poll: Any) -> Figures:
        weight: Tensor = model.weight  # type: ignore[assignment]
        self.read.append(weight.item())
        return super().validation(model, split, runtime, poll)


def fresh(train: Train) -> TrainState:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    return TrainState.fresh(model, train)


def go(kind: Any, state: TrainState, train: Train, **more: Any) -> None:
    for _ in fit(kind, SPLITS, state, train, CPU, clock=lambda: 0.0, **more):
        pass


def means(weights: list[float], share: float) -> list[float]:
    """The recursion, one number at a time."""
    found, mean = [], math.nan
    for step, weight in enumerate(weights, 1):
        part = 1 / max(share * step, 1)
        mean = weight if part == 1 else mean + (weight - mean) * part
        found.append(mean)
    return found


@settings(deadline=None)
@given(
    st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=40),
    st.floats(0.01, 1),
)
def test_it_is_the_recursion(weights: list[float], share: float) -> None:
    model = nn.Linear(1, 1, bias=False)
    average = Average(model, share)
    for step, (weight, mean) in enumerate(zip(weights, means(weights, share), strict=True), 1):
        nn.init.constant_(model.weight, weight)
        average.add(step)
        assert average.weights["weight"].item() == pytest.approx(mean, abs=1e-4)
        assert model.weight.item() == weight


def test_a_share_of_one_is_the_mean_and_a_smaller_one_weighs_by_a_power_of_the_step() -> None:
    weights = np.random.default_rng(1).normal(size=4000)
    assert means(weights.tolist(), 1.0)[-1] == pytest.approx(weights.mean())
    steps = np.arange(1, 4001.0)
    expected = np.average(weights, weights=steps ** (1 / 0.25 - 1))
    assert means(weights.tolist(), 0.25)[-1] == pytest.approx(expected, abs=2e-3)


def test_what_is_validated_and_kept_is_the_mean_and_training_goes_on_from_the_last() -> None:
    state, kind = fresh(SGD), Watched()
    go(kind, state, SGD)
    walked = [1 - 0.1 * step for step in range(1, 13)]
    expected = means(walked, 0.3)
    assert kind.read == pytest.approx(expected[2::3], abs=1e-5)
    assert state.best is not None
    chosen = state.best.step
    assert state.best.weights["weight"].item() == pytest.approx(expected[chosen - 1], abs=1e-5)
    assert state.model.weight.item() == pytest.approx(walked[-1], abs=1e-5)  # type: ignore[operator]


def test_off_it_changes_no_bit() -> None:
    with_it = replace(SGD, select="last")
    without = replace(with_it, average=0.0)
    plain, averaged = fresh(without), fresh(with_it)
    assert plain.average is None
    go(Scripted(), plain, without)
    go(Scripted(), averaged, with_it)
    assert plain.best is not None
    assert averaged.best is not None
    ends = [state.model.weight.item() for state in (plain, averaged)]  # type: ignore[operator]
    assert ends[0] == ends[1]
    assert plain.best.weights["weight"].item() != averaged.best.weights["weight"].item()


def test_a_validation_that_is_interrupted_gives_the_weights_back() -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    state = fresh(SGD)
    with pytest.raises(Stop):
        go(Scripted(), state, SGD, poll=stop)
    assert state.model.weight.item() == pytest.approx(1 - 0.3)  # type: ignore[operator]
    assert state.average is not None
    assert state.average.weights["weight"].item() == pytest.approx(means([0.9, 0.8, 0.7], 0.3)[-1])


def test_tied_and_frozen_weights() -> None:
    model = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight  # one weight under two names
    model[2].weight.requires_grad_(False)
    average = Average(model, 1.0)
    assert list(average.weights) == ["0.weight", "1.bias", "2.bias"]
    own = {name: value.clone() for name, value in model.state_dict().items()}
    for mean in average.weights.values():
        mean.fill_(7)
    with average.in_place():
        inside = {name: value.clone() for name, value in model.state_dict().items()}
    assert bool((inside["0.weight"] == 7).all())
    assert torch.equal(inside["0.weight"], inside["1.weight"])
    assert torch.equal(inside["2.weight"], own["2.weight"])
    for name, value in model.state_dict().items():
        assert torch.equal(value, own[name])
