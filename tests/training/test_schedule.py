"""Learning rates over a run, against reference.md's table."""

from __future__ import annotations

from typing import Any

import pytest

from seqcli.kinds.classifier.spec import Train
from seqcli.training.schedule import rate_factor


@pytest.mark.parametrize(
    ("full", "decay", "epochs"), [(4, 0.5, 13), (6, 0.8, 39), (14, 1 / 1.15, 55), (1, 0.5, 1)]
)
def test_zarembas_rates(full: int, decay: float, epochs: int) -> None:
    """reference.md S3: base * decay ** max(epoch - full_rate_epochs, 0), epochs from 1."""
    train = Train(schedule="step", decay=decay, full_rate_epochs=full)
    found = [rate_factor(train, e / epochs, e, 9) for e in range(1, epochs + 1)]
    expected = 1.0
    for epoch, factor in enumerate(found, 1):
        expected *= decay if epoch > full else 1
        assert factor == pytest.approx(expected)
    if full == 4:
        assert found[:6] == [1, 1, 1, 1, 0.5, 0.25]


def test_other_schedules() -> None:
    def factors(name: str, **options: Any) -> list[float]:
        train = Train(schedule=name, **options)
        return [rate_factor(train, at / 4, 3, 2) for at in range(5)]

    assert factors("constant") == [1] * 5
    assert factors("linear") == [1, 0.75, 0.5, 0.25, 0]
    assert factors("cosine") == pytest.approx([1, 0.8535534, 0.5, 0.1464466, 0])
    assert min(factors("cosine")) >= 0
    assert factors("plateau", decay=0.3) == pytest.approx([0.09] * 5)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "step", "plateau"])
def test_warm_up_rises_to_the_schedule(name: str) -> None:
    train = Train(schedule=name, warmup=0.2)
    plain = Train(schedule=name)
    start = rate_factor(train, 0.0, 1, 0)
    assert 0 < start < 0.01
    assert rate_factor(train, 0.1, 1, 0) == pytest.approx(rate_factor(plain, 0.1, 1, 0) / 2)
    for progress in (0.2, 0.5, 1.0):
        assert rate_factor(train, progress, 1, 0) == rate_factor(plain, progress, 1, 0)
