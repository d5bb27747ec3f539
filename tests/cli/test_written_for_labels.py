"""`sample --label`, `classify`, `eval` and `train` of a model that is told labels."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_language import tiny as tiny_language
from tiny_language import write as write_language
from tiny_runs import answer, seqcli
from tiny_writers import LABELS, tiny, write
from typer.testing import CliRunner

import seqcli as program
from seqcli.cli.app import app
from seqcli.errors import ConfigError
from seqcli.readers import READERS

CONDITION = """
kind = "language-model"
[data]
tokenizer = "characters"
test = 0.2
valid = 0.2
[model]
condition = true
embed = 16
label_embed = 8
hidden = [32]
[train]
epochs = 12
batch_size = 8
lr = 0.02
precision = "fp32"
"""
DIGITS = {"low": "012", "high even": "68", "9": "9"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write(tmp_path_factory.mktemp("told") / "told.pt", *tiny(size=0.5)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on texts of digits, whose first one says their label."""
    folder = tmp_path_factory.mktemp("digits")
    rows = [
        json.dumps({"label": label, "text": first * (1 + number % 3)})
        for number in range(30)
        for label, digits in DIGITS.items()
        for first in digits
    ]
    (folder / "data.jsonl").write_text("\n".join(rows))
    (folder / "told.toml").write_text(CONDITION)
    result = seqcli(
        *("train", "--task", folder / "told.toml", "--data", folder / "data.jsonl"),
        *("--set", "data.repeats=keep", "--out", folder / "told.pt", "--json"),
    )
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["test"]["accuracy"] == 1.0
    assert figures["test"]["per_label"].keys() == DIGITS.keys()
    return folder / "told.pt"


def records(model: str | Path, *args: str) -> list[dict[str, Any]]:
    result = seqcli("sample", "--model", model, "--seed", "1", "--json", *args)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def refused(model: str | Path, *args: str, code: int = 2) -> str:
    result = seqcli("sample", "--model", model, *args)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    return result.stderr


def test_a_label_is_needed_and_must_be_known(model: str) -> None:
    assert "--label is missing" in refused(model)
    assert ", ".join(LABELS) in refused(model)
    assert "did you mean 'two words'?" in refused(model, "--label", "two word")
    assert "one of: " in refused(model, "--label", "unheard")
    assert "--stream" in refused(model, "--label", "all", "--stream")


def test_a_model_without_labels_takes_none(tmp_path: Path) -> None:
    path = write_language(tmp_path / "plain.pt", *tiny_language(size=0.6))
    assert "--label needs a writer" in refused(path, "--label", "x")
    with pytest.raises(ConfigError, match="label"):
        program.load(path).sample(label="x")


def test_some_of_each_label(model: str) -> None:
    rows = records(model, "--label", "all", "--count", "2")
    assert [row["label"] for row in rows] == [label for label in LABELS for _ in range(2)]
    assert list(rows[0]) == ["prompt", "label", "text", "tokens", "logprob", "stopped"]
    two = records(model, "--label", "3", "--label", " one ", "--count", "2")
    assert [row["label"] for row in two] == ["3", "3", "one", "one"]
    assert records(model, "--label", "one", "--count", "2") == rows[:2]  # text i: stream (seed, i)
    told = program.load(model).sample(label=["one", "two words", "3"], count=2, seed=1)
    assert told.to_dict("records") == [
        {name: row[name] for name in row if name != "prompt"} for row in rows
    ]
    plain = seqcli("sample", "--model", model, "--label", "all", "--seed", "1", "--count", "2")
    assert plain.stdout.splitlines() == [f"{row['label']}\t{row['text']}" for row in rows]
    alone = seqcli("sample", "--model", model, "--label", "one", "--seed", "1", "--count", "2")
    assert alone.stdout.splitlines() == [row["text"] for row in rows[:2]]


def test_a_label_called_all(tmp_path: Path) -> None:
    pair = tiny(labels=("all", "b", "c"), size=0.5)
    rows = records(write(tmp_path / "all.pt", *pair), "--label", "all")
    assert [row["label"] for row in rows] == ["all"]


def test_logprob_is_the_model_s(model: str) -> None:
    """Of a text that ended, its probability for the label without the unknown word."""
    kind, network = tiny(size=0.5)
    for row in records(model, "--label", "two words", "--prompt", "a", "--count", "4"):
        ids = [kind.end, *kind.vocab.encode("a" + row["text"]).tolist()]
        outputs = network.read(torch.tensor([ids]), None, torch.tensor([1]))[0]
        logits = network.output(outputs)
        logits[:, 0] = -torch.inf
        logs = logits.log_softmax(1)
        follows = [*ids[2:], *[kind.end] * (row["stopped"] == "end")]
        wanted = sum(logs[place + 1, token].item() for place, token in enumerate(follows))
        assert row["logprob"] == pytest.approx(wanted, rel=1e-4)


def test_a_second_document_knows_nothing_of_the_first(model: str) -> None:
    """Behind an end mark stands a text as probable as if it were the first."""
    kind, network = tiny(size=0.5)
    (row,) = records(model, "--label", "one", "--lines", "3", "--max-tokens", "300")
    assert row["stopped"] == "end"
    total = 0.0
    for text in row["text"].split("\n"):
        ids = kind.vocab.encode(text).tolist()
        outputs = network.read(torch.tensor([[kind.end, *ids]]), None, torch.tensor([0]))[0]
        logits = network.output(outputs)
        logits[:, 0] = -torch.inf
        logs = logits.log_softmax(1)
        total += sum(logs[place, token].item() for place, token in enumerate([*ids, kind.end]))
    assert row["logprob"] == pytest.approx(total, rel=1e-4)


def test_first_characters_are_drawn_for_the_label(trained: Path) -> None:
    """2,000 texts of a trained model: shares of first characters are p(. | label)."""
    loaded = program.load(trained)
    kind, network = loaded._loaded.kind, loaded._loaded.model
    for label, digits in DIGITS.items():
        drawn = loaded.sample(label=label, count=2000, seed=3, max_tokens=1)["text"]
        counts = Counter(drawn)
        assert sum(counts[digit] for digit in digits) > 1900
        told = kind.told(network, kind.labels.index(label))
        with torch.inference_mode():
            outputs, _ = told(torch.tensor([[kind.end]]), None)
            logits = told.output(outputs[0, -1])
            logits[kind.vocab.unknown] = -torch.inf
            shares = logits.softmax(0)
        for digit in "0123456789":
            (place,) = kind.vocab.places([digit]).tolist()
            share = 0.0 if place == kind.vocab.unknown else shares[place].item()
            spread = math.sqrt(2000 * share * (1 - share))
            assert abs(counts[digit] - 2000 * share) <= 5 * spread + 1


def test_it_classifies_by_bayes(trained: Path, tmp_path: Path) -> None:
    def classify(*args: str, stdin: str = "") -> tuple[list[str], str]:
        result = CliRunner().invoke(app, ["classify", "--model", str(trained), *args], stdin)
        assert result.exit_code == 0, result.stderr
        return result.stdout.splitlines(), result.stderr

    found, said = classify("00", "9", "68", "")
    assert [line.split("\t")[0] for line in found] == ["low", "9", "high even", "low"]
    assert said == "texts without a known token: answered by how frequent the labels are\n"
    assert found[3].startswith("low\t0.50")
    assert classify("", "--quiet")[1] == ""
    rows = [json.loads(line) for line in classify("9", "x", "--json")[0]]
    assert list(rows[0]["probs"]) == ["9", "high even", "low"]
    assert rows[1]["unknown_share"] == 1.0
    assert sum(rows[1]["probs"].values()) == pytest.approx(1, abs=1e-3)
    assert len(classify("9", "--top-k", "2")[0][0].split("\t")) == 4
    assert classify("", "--threshold", "0.9", "--abstain-label", "none")[0][0][:5] == "none\t"
    table = tmp_path / "in.csv"
    table.write_text("id,text\n1,00\n2,9\n3,\n")
    classify("--input", str(table), "--output", str(tmp_path / "out.csv"))
    written = (tmp_path / "out.csv").read_text().splitlines()
    assert written[0] == "id,text,label,prob"
    assert written[2].startswith("2,9,9,")
    every = classify("-", stdin="00\n9\n68\n1\n")[0]
    parts = [classify("-", "--shard", f"{part}/2", stdin="00\n9\n68\n1\n")[0] for part in (1, 2)]
    assert every == [parts[0][0], parts[1][0], parts[0][1], parts[1][1]]
    assert "\t" in classify("98", "--explain")[0][0]


def test_eval_and_info_tell_of_labels(trained: Path) -> None:
    figures = answer("eval", "--model", trained)
    assert {"loss", "perplexity", "bits_per_character", "accuracy", "per_label"} <= figures.keys()
    row = figures["per_label"]["high even"]
    assert {"support", "tokens", "loss", "perplexity", "f1"} <= row.keys()
    shown = seqcli("eval", "--model", trained).stdout
    assert shown.splitlines()[0].split() == ["label", "loss", "perplexity", "f1", "support"]
    assert "predicted" in shown
    both = answer("eval", "--model", trained, "--model", trained)
    assert both
    info = seqcli("info", "--model", trained).stdout
    assert "high even" in info
    assert "sample --model" in info
    counted = answer("params", "--model", trained)
    assert [row["name"] for row in counted["layers"]] == ["embedding", "labels", "lstm", "output"]


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("text", "parquet")])
def test_every_labeled_format_is_written_for(name: str, tmp_path: Path) -> None:
    from test_tables import FILES

    path = FILES[name](tmp_path)
    (tmp_path / "told.toml").write_text(CONDITION)
    done = answer(
        *("train", "--task", tmp_path / "told.toml", "--data", path, "--max-steps", "1"),
        *("--set", f"data.format={name}", "--out", tmp_path / "told.pt", "--quiet"),
    )
    assert done["test"]["per_label"].keys() == {"ham", "spam"}
