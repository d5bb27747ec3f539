"""What a run says of itself: that it overfits, that it has hardly an update to make."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import train

from seqcli.cli.overfitting import Overfitting, few_updates
from seqcli.settings.sections import Training
from seqcli.training.loop import Evaluated

pytestmark = pytest.mark.usefixtures("no_pictures")


def hints(settings: Training, losses: list[tuple[float, float]]) -> list[str | None]:
    """What is said after each epoch of these losses: train, valid."""
    watched = Overfitting(settings)
    return [
        watched.hint(Evaluated({"loss": trained}, {"loss": valid}, False, False))
        for trained, valid in losses
    ]


RISING = [(1.0, 1.0), (0.8, 0.9), *((0.7 - n / 20, 1 + n / 10) for n in range(8))]


def test_it_is_said_once() -> None:
    said = hints(Training(), RISING)
    assert [number for number, line in enumerate(said) if line] == [6]
    assert said[6] == (
        "it overfits: valid loss worse for 5 epochs, train's falls; --patience 5 stops"
    )


@pytest.mark.parametrize(
    ("settings", "losses"),
    [
        (Training(patience=3), RISING),
        (Training(select="last"), RISING),
        (Training(), [(1 - n / 10, 1 - n / 20) for n in range(9)]),  # it learns
        (Training(), [(1.0 + n / 10, 1.0 + n / 10) for n in range(9)]),  # it diverges: both worse
    ],
)
def test_it_is_not_said(settings: Training, losses: list[tuple[float, float]]) -> None:
    assert not any(hints(settings, losses))


def test_a_handful_of_updates_is_said_before_they_are_made(here: Path) -> None:
    said = train("--epochs", "1", "--batch-size", "32").splitlines()
    at = said.index("only 2 updates in all (1 epoch of 2): a smaller --batch-size gives more")
    assert said[at + 1].startswith("epoch 1/1 ")
    assert few_updates(5, Training(epochs=10)) is None
    assert few_updates(5, Training(epochs=3, max_steps=4)) is None  # somebody asked for so few
