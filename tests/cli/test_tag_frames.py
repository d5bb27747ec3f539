"""Labels for every step, from end to end: train, eval, tag, check, info, params, pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_frames
import torch
from numpy.typing import NDArray
from tiny_runs import answer, error, seqcli
from typer.testing import CliRunner

import seqcli as package
from seqcli.answers.frames import FrameSource, FrameTagger, Segment, segments
from seqcli.cli.app import app
from seqcli.machine.device import Runtime
from seqcli.readers.series_source import discover_series
from seqcli.readers.series_tables import Part
from seqcli.tasks.taskfile import sample_path

SHORT = ("--epochs", "5", "--hidden", "16", "--set", "train.lr=0.02")
TEST = sample_path("movements") / "test"


def sway(steps: int, seed: int = 1) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    return np.cumsum(draw.standard_normal((steps, 2)), 0) / 3


def write_table(path: Path, *recordings: NDArray[np.float64], kept: bool = True) -> Path:
    """A csv with a note that is no channel, and `y` before `x`."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "y", "note", "x", "label"] if kept else ["id", "x", "y"])
        for number, values in enumerate(recordings):
            for x, y in values.tolist():
                rows.writerow([number, y, "a, b", x, "up"] if kept else [number, x, y])
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the bundled sample."""
    path = tmp_path_factory.mktemp("frames") / "f.pt"
    result = seqcli("train", "--task", "frames", "--out", path, *SHORT, "--json", "--quiet")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["test"]["accuracy"] > 0.6
    assert told["data"]["sample"]
    assert (told["data"]["train"], told["data"]["valid"], told["data"]["test"]) == (8, 2, 2)
    return path


def test_eval_has_the_figures_of_steps_and_stretches(model: Path) -> None:
    found = answer("eval", "--model", model)
    assert (found["kind"], found["split"], found["recordings"]) == ("tagger", "test", 2)
    steps = sum(len(path.read_text().splitlines()) - 1 for path in TEST.iterdir())
    assert found["frames"] + found["unlabeled"] == steps
    assert found["unlabeled"] > 0
    assert {"loss", "accuracy", "macro_f1", "edit", "f1_10", "f1_25", "f1_50"} <= found.keys()
    assert found["labels"] == ["hold", "reach", "rest", "return"]
    assert np.array(found["confusion"]).sum() == found["frames"]
    same = answer("eval", "--model", model, "--data", TEST)
    assert {**same, "split": ""} == {**found, "split": ""}


def test_tag_answers_as_eval_counts(model: Path, tmp_path: Path) -> None:
    right = asked = 0
    for path in sorted(TEST.iterdir()):
        out = tmp_path / f"{path.stem}.csv"
        result = seqcli("tag", "--model", model, "--input", path, "--output", out)
        assert result.exit_code == 0, result.stderr
        with path.open() as before, out.open() as after:
            old, new = list(csv.reader(before)), list(csv.reader(after))
        assert [row[: len(old[0])] for row in new] == old, "all columns, all rows"
        assert new[0][-2:] == ["predicted_label", "prob"]
        labeled = [row for row in new[1:] if row[4]]
        right += sum(row[4] == row[5] for row in labeled)
        asked += len(labeled)
        printed = seqcli("tag", "--model", model, "--input", path, "--quiet").stdout
        assert printed == "".join(f"{row[5]}\t{float(row[6]):.4f}\n" for row in new[1:]) + "\n"
    found = answer("eval", "--model", model)
    assert asked == found["frames"]
    assert right / asked == pytest.approx(found["accuracy"])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"data": {"scale": "recording"}},
        {"data": {"scale": "whole"}},
        {"model": {"change_cost": 1.0}},
    ],
)
def test_a_stream_answers_as_the_whole(given: dict[str, Any], tmp_path: Path) -> None:
    """Parts of a table, read in pieces of 32 steps, as `eval` reads them."""
    kind, network = tiny_frames.tiny(**given)
    tagger = FrameTagger(kind, network, Runtime(torch.device("cpu"), "fp32", 1))
    recordings = [sway(steps, steps) for steps in (1, 31, 32, 33, 500, 2000)]
    path = write_table(tmp_path / "long.csv", *recordings)
    source = FrameSource.of(discover_series(path, kind.reading), kind.channels)
    found = list(tagger.stream([source.parts()], source.scalers(kind, 0, 1)))
    whole = tagger.tag(recordings)
    names: dict[str, list[int]] = {}
    for steps in found:
        names.setdefault(steps.name, []).extend(steps.labels.tolist())
    assert list(names) == [str(number) for number in range(len(recordings))]
    for values, streamed, (_, parts) in zip(recordings, names.values(), whole, strict=True):
        assert len(streamed) == len(values), "no step at an edge is lost"
        assert streamed == [label for one in parts for label in one.labels.tolist()]
    second = list(tagger.stream([source.parts(1, 2)], source.scalers(kind, 1, 2)))
    assert [one.name for one in second if one.begins] == ["1", "3", "5"]


def test_what_else_is_there_changes_no_answer() -> None:
    kind, network = tiny_frames.tiny()
    tagger = FrameTagger(kind, network, Runtime(torch.device("cpu"), "fp32", 1))
    first, second = sway(40), sway(7, 2)
    (_, alone), (_, both) = tagger.tag([first])[0], tagger.tag([second, first])[1]
    for one, two in zip(alone, both, strict=True):
        np.testing.assert_allclose(one.probs, two.probs, atol=1e-6)


def test_json_lines_come_from_stdin_as_they_go_out(tmp_path: Path) -> None:
    model = tiny_frames.write(tmp_path / "tiny.pt")
    values = sway(50)
    lines = "".join(
        json.dumps({"id": name, "values": given}) + "\n"
        for name, given in (("a", values.tolist()), ("b", []), ("c", [[None, 1.0]]))
    )
    args = ["tag", "--model", str(model), "-", "--json", "--quiet"]
    result = CliRunner().invoke(app, args, input=lines)
    assert result.exit_code == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["recording"] for row in rows] == ["a", "b", "c"]
    assert [row["steps"] for row in rows] == [50, 0, 1]
    assert rows[2]["missing_share"] == 0.5
    spelled = [one["label"] for one in rows[0]["segments"] for _ in range(one["start"], one["end"])]
    assert spelled == rows[0]["labels"]
    table = package.load(model).tag([values])
    assert table["label"].tolist() == rows[0]["labels"]
    assert table["prob"].tolist() == pytest.approx(rows[0]["probs"])


def test_segments_are_runs() -> None:
    labels = np.array([0, 0, 1, 0])
    found = segments(labels, [0.5, 0.7, 0.9, 1.0], ("a", "b"))
    assert found == [Segment(0, 2, "a", 0.6), Segment(2, 3, "b", 0.9), Segment(3, 4, "a", 1.0)]
    assert segments(labels[:0], [], ("a", "b")) == []


def test_a_picture_of_the_first_recording(tmp_path: Path) -> None:
    model, picture = tiny_frames.write(tmp_path / "tiny.pt"), tmp_path / "p.png"
    path = write_table(tmp_path / "two.csv", sway(300), sway(20), kept=False)
    given = ("tag", "--model", model, "--input", path, "--plot", picture)
    result = seqcli(*given, "--output", tmp_path / "o.tsv")
    assert result.exit_code == 0, result.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "(the first recording)" in result.stderr
    assert "exists" in error(1, *given)
    assert seqcli(*given, "--force").exit_code == 0
    assert ".png expected" in error(2, *given[:-1], tmp_path / "p.jpg")


def test_memory_does_not_grow_with_the_recording() -> None:
    """Of a million steps no more than a few pieces are held at any time."""
    kind, network = tiny_frames.tiny(data={"max_steps": 256})
    tagger = FrameTagger(kind, network, Runtime(torch.device("cpu"), "fp32", 1))
    record = tagger.tag([sway(1)])[0][1][0]
    made = 0

    def parts() -> Any:
        nonlocal made
        from seqcli.readers.recording import Recording

        for number in range(100):
            made += 1
            own = Recording(sway(1000, number), ("x", "y"), "", 1, "long")
            yield Part(own, number == 0, number == 99)

    ahead = []
    steps = 0
    for found in tagger.stream([parts()], iter([kind.scaled(())])):
        steps += len(found.labels)
        ahead.append(made * 1000 - steps)
    assert (steps, record.name) == (100_000, "1")
    assert max(ahead) < 20_000


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["text"], "this model reads numbers, texts given"),
        (["--input", "{table}", "--threshold", "0.5"], "--threshold belongs to models of text"),
        (["--input", "{table}", "--token-column", "1"], "--token-column belongs to models of text"),
        (["--input", "{table}", "--format", "conllu"], "unknown format of recordings"),
        (["--input", "{table}", "--force"], "--force belongs to --output and --plot"),
        (["-", "--format", "csv"], "unknown format of recordings"),
    ],
)
def test_options_that_make_no_sense(args: list[str], said: str, tmp_path: Path) -> None:
    model = tiny_frames.write(tmp_path / "tiny.pt")
    table = write_table(tmp_path / "t.csv", sway(5))
    given = [one.format(table=table) for one in args]
    assert said in error(2, "tag", "--model", model, *given)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    model = tiny_frames.write(tmp_path / "tiny.pt")
    path = tmp_path / "t.csv"
    path.write_text("x,z\n1,2\n")
    assert "a column 'y' with numbers expected" in error(
        1, "tag", "--model", model, "--input", path
    )
    path.write_text("x,y\n1,2\n1,oops\n")
    said = error(1, "tag", "--model", model, "--input", path)
    assert "t.csv, line 3" in said
    assert "'oops' found" in said


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("x,label\n1,\n2,\n", "1 without a label found"),
        ("x,label\n1,a\n2,a\n", "labels of steps to train on expected"),
        ("x,y\n1,2\n3,4\n", "a label"),
    ],
)
def test_data_that_teaches_nothing(rows: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(rows)
    given = ("train", "--task", "frames", "--data", path, "--out", tmp_path / "o.pt")
    told = error(1, *given)
    assert "d.csv" in told
    assert said in told


def test_a_label_that_training_lacks_is_said_and_not_scored(tmp_path: Path) -> None:
    for part, label in (("train", "b"), ("test", "c")):
        rows = "".join(f"{n},{'a' if n % 9 < 5 else label}\n" for n in range(60))
        (tmp_path / f"{part}.csv").write_text("x,label\n" + rows)
    out = tmp_path / "o.pt"
    result = seqcli("train", "--task", "frames", "--data", tmp_path, "--out", out, *SHORT[:2])
    assert result.exit_code == 0, result.stderr
    assert "25 steps of test have a label that training lacks" in result.stderr
    scored = seqcli("eval", "--model", out)
    assert "steps with a label that the model lacks: 25, not scored" in scored.stderr
    found = answer("eval", "--model", out)
    assert (found["frames"], found["unlabeled"]) == (35, 25)


def test_check_and_info_and_params_know_it(model: Path) -> None:
    found = answer("check", "--task", "frames", "--data", sample_path("movements"))
    assert found["splits"] == {"train": 8, "valid": 2, "test": 2}
    assert {one["name"] for one in found["findings"]} == {"bare"}
    table = answer("params", "--model", model)
    assert answer("info", "--model", model)["parameters"] == table["total"]
    assert table["layers"][-1]["name"] == "output"


def test_groups_test_by_name(tmp_path: Path) -> None:
    for name in ("ann1", "ann2", "bob1", "cy1"):
        rows = "".join(f"{n % 7},{'ab'[n % 7 > 3]}\n" for n in range(50))
        (tmp_path / f"{name}.csv").write_text("x,label\n" + rows)
    given = ["train", "--task", "frames", "--data", str(tmp_path), "--out", str(tmp_path / "o.pt")]
    given += [*SHORT[:2], "--set", "data.group_pattern=^([a-z]+)", "--json"]
    result = seqcli(*given, "--set", "data.test_groups=ann", "--set", "data.valid_groups=cy")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)["data"]
    assert (told["train"], told["valid"], told["test"]) == (1, 1, 2)
    assert "a group 'zoe' expected" in error(1, *given, "--set", "data.test_groups=zoe", "--force")
    clash = "data.test_groups and data.valid_groups need data.group"
    plain = [one for one in given if one != "data.group_pattern=^([a-z]+)"]
    plain.remove("--set")
    assert clash in error(2, *plain, "--set", "data.test_groups=zoe", "--force")
