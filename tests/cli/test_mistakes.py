"""`seqcli eval --mistakes`: the right ones, where they stand, and whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_language import tiny, write
from tiny_models import write_model
from tiny_runs import answer, error, seqcli, write_data, write_task

LABELS = ("ham", "spam", "other")
TEXTS = ["win a prize now", "see you at six", "late", "call free offer", "win win", "six late now"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.pt", LABELS)


def labeled(path: Path, model: Path, extra: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Rows with all three labels for each text: two of three are mistakes; with the answers."""
    rows = [(label, text) for text in (*TEXTS, *extra) for label in LABELS]
    path.write_text("".join(f"{label}\t{text}\n" for label, text in rows))
    found = []
    for line, (label, text) in enumerate(rows, start=1):
        said = answer("classify", "--model", model, text)
        if said["label"] != label:
            found.append({"text": text, "label": label, "predicted": said["label"],
                          "prob": said["prob"], "line": line})  # fmt: skip
    return sorted(found, key=lambda one: (-one["prob"], one["line"]))


def test_the_surest_mistakes_with_their_lines(model: Path, tmp_path: Path) -> None:
    expected = labeled(tmp_path / "more.tsv", model)
    assert len(expected) == 12
    args = ("eval", "--model", model, "--data", tmp_path / "more.tsv")
    for count in (1, 5, 100):
        found = answer(*args, "--mistakes", str(count))["mistakes"]
        assert [list(one) for one in found] == [
            ["text", "label", "predicted", "prob", "path", "line"]
        ] * min(count, 12)
        for one, wanted in zip(found, expected, strict=False):
            assert one.pop("path") == str(tmp_path / "more.tsv")
            assert one == {**wanted, "prob": pytest.approx(wanted["prob"], abs=1e-4)}
    assert "mistakes" not in answer(*args)


def test_mistakes_on_the_terminal(model: Path, tmp_path: Path) -> None:
    expected = labeled(tmp_path / "more.tsv", model, (f"win \x1b[2J {'free ' * 200_000}",))
    args = ("eval", "--model", model, "--data", tmp_path / "more.tsv")
    shown = seqcli(*args, "--mistakes", "14").stdout
    assert "\x1b" not in shown
    lines = shown.split("\nmistakes, the surest first\n")[1].splitlines()
    assert len(lines) == 28
    assert max(map(len, lines)) <= 80
    first = expected[0]
    labels = f"true {first['label']}, predicted {first['predicted']}"
    assert lines[0] == f"{first['prob']:.4f}  {labels}  more.tsv:{first['line']}"
    whole = answer(*args, "--mistakes", "14")["mistakes"]
    assert {len(one["text"]) for one in whole} >= {1_000_009}


def test_no_mistakes(model: Path, tmp_path: Path) -> None:
    said = answer("classify", "--model", model, "win a prize")["label"]
    (tmp_path / "more.tsv").write_text(f"{said}\twin a prize\n")
    args = ("eval", "--model", model, "--data", tmp_path / "more.tsv", "--mistakes", "3")
    assert answer(*args)["mistakes"] == []
    assert seqcli(*args).stdout.endswith("\nno mistakes\n")


def test_rows_of_a_split_and_files_of_a_folder(tmp_path: Path) -> None:
    write_task(tmp_path / "tiny.toml")
    write_data(tmp_path / "data.tsv")
    flags = ("--max-steps", "1", "--quiet", "--out", tmp_path / "m.pt")
    task = ("--task", tmp_path / "tiny.toml", "--data", tmp_path / "data.tsv")
    assert seqcli("train", *task, *flags).exit_code == 0
    found = answer("eval", "--model", tmp_path / "m.pt", "--mistakes", "99")
    assert len(found["mistakes"]) == round((1 - found["accuracy"]) * found["count"]) > 0
    lines = (tmp_path / "data.tsv").read_text().splitlines()
    for one in found["mistakes"]:  # not the line of the split, but of the file
        assert lines[one["line"] - 1] == f"{one['label']}\t{one['text']}"
    for label in ("ham", "spam"):
        (tmp_path / "parts" / "test" / label).mkdir(parents=True)
        (tmp_path / "parts" / "train" / label).mkdir(parents=True)
        for part in ("train", "test"):
            (tmp_path / "parts" / part / label / "one.txt").write_text(f"see you {part}\n")
    args = ("eval", "--model", tmp_path / "m.pt", "--data", tmp_path / "parts")
    (one,) = answer(*args, "--mistakes", "9")["mistakes"]
    assert one["text"] == "see you test"
    assert Path(one["path"]) == tmp_path / "parts" / "test" / one["label"] / "one.txt"
    assert f"  test/{one['label']}/one.txt:1\n" in seqcli(*args, "--mistakes", "9").stdout


def test_mistakes_that_make_no_sense(model: Path, tmp_path: Path) -> None:
    assert "--mistakes" in error(2, "eval", "--model", model, "--mistakes", "0")
    words = write(tmp_path / "lm.pt", *tiny())
    assert "--mistakes needs a classifier" in error(2, "eval", "--model", words, "--mistakes", "3")
