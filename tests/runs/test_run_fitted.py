"""A run on little data is that of the settings its task has for so little, to its last file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import TASK, begun, figures_of, finished, interrupted, job, write_steps

from seqcli.errors import ConfigError, SeqcliError
from seqcli.modelfile import storage
from seqcli.runs.job import Job
from seqcli.runs.job import begun as run_of
from seqcli.runs.run import Started
from seqcli.settings.config import to_dict
from seqcli.tasks.taskfile import resolve, to_toml, with_data

FIT = """
[[fit]]
{limit}
[fit.model]
hidden = [7]
[fit.data]
min_count = 2
[fit.train]
epochs = 2
"""


def little(
    folder: Path, name: str = "out", limit: str = "up_to = 100", overrides: Any = None
) -> Job:
    """A job whose task has other settings for so many rows: it has 38 to train on."""
    folder.mkdir(exist_ok=True)
    (folder / "task.toml").write_text(TASK + FIT.format(limit=limit))
    return job(folder, name, overrides)


def started(asked: Job) -> Started:
    events = begun(asked)
    first = next(events)
    events.close()
    assert isinstance(first, Started)
    return first


def test_all_that_a_run_writes_tells_its_settings(tmp_path: Path) -> None:
    asked = little(tmp_path)
    event = started(asked)
    assert event.prepared.notes[-1] == (
        "38 to train on, so as for at most 100: hidden 7, min_count 2, epochs 2"
    )
    result = finished(replace(asked, force=True)).result
    assert result["epochs"] == 2
    written = resolve(str(tmp_path / "out.run" / "config.toml"))
    model = storage.load(asked.out).description
    assert written.config == event.job.task.config
    assert model["config"]["model"]["hidden"] == [7]
    assert (
        result["data"]["vocabulary"]
        < finished(job(tmp_path / "much", "out")).result["data"]["vocabulary"]
    )  # the data was read with them too
    (tmp_path / "again.toml").write_text(to_toml(written.config))
    again = replace(asked, task=resolve(str(tmp_path / "again.toml")), force=True)
    assert figures_of(finished(again).result) | {"task": ""} == figures_of(result) | {"task": ""}


@pytest.mark.parametrize("limit", ["up_to = 37", "above = 38"])
def test_other_amounts_leave_the_task_as_it_is(tmp_path: Path, limit: str) -> None:
    event = started(little(tmp_path, limit=limit))
    assert event.job.task.config == little(tmp_path, limit=limit).task.config
    assert event.job.task.fit is None


def test_what_was_given_is_kept(tmp_path: Path) -> None:
    given = {"model": {"hidden": [5]}, "train": {"epochs": 3}, "data": {"min_count": 1}}
    asked = little(tmp_path, overrides=given)
    assert started(asked).job.task.config == asked.task.config


@pytest.mark.parametrize("limit", ["up_to = 100", "above = 37"])
def test_a_stopped_run_goes_on_with_them(tmp_path: Path, limit: str) -> None:
    whole = finished(little(tmp_path, "whole", limit)).result
    asked = little(tmp_path, "stopped", limit)
    interrupted(asked, 3)
    result = finished(replace(asked, resume=True)).result
    assert figures_of(result) == figures_of(whole)
    more = little(tmp_path, "stopped", limit, {"train": {"epochs": 3}})
    assert finished(replace(more, resume=True)).result["epochs"] == 3
    other = little(tmp_path, "stopped", limit, {"model": {"hidden": [9]}})
    with pytest.raises(ConfigError, match=r"model\.hidden was \[7\], is \[9\]"):
        finished(replace(other, resume=True))


def test_a_run_that_began_without_them_goes_on_without(tmp_path: Path) -> None:
    asked = job(tmp_path, "stopped")
    interrupted(asked, 3)
    task = little(tmp_path, "stopped").task
    assert task.fits
    assert finished(replace(asked, task=task, resume=True)).result["epochs"] == 3


WORDS = """
[[fit]]
up_to = 1000
words = 1
[fit.data]
tokenizer = "characters"
[[fit]]
up_to = 1000
[fit.train]
epochs = 2
"""


def test_a_row_for_texts_of_a_word_is_taken_up_again(tmp_path: Path) -> None:
    """The row that a run was set by is found by its settings: their order is not enough."""
    (tmp_path / "task.toml").write_text(TASK + WORDS)
    names = ["oslo", "lima", "rome", "bonn", "riga", "kyiv", "bern", "doha", "nice", "graz"]
    lines = [f"{'ab'[row % 2]}\t{name}{'ab'[row % 2]}" for row, name in enumerate(names * 3)]
    (tmp_path / "data.tsv").write_text("\n".join(lines) + "\n")
    asked = job(tmp_path, "one", {"data": {"repeats": "keep"}})
    interrupted(asked, 2)
    event = started(replace(asked, resume=True))
    assert to_dict(event.job.task.config)["data"]["tokenizer"] == "characters"
    assert event.job.task.config.train.epochs == 3
    (tmp_path / "data.tsv").unlink()
    several = job(tmp_path, "several")
    interrupted(several, 2)
    event = started(replace(several, resume=True))
    assert to_dict(event.job.task.config)["data"]["tokenizer"] == "words"
    assert event.job.task.config.train.epochs == 2


TIMED = "\n[timed.train]\nepochs = 5\nclip = 3.0\n"


@pytest.mark.parametrize(
    ("first", "then", "epochs"),
    [
        ({}, {"max_time": 1e6}, 5),
        ({"max_time": 1e6, "max_steps": 3}, {"max_time": 1e6, "max_steps": None}, 5),
        ({"epochs": 2}, {"max_time": 1e6}, 2),  # it was given so many
        ({}, {"max_time": 1e6, "epochs": 4}, 4),
        ({}, {"epochs": 4}, 4),
        ({}, {}, 3),
    ],
)
def test_a_run_gone_on_with_uses_a_given_time(
    tmp_path: Path, first: dict[str, Any], then: dict[str, Any], epochs: int
) -> None:
    (tmp_path / "task.toml").write_text(TASK + TIMED)
    asked = job(tmp_path, overrides={"train": first})
    finished(asked)
    task, data, sample, out = run_of(tmp_path / "out.run", {"train": then})
    event = finished(replace(asked, task=task, data=data, sample=sample, out=out, resume=True))
    assert event.result["epochs"] == epochs
    config = storage.load(out).description["config"]
    assert config["train"]["clip"] == (3.0 if "max_time" in first else 0.0)  # as it began
    again, *_ = run_of(tmp_path / "out.run", {"train": {"max_time": 2e6}})
    assert again.timed.get("train", {}).get("epochs") == (None if epochs in (2, 4) else 5)


@pytest.mark.parametrize("odd", [3, {"train": 4}, {"train": {"epoch": 3}}, {"trian": {}}])
def test_a_state_whose_given_time_sets_what_is_no_setting(tmp_path: Path, odd: Any) -> None:
    finished(job(tmp_path))
    last = tmp_path / "out.run" / "last.pt"
    saved = storage.load(last)
    storage.save(last, saved.description | {"timed": odd}, saved.tensors)
    with pytest.raises(SeqcliError, match="not the state of a run"):
        run_of(last, {})


def test_a_task_gone_on_with_uses_a_given_time(tmp_path: Path) -> None:
    (tmp_path / "task.toml").write_text(TASK + TIMED + FIT.format(limit="up_to = 10"))
    finished(job(tmp_path))
    asked = job(tmp_path, overrides={"train": {"max_time": 1e6}}, resume=True)
    assert finished(asked).result["epochs"] == 5


def test_a_row_stands_over_a_time_that_is_given_later(tmp_path: Path) -> None:
    (tmp_path / "task.toml").write_text(TASK + TIMED + FIT.format(limit="up_to = 100"))
    asked = job(tmp_path)
    finished(asked)
    task, *_ = run_of(tmp_path / "out.run", {"train": {"max_time": 1e6}})
    assert finished(replace(asked, task=task, resume=True)).result["epochs"] == 2
    with_time = job(tmp_path, overrides={"train": {"max_time": 1e6}}, resume=True)
    assert finished(with_time).result["epochs"] == 2


FRAMES = """
kind = "tagger"
[data]
input = "numbers"
[model]
cell = "gru"
hidden = [4]
[train]
epochs = 2
[[fit]]
up_to = {up_to}
[fit.train]
epochs = 1
"""


@pytest.mark.parametrize(("up_to", "epochs"), [(50, 2), (1000, 1)])
def test_of_labels_for_every_step_these_steps_count(
    tmp_path: Path, up_to: int, epochs: int
) -> None:
    """Nine recordings train, of some 200 steps with a label."""
    data = write_steps(tmp_path / "steps.csv", 12)
    (tmp_path / "task.toml").write_text(FRAMES.format(up_to=up_to))
    task = with_data(resolve(str(tmp_path / "task.toml")), data)
    event = started(Job(task, data, False, tmp_path / "out.pt", device="cpu", threads=1))
    assert event.job.task.config.train.epochs == epochs
    survey = event.prepared.kind.survey(event.job.task.config, data, lambda: None)
    assert survey.steps == event.prepared.steps > 50 > event.prepared.sizes["train"]
