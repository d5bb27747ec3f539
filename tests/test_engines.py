"""docs/distributed.md: its parts make the whole, and its Python examples run as written."""

from __future__ import annotations

import ast
import csv
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest
import tiny_models

import seqcli

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
TEXTS = ["win a prize", "see you at six", "", 'a "quoted", text', "zzz", "now"] * 7


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)^```", PAGE, re.M | re.S)
    assert found, name
    return found[1]


def defined(name: str, *wanted: str) -> dict[str, Any]:
    """The functions and classes of an example, without the engine around them."""
    tree = ast.parse(example(name))
    tree.body = [node for node in tree.body if getattr(node, "name", "") in wanted]
    scope: dict[str, Any] = {"pandas": pandas, "Iterator": Iterator}
    exec(compile(tree, name, "exec"), scope)
    return scope


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """spam.pt and messages.csv."""
    monkeypatch.chdir(tmp_path)
    tiny_models.write_model(tmp_path / "spam.pt")
    with (tmp_path / "messages.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "text"])
        table.writerows([f"m{number}", text] for number, text in enumerate(TEXTS))
    return tmp_path


@pytest.fixture
def expected(folder: Path) -> dict[str, tuple[str, float]]:
    """By id: what `classify` says, for texts that are not empty (engines read these as null)."""
    table = seqcli.load(folder / "spam.pt", threads=1).classify(TEXTS)
    rows = zip(TEXTS, table["label"], table["prob"], strict=True)
    return {f"m{i}": (label, prob) for i, (text, label, prob) in enumerate(rows) if text}


def frames() -> list[pandas.DataFrame]:
    table = pandas.DataFrame({"id": [f"m{i}" for i in range(len(TEXTS))], "text": TEXTS})
    return [table[:10], table[10:10], table[10:]]


@pytest.mark.usefixtures("folder")
def test_the_function_for_spark(expected: dict[str, tuple[str, float]]) -> None:
    labeled = defined("spark", "labeled")["labeled"]
    found = pandas.concat(labeled(iter(frames())))
    assert list(found.columns) == ["id", "text", "label", "prob"]
    check(found[found["text"] != ""], expected)


@pytest.mark.usefixtures("folder")
def test_the_class_for_ray(expected: dict[str, tuple[str, float]]) -> None:
    labels = defined("ray", "Labels")["Labels"]("spam.pt")
    found = pandas.concat(labels(frame) for frame in frames())
    check(found[found["text"] != ""], expected)


def check(found: pandas.DataFrame, expected: dict[str, tuple[str, float]]) -> None:
    rows = zip(found["id"], found["label"], found["prob"], strict=True)
    answers = {name: (label, float(prob)) for name, label, prob in rows}
    assert answers.keys() == expected.keys()
    for name, (label, prob) in expected.items():
        assert answers[name][0] == label, name
        assert answers[name][1] == pytest.approx(prob, abs=1e-5), name


@pytest.mark.slow
def test_parts_are_made_at_the_same_time_and_joined(folder: Path, shell: dict[str, str]) -> None:
    (command,) = re.findall(r"^seq 4 \|.*?\.csv$", PAGE, re.M | re.S)
    subprocess.run(command, shell=True, check=True, cwd=folder, env=shell, capture_output=True)
    exec(compile(example("join"), "join", "exec"), {})
    joined = pandas.read_csv(folder / "answers.csv", keep_default_na=False)
    assert list(joined["id"]) == [f"m{i}" for i in range(len(TEXTS))]
    assert list(joined["text"]) == TEXTS
    table = seqcli.load(folder / "spam.pt", threads=1).classify(TEXTS)
    assert list(joined["label"]) == list(table["label"])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Python with one package more than this one has; skips where that cannot be had."""

    def made(*packages: str) -> Path:
        folder = tmp_path_factory.mktemp(packages[0])
        venv.create(folder, with_pip=False)
        python = folder / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
        done = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{packages[0]} cannot be installed: {done.stderr.splitlines()[-1:]}")
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        own = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
        here = subprocess.run(
            [sys.executable, "-c", where], capture_output=True, text=True, check=True
        )
        link = Path(own.stdout.strip()) / "below.pth"
        link.write_text(f"{ROOT}\n{here.stdout.strip()}\n")
        return python

    return made


def run(python: Path, name: str, folder: Path) -> None:
    script = folder / f"{name}_example.py"
    script.write_text(example(name))
    done = subprocess.run(
        [python, script.name],
        cwd=folder,
        env=os.environ | {"PYSPARK_PYTHON": str(python), "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    if "JAVA_HOME" in done.stderr and done.returncode:
        pytest.skip("Spark needs Java")
    assert done.returncode == 0, done.stderr[-3000:]


def written(folder: Path) -> pandas.DataFrame:
    parts = sorted((folder / "answers").glob("*.csv"))
    table = pandas.concat(pandas.read_csv(part, keep_default_na=False) for part in parts)
    return table[table["text"] != ""]


@pytest.mark.slow
def test_spark(folder: Path, engine: Any, expected: dict[str, tuple[str, float]]) -> None:
    run(engine("pyspark"), "spark", folder)
    check(written(folder), expected)


@pytest.mark.slow
def test_ray(folder: Path, engine: Any, expected: dict[str, tuple[str, float]]) -> None:
    run(engine("ray[data]"), "ray", folder)
    check(written(folder), expected)
