"""`seqcli eval` with several models: which is better, on the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_taggers
from tiny_language import tiny, write
from tiny_models import write_model
from tiny_runs import TINY, answer, error, seqcli, train, write_tagged

from seqcli.kinds import metrics

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_two_trainings_are_compared_row_by_row(here: Path) -> None:
    train("--out", "a.pt", "--epochs", "1")
    train("--out", "b.pt", "--epochs", "6")
    shown = seqcli("eval", "--model", "a.pt", "--model", "b.pt")
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["model", "loss", "accuracy", "macro_f1", "mcc", "majority"]
    assert [line.split()[0] for line in lines[1:3]] == ["a.pt", "b.pt"]
    assert lines[4] == "b.pt less a.pt, 12 rows"
    assert all(len(line) <= 80 for line in lines)
    found = answer("eval", "--model", "a.pt", "--model", "b.pt")
    first, second = found["models"]
    assert first == {"model": "a.pt", **without_split(answer("eval", "--model", "a.pt"))}
    (apart,) = found["differences"]
    assert (apart["model"], apart["from"], apart["rows"]) == ("b.pt", "a.pt", 12)
    for name in ("loss", "accuracy"):
        difference, (low, high) = apart[name]["difference"], apart[name]["interval"]
        assert difference == pytest.approx(second[name] - first[name], abs=1e-6)
        assert low <= difference <= high
    gained = apart["only_this"] - apart["only_that"]
    assert gained == round(12 * (second["accuracy"] - first["accuracy"]))
    assert f"McNemar's p {apart['p']:.3g}" in shown.stdout


def without_split(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "split"}


def test_other_seeds_have_other_test_rows(here: Path) -> None:
    """Only rows that neither was trained on count; at training it is said that the cut moves."""
    notes = train("--out", "a.pt", "--epochs", "1", "--seed", "2")
    assert "seed 2 cuts other splits too; data.split_seed=1 keeps seed 1's\n" in notes
    same = ("--set", "data.split_seed=2")
    assert "cuts other splits" not in train("--out", "b.pt", "--epochs", "1", "--seed", "3", *same)
    train("--out", "c.pt", "--epochs", "1")
    whole = answer("eval", "--model", "a.pt", "--model", "b.pt")
    assert whole["differences"][0]["rows"] == 12
    shown = seqcli("eval", "--model", "a.pt", "--model", "b.pt", "--model", "c.pt").stdout
    assert "b.pt less a.pt, 12 rows\n" in shown
    common = answer("eval", "--model", "a.pt", "--model", "c.pt")["differences"][0]["rows"]
    assert 0 < common < 12
    assert f"c.pt less a.pt, the {common} rows that both have\n" in shown


def test_language_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("the cat sat on a mat , the mat\n" * 40)
    for name, size in (("a.pt", 0.6), ("b.pt", 0.5)):
        write(tmp_path / name, *tiny(size=size))
    write(tmp_path / "c.pt", *tiny(["<unk>", "<eos>", "the", "cat"]))
    data = ("--data", "text.txt")
    found = answer("eval", "--model", "a.pt", "--model", "b.pt", *data)
    first, second = found["models"]
    (apart,) = found["differences"]
    assert apart["loss"]["difference"] == pytest.approx(second["loss"] - first["loss"], abs=1e-6)
    assert apart["accuracy"] is apart["p"] is None
    assert first["loss"] == pytest.approx(answer("eval", "--model", "a.pt", *data)["loss"])
    assert "read other tokens" in error(1, "eval", "--model", "a.pt", "--model", "c.pt", *data)
    write_model(tmp_path / "m.pt")
    both = ("--model", "m.pt", "--model", "a.pt", *data)
    assert "m.pt is a classifier, a.pt a language model" in error(2, "eval", *both)


def test_taggers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens, spans and whole sentences, each with an interval of the difference."""
    monkeypatch.chdir(tmp_path)
    write_tagged(tmp_path / "x.conll")
    tiny_taggers.write(tmp_path / "a.pt")
    tiny_taggers.write(tmp_path / "b.pt", model={"outside_bias": 3.0})
    tiny_taggers.write(tmp_path / "plain.pt", "plain")
    both = ("eval", "--model", "a.pt", "--model", "b.pt", "--data", "x.conll")
    shown = seqcli(*both)
    assert shown.exit_code == 0, shown.stderr
    assert "\n  f1                 " in shown.stdout
    found = answer(*both)
    first, second = found["models"]
    (apart,) = found["differences"]
    assert apart["rows"] == first["sentences"] == 60
    assert first["f1"] != second["f1"]
    for name in ("loss", "accuracy", "f1", "sentence_accuracy"):
        difference, (low, high) = apart[name]["difference"], apart[name]["interval"]
        assert difference == pytest.approx(second[name] - first[name], abs=1e-6)
        assert low <= difference <= high
    gained = apart["only_this"] - apart["only_that"]
    assert gained == round(60 * (second["sentence_accuracy"] - first["sentence_accuracy"]))
    plain = answer("eval", "--model", "a.pt", "--model", "plain.pt", "--data", "x.conll")
    assert "f1" not in plain["differences"][0]  # one alone has spans


@pytest.mark.parametrize(
    "option", [("--mistakes", "3"), ("--plots", "here"), ("--batch-size", "2")]
)
def test_what_goes_with_one_model(here: Path, option: tuple[str, ...]) -> None:
    said = error(2, "eval", "--model", "a.pt", "--model", "b.pt", *option)
    assert f"{option[0]} goes with one model" in said


def test_other_data_is_no_comparison(here: Path) -> None:
    train("--out", "a.pt", "--epochs", "1")
    (here / "other.tsv").write_text((here / "data.tsv").read_text() + "ham\tone more\n")
    result = seqcli(*TINY[:-1], "other.tsv", "--out", "b.pt", "--epochs", "1", "--json")
    assert json.loads(result.stdout)["model"] == "b.pt"
    both = ("eval", "--model", "a.pt", "--model", "b.pt")
    assert "a.pt on the test split of" in error(1, *both)
    (here / "new.tsv").write_text("ham\tsee you at home\nspam\twin now\n")
    assert answer(*both, "--data", "new.tsv")["differences"][0]["rows"] == 2


def test_mcnemar_is_the_exact_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    for this, that in ((0, 0), (1, 2), (0, 9), (30, 50), (400, 460)):
        exact = stats.binomtest(this, this + that).pvalue if this + that else 1.0
        assert metrics.mcnemar(this, that) == pytest.approx(exact)
    assert metrics.mcnemar(700, 760) == pytest.approx(stats.binomtest(700, 1460).pvalue, rel=0.02)


def test_the_interval_of_a_difference_of_quotients() -> None:
    """Of means of ones it is that of their difference; the same rows twice are no difference."""
    draw = np.random.default_rng(4)
    this, that = draw.integers(0, 2, (2, 2000))
    ones = np.ones(2000, np.int64)
    mine, theirs = np.stack([this, ones]), np.stack([that, ones])
    found = metrics.paired_quotients(mine, theirs)
    rows = (this - that).astype(np.float64)
    assert found == pytest.approx(metrics.paired_interval(rows, ones), abs=0.003)
    assert metrics.paired_quotients(mine, mine) == (0, 0)
    assert np.isnan(metrics.paired_quotients(mine[:, :1], theirs[:, :1])).all()


def test_the_interval_of_a_difference() -> None:
    draw = np.random.default_rng(3)
    rows, ones = draw.normal(0.1, 1, 2000), np.ones(2000, np.int64)
    low, high = metrics.paired_interval(rows, ones)
    assert (low, high) == pytest.approx((rows.mean() - 0.0438, rows.mean() + 0.0438), abs=0.004)
    many = np.tile(rows, 60)
    wide = metrics.paired_interval(many, np.ones(len(many), np.int64))
    assert wide[1] - wide[0] == pytest.approx((high - low) / 60**0.5, rel=0.1)
    assert np.isnan(metrics.paired_interval(rows[:1], ones[:1])).all()
