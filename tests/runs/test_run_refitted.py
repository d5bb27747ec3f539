"""`train.refit`: the last pass over training and validation rows, whatever happens in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from tiny_runs import Whole, begun, figures_of, finished, interrupted, job, last_of, log_rows

from seqcli.errors import ConfigError
from seqcli.kinds.abilities import Refits
from seqcli.kinds.saved import trained_on
from seqcli.modelfile import filecheck, storage
from seqcli.runs import session
from seqcli.runs.run import Finished, RunEvent, Started, run
from seqcli.runs.session import Refitting
from seqcli.training.loop import Evaluated, Stepped, fit
from seqcli.training.state import TrainState

EPOCHS = 3
FIRST = EPOCHS * 5  # updates: 38 rows in batches of 8
AGAIN = 6  # an epoch of the last pass: 48 rows
TRAIN = {"select": "loss", "lr": 1.0, "schedule": "constant", "epochs": EPOCHS}
REFIT: dict[str, dict[str, Any]] = {"train": {**TRAIN, "refit": True}}
PLAIN: dict[str, dict[str, Any]] = {"train": TRAIN}


@pytest.fixture(scope="module")
def refitted(folder: Path) -> Whole:
    """A run with a last pass that nothing stopped."""
    asked = job(folder, "whole", REFIT, force=True)
    result = finished(asked).result
    best = result["best"]["epoch"]
    assert best < EPOCHS  # else it would say little
    assert result["refit"] == {"epochs": best, "steps": best * AGAIN}
    return Whole(asked.out.read_bytes(), log_rows(asked.out), figures_of(result))


def test_the_last_pass_takes_all_labeled_rows_and_the_best_epochs(
    folder: Path, refitted: Whole
) -> None:
    events = list(run(job(folder, "told", REFIT)))
    place = next(at for at, event in enumerate(events) if isinstance(event, Refitting))
    best = refitted.figures["best"]["epoch"]
    assert events[place] == Refitting(best, 48)
    steps = [sum(isinstance(event, Stepped) for event in part) for part in _cut(events, place)]
    assert steps == [FIRST, best * AGAIN]
    assert not any(
        event.best or event.valid is not None
        for event in events[place:]
        if isinstance(event, Evaluated)
    )
    assert [row["epoch"] for row in refitted.log] == [1, 2, 3]


def test_its_rates_are_those_of_the_first_pass(folder: Path) -> None:
    """At the same share of the run: an epoch has 5 updates in one, 6 in the other."""
    changes = {"train": {"refit": True, "select": "last", "lr": 0.5}}  # linear, 3 epochs
    events = list(run(job(folder, "rates", changes)))
    place = next(at for at, event in enumerate(events) if isinstance(event, Refitting))
    first, last = ([e.rate for e in part if isinstance(e, Stepped)] for part in _cut(events, place))
    assert first[0] == last[0] == 0.5
    assert first[::5] == pytest.approx(last[::6])
    assert len(last) == 18


def test_it_is_a_run_on_both_parts_that_ends_there(folder: Path, refitted: Whole) -> None:
    """Whatever the first pass did: the same first weights, rows, batches and random numbers."""
    asked = job(folder, "both", PLAIN)
    events = begun(asked)
    started = next(events)
    assert isinstance(started, Started)
    events.close()
    parts, train = started.prepared, asked.task.config.train
    train = replace(train, epochs=refitted.figures["best"]["epoch"])
    able = cast(Refits, parts.kind)
    kind, both = able.together(parts.splits["train"], parts.splits["valid"])
    torch.manual_seed(train.seed)
    state = TrainState.fresh(kind.build(torch.Generator().manual_seed(train.seed)), train)
    for _ in fit(kind, {"train": both}, state, train, started.runtime):
        pass
    last = storage.load(folder / "whole.pt").tensors
    for name, value in state.model.state_dict().items():
        assert value.equal(last[name]), name


def test_figures_of_validation_are_the_first_passs(folder: Path, refitted: Whole) -> None:
    result = finished(job(folder, "plain", PLAIN)).result
    assert "refit" not in result
    for name in ("best", "valid", "epochs", "steps"):
        assert refitted.figures[name] == result[name]
    assert refitted.figures["test"] != result["test"]


def test_the_model_says_that_it_was_trained_on_the_rows_of_validation(
    folder: Path, refitted: Whole
) -> None:
    finished(job(folder, "plain", PLAIN, force=True))
    counts = []
    for name in ("plain.pt", "whole.pt"):
        keys = trained_on(filecheck.describe(folder / name), folder / name)
        assert keys is not None
        counts.append(len(keys))
    assert counts == [38, 48]


@pytest.mark.parametrize("steps", [(FIRST,), (FIRST + 1,), (FIRST + AGAIN,), (3, FIRST, 2)])
def test_stopped_anywhere_it_is_the_run_that_was_not(
    folder: Path, refitted: Whole, steps: tuple[int, ...]
) -> None:
    asked = job(folder, "stopped", REFIT, force=True)
    for step in steps:
        interrupted(asked, step)
        asked = replace(asked, force=False, resume=True)
    refitted.equals(asked, finished(asked).result)


class Killed(BaseException):
    """As by kill -9: nothing more is written."""


@pytest.mark.parametrize("number", range(12))
def test_killed_at_any_save_it_loses_nothing(
    folder: Path, refitted: Whole, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before save `number` of those from the first pass's end on."""
    save, count = storage.save, [0]

    def saving(path: Path, description: dict[str, Any], tensors: dict[str, Any]) -> None:
        late = description.get("state", description).get("epoch") == EPOCHS or count[0]
        count[0] += bool(late)
        if count[0] == number + 1:
            raise Killed
        save(path, description, tensors)

    asked = job(folder, "killed", REFIT, force=True)
    monkeypatch.setattr(storage, "save", saving)
    try:
        result = finished(asked).result
    except Killed:
        monkeypatch.setattr(storage, "save", save)
        result = finished(replace(asked, force=False, resume=True)).result
    refitted.equals(asked, result)


def test_a_complete_run_has_nothing_left_and_takes_no_more_epochs(
    folder: Path, refitted: Whole
) -> None:
    assert last_of(run(job(folder, "whole", REFIT, resume=True))).already
    more = {"train": {**REFIT["train"], "epochs": 9}}
    with pytest.raises(ConfigError, match=r"train\.epochs was 3, is 9"):
        finished(job(folder, "whole", more, resume=True))


def test_a_time_is_that_of_both_passes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has half of it; the rate falls to the end in both."""
    ticks = itertools.count()
    timed = partial(fit, clock=lambda: 0.01 * next(ticks))  # no other program slows it down
    monkeypatch.setattr(session, "fit", timed)
    asked = job(
        folder,
        "timed",
        {"train": {"refit": True, "select": "last", "epochs": 100000, "max_time": 2.0}},
    )
    halves: list[list[Stepped]] = [[]]
    last: Finished | None = None
    for event in run(asked):
        if isinstance(event, Refitting):
            halves.append([])
        elif isinstance(event, Stepped):
            halves[-1].append(event)
        elif isinstance(event, Finished):
            last = event
    assert last is not None
    assert last.why == "time"
    assert last.result["seconds"] == pytest.approx(2.0, abs=0.1)
    first, second = halves
    assert 0.8 < len(first) / len(second) < 1.2
    for half in halves:  # the last validation may begin where no update would fit in
        assert half[-1].progress > 0.95


def test_a_run_gone_on_with_for_fewer_epochs_than_its_best_ends(folder: Path) -> None:
    """Its last pass never would, if its rates fell over the fewer ones."""
    asked = job(folder, "fewer", {"train": {"refit": True, "epochs": 50, "lr": 0.01}})
    interrupted(asked, 5 * 5 + 2)  # updates: in the sixth epoch, of which each was the best
    fewer = job(folder, "fewer", {"train": {"refit": True, "epochs": 2, "lr": 0.01}}, resume=True)
    result = finished(fewer).result
    assert result["refit"]["epochs"] == result["best"]["epoch"] > 2


def test_without_validation_there_is_nothing_to_refit_on(folder: Path) -> None:
    changes = {"train": {"refit": True}, "data": {"valid": 0.0}}
    assert "refit" not in finished(job(folder, "none", changes)).result


def test_a_schedule_that_follows_validation_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="plateau"):
        job(folder, "plateau", {"train": {"refit": True, "schedule": "plateau"}})


@pytest.mark.parametrize(
    ("setting", "tensor"),
    [({"wide_init": "naive-bayes"}, "wide.rates"), ({"wide_idf": True}, "wide.factors")],
)
def test_the_n_gram_table_starts_from_all_rows(
    setting: dict[str, Any], tensor: str, tmp_path: Path
) -> None:
    """A word that validation alone has is nothing to what the training rows tell."""
    lines = [f"{'ab'[row % 2]}\tword{chr(97 + row)} call" for row in range(24)]
    (tmp_path / "data.tsv").write_text("\n".join(lines) + "\n")
    wide = {"wide_words": [1], "wide_buckets": 4096, **setting}
    known = []
    for refit in (True, False):
        changes = {"train": {"refit": refit}, "model": wide}
        finished(job(tmp_path, "bayes", changes, force=True))
        rates = storage.load(tmp_path / "bayes.pt").tensors[tensor]
        known.append(int((rates != rates.flatten().mode().values).sum()))  # most are of no text
    assert known[0] > known[1]


def _cut(events: list[RunEvent], place: int) -> Iterator[list[RunEvent]]:
    yield events[:place]
    yield events[place:]
