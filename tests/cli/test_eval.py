"""`seqcli eval` of classifiers: what is scored, what is said, what is answered."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_model
from tiny_runs import answer, error, seqcli, write_data, write_task

from seqcli.modelfile import storage

KEYS = [
    "split", "trained", "kind", "count", "loss", "accuracy", "accuracy_interval", "macro_f1",
    "macro_f1_interval", "mcc", "majority", "labels", "per_label", "confusion",
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with m.pt, trained on data.tsv there, and what `train --json` said."""
    place = tmp_path_factory.mktemp("eval")
    write_task(place / "tiny.toml")
    write_data(place / "data.tsv")
    task = ("--task", place / "tiny.toml", "--data", place / "data.tsv")
    return place, answer("train", *task, "--out", place / "m.pt")


@pytest.fixture
def place(trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, with another, empty one to stand in."""
    monkeypatch.chdir(tmp_path)
    path: Path = trained[0]
    return path


def figures(place: Path, *args: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = answer("eval", "--model", place / "m.pt", *args)
    assert list(found) == KEYS
    return found


def said(place: Path, *args: str | Path) -> str:
    """What is said beside what is scored, which is always said first."""
    result = seqcli("eval", "--model", place / "m.pt", *args)
    assert result.exit_code == 0, result.stderr
    first, _, rest = result.stderr.partition("\n")
    if "--quiet" not in args:
        assert re.fullmatch(r".*m\.pt on .*: (all of it|\w+ split), [\d,]+ texts", first)
    return rest


def test_the_figures_are_those_that_training_printed(place: Path, trained: Any) -> None:
    result = trained[1]
    for split in ("test", "valid"):
        found = figures(place, "--split", split)
        assert found.pop("split") == split
        assert found.pop("trained") == 0
        assert found.pop("loss") == pytest.approx(result[split].pop("loss"), abs=1e-6)
        assert found == result[split]
    assert figures(place)["split"] == "test"
    assert figures(place, "--split", "train")["count"] == result["data"]["train"]
    assert figures(place, "--split", "all")["count"] == 60
    assert said(place) == ""


def test_the_tables(place: Path) -> None:
    shown = seqcli("eval", "--model", place / "m.pt").stdout
    assert re.search(r"^label +precision +recall +f1 +support$", shown, re.M)
    assert re.search(r"^ham +[\d.]+ +[\d.]+ +[\d.]+ +6$", shown, re.M)
    assert re.search(r"^count +12$", shown, re.M)
    assert re.search(r"^majority +0\.5000$", shown, re.M)
    assert re.search(r"^true \\ predicted +ham +spam$", shown, re.M)


def test_the_same_bytes_elsewhere_use_the_recorded_split(place: Path, tmp_path: Path) -> None:
    shutil.copy(place / "data.tsv", tmp_path / "copy.tsv")
    assert figures(place, "--data", "copy.tsv") == figures(place)
    assert "copy.tsv is the training data: the recorded split is used" in said(
        place, "--data", "copy.tsv"
    )
    assert figures(place, "--data", "copy.tsv", "--split", "train")["count"] == 38
    assert said(place, "--data", "copy.tsv", "--quiet") == ""


def test_another_file_is_scored_whole(place: Path, tmp_path: Path) -> None:
    write_data(tmp_path / "more.tsv", 14)
    found = figures(place, "--data", "more.tsv")
    assert (found["split"], found["count"]) == ("all", 14)
    assert figures(place, "--data", "more.tsv", "--split", "all") == found
    for split in ("test", "train"):
        shown = error(1, "eval", "--model", place / "m.pt", "--data", "more.tsv", "--split", split)
        assert f"no {split} split" in shown
        assert "leave out --split" in shown


def test_rows_of_another_file_are_all_scored_even_repeated_ones(
    place: Path, tmp_path: Path
) -> None:
    (tmp_path / "more.tsv").write_text("ham\tsee you\n" * 3 + "spam\tsee you\n")
    assert figures(place, "--data", "more.tsv")["confusion"] in ([[3, 0], [1, 0]], [[0, 3], [0, 1]])


def test_the_test_part_of_a_folder(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    write_data(folder / "mine.train.tsv", 20)
    write_data(folder / "mine.test.tsv", 8)
    found = figures(place, "--data", "parts")
    assert (found["split"], found["count"]) == ("test", 8)
    assert figures(place, "--data", "parts", "--split", "train")["count"] < 21
    (folder / "mine.train.tsv").unlink()
    assert figures(place, "--data", "parts") == found  # a test part alone will do
    assert found["loss"] == figures(place, "--data", folder / "mine.test.tsv")["loss"]


def test_a_folder_without_a_test_part(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    write_data(folder / "mine.dev.tsv", 8)
    found = figures(place, "--data", "parts")
    assert (found["split"], found["count"]) == ("valid", 8)
    assert "no test split here: valid is scored instead" in said(place, "--data", "parts")


def test_a_folder_without_parts_is_scored_whole(place: Path, tmp_path: Path) -> None:
    for label in ("ham", "spam"):
        (tmp_path / "parts" / label).mkdir(parents=True)
        for number in range(5):
            (tmp_path / "parts" / label / f"{number}.txt").write_text(f"see you {number}")
    found = figures(place, "--data", "parts")
    assert (found["split"], found["count"]) == ("all", 10)


def test_data_that_is_gone_or_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_task(tmp_path / "tiny.toml")
    data = write_data(tmp_path / "data.tsv")
    flags = ("--max-steps", "1", "--quiet", "--out", "m.pt")
    assert seqcli("train", "--task", "tiny.toml", "--data", "data.tsv", *flags).exit_code == 0
    os.chdir("/")  # the path is kept whole
    assert answer("eval", "--model", tmp_path / "m.pt")["count"] == 12
    data.write_text(data.read_text() + "ham\tmore\n")
    shown = error(1, "eval", "--model", tmp_path / "m.pt")
    assert "changed since this model was trained" in shown
    assert "hint: --data PATH" in shown
    data.unlink()
    shown = error(1, "eval", "--model", tmp_path / "m.pt")
    assert "not there" in shown
    assert "hint: --data PATH" in shown


@pytest.mark.parametrize("valid", [0.2, 0.0])
def test_without_a_test_split_the_next_best_is_scored(
    valid: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_task(tmp_path / "tiny.toml")
    write_data(tmp_path / "data.tsv")
    flags = ("--max-steps", "1", "--quiet", "--out", "m.pt")
    cut = ("--set", "data.test=0", "--set", f"data.valid={valid}")
    assert seqcli("train", "--task", "tiny.toml", "--data", "data.tsv", *flags, *cut).exit_code == 0
    result = seqcli("eval", "--model", "m.pt", "--json")
    assert json.loads(result.stdout)["split"] == ("valid" if valid else "train")
    assert "no test split here: valid is scored instead\n" in result.stderr
    assert ("no valid split here: train" in result.stderr) == (not valid)


def test_plots(place: Path, tmp_path: Path) -> None:
    shown = said(place, "--plots", "new/pictures")
    assert shown == "picture: new/pictures/confusion.png\n"
    assert (tmp_path / "new/pictures/confusion.png").read_bytes().startswith(b"\x89PNG")
    again = ("eval", "--model", place / "m.pt", "--plots", "new/pictures")
    assert "--force overwrites it" in error(1, *again)
    assert said(place, "--plots", "new/pictures", "--force") == shown
    assert "--force belongs to --plots" in error(2, *again[:3], "--force")
    (tmp_path / "file").write_text("")
    assert "cannot be made" in error(1, "eval", "--model", place / "m.pt", "--plots", "file/x")


def test_a_label_the_model_does_not_know(place: Path, tmp_path: Path) -> None:
    (tmp_path / "more.tsv").write_text("ham\thi\nhamm\tho\n")
    shown = error(1, "eval", "--model", place / "m.pt", "--data", "more.tsv")
    assert "more.tsv, line 2" in shown
    assert "did you mean 'ham'" in shown


def test_named_columns(place: Path, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("what,said\nham,see you\nspam,win a prize\n")
    columns = ("--text-column", "said", "--label-column", "what")
    assert figures(place, "--data", "more.csv", *columns)["count"] == 2
    error(1, "eval", "--model", place / "m.pt", "--data", "more.csv")


def test_what_is_no_model(place: Path) -> None:
    assert "not a model file" in error(1, "eval", "--model", place / "data.tsv")
    error(1, "eval", "--model", place)
    error(1, "eval", "--model", "none.pt")
    error(2, "eval")
    assert "did you mean 'test'" in error(2, "eval", "--model", place / "m.pt", "--split", "tset")
    error(1, "eval", "--model", place / "m.pt", "--data", "none.tsv")
    error(2, "eval", "--model", place / "m.pt", "--data", "")


def test_many_labels_are_not_shown_as_a_matrix(tmp_path: Path) -> None:
    labels = tuple(f"label{n:02}" for n in range(25))
    write_model(tmp_path / "m.pt", labels)
    (tmp_path / "some.tsv").write_text("".join(f"{label}\twin a prize\n" for label in labels))
    result = seqcli("eval", "--model", tmp_path / "m.pt", "--data", tmp_path / "some.tsv")
    assert result.exit_code == 0
    assert "true \\ predicted" not in result.stdout
    assert "--plots DIR" in result.stderr
    shown = seqcli("eval", "--model", tmp_path / "m.pt", "--data", tmp_path / "some.tsv", "--quiet")
    assert shown.stderr == ""
    found = answer("eval", "--model", tmp_path / "m.pt", "--data", tmp_path / "some.tsv")
    assert len(found["confusion"]) == 25


def test_a_split_of_an_earlier_version_is_not_scored_as_if_it_were_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_task(tmp_path / "tiny.toml")
    write_data(tmp_path / "data.tsv")
    task = ("--task", "tiny.toml", "--data", "data.tsv", "--epochs", "1")
    answer("train", *task, "--out", "m.pt", "--set", "data.repeats=drop")
    whole = storage.load(Path("m.pt"))
    recorded = {key: value for key, value in whole.description["data"].items() if key != "cut"}
    storage.save(Path("m.pt"), {**whole.description, "data": recorded}, whole.tensors)
    assert "its test split was cut by an earlier version" in error(1, "eval", "--model", "m.pt")
    assert answer("eval", "--model", "m.pt", "--split", "all")["count"] == 60
    (tmp_path / "other.tsv").write_text("ham\tsee you\nspam\twin\n")
    assert answer("eval", "--model", "m.pt", "--data", "other.tsv")["count"] == 2


def test_rows_without_a_label_are_counted(place: Path, tmp_path: Path) -> None:
    labels = figures(place)["labels"]
    path = tmp_path / "more.csv"
    path.write_text(f"text,label\na,{labels[0]}\nb,\nc,{labels[1]}\n")
    assert figures(place, "--data", path)["count"] == 2
    assert "texts without a label: 1 left out" in said(place, "--data", path)
