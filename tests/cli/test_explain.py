"""`seqcli classify --explain` as typed at the shell."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_model
from typer.testing import CliRunner

from seqcli.cli.app import app

TEXTS = ["Win a prize  now", "", "zzz", "see\tyou\x1b[31m"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    return str(write_model(folder / "tiny.pt", ("ham", "spam"), data={"lowercase": True}))


def lines(*args: str, stdin: str = "") -> list[str]:
    result = CliRunner().invoke(app, ["classify", *args, "--threads", "1"], input=stdin)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.endswith("\n")
    return result.stdout.split("\n")[:-1]


def documents(*args: str, stdin: str = "") -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=pytest.fail) for line in lines(*args, stdin=stdin)]


def test_json_has_the_tokens_of_the_text_in_order(model: str) -> None:
    plain = documents("--model", model, *TEXTS, "--json")
    found = documents("--model", model, *TEXTS, "--json", "--explain")
    marks = [answer.pop("explain") for answer in found]
    assert found == plain
    assert [[token for token, _ in own] for own in marks] == [
        ["Win", "a", "prize", "now"],
        [],
        ["zzz"],
        ["see", "you", "\x1b", "[", "31m"],
    ]
    weights = [weight for own in marks for _, weight in own]
    assert any(weights)
    assert all(isinstance(weight, float) for weight in weights)


def test_one_line_for_each_text(model: str) -> None:
    plain = lines("--model", model, *TEXTS, "--top-k", "2")
    for source, stdin in ([*TEXTS], ""), (["-"], "\n".join(TEXTS)):
        found = lines("--model", model, *source, "--top-k", "2", "--explain", stdin=stdin)
        assert [line.rpartition("\t")[0] for line in found] == plain
        heavy = [line.rpartition("\t")[2] for line in found]
        assert heavy[1] == ""
        assert "Win:" in heavy[0]
        assert all("\x1b" not in line for line in found)


def test_colors_on_a_terminal(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqcli.cli import marks

    monkeypatch.setattr(marks, "colored", lambda: True)
    (line,) = lines("--model", model, "Win a  prize\n\x1b[2Jnow", "--explain")
    assert "\x1b[0m" in line
    assert "\x1b[2J" not in line
    assert "\\x1b" in line
    assert "\\n" in line


def test_a_column_of_json(model: str, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,text\n1,win a prize\n2,\n")
    result = CliRunner().invoke(
        app,
        [
            "classify",
            "--model",
            model,
            "--input",
            str(source),
            "--output",
            str(target),
            "--explain",
        ],
    )
    assert result.exit_code == 0, result.stderr
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "text", "label", "prob", "explain"]
    (answer,) = documents("--model", model, "win a prize", "--json", "--explain")
    assert [json.loads(row["explain"]) for row in rows] == [answer["explain"], []]


def test_weights_of_texts_the_threshold_holds_back(model: str) -> None:
    shown = documents("--model", model, TEXTS[0], "--json", "--explain")
    held = documents("--model", model, TEXTS[0], "--json", "--explain", "--threshold", "1")
    assert held[0]["label"] == ""
    assert held[0]["explain"] == shown[0]["explain"]  # of the likeliest label all the same
