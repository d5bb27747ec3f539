"""A stopped run is the run that was not stopped."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import Whole, begun, figures_of, finished, interrupted, job, log_rows

from seqcli.interrupts import Interrupted, interrupts
from seqcli.modelfile import filecheck, storage
from seqcli.runs.job import Job
from seqcli.runs.run import Finished, Started, run
from seqcli.training.evaluation import Scoring, evaluate
from seqcli.training.loop import Evaluated

STEPS = 3 * 5  # of the tiny task: 38 examples in batches of 8, three times


@pytest.mark.parametrize("steps", [(1,), (5,), (7,), (STEPS,), (2, 3, 1, 6)])
def test_a_run_that_was_stopped_is_the_run_that_was_not(
    folder: Path, whole: Whole, steps: tuple[int, ...]
) -> None:
    asked = job(folder, "stopped", force=True)
    for step in steps:
        interrupted(asked, step)
        saved = storage.load(folder / "stopped.run" / "last.pt").description
        assert not saved["complete"]
        asked = replace(asked, force=False, resume=True)
    result = finished(asked).result
    whole.equals(asked, result)


class Killed(BaseException):
    """As by kill -9: nothing more is written."""


@dataclass(frozen=True)
class Point:
    """A place in a run: a file that is about to be saved, and what will be in it."""

    file: str  # "model", or "state" for last.pt
    epoch: int = 0
    step: int | None = None
    scored: bool = False  # the run is complete
    often: bool = False  # saved after each update, as if a minute had gone by

    def here(self, asked: Job, path: Path, description: dict[str, Any]) -> bool:
        """Whether this save is the point's."""
        if (path == asked.out) != (self.file == "model"):
            return False
        if self.file == "model":
            scored, at = "test" in description["scores"], description
        else:
            scored, at = description["complete"], description["state"]
        fits = self.step in (None, at["step"])
        return fits and scored == self.scored and (scored or at["epoch"] == self.epoch)


POINTS = [
    Point("state", step=0),
    *(Point(file, epoch) for epoch in (1, 2, 3) for file in ("model", "state")),
    Point("state", 0, step=4, often=True),
    Point("state", 2, step=12, often=True),
    Point("state", 3, step=STEPS, often=True),
    Point("model", scored=True),
    Point("state", scored=True),
]


def killed(asked: Job, point: Point, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run, and end as by kill -9 just before the point's save; whether it came by there."""
    save = storage.save

    def saving(path: Path, description: dict[str, Any], tensors: dict[str, Any]) -> None:
        if point.here(asked, path, description):
            raise Killed
        save(path, description, tensors)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "save", saving)
        patch.setattr("seqcli.runs.session.SAVE_SECONDS", -1.0 if point.often else 60.0)
        try:
            finished(asked)
        except Killed:
            return True
    return False


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_run_killed_between_any_two_writes_goes_on(
    folder: Path, whole: Whole, point: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    """last.pt at the start, OUT.pt and last.pt at each epoch's end, both again when scored."""
    asked = job(folder, "killed", force=True)
    written = point.file == "state" or point.scored or whole.log[point.epoch - 1]["best"]
    assert killed(asked, point, monkeypatch) == written
    asked = replace(asked, force=False, resume=True)
    notes = [event.notes for event in run(asked) if isinstance(event, Started)]
    if point == POINTS[0]:
        assert notes == [("nothing to resume yet: starting anew",)]
    whole.equals(asked, finished(asked).result)


def test_a_run_killed_before_its_scores_gets_them_and_its_pictures(
    folder: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = job(folder, "unscored", force=True)
    with monkeypatch.context() as patch:
        patch.setattr("seqcli.runs.session.Session.finish", lambda self, packed: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            finished(asked)
    assert "test" not in filecheck.describe(asked.out)["scores"]
    assert not (folder / "unscored.run" / "curves.png").exists()
    *events, last = run(replace(asked, force=False, resume=True))
    assert [type(event) for event in events] == [Started, Scoring]
    assert isinstance(last, Finished)
    whole.equals(asked, last.result)
    assert storage.load(folder / "unscored.run" / "last.pt").description["complete"]


def test_saved_in_the_last_step_and_killed_before_the_epoch_is(
    folder: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has the epoch's row already: it must not have it twice."""
    asked = job(folder, "twice", force=True)
    assert killed(asked, Point("model", 1, often=True), monkeypatch)
    saved = storage.load(folder / "twice.run" / "last.pt").description["state"]
    assert (saved["epoch"], saved["step"]) == (0, STEPS // 3)
    assert len(log_rows(asked.out)) == 1
    whole.equals(asked, finished(replace(asked, force=False, resume=True)).result)


@pytest.mark.parametrize("when", ["validation", "scoring"])
def test_a_signal_while_scoring(
    folder: Path, whole: Whole, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = job(folder, "scoring", force=True)
    where, left = ("training.loop", 2) if when == "validation" else ("runs.session", 1)
    calls = [left]

    def signaled(*given: Any) -> Any:
        calls[0] -= 1
        if calls[0] == 0:
            interrupts.requested = signal.SIGTERM
        return evaluate(*given)

    with monkeypatch.context() as patch:
        patch.setattr(f"seqcli.{where}.evaluate", signaled)
        with pytest.raises(Interrupted) as caught:
            finished(asked)
    assert caught.value.exit_code == 143
    interrupts.requested = 0
    whole.equals(asked, finished(replace(asked, force=False, resume=True)).result)


def test_a_log_row_cut_short_is_written_again(folder: Path, whole: Whole) -> None:
    asked = job(folder, "torn", force=True)
    events = begun(asked)
    while not isinstance(next(events), Evaluated):
        pass
    events.close()
    log = folder / "torn.run" / "log.jsonl"
    with log.open("a") as file:
        file.write('{"epoch": 2, "ste')
    whole.equals(asked, finished(replace(asked, force=False, resume=True)).result)


FULL = {
    "model": {
        "wide_words": [1, 2],
        "wide_characters": [3],
        "wide_buckets": 64,
        "wide_share": 0.5,
        "bidirectional": True,
        "word_dropout": 0.1,
        "dropout_mask": "sequence",
        "recurrent_dropout": 0.1,
    },
    "train": {
        "optimizer": "adamw",
        "clip": 0.5,
        "warmup": 0.2,
        "precision": "auto",
        "label_smoothing": 0.1,
        "draw": "label",
        "select": "last",
        "average": 0.3,
    },
}


@pytest.mark.parametrize("steps", [(4,), (5, 5), (8,)])
def test_a_network_with_everything_goes_on_bit_for_bit(
    tmp_path: Path, steps: tuple[int, ...]
) -> None:
    whole = job(tmp_path, "whole", FULL)
    expected = figures_of(finished(whole).result)
    asked = job(tmp_path, "stopped", FULL)
    for step in steps:
        interrupted(asked, step)
        asked = replace(asked, resume=True)
    assert figures_of(finished(asked).result) == expected
    assert asked.out.read_bytes() == whole.out.read_bytes()
    assert log_rows(asked.out) == log_rows(whole.out)


@pytest.mark.parametrize("cuts", [(3,), (5, 7), (1, 2, 13)])
def test_a_run_cut_by_max_steps_and_extended_is_the_run_that_was_not(
    tmp_path: Path, cuts: tuple[int, ...]
) -> None:
    """In the middle of an epoch, at its end; the rate does not hang on how long the run is."""
    settings = {"schedule": "plateau", "select": "last"}
    whole = job(tmp_path, "whole", {"train": settings})
    expected = figures_of(finished(whole).result)
    for number, most in enumerate(cuts):
        cut = job(tmp_path, "cut", {"train": {**settings, "max_steps": most}}, resume=number > 0)
        result = finished(cut).result
        assert (result["steps"], result["epochs"]) == (most, -(-most // 5))
        assert [row["epoch"] for row in log_rows(cut.out)] == [*range(1, result["epochs"] + 1)]
        assert finished(replace(cut, resume=True)).already
    extended = job(tmp_path, "cut", {"train": settings}, resume=True)
    assert figures_of(finished(extended).result) == expected
    assert log_rows(cut.out) == log_rows(whole.out)
    assert cut.out.read_bytes() == whole.out.read_bytes()


def test_a_cut_run_that_was_killed_before_its_scores_is_scored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = job(tmp_path, "whole", {"train": {"max_steps": 7}})
    expected = finished(whole).result
    asked = replace(whole, out=tmp_path / "cut.pt")
    with monkeypatch.context() as patch:
        patch.setattr("seqcli.runs.session.Session.finish", lambda self, packed: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            finished(asked)
    *events, last = run(replace(asked, resume=True))
    assert [type(event) for event in events] == [Started, Scoring]
    assert isinstance(last, Finished)
    assert figures_of(last.result) == figures_of(expected)
    assert log_rows(asked.out) == log_rows(whole.out)


def test_a_state_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """It counted an epoch that --max-steps had cut as whole, and knew no epoch's gain by itself."""
    asked = job(tmp_path, overrides={"train": {"max_steps": 7}})
    finished(asked)
    last = tmp_path / "out.run" / "last.pt"
    saved = storage.load(last)
    old = {**saved.description["state"], "epoch": 2, "batch": 0, "count": 0}
    del old["gained"]
    storage.save(last, {**saved.description, "state": old}, saved.tensors)
    result = finished(job(tmp_path, resume=True)).result
    assert (result["epochs"], result["steps"]) == (3, 7 + 5)
    assert log_rows(asked.out)[-1]["rate"] < 0.05 / 10  # annealed all the same
