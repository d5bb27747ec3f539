"""Marks: what they weigh, what they cover, and that they say what the model goes by."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import write_model
from tiny_runs import seqcli

from seqcli.answers.loading import load_model
from seqcli.answers.prediction import Predictor
from seqcli.kinds import explanation
from seqcli.kinds.abilities import Mark
from seqcli.kinds.classifier.kind import Classifier
from seqcli.text.sequences import Sequences

WIDE = {"wide_words": [1, 2], "wide_characters": [2, 3], "wide_buckets": 512}
MODELS: list[dict[str, Any]] = [
    {},
    {"labels": ("no", "yes"), "model": {"head": "sigmoid", "cell": "gru"}},
    {"model": {**WIDE, "wide_share": 0.5, "read_out": ["mean", "max"]}},
    {"data": {"tokenizer": "characters"}, "model": {"embed": 0, "cell": "gru", **WIDE}},
    {"data": {"tokenizer": "characters", "unknown": False}, "model": {"bidirectional": True}},
]
TEXTS = ["win a prize now", "  SEE you   at six ", "x", "call zzz, late win win"]


def predictor(path: Path, **options: Any) -> Predictor:
    return opened(write_model(path / "a.pt", **options))


def opened(path: Path) -> Predictor:
    return Predictor.of(load_model(path, threads=1))


def odds(ask: Predictor, texts: list[str], label: int) -> list[float]:
    """The log-odds of a label, from probabilities before they are rounded."""
    found = ask.predict(texts)._scores.astype(np.float64)[:, label]
    return [float(odd) for odd in found - np.log1p(-np.exp(found))]


def without(text: str, marks: list[Mark]) -> str:
    parts, end = [], 0
    for mark in sorted(marks, key=lambda mark: mark.start):
        parts.append(text[end : mark.start])
        end = mark.end
    return "".join([*parts, text[end:]])


@pytest.mark.parametrize("options", MODELS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_weight_is_what_the_log_odds_lose_without_the_token(
    tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    ask = predictor(tmp_path, **options)
    for label in range(2):
        marks = ask.explain(text, label)
        assert any(mark.weight for mark in marks) or text == "x"
        whole, *rest = odds(ask, [text, *(without(text, [mark]) for mark in marks)], label)
        lost = [whole - left for left in rest]
        assert [mark.weight for mark in marks] == pytest.approx(lost, abs=1e-3)


def test_marks_are_the_tokens_of_the_text_itself(tmp_path: Path) -> None:
    ask = predictor(tmp_path, data={"lowercase": True}, model=WIDE)
    text = " WIN  a\tPrize, İ don't"
    marks = ask.explain(text, 0)
    spelled = [text[mark.start : mark.end] for mark in marks]
    assert spelled == ["WIN", "a", "Prize", ",", "İ", "don't"]
    ask = predictor(tmp_path, data={"tokenizer": "characters", "lowercase": True}, model=WIDE)
    marks = ask.explain(text, 0)
    assert [text[mark.start : mark.end] for mark in marks] == list(text)


@pytest.mark.parametrize(("keep", "read"), [("first", "win a prize"), ("last", "at six late")])
def test_only_what_is_read_is_marked(tmp_path: Path, keep: str, read: str) -> None:
    cut = {"max_tokens": 3, "keep": keep}
    text = "win a prize now you see at six late"
    ask = predictor(tmp_path, data=cut)
    marks = ask.explain(text, 0)
    assert [text[mark.start : mark.end] for mark in marks] == read.split()
    short = [mark.weight for mark in ask.explain(read, 0)]
    assert [mark.weight for mark in marks] == short  # what is not read moves nothing
    ask = predictor(tmp_path, data={**cut, "unknown": False})
    text = f"zzz {text} zzz"
    marks = ask.explain(text, 0)
    assert [text[mark.start : mark.end] for mark in marks] == read.split()
    ask = predictor(tmp_path, data=cut, model=WIDE)  # its n-grams reach over the whole text
    assert len(ask.explain(text, 0)) == 11


def test_texts_without_tokens(tmp_path: Path) -> None:
    for options in ({}, {"model": WIDE}, {"data": {"unknown": False}}):
        ask = predictor(tmp_path, **options)
        assert ask.explain("", 0) == ask.explain(" \n ", 0) == []
    assert ask.explain("zzz", 0) == []


def test_a_syllable_taken_apart_is_one_token(tmp_path: Path) -> None:
    data = {"tokenizer": "characters", "strip_accents": True}
    marks = predictor(tmp_path, data=data).explain("a한é", 0)
    assert [(mark.start, mark.end) for mark in marks] == [(0, 1), (1, 2), (2, 3)]


def test_without_time_for_each_token_the_heaviest_are_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = predictor(tmp_path, model=WIDE)
    text = " ".join(["zzz"] * 30 + ["prize"] + ["zzz"] * 33)
    exact = ask.explain(text, 0)
    heaviest = max(range(64), key=lambda place: abs(exact[place].weight))
    assert heaviest == 30
    monkeypatch.setattr(explanation, "BUDGET", 0)  # blocks of 8, the heaviest taken apart
    coarse = ask.explain(text, 0)
    assert [(mark.start, mark.end) for mark in coarse] == [(m.start, m.end) for m in exact]
    assert coarse[30] == exact[30]
    assert len({mark.weight for mark in coarse[:8]}) == 1  # a block that shares


def test_a_long_line_is_read_a_bounded_number_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = predictor(tmp_path, data={"max_tokens": 100}, model=WIDE)
    text = "win a prize now " * 5_000
    calls: list[int] = []
    scores = Classifier.scores

    def counted(self: Classifier, model: Any, ids: Sequences, *given: Any) -> Any:
        calls.append(len(ids))
        return scores(self, model, ids, *given)

    monkeypatch.setattr(Classifier, "scores", counted)
    marks = ask.explain(text, 0)
    assert len(marks) == 20_000
    assert sum(calls) * (100 + len(text) // 32) < 2.1 * explanation.BUDGET


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "spam.pt"
    flags = ("--epochs", "2", "--quiet", "--out", path)
    result = seqcli("train", "--task", "spam", *flags)
    assert result.exit_code == 0, result.stderr
    return path


def test_the_marked_tokens_are_what_a_trained_model_goes_by(trained: Path, sample: Path) -> None:
    """Without its three heaviest tokens a text is less sure of its label than without any three."""
    ask = opened(trained)
    draw = random.Random(1)
    lines = (sample / "spam.tsv").read_text(encoding="utf-8").splitlines()
    texts = [line.partition("\t")[2] for line in draw.sample(lines, 80)]
    drops: list[list[float]] = []
    for text in texts:
        label = int(ask.predict([text]).best[0])
        marks = ask.explain(text, label)
        order = sorted(marks, key=lambda mark: -mark.weight)
        variants = [[], order[:3], draw.sample(marks, min(3, len(marks))), order[-3:]]
        found = ask.predict([without(text, some) for some in variants])
        drops.append(found.probabilities[:, label].tolist())
    whole, top, any_three, against = np.mean(drops, axis=0)
    assert whole - top > 3 * abs(whole - any_three)
    assert whole - top > 0.1
    assert against > any_three
