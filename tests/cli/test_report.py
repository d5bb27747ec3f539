"""Words about figures, and the bar on a terminal."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import pytest
from rich.console import Console
from tiny_runs import job, line_of

from seqcli.cli import progress
from seqcli.cli.progress import Display
from seqcli.cli.report import duration, figures_text, short_text
from seqcli.cli.tables import share
from seqcli.kinds import KINDS
from seqcli.runs.run import run
from seqcli.training.evaluation import Scoring
from seqcli.training.loop import Stepped

CLASSIFIER, LANGUAGE = KINDS["classifier"], KINDS["language-model"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (185, "3:05"),
        (7800, "2:10:00"),
        (math.inf, "-"),
        (math.nan, "-"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_figures_on_a_line() -> None:
    classifier = {"loss": 0.12345, "accuracy": 0.98765, "mcc": 0.5}
    assert figures_text(CLASSIFIER, classifier) == "loss 0.1235 accuracy 98.77%"
    assert short_text(CLASSIFIER, classifier) == "loss 0.1235 acc 98.77%"
    words = {"loss": 4.5, "perplexity": 90.017, "bits_per_token": 6.5}
    assert figures_text(LANGUAGE, words) == "loss 4.5000 perplexity 90.02"
    assert short_text(LANGUAGE, words) == "loss 4.5000 ppl 90.02"
    letters = {**words, "bits_per_character": 1.5}
    assert figures_text(LANGUAGE, letters) == "loss 4.5000 perplexity 90.02 1.5000 bpc"
    assert short_text(LANGUAGE, letters) == "loss 4.5000 1.5000 bpc"


def test_shares_that_are_none() -> None:
    assert [share(value) for value in (0.5, None, math.nan)] == ["0.5000", "-", "-"]


@pytest.mark.parametrize("width", [1, 20, 50, 80, 200])
def test_the_bar_fits_the_terminal(
    tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line that the bar draws leaves room for what a terminal puts after it."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, legacy_windows=False)
    monkeypatch.setattr(progress, "err", lambda: console)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "REFRESH", 0.0)
    asked = job(tmp_path)
    with Display(asked, quiet=False) as display:
        for event in run(asked):
            display.show(event)
            if isinstance(event, Stepped) and event.progress > 0.5:
                break
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    bars = [part for part in re.split(r"[\r\n]", drawn) if "━" in part]
    if width >= 50:
        assert bars
        assert all(len(bar) <= width - 3 for bar in bars)
    assert "\x1b[?25h" in screen.getvalue()  # the cursor is back
    if width >= 80:
        assert any("examples/s" in bar for bar in bars)


def test_scoring_the_best_model_is_said_before_it_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = job(tmp_path)
    with Display(asked, quiet=False) as display:
        for event in run(asked):
            display.show(event)
            if isinstance(event, Scoring):
                break
    said = line_of(capsys.readouterr().err.splitlines(), "scoring")
    assert said == "scoring the best model: valid, test"
