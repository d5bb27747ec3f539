"""`seqcli params` as typed at the shell: most through an app with this one command."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from seqcli import kinds
from seqcli.cli.params import params
from seqcli.errors import SeqcliError
from seqcli.modelfile import filecheck
from seqcli.settings.config import to_dict
from seqcli.settings.counting import FORMULAS
from seqcli.tasks import taskfile

KEYS = {"total", "trainable", "torch_total", "layers", "multiply_adds_per_step", "bytes"}
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(params)


def show(*args: str) -> str:
    """Stdout of a run that succeeds."""
    result = CliRunner().invoke(app, list(args), env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def answer(*args: str) -> dict[str, Any]:
    """The JSON of a run that succeeds."""
    value = json.loads(show(*args, "--json"))
    assert isinstance(value, dict)
    return value


def refused(*args: str) -> SeqcliError:
    """The error of a run that the user got wrong."""
    result = CliRunner().invoke(app, list(args))
    assert isinstance(result.exception, SeqcliError), result.output
    assert result.exception.exit_code == 2
    return result.exception


def test_the_contract_s_example() -> None:
    text = show("lstm", "--hidden", "12", "--input", "30")
    row = next(line for line in text.splitlines() if line.startswith(" lstm"))
    assert row.split() == ["lstm", "(B,", "T,", "12)", "4*(12*(30+12)", "+", "12)", "2,064"]
    assert "total 2,064 parameters" in text
    assert "torch.nn.LSTM would store 2,112 (two biases a gate)" in text
    assert "final state of lstm: h, c, each (B, 12)" in text


def test_json_has_the_contract_s_keys() -> None:
    value = answer("lstm", "--hidden", "12", "--input", "30", "--batch", "10", "--time", "20")
    assert value.keys() == KEYS
    assert value["total"] == value["trainable"] == 2064
    assert (value["torch_total"], value["bytes"]) == (2112, 8256)
    assert value["layers"] == [
        {
            "name": "lstm",
            "output": [10, 20, 12],
            "formula": "4*(12*(30+12) + 12)",
            "parameters": 2064,
        }
    ]


@pytest.mark.parametrize(
    ("args", "total"),
    [
        ("lstm --hidden 12 --input 30 --bidirectional", 4_128),
        ("lstm --hidden 12 --input 30 --no-bias", 2_016),
        ("gru --hidden 12 --input 30", 1_584),
        ("gru --hidden 12 --input 30 --reset-after --bidirectional", 3_168),
        ("gru --hidden 12 --input 30 --no-reset-after", 1_548),
        ("lstm --hidden 64,64,128,192,256 --input 3 --dense 256,256", 987_136),
        ("lstm --hidden 64,64 --vocab 10000 --embed 100 --dense 64 --outputs 1", 1_079_489),
        ("gru --hidden 64 --layers 2 --vocab 10000 --embed 100 --dense 64 --outputs 1", 1_061_057),
        ("rnn --hidden 64,64 --vocab 10000 --embed 100 --outputs 1", 1_018_881),
        ("rnn --hidden 128 --vocab 57 --embed 0 --outputs 18", 26_130),
        ("lstm --hidden 200 --layers 2 --vocab 10000 --embed 200 --kind language-model", 4_651_600),
        ("lstm --hidden 200 --layers 2 --vocab 10000 --embed 200 --tied", 2_651_600),
        ("lstm --hidden 8 --input 4 --outputs 2 --set model.head=sigmoid", 425),
    ],
)
def test_tables_from_options(args: str, total: int) -> None:
    value = answer(*args.split())
    assert value["total"] == total
    assert sum(row["parameters"] for row in value["layers"]) == total
    assert f"total {total:,} parameters" in show(*args.split())


@pytest.mark.parametrize("cell", sorted(FORMULAS))
def test_every_cell(cell: str) -> None:
    assert answer(cell, "--input", "3")["total"] > 0
    assert cell in show("--help")


def test_reset_before_has_no_layer_in_torch() -> None:
    args = ("gru", "--no-reset-after", "--input", "3")
    assert answer(*args)["torch_total"] is None
    assert "torch.nn.GRU has no reset before the matrix product" in show(*args)


def test_torch_in_a_larger_network() -> None:
    text = show("lstm", "--hidden", "12", "--input", "30", "--outputs", "2")
    assert "with torch.nn.LSTM the total would be 2,138" in text


def test_long_formulas_wrap_within_80_columns() -> None:
    size = "1048576"
    text = show("lstm", "--hidden", f"{size},{size}", "--input", size, "--batch", "1000")
    assert all(len(line) <= 80 for line in text.splitlines() if "lstm" in line or "(" in line[:40])


def test_work_and_memory_of_a_batch() -> None:
    text = show("rnn", "--hidden", "4", "--input", "3", "--batch", "2", "--time", "5")
    assert "batch of 2, 5 steps: 280 multiply-adds forward" in text
    assert "160 bytes of activations" in text


@pytest.mark.parametrize(
    ("text", "limit"), [("20M", 20_000_000), ("1.5m", 1_500_000), ("500K", 500_000), ("90", 90)]
)
def test_budget(text: str, limit: int) -> None:
    value = answer("gru", "--input", "2", "--budget", text)
    assert value.keys() == KEYS | {"hidden"}
    more = answer("gru", "--input", "2", "--hidden", str(value["hidden"] + 1))
    assert value["total"] <= limit < more["total"]
    hidden = f"within the budget is {value['hidden']:,}."
    assert hidden in show("gru", "--input", "2", "--budget", text)


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        ("", "no cell given", "lstm"),
        ("lsmt --input 3", "unknown cell 'lsmt'", "did you mean 'lstm'?"),
        ("lstm", "no size given", "--input N"),
        ("lstm --input 3 --vocab 3", "both a vocabulary", ""),
        ("lstm --input 3 --embed 3", "--embed needs", "--vocab"),
        ("lstm --input 0", "input: at least 1 expected", ""),
        ("lstm --input 3 --hidden 1,x", "a whole number expected, 'x'", ""),
        ("lstm --input 3 --hidden 0", "at least 1 expected, 0", ""),
        ("lstm --input 3 --hidden ,", "lists no size", ""),
        ("lstm --input 3 --merge conct", "'conct'", "did you mean 'concat'?"),
        ("lstm --input 3 --set model.hiden=3", "'hiden'", "did you mean 'hidden'?"),
        ("lstm --input 3 --set hidden", "SECTION.KEY=VALUE", ""),
        ("lstm --vocab 9 --embed 3 --hidden 4 --tied", "model.embed is 3", "--embed 4"),
        ("lstm --vocab 9 --tied --outputs 4", "cannot have 4 outputs", ""),
        ("lstm --vocab 9 --tied --bidirectional", "a translator needs the sizes", "--outputs C"),
        ("lstm --input 3 --kind taggr", "unknown kind", ""),
        ("lstm --input 3 --budget 10", "does not hold even 1 hidden unit", ""),
        ("lstm --input 3 --budget lots", "a number of parameters expected", "20M"),
        ("lstm --input 3 --budget -5M", "a number of parameters expected", ""),
        ("lstm --input 3 --budget 5M --hidden 3", "--budget finds the hidden size", ""),
        ("lstm --preset small", "--preset needs a task", "--task"),
        ("--task spma", "unknown task 'spma'", "did you mean 'spam'?"),
        ("--task spam --kind classifier", "--kind cannot", ""),
        ("lstm --model x.pt", "--model takes the whole network", ""),
        ("--model x.pt --task spam", "--model takes the whole network", ""),
        ("--model x.pt --outputs 3", "--model takes the whole network", ""),
    ],
)
def test_usage_errors(args: str, message: str, hint: str) -> None:
    error = refused(*args.split())
    assert message in error.message
    assert hint in error.hint


def test_a_word_where_a_number_belongs_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["lstm", "--input", "three"]).exit_code == 2


SPAM = """
kind = "classifier"
[expected]
vocabulary = 1000
outputs = 2
[model]
cell = "rnn"
embed = 50
hidden = [10]
[preset.large.model]
hidden = [20]
"""


@pytest.fixture
def spam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A task with known sizes, whatever the bundled ones are."""
    (tmp_path / "spam.toml").write_text(SPAM)
    monkeypatch.setattr(taskfile, "BUNDLED", tmp_path)


@pytest.mark.usefixtures("spam")
@pytest.mark.parametrize(
    ("args", "total"),
    [
        ("--task spam", 50_632),
        ("--task spam --preset large", 51_462),
        ("--task spam --hidden 20", 51_462),
        ("--task spam --vocab 10 --outputs 3", 1_143),
        ("--task spam --budget 52K", 51_952),
    ],
)
def test_task(args: str, total: int) -> None:
    assert answer(*args.split())["total"] == total


@pytest.mark.parametrize("kind", ["classifier", "language-model"])
def test_model_file(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    model = {"cell": "gru", "embed": 4, "hidden": [5]}
    described: dict[str, Any] = {
        "config": to_dict(kinds.read({"kind": kind, "model": model})),
        "data": {"path": "x", "sha256": "0", "sample": False, "sizes": {}},
        "learned": {"vocabulary": [f"word {number}" for number in range(30)]},
    }
    if kind == "classifier":
        described["learned"] |= {"labels": ["a", "b", "c"], "label_counts": [1, 1, 1]}
    monkeypatch.setattr(filecheck, "describe", lambda path: described)
    logits = 3 if kind == "classifier" else 30
    assert answer("--model", "x.pt")["total"] == 30 * 4 + 165 + 6 * logits
    del described["config"]
    result = CliRunner().invoke(app, ["--model", "x.pt"])
    assert "it does not say what it is" in str(result.exception)


def test_missing_model_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--model", str(tmp_path / "none.pt")])
    assert isinstance(result.exception, SeqcliError)
    assert result.exception.exit_code == 1


def test_the_examples_of_the_help_run_as_written() -> None:
    lines = [line.split() for line in show("--help").splitlines() if "seqcli params" in line]
    assert len(lines) == 2
    for line in lines:
        show(*line[2:])


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import atexit, sys; from seqcli.cli.app import main;"
        "heavy = {'torch', 'numpy', 'pandas', 'matplotlib'};"
        "atexit.register(lambda: print(heavy & sys.modules.keys())); main()"
    )
    command = [sys.executable, "-c", code, "params", "lstm", "--input", "3"]
    shown = subprocess.run(command, capture_output=True, check=True, text=True)
    assert shown.stdout.splitlines()[-1] == "set()"


def test_the_program_s_exit_code_and_streams() -> None:
    command = [sys.executable, "-m", "seqcli", "params", "lsmt", "--input", "3"]
    shown = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == "error: unknown cell 'lsmt'\nhint: did you mean 'lstm'?\n"


def test_a_task_says_that_less_data_has_another_network() -> None:
    shown = CliRunner().invoke(app, ["--task", "char"])
    said = "for other amounts of data the network is another: seqcli train --list char\n"
    assert (shown.exit_code, shown.stderr) == (0, said)
    assert not CliRunner().invoke(app, ["--task", "char", "--preset", "long"]).stderr
