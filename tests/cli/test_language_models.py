"""Language models from the user's text to sampled text: train, eval, sample at the shell."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tiny_language import tiny, write
from tiny_models import write_model
from typer.testing import CliRunner, Result

from seqcli.cli.app import app
from seqcli.text.normal import normal

SMALL = ["--hidden", "8", "--embed", "8", "--layers", "1", "--threads", "1", "--quiet"]


def run(*args: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, list(args), input=stdin)


def good(*args: str, stdin: str | bytes = "") -> Result:
    result = run(*args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return result


def bad(*args: str, code: int = 2) -> str:
    result = run(*args)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert re.search(r"^error: .+\n(.*\n)*hint: .+$", result.stderr, re.MULTILINE), result.stderr
    return result.stderr


def ask(model: str, *args: str, stdin: str | bytes = "") -> str:
    """Stdout of a sample with seed 1."""
    return good("sample", "--model", model, "--seed", "1", *args, stdin=stdin).stdout


def records(model: str, *args: str) -> list[dict[str, Any]]:
    lines = ask(model, "--json", *args).split("\n")
    assert lines.pop() == ""
    return [json.loads(line, parse_constant=pytest.fail) for line in lines]


def test_eval_in_columns(tmp_path: Path) -> None:
    text = tmp_path / "new.txt"
    text.write_text("the cat sat on a mat\n" * 20)
    model = str(write(tmp_path / "words.pt", *tiny(), text))
    exact = json.loads(good("eval", "--model", model, "--split", "all", "--json").stdout)
    assert exact["tokens"] == 139
    result = good("eval", "--model", model, "--split", "all", "--json", "--batch-size", "7")
    near = json.loads(result.stdout)
    assert "approximate: 7 columns" in result.stderr
    assert list(near) == list(exact)
    assert near["tokens"] == 7 * 19
    assert near["loss"] == pytest.approx(exact["loss"], rel=0.2)
    assert near["loss"] != exact["loss"]
    result = good("eval", "--model", model, "--split", "all", "--json", "--batch-size", "1")
    assert json.loads(result.stdout) == exact
    assert "approximate" not in result.stderr
    told = bad("eval", "--model", model, "--split", "all", "--batch-size", "71")
    assert "hint: at most 70" in told
    bad("eval", "--model", model, "--batch-size", "0")


def test_columns_are_not_for_classifiers(tmp_path: Path) -> None:
    model = str(write_model(tmp_path / "spam.pt"))
    data = tmp_path / "texts.tsv"
    data.write_text("ham\tsee you\nspam\twin\nother\tcall\n")
    told = bad("eval", "--model", model, "--data", str(data), "--batch-size", "2")
    assert "--batch-size needs a language model" in told


def train(folder: Path, task: str, data: Path | None, *args: str) -> tuple[str, dict[str, Any]]:
    model = folder / "model.pt"
    own = [] if data is None else ["--data", str(data)]
    done = good("train", "--task", task, *own, "--out", str(model), "--json", *SMALL, *args)
    return str(model), json.loads(done.stdout)


def test_from_the_samples_to_text(tmp_path: Path) -> None:
    model, result = train(tmp_path, "ptb", None, "--max-steps", "3")
    assert result["data"]["sample"]
    assert result["test"]["tokens"] == result["data"]["test"] - 1
    scored = json.loads(good("eval", "--model", model, "--json", "--quiet").stdout)
    assert scored["loss"] == pytest.approx(result["test"]["loss"], rel=1e-6)
    text = ask(model, "--count", "3", "--max-tokens", "20")
    assert text.count("\n") == 3
    assert "<" not in text


def test_characters_of_the_sample(tmp_path: Path, sample: Path) -> None:
    model, result = train(tmp_path, "char", None, "--max-steps", "2", "--set", "model.ngrams=0")
    assert result["valid"]["bits_per_character"] > 3
    text = ask(model, "--prompt", "Chapter", "--max-tokens", "60")
    assert text.startswith("Chapter")
    tale = (sample / "tale.txt").read_text()
    assert set(text) <= set(tale)


def test_names_that_end_by_themselves(tmp_path: Path, sample: Path) -> None:
    names = sample / "names" / "Czech.txt"
    line = ["--set", "data.document=line", "--batch-size", "4", "--set", "train.steps=16"]
    model, _ = train(tmp_path, "char", names, *line, "--epochs", "8", "--hidden", "32")
    found = records(model, "--count", "30", "--max-tokens", "40")
    assert sum(row["stopped"] == "end" for row in found) >= 25
    assert all("\n" not in row["text"] for row in found)
    written = ask(model, "--count", "30", "--max-tokens", "40", "--lines", "2")
    assert sum(len(line) for line in written.split("\n")) > 100


def test_a_folder_with_a_vocabulary_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for part in ("train", "valid", "test"):
        (folder / f"my.{part}.txt").write_text("the cat sat , on 中文 mat\nthe end\n" * 30)
    model, result = train(folder, "ptb", folder, "--max-steps", "2", "--set", "data.min_count=1")
    assert result["data"]["vocabulary"] == 10
    whole = good("eval", "--model", model, "--split", "all", "--json").stdout
    assert json.loads(whole)["tokens"] == 3 * 330 - 1
    _, cut = train(tmp_path, "ptb", folder, "--max-steps", "2", "--set", "data.vocabulary=5")
    assert cut["data"]["vocabulary"] == 5
    assert cut["test"]["unknown_share"] == pytest.approx(5 / 9, abs=0.12)


@pytest.mark.parametrize(
    "content",
    [
        "今天天气很好。\n明天也是。\n",
        "so 😀👩‍👩‍👧 gut\r\nna\u0308chster Tag\u0085x\r\n",
        "one line without an end",
    ],
)
def test_text_of_any_script(tmp_path: Path, content: str) -> None:
    book = tmp_path / "book.txt"
    book.write_bytes((content * 30).encode())
    model, result = train(tmp_path, "char", book, "--max-steps", "1", "--batch-size", "4")
    assert result["data"]["vocabulary"] == len(set(normal(content)))
    (row,) = records(model, "--max-tokens", "50", "--prompt", content[:4])
    assert len(row["text"]) == 50
    assert row["prompt"] == content[:4]
    assert set(row["text"]) <= set(normal(content))


def test_a_file_shorter_than_a_batch(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("one short line")
    args = ["train", "--task", "char", "--data", str(book), "--out", str(tmp_path / "m.pt")]
    told = bad(*args, *SMALL, "--batch-size", "64", code=1)
    hint = re.search(r"hint: (--batch-size \d+) fits", told)
    assert hint is not None
    good(*args, *SMALL, *hint[1].split(), "--max-steps", "1")
    book.write_text("")
    assert "no text" in run(*args, *SMALL, "--force").stderr


LETTERS = "a cat sat on a mat and sat.\n" * 100


@pytest.mark.parametrize("size", [2, 3, 4, 7, 15, 20, 33, 64, 127, 140, 500, 600, 2300])
def test_char_follows_a_text_of_any_length(tmp_path: Path, size: int) -> None:
    """Columns are never more than the text has pairs for, whatever row of the table it is for."""
    book = tmp_path / "book.txt"
    book.write_text(LETTERS[:size])
    model, ends = str(tmp_path / "m.pt"), ["--max-steps", "1", "--json"]
    args = ["--data", str(book), "--out", model, "--threads", "1"]
    result = json.loads(good("train", "--task", "char", *args, *ends, "--quiet").stdout)
    assert (result["valid"] is None) == (size < 15)
    assert ask(model, "--max-tokens", "3")
    told = good("check", "--task", "char", "--data", str(book)).stdout
    assert "too few" not in told
    assert "to train on, so as for at most" in told


@pytest.mark.parametrize(("content", "found"), [("", "no text in it"), ("a", "1 token found")])
def test_what_char_cannot_be_trained_on(tmp_path: Path, content: str, found: str) -> None:
    book = tmp_path / "book.txt"
    book.write_text(content)
    told = bad("train", "--task", "char", "--data", str(book), *SMALL, code=1)
    assert found in told
    assert "at least two tokens" in told
    assert told.count("\n") == 2


def test_a_cut_of_unknown_characters_alone_is_left_out(tmp_path: Path) -> None:
    """Of two characters that validate one is new: nothing is left there to predict."""
    book = tmp_path / "book.txt"
    book.write_text("abcabcabcabcabcabcaz")
    args = ["--data", str(book), "--out", str(tmp_path / "m.pt"), "--max-steps", "1"]
    told = good("train", "--task", "char", *args).stderr
    assert "splits: train 18 characters" in told
    assert "no valid split: the text is too short to give one away" in told
