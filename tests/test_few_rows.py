"""`--task text` on few rows of real data, beside an SVM on n-grams: what most people bring."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import answer

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "size"), [("sms", 100), ("names", 500), ("splice", 500)])
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
