"""Numbers from end to end: train, eval, classify, check, info, params."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_signals
from tiny_runs import answer, error, seqcli
from typer.testing import CliRunner

import seqcli as package
from seqcli.cli.app import app
from seqcli.tasks.taskfile import sample_path

SHORT = ("--epochs", "4", "--set", "model.hidden=12", "--set", "train.lr=0.01")
TEST = sample_path("signals") / "motions_TEST.ts"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the bundled sample."""
    path = tmp_path_factory.mktemp("signals") / "s.pt"
    result = seqcli("train", "--task", "signals", "--out", path, *SHORT, "--json", "--quiet")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["test"]["accuracy"] > 0.6
    assert told["data"] == {
        "train": 200,
        "valid": 0,
        "test": 100,
        "vocabulary": None,
        "sample": True,
    }
    return path


def test_eval_has_the_keys_of_a_classifier(model: Path) -> None:
    found = answer("eval", "--model", model)
    assert (found["kind"], found["split"], found["count"]) == ("classifier", "test", 100)
    assert {"accuracy", "macro_f1", "mcc", "majority", "per_label", "confusion"} <= found.keys()
    same = answer("eval", "--model", model, "--data", TEST)
    assert same["accuracy"] == found["accuracy"]


def test_mistakes_name_file_and_line(model: Path) -> None:
    found = answer("eval", "--model", model, "--mistakes", "3")["mistakes"]
    assert 1 <= len(found) <= 3
    lines = TEST.read_text().splitlines()
    for one in found:
        assert lines[one["line"] - 1].endswith(f":{one['label']}")
        assert one["predicted"] != one["label"]
        assert "3 channels" in one["text"]


def test_classify_answers_each_in_order(model: Path) -> None:
    result = seqcli("classify", "--model", model, "--input", TEST)
    assert result.exit_code == 0, result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    data = TEST.read_text().partition("@data\n")[2].splitlines()
    labels = [line.rpartition(":")[2] for line in data]
    right = sum(row[0] == label for row, label in zip(rows, labels, strict=True))
    assert right == round(100 * answer("eval", "--model", model)["accuracy"])
    top = seqcli("classify", "--model", model, "--input", TEST, "--top-k", "2").stdout
    assert [len(line.split("\t")) for line in top.splitlines()] == [4] * 100
    half = seqcli("classify", "--model", model, "--input", TEST, "--shard", "2/2").stdout
    assert half.splitlines() == result.stdout.splitlines()[1::2]


def test_json_and_tables_hold_the_same(model: Path, tmp_path: Path) -> None:
    plain = seqcli("classify", "--model", model, "--input", TEST, "--json").stdout
    first = json.loads(plain.splitlines()[0])
    assert first.keys() == {"recording", "steps", "label", "prob", "probs", "missing_share"}
    out = tmp_path / "o.csv"
    result = seqcli("classify", "--model", model, "--input", TEST, "--output", out, "--probs")
    assert result.exit_code == 0, result.stderr
    head, row, *_ = out.read_text().splitlines()
    assert head == "recording,label,prob,prob_circle,prob_lift,prob_shake,prob_wave"
    assert row.startswith(f"1,{first['label']},{first['prob']}")


def long_table(path: Path, columns: str) -> Path:
    rows = [columns]
    for number in range(3):
        for step in range(5):
            cells = {"id": f"r{number}", "x": step * 0.1, "y": number, "note": "n", "time": step}
            rows.append(",".join(str(cells[name]) for name in columns.split(",")))
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_table_s_columns_go_by_name(tmp_path: Path) -> None:
    model = tiny_signals.write(tmp_path / "m.pt")
    straight = long_table(tmp_path / "a.csv", "id,time,x,y")
    turned = long_table(tmp_path / "b.csv", "note,y,id,x")
    said = [
        seqcli("classify", "--model", model, "--input", path, "--json").stdout
        for path in (straight, turned)
    ]
    assert said[0] == said[1]
    assert [json.loads(line)["recording"] for line in said[0].splitlines()] == ["r0", "r1", "r2"]
    lacking = long_table(tmp_path / "c.csv", "id,x,note")
    told = error(1, "classify", "--model", model, "--input", lacking)
    assert "c.csv, line 1: a column 'y' with numbers expected" in told


def test_a_table_of_the_training_s_format(tmp_path: Path) -> None:
    model = tiny_signals.write(tmp_path / "m.pt", channels=("1",), data={"format": "ucr"})
    (tmp_path / "x.csv").write_text("a,1,2,3\nb,4,5\n")
    result = seqcli("classify", "--model", model, "--input", tmp_path / "x.csv", "--json")
    assert result.exit_code == 0, result.stderr
    assert [json.loads(line)["steps"] for line in result.stdout.splitlines()] == [3, 2]


def test_a_stream_is_answered_up_to_its_fault(tmp_path: Path) -> None:
    model = tiny_signals.write(tmp_path / "m.pt")
    lines = ['{"values": [[1, 2], [3, null]]}', '{"values": []}', '{"values": [[1]]}']
    args = ["classify", "--model", str(model), "-"]
    result = CliRunner().invoke(app, args, input="\n".join(lines))
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert "error: stdin, line 3: 2 channels expected, 1 found" in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("hello",), 2, "this model reads numbers, texts given"),
        (("--input", "x.ts", "--text-column", "a"), 2, "belongs to models of text"),
        (("--input", "x.ts", "--explain"), 2, "--explain weighs words"),
        (("--input", "none.ts"), 1, "nothing found there"),
        (("--input", "x.pdf"), 1, "a file of recordings"),
    ],
)
def test_what_a_model_of_numbers_refuses(
    args: tuple[str, ...], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_signals.write(tmp_path / "m.pt")
    (tmp_path / "x.ts").write_text("1,2:3,4\n")
    (tmp_path / "x.pdf").write_text("%PDF")
    assert message in error(code, "classify", "--model", "m.pt", *args)


def test_arrays_from_python(model: Path) -> None:
    loaded = package.load(str(model), device="cpu", threads=1)
    found = loaded.classify([np.zeros((7, 3)), np.ones((3, 3))], probs=True)
    assert [*found.columns[:4]] == ["steps", "label", "prob", "missing_share"]
    assert found["steps"].tolist() == [7, 3]
    with pytest.raises(TypeError, match="a list of arrays expected"):
        loaded.classify("text")


def test_info_params_and_check(model: Path, tmp_path: Path) -> None:
    told = answer("info", "--model", model)
    assert (told["kind"], told["input"]) == ("classifier", "numbers")
    assert told["parameters"] == answer("params", "--model", model)["total"]
    assert answer("params", "--task", "signals")["total"] == 50_697
    checked = answer("check", "--task", "signals")
    assert checked["splits"] == {"train": 200, "test": 100}
    assert checked["findings"] == []
    (tmp_path / "x.txt").write_text("a 1 2 3\na 1 2 3\nb 4 5 ?\nb 7 8 9\nc 1 2 3\n")
    odd = answer("check", "--task", "signals", "--data", tmp_path / "x.txt")
    assert {"contradictions", "no-split"} <= {one["name"] for one in odd["findings"]}
    found: Any = next(one for one in odd["findings"] if one["name"] == "contradictions")
    assert found["examples"][0]["line"] in (1, 2)


def test_a_budget_finds_a_hidden_size() -> None:
    found = answer("params", "--task", "signals", "--budget", "20K")
    assert found["total"] <= 20_000
    assert answer("params", "gru", "--input", "12", "--hidden", "64", "--outputs", "9")["total"] > 0
