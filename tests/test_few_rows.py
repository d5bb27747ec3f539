"""Little data: `--task text` beside an SVM on n-grams, `--task char` beside the best of n-grams."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import answer, seqcli

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("sms", 100),
        pytest.param("names", 500, marks=pytest.mark.slow),
        pytest.param("splice", 500, marks=pytest.mark.slow),
    ],
)
def test_few_rows_are_read_as_well_as_by_an_svm(
    name: str, size: int, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its accuracy on test rows is not below the SVM's by more than a standard error."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import rows

    monkeypatch.setattr(rows, "REAL", str(real_data))
    from texts import parts, write

    known, test = parts(name)
    write(known, test, size, 1, tmp_path)
    command = [sys.executable, str(BENCHMARKS / "peers" / "linear.py"), "text"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    theirs = json.loads(said)["accuracy"]
    out = tmp_path / "model.pt"
    result = answer("train", "--task", "text", "--data", tmp_path / "data", "--out", out)
    ours = result["test"]["accuracy"]
    recall = {label: one["recall"] for label, one in result["test"]["per_label"].items()}
    print(f"{name}, {size} rows: {ours:.4f}, SVM {theirs:.4f}; {recall}", file=sys.stderr)
    assert "refit" in result
    assert ours > theirs - math.sqrt(theirs * (1 - theirs) / len(test))


def characters(name: str, tmp_path: Path, *given: str) -> tuple[float, float]:
    """Nats a character of the validation part: of `--task char`, and of the best n-gram model."""
    from peers.kneser_ney import losses
    from small import LISTS, LONGEST, splits, text

    path, document = tmp_path / "text.txt", "line" if name in LISTS else "file"
    path.write_text(text(name), "utf-8")
    parts = splits(path, document)
    theirs = min(losses(parts["train"], parts["valid"], LONGEST).values())
    asked: list[str | Path] = [
        "--data",
        path,
        "--out",
        tmp_path / "model.pt",
        "--set",
        f"data.document={document}",
    ]
    ours: float = answer("train", "--task", "char", *asked, *given)["valid"]["loss"]
    print(f"{name}: {ours:.4f}, n-grams {theirs:.4f}", file=sys.stderr)
    return ours, theirs


@pytest.mark.slow
@pytest.mark.parametrize(("name", "syllables"), [("invented", 40), ("invented60", 60)])
def test_names_are_made_of_what_their_list_is_made_of(
    name: str, syllables: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """463 names: at least seven in ten that are drawn are whole syllables."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from small import invented, of_syllables

    ours, theirs = characters(name, tmp_path, "--threads", "1")
    assert ours < theirs
    asked = ["--model", tmp_path / "model.pt", "--count", "200", "--seed", "1", "--quiet"]
    drawn = seqcli("sample", *map(str, asked)).stdout.splitlines()
    assert len(drawn) == 200
    assert of_syllables(drawn, invented(syllables)[1]) >= 0.7


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", ["40000", "surnames"])
def test_little_text_is_read_better_than_by_the_best_ngrams(
    name: str, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation of Tiny Shakespeare's first 40,000 characters, and of English surnames."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import rows

    monkeypatch.setattr(rows, "REAL", str(real_data))
    ours, theirs = characters(name, tmp_path)
    assert ours < theirs
