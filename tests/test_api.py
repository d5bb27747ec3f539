"""`seqcli.load`: a model from Python."""

import subprocess
import sys
from pathlib import Path

import pandas
import pytest
import tiny_models

import seqcli


def test_loading_costs_nothing_until_asked_for() -> None:
    code = "import seqcli, sys; print(sorted({'torch', 'pandas'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        seqcli.lod  # noqa: B018


def test_classify_gives_a_row_for_each_text(tmp_path: Path) -> None:
    model = seqcli.load(tiny_models.write_model(tmp_path / "m.pt"), threads=1)
    assert model.labels == ("ham", "spam", "other")
    texts = ["win a prize", "", "see you at six", "zzz"]
    table = model.classify(iter(texts), probs=True)
    assert list(table["text"]) == texts
    assert list(table["unknown_share"]) == [0, 0, 0, 1]
    probabilities = table[["prob_ham", "prob_spam", "prob_other"]].to_numpy()
    assert abs(probabilities.sum(1) - 1).max() < 1e-3
    assert list(table["prob"]) == list(probabilities.max(1))
    assert list(model.classify([]).columns) == ["text", "label", "prob", "unknown_share"]


def test_missing_values_are_empty_texts_and_numbers_none(tmp_path: Path) -> None:
    model = seqcli.load(tiny_models.write_model(tmp_path / "m.pt"), threads=1)
    found = model.classify(["", None, float("nan"), pandas.NA, "win"])  # type: ignore[list-item]
    assert list(found["text"]) == ["", "", "", "", "win"]
    assert found["prob"][:4].nunique() == 1
    with pytest.raises(TypeError, match="a text expected, int found: 7"):
        model.classify(["win", 7])  # type: ignore[list-item]


def test_what_is_no_list_of_texts_is_refused(tmp_path: Path) -> None:
    model = seqcli.load(tiny_models.write_model(tmp_path / "m.pt"), threads=1)
    table = pandas.DataFrame({"text": ["win", "see"], "keep": [0, 1]})
    for given, cure in (
        ("win a prize", r"one str found: \[text\]"),
        (b"win", r"one bytes found: \[text\]"),
        ([b"win"], "bytes found: b'win'; decode it first"),
        (table, r'a DataFrame found: pass a column, as table\["text"\]'),
        ({"text": "win"}, "a dict found: pass a column"),
    ):
        with pytest.raises(TypeError, match=cure):
            model.classify(given)  # type: ignore[arg-type]


def test_a_series_keeps_its_index(tmp_path: Path) -> None:
    model = seqcli.load(tiny_models.write_model(tmp_path / "m.pt"), threads=1)
    texts = pandas.Series(["win", "see", "late"], index=[7, 3, 5])
    assert model.classify(texts, probs=True).index.tolist() == [7, 3, 5]
    assert model.classify(texts[texts != "see"])["text"].to_dict() == {7: "win", 5: "late"}
