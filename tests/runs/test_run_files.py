"""A run on disk: its files, and who may write them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import Whole, begun, figures_of, finished, job, last_of, log_rows, pictures

from seqcli.answers.loading import load_model
from seqcli.errors import SeqcliError, TrainingError
from seqcli.modelfile import filecheck, storage
from seqcli.runs.job import Job
from seqcli.runs.run import Started, run
from seqcli.settings import sections
from seqcli.tasks.taskfile import resolve
from seqcli.training.loop import Evaluated
from seqcli.training.state import TrainState

STEPS = 3 * 5  # of the tiny task: 38 examples in batches of 8, three times


def test_the_files_of_a_run(folder: Path, whole: Whole) -> None:
    out = folder / "whole.pt"
    names = {path.name for path in (folder / "whole.run").iterdir()}
    assert names == {"last.pt", "log.jsonl", "config.toml", "curves.png", "confusion.png", "lock"}
    assert all(picture.startswith(b"\x89PNG") for picture in pictures(out))
    for path in (out, out.with_suffix(".run") / "last.pt"):
        torch.load(path, weights_only=True)
        assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    described = filecheck.describe(out)
    assert described["scores"]["test"]["accuracy"] == whole.figures["test"]["accuracy"]
    assert [row["epoch"] for row in whole.log] == [1, 2, 3]
    assert whole.log[0]["valid"].keys() >= {"loss", "accuracy", "macro_f1", "mcc"}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_same_seed_gives_the_same_bytes(folder: Path, whole: Whole) -> None:
    again = job(folder, "again")
    finished(again)
    assert again.out.read_bytes() == whole.model
    assert pictures(again.out) == pictures(folder / "whole.pt")
    other = job(folder, "other", {"train": {"seed": 2}})
    finished(other)
    assert other.out.read_bytes() != whole.model


def test_the_model_can_be_used_after_every_event(tmp_path: Path) -> None:
    asked = job(tmp_path)
    for event in run(asked):
        if isinstance(event, Evaluated) or asked.out.exists():
            loaded = load_model(asked.out, device="cpu", threads=1)
            assert loaded.description["epoch"] >= 1
            storage.load(tmp_path / "out.run" / "last.pt")
    assert loaded.description["scores"]["test"]["count"] == 12


def test_the_settings_are_a_task_file_of_the_same_model(folder: Path, whole: Whole) -> None:
    settings = folder / "whole.run" / "config.toml"
    task = resolve(str(settings))
    assert task.config == job(folder).task.config
    asked = Job(task, Path(task.config.data.path), False, folder / "b.pt", "cpu", 1)
    assert figures_of(finished(asked).result) == {**whole.figures, "task": "config"}
    assert (
        storage.load(asked.out).tensors.keys() == storage.load(folder / "whole.pt").tensors.keys()
    )
    for name, weight in storage.load(asked.out).tensors.items():
        assert torch.equal(weight, storage.load(folder / "whole.pt").tensors[name])


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    asked = job(tmp_path, overrides={"train": {"epochs": 1}})
    finished(asked)
    before = asked.out.read_bytes()
    with pytest.raises(SeqcliError, match=r"out\.pt exists") as caught:
        finished(asked)
    assert "--force" in caught.value.hint
    assert "--resume" in caught.value.hint
    asked.out.unlink()
    with pytest.raises(SeqcliError, match=r"out\.run exists"):
        finished(asked)
    finished(replace(asked, force=True))
    assert asked.out.read_bytes() == before
    assert len(log_rows(asked.out)) == 1


def test_force_destroys_nothing_before_the_new_run_can_begin(tmp_path: Path) -> None:
    asked = job(tmp_path, overrides={"train": {"epochs": 1}})
    finished(asked)
    files = {path: path.read_bytes() for path in (tmp_path / "out.run").iterdir()}
    with pytest.raises(SeqcliError):
        finished(replace(asked, data=tmp_path / "typo.tsv", force=True))
    with pytest.raises(SeqcliError):
        finished(replace(asked, init_from=tmp_path / "typo.pt", force=True))
    assert {path: path.read_bytes() for path in (tmp_path / "out.run").iterdir()} == files


@pytest.mark.parametrize("out", ["there", "missing/out.pt", "file/out.pt", "/dev/null"])
def test_places_that_cannot_be_written(tmp_path: Path, out: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("")
    asked = job(tmp_path)
    with pytest.raises(SeqcliError) as caught:
        finished(replace(asked, out=tmp_path / out, force=True))
    assert "--out" in caught.value.hint
    assert not (tmp_path / "missing").exists()


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    target = tmp_path / "store" / "real.pt"
    target.write_text("old")
    asked = job(tmp_path, overrides={"train": {"epochs": 1}}, force=True)
    asked.out.symlink_to(target)
    (tmp_path / "store" / ".real.pt.77.tmp").write_text("left by a killed run")
    finished(asked)
    assert asked.out.is_symlink()
    assert load_model(target, device="cpu").description["epoch"] == 1
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["real.pt"]
    assert (tmp_path / "out.run" / "last.pt").exists()


def test_what_killed_runs_left_is_swept(tmp_path: Path) -> None:
    asked = job(tmp_path, overrides={"train": {"epochs": 1}})
    (tmp_path / "out.run").mkdir()
    left = [tmp_path / ".out.pt.123.tmp", tmp_path / "out.run" / ".last.pt.9.tmp"]
    others = [tmp_path / ".out.pt.tmp.swp", tmp_path / ".other.pt.5.tmp"]
    for path in (*left, *others):
        path.write_text("x")
    finished(asked)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)


def test_a_second_run_on_the_same_files_is_refused(tmp_path: Path) -> None:
    asked = job(tmp_path)
    first = begun(asked)
    next(first)
    for again in (replace(asked, force=True), replace(asked, resume=True)):
        with pytest.raises(TrainingError, match="another run is writing"):
            next(run(again))
    first.close()
    finished(replace(asked, force=True))


# --- what goes wrong


def test_a_rate_too_high_keeps_what_was_good(tmp_path: Path) -> None:
    huge = {"optimizer": "sgd", "lr": 1e38, "schedule": "constant"}
    asked = job(tmp_path, overrides={"train": huge})
    with pytest.raises(TrainingError, match="no longer a number"):
        finished(asked)


def test_figures_that_are_no_numbers_can_be_saved_and_read(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    storage.save(path, {"scores": {"loss": float("nan"), "more": float("inf")}}, {})
    assert storage.load(path).description["scores"]["more"] == float("inf")


def test_more_than_a_thousand_labels_leave_a_small_log(tmp_path: Path) -> None:
    rows = "".join(f"label{n % 300}\tword{n} word{n % 300}\n" for n in range(1200))
    (tmp_path / "data.tsv").write_text(rows)
    asked = job(tmp_path, overrides={"train": {"epochs": 1}})
    result = finished(asked).result
    assert len(result["test"]["labels"]) == 300
    assert (tmp_path / "out.run" / "log.jsonl").stat().st_size < 1000


def test_time_is_a_limit_that_may_be_raised(tmp_path: Path) -> None:
    asked = job(tmp_path, overrides={"train": {"max_time": 1e-6}})
    result = last_of(run(asked)).result
    assert result["steps"] < STEPS
    more = job(tmp_path, overrides={"train": {"max_time": 1e6}}, resume=True)
    assert last_of(run(more)).result["epochs"] == 3


def test_the_state_is_handed_out_whole(tmp_path: Path) -> None:
    events = begun(job(tmp_path))
    started = next(events)
    assert isinstance(started, Started)
    assert isinstance(started.state, TrainState)
    assert started.table.total == sum(w.numel() for w in started.state.model.parameters())
    kind: Any = started.prepared.kind
    assert sections.to_dict(kind.config) == sections.to_dict(job(tmp_path).task.config)
    events.close()
