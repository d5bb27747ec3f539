"""`seqcli.load`: a model from Python."""

import subprocess
import sys
from pathlib import Path

import pandas
import pytest
import tiny_language
import tiny_models

import seqcli
import seqcli.errors


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
    assert list(table["unknown_share"]) == [0, 1, 0, 1]
    probabilities = table[["prob_ham", "prob_spam", "prob_other"]].to_numpy()
    assert abs(probabilities.sum(1) - 1).max() < 1e-3
    assert list(table["prob"]) == list(probabilities.max(1))
    assert list(model.classify([]).columns) == ["text", "label", "prob", "unknown_share"]


def test_missing_values_are_empty_texts_and_numbers_none(tmp_path: Path) -> None:
    model = seqcli.load(tiny_models.write_model(tmp_path / "m.pt"), threads=1)
    found = model.classify(["", None, float("nan"), pandas.NA, "win"])
    assert list(found["text"]) == ["", "", "", "", "win"]
    assert found["prob"][:4].nunique() == 1
    with pytest.raises(TypeError, match="a text expected, int found: 7"):
        model.classify(["win", 7])


def test_one_name_catches_every_error(tmp_path: Path) -> None:
    assert seqcli.SeqcliError is seqcli.errors.SeqcliError
    with pytest.raises(seqcli.SeqcliError, match="cannot be read"):
        seqcli.load(tmp_path / "none.pt")


def test_a_language_model_writes(tmp_path: Path) -> None:
    model = seqcli.load(tiny_language.write(tmp_path / "l.pt", *tiny_language.tiny()), threads=1)
    found = model.sample("the cat", count=3, max_tokens=5, seed=1)
    assert list(found.columns) == ["text", "tokens", "logprob", "stopped"]
    assert len(found) == 3
    assert (found["tokens"] <= 5).all()
    assert set(found["stopped"]) <= {"end", "length"}
    assert found.equals(model.sample("the cat", count=3, max_tokens=5, seed=1))
    greedy = model.sample("the cat", temperature=0, max_tokens=5)
    assert greedy.equals(model.sample("the cat", greedy=True, max_tokens=5))
    with pytest.raises(seqcli.errors.ConfigError, match="top_p: more than 0"):
        model.sample(top_p=0.0)


def test_what_does_not_serve_the_kind_says_what_does(tmp_path: Path) -> None:
    labels = seqcli.load(tiny_models.write_model(tmp_path / "m.pt"), threads=1)
    words = seqcli.load(tiny_language.write(tmp_path / "l.pt", *tiny_language.tiny()), threads=1)
    with pytest.raises(seqcli.errors.SeqcliError, match="`sample` needs a language model"):
        labels.sample()
    with pytest.raises(seqcli.errors.SeqcliError, match="`classify` needs a classifier"):
        words.classify(["a"])


def test_a_model_says_what_it_is_on_one_line(tmp_path: Path) -> None:
    path = tiny_models.write_model(tmp_path / "m.pt")
    model = seqcli.load(path, threads=1)
    assert repr(model) == f"<seqcli classifier {path}: 3 labels, 1,151 parameters>"
    assert model.info["labels"] == ["ham", "spam", "other"]
    assert model.info["commands"][0].startswith("seqcli classify --model ")


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
            model.classify(given)


def test_a_series_keeps_its_index(tmp_path: Path) -> None:
    model = seqcli.load(tiny_models.write_model(tmp_path / "m.pt"), threads=1)
    texts = pandas.Series(["win", "see", "late"], index=[7, 3, 5])
    assert model.classify(texts, probs=True).index.tolist() == [7, 3, 5]
    assert model.classify(texts[texts != "see"])["text"].to_dict() == {7: "win", 5: "late"}
