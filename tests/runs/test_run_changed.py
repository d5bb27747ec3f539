"""What may change when a run is gone on with, and what not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_runs import Whole, begun, figures_of, finished, interrupted, job, log_rows

from seqcli.answers.loading import load_model
from seqcli.errors import ConfigError, ModelFileError, SeqcliError, TrainingError
from seqcli.modelfile import filecheck, storage
from seqcli.runs.run import Finished, Started, run
from seqcli.training.loop import Evaluated

STEPS = 3 * 5  # of the tiny task: 38 examples in batches of 8, three times


def test_a_finished_run_has_nothing_to_do(folder: Path, whole: Whole) -> None:
    asked = job(folder, "whole", resume=True)
    (only,) = run(asked)
    assert isinstance(only, Finished)
    assert only.already
    assert figures_of(only.result) == whole.figures


def test_a_finished_run_without_its_model_writes_it_again(folder: Path, whole: Whole) -> None:
    asked = job(folder, "lost")
    finished(asked)
    asked.out.unlink()
    again = finished(replace(asked, resume=True))
    assert not again.already
    whole.equals(asked, again.result)


def test_more_epochs_go_on_from_the_last_weights_not_from_the_best(tmp_path: Path) -> None:
    constant = {"schedule": "constant", "lr": 1.0, "epochs": 6}
    long = job(tmp_path, "long", {"train": constant})
    finished(long)
    short = job(tmp_path, "short", {"train": {**constant, "epochs": 3}})
    finished(short)
    more = job(tmp_path, "short", {"train": constant}, resume=True)
    result = finished(more).result
    assert result["epochs"] == 6
    assert log_rows(short.out) == log_rows(long.out)
    assert short.out.read_bytes() == long.out.read_bytes()
    bests = [row["epoch"] for row in log_rows(long.out) if row["best"]]
    assert 3 not in bests  # else last and best would be the same


@pytest.mark.parametrize(
    ("stop", "limit", "epochs", "steps"),
    [(7, {"epochs": 1}, 2, 7), (7, {"max_steps": 3}, 2, 7), (7, {"max_steps": 8}, 2, 8)],
)
def test_limits_lowered_on_resume_end_the_run_in_order(
    tmp_path: Path, stop: int, limit: dict[str, int], epochs: int, steps: int
) -> None:
    interrupted(job(tmp_path), stop)
    asked = job(tmp_path, overrides={"train": limit}, resume=True)
    result = finished(asked).result
    assert (result["epochs"], result["steps"]) == (epochs, steps)
    assert [row["epoch"] for row in log_rows(asked.out)] == [1, 2]
    (only,) = run(asked)
    assert isinstance(only, Finished)


def test_fewer_epochs_than_are_done_is_the_end(tmp_path: Path) -> None:
    asked = job(tmp_path)
    events = begun(asked)
    for event in events:
        if isinstance(event, Evaluated) and event.train["loss"] and asked.out.exists():
            break
    events.close()
    result = finished(job(tmp_path, overrides={"train": {"epochs": 1}}, resume=True)).result
    assert (result["epochs"], result["steps"]) == (1, 5)


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    interrupted(job(tmp_path), 2)
    other = {"train": {"lr": 0.5, "seed": 4, "clip": 1.0, "epochs": 9}, "model": {"hidden": [9]}}
    with pytest.raises(ConfigError) as caught:
        finished(job(tmp_path, overrides=other, resume=True))
    for words in ("train.lr was 0.05, is 0.5", "hidden was [5], is [9]", "clip was 0.0, is 1.0"):
        assert words in caught.value.message
    assert "epochs" not in caught.value.message
    assert caught.value.exit_code == 2
    finished(job(tmp_path, resume=True))


def test_changed_data_is_refused_or_read_with_the_vocabulary_there_is(tmp_path: Path) -> None:
    asked = job(tmp_path)
    interrupted(asked, 7)
    before = filecheck.describe(asked.out)
    text = asked.data.read_text()
    added = "".join(
        f"{label}\tquite new words {n} the the\n" for n in range(9) for label in ("ham", "spam")
    )
    asked.data.write_text(added + text)
    again = replace(asked, resume=True)
    with pytest.raises(SeqcliError, match="changed since the run began") as caught:
        finished(again)
    assert before["data"]["sha256"] in caught.value.message
    assert "--allow-changed-data" in caught.value.hint
    events = list(run(replace(again, allow_changed_data=True)))
    assert isinstance(events[0], Started)
    assert any("vocabulary it has" in note for note in events[0].prepared.notes)
    last = events[-1]
    assert isinstance(last, Finished)
    after = filecheck.describe(asked.out)
    assert after["learned"] == before["learned"]
    assert after["data"]["sha256"] != before["data"]["sha256"]
    assert after["data"]["sizes"]["train"] > before["data"]["sizes"]["train"]
    assert last.result["data"]["vocabulary"] == len(before["learned"]["vocabulary"])


def test_changed_data_is_refused_where_nothing_is_left_to_do(tmp_path: Path) -> None:
    asked = job(tmp_path, overrides={"train": {"epochs": 1}})
    finished(asked)
    model = asked.out.read_bytes()
    with asked.data.open("a") as file:
        file.write("ham\tone more\n")
    again = replace(asked, resume=True)
    with pytest.raises(SeqcliError, match="changed since the run began") as caught:
        finished(again)
    assert "--allow-changed-data" in caught.value.hint
    assert asked.out.read_bytes() == model
    assert finished(replace(again, allow_changed_data=True)).already
    asked.data.unlink()  # nothing is left to be read
    assert finished(again).already


def test_the_same_data_elsewhere_is_the_same_data(tmp_path: Path) -> None:
    asked = job(tmp_path)
    interrupted(asked, 7)
    moved = asked.data.rename(tmp_path / "moved.tsv")
    again = replace(asked, data=moved, resume=True)
    assert finished(again).result["steps"] == STEPS


def test_a_broken_state_or_a_model_in_its_place(tmp_path: Path) -> None:
    asked = job(tmp_path, overrides={"train": {"epochs": 1}})
    finished(asked)
    last = tmp_path / "out.run" / "last.pt"
    for content in (asked.out.read_bytes(), last.read_bytes()[:5000], b""):
        last.write_bytes(content)
        with pytest.raises(ModelFileError, match=r"last\.pt") as caught:
            finished(replace(asked, resume=True))
        assert caught.value.hint == "start anew with --force"


def test_a_run_whose_splits_an_earlier_version_cut_is_not_gone_on_with(tmp_path: Path) -> None:
    for repeats, refused in (("drop", True), ("group", False)):  # of one file: as ever
        asked = job(tmp_path, repeats, {"data": {"repeats": repeats}})
        interrupted(asked, 7)
        last = asked.out.with_suffix(".run") / "last.pt"
        saved = storage.load(last)
        del saved.description["data"]["cut"]
        storage.save(last, saved.description, saved.tensors)
        again = replace(asked, resume=True)
        if refused:
            with pytest.raises(TrainingError, match="cut by an earlier version"):
                finished(again)
        else:
            assert finished(again).result["steps"] == STEPS


def test_final_scores_and_eval_multiply_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU trains in TF32 beside bfloat16; what both commands score with is said anew."""
    said: list[tuple[str, bool]] = []
    for module in ("runs.session", "answers.loading"):

        def note(device: object, *, exact: bool, module: str = module) -> None:
            said.append((module, exact))

        monkeypatch.setattr(f"seqcli.{module}.float32_products", note)
    finished(job(tmp_path))
    load_model(tmp_path / "out.pt")
    assert said == [("runs.session", True), ("answers.loading", True)]


@pytest.mark.parametrize(
    "settings", [{"model": {"prior_power": 0.5}}, {"train": {"class_weight": "balanced"}}]
)
def test_rare_labels_are_corrected_for_once(
    tmp_path: Path, settings: dict[str, dict[str, object]]
) -> None:
    finished(job(tmp_path, "alone", settings))
    train = {**settings.get("train", {}), "draw": "label"}
    with pytest.raises(ConfigError, match="does already"):
        finished(job(tmp_path, "both", {**settings, "train": train}))
