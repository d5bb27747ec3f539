"""`eval` says which rows the model was trained on, and leaves them out if asked."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import answer, error, seqcli, write_data, write_task

from seqcli.modelfile import storage

pytestmark = pytest.mark.usefixtures("no_pictures")
LM = ("--task", "char", "--hidden", "4", "--layers", "1", "--embed", "4", "--batch-size", "2")
TAGS = ("--task", "pos", "--hidden", "4", "--epochs", "1")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def classifier(place: Path) -> Path:
    write_task(place / "tiny.toml")
    write_data(place / "data.tsv")
    task = ("--task", "tiny.toml", "--data", "data.tsv", "--max-steps", "1")
    answer("train", *task, "--out", "m.pt")
    return place


def evaluated(*args: str) -> tuple[dict[str, Any], str]:
    result = seqcli("eval", "--json", *args)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout), result.stderr


def test_rows_that_were_appended(classifier: Path) -> None:
    train, _ = evaluated("--model", "m.pt", "--split", "train")
    assert train["trained"] == train["count"] == 38
    whole, said = evaluated("--model", "m.pt", "--split", "all")
    assert (whole["count"], whole["trained"]) == (60, 38)
    assert said.startswith(f"m.pt on {classifier / 'data.tsv'}: all of it, 60 texts\n")
    assert "38 of 60 texts are some that it was trained on; --exclude-trained" in said
    assert evaluated("--model", "m.pt")[0]["trained"] == 0
    more = classifier / "more.tsv"
    more.write_text((classifier / "data.tsv").read_text() + "ham\twin anew\nspam\tsee anew\n")
    left, said = evaluated("--model", "m.pt", "--data", "more.tsv", "--exclude-trained")
    assert (left["count"], left["trained"], left["split"]) == (24, 38, "all")
    assert "38 of 62 texts are some that it was trained on: left out" in said
    mistaken, _ = evaluated("--model", "m.pt", "--data", "more.tsv", "--exclude-trained", "--mist"
                            "akes", "99")  # fmt: skip
    assert len(mistaken["mistakes"]) == round((1 - left["accuracy"]) * 24)
    for mistake in mistaken["mistakes"]:  # rows are still those of the file
        line = more.read_text().splitlines()[mistake["line"] - 1]
        assert line == f"{mistake['label']}\t{mistake['text']}"
    pair = ("--model", "m.pt", "--model", "m.pt", "--data", "more.tsv", "--exclude-trained")
    both, said = evaluated(*pair)
    assert [one["count"] for one in both["models"]] == [24, 24]
    assert [one["trained"] for one in both["models"]] == [38, 38]
    assert said.count("left out") == 1


def test_where_nothing_is_left_or_known(classifier: Path) -> None:
    shown = error(1, "eval", "--model", "m.pt", "--split", "train", "--exclude-trained")
    assert "none is left to score" in shown
    whole = storage.load(Path("m.pt"))
    data = {key: value for key, value in whole.description["data"].items() if key != "trained"}
    storage.save(Path("old.pt"), {**whole.description, "data": data}, whole.tensors)
    assert evaluated("--model", "old.pt")[0]["trained"] is None
    found, said = evaluated("--model", "old.pt", "--split", "all")
    assert (found["trained"], found["count"]) == (None, 60)
    assert "not known: whether it was trained on some of this; the model file does not" in said
    shown = error(1, "eval", "--model", "old.pt", "--exclude-trained")
    assert "which rows it was trained on is not known" in shown
    data = {**whole.description["data"], "trained": "no keys"}
    storage.save(Path("bad.pt"), {**whole.description, "data": data}, whole.tensors)
    assert "what it was trained on makes no sense" in error(1, "eval", "--model", "bad.pt")


def test_what_a_run_began_with_counts_too(classifier: Path) -> None:
    first = (classifier / "data.tsv").read_text()
    (classifier / "data.tsv").write_text("".join(f"{line} now\n" for line in first.splitlines()))
    (classifier / "first.tsv").write_text(first)
    more = ("--max-steps", "3", "--allow-changed-data", "--quiet")
    answer("train", "--resume", "m.run", *more)
    assert evaluated("--model", "m.pt", "--data", "first.tsv")[0]["trained"] == 38
    assert evaluated("--model", "m.pt", "--split", "train")[0]["trained"] == 38
    start = ("--init-from", "m.pt", "--max-steps", "1", "--out", "n.pt")
    answer("train", "--task", "tiny.toml", "--data", "first.tsv", *start)
    found, _ = evaluated("--model", "n.pt", "--data", "data.tsv")
    assert found["trained"] == 38


def test_documents_of_a_language_model(place: Path) -> None:
    draw = random.Random(1)
    names = ["".join(draw.choices("abcde", k=8)) for _ in range(80)]
    (place / "names.txt").write_text("".join(f"{name}\n" for name in names))
    line = ("--set", "data.document=line", "--max-steps", "1", "--quiet")
    answer("train", *LM, "--data", "names.txt", *line, "--out", "m.pt")
    (place / "more.txt").write_text("".join(f"{name}\n" for name in [*names, "eddae", "abba"]))
    found, said = evaluated("--model", "m.pt", "--data", "more.txt")
    assert found["trained"] == 72
    assert "more.txt: all of it, 731 characters" in said
    left, _ = evaluated("--model", "m.pt", "--data", "more.txt", "--exclude-trained")
    (place / "new.txt").write_text("".join(f"{name}\n" for name in [*names[72:], "eddae", "abba"]))
    alone, _ = evaluated("--model", "m.pt", "--data", "new.txt")
    assert (left["tokens"], left["loss"]) == (alone["tokens"], pytest.approx(alone["loss"]))
    assert alone["trained"] == 0
    answer("train", *LM, "--data", "names.txt", "--max-steps", "1", "--quiet", "--out", "f.pt")
    found, said = evaluated("--model", "f.pt", "--data", "more.txt")
    assert found["trained"] is None
    assert "its text runs on, without documents" in said
    shown = error(1, "eval", "--model", "f.pt", "--data", "more.txt", "--exclude-trained")
    assert "not known" in shown


def test_sentences_of_a_tagger(place: Path) -> None:
    tags = {"a": "DET", "dog": "NOUN", "cat": "NOUN", "runs": "VERB", "sleeps": "VERB"}
    draw = random.Random(1)
    sentences = [draw.choices(list(tags), k=9) for _ in range(40)]

    def write(name: str, rows: list[list[str]]) -> None:
        text = ["".join(f"{word}\t{tags[word]}\n" for word in row) for row in rows]
        (place / name).write_text("\n".join(text))

    write("data.conll", sentences)
    write("more.conll", [*sentences, ["a", "dog", "sleeps"]])
    result = answer("train", *TAGS, "--data", "data.conll", "--quiet", "--out", "m.pt")
    found, said = evaluated("--model", "m.pt", "--data", "more.conll")
    assert found["trained"] == result["data"]["train"]
    assert "all of it, 41 sentences, 363 tokens" in said
    left, _ = evaluated("--model", "m.pt", "--data", "more.conll", "--exclude-trained")
    assert left["sentences"] == 41 - found["trained"]


def test_what_is_empty_or_repeats_is_counted(place: Path) -> None:
    write_task(place / "tiny.toml")
    rows = [f"{'ham' if n % 2 else 'spam'}\tword{n % 20} win" for n in range(40)]
    (place / "data.tsv").write_text("\n".join([*rows, "ham\t", "spam\t  "]) + "\n")
    task = ("--task", "tiny.toml", "--data", "data.tsv")
    result = seqcli("train", *task, "--max-steps", "1", "--out", "m.pt")
    assert "21 texts repeat an earlier one, and are used all the same" in result.stderr
    assert "texts without a token, of which nothing is read: " in result.stderr
    checked = answer("check", *task)
    counts = {finding["name"]: finding["count"] for finding in checked["findings"]}
    assert (counts["again"], counts["empty"]) == (21, 2)
