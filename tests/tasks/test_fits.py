"""Settings that follow from how much there is to train on: `[[fit]]` of a task file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqcli.errors import ConfigError, SeqcliError
from seqcli.kinds.language_model.kind import MOST_COUNTED
from seqcli.settings.config import to_dict
from seqcli.settings.fields import Typed
from seqcli.tasks.taskfile import Task, fitted, names, resolve, to_toml

TEXT = """\
kind = "language-model"

[model]
hidden = [64]
layers = 2

[train]
epochs = 5

[[fit]]
up_to = 100

[fit.model]
hidden = [8]
layers = 1

[fit.train]
epochs = 50

[[fit]]
up_to = 1000

[fit.train]
epochs = 20

[preset.other.train]
lr = 0.1
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    return path


def settings(found: Task) -> tuple[Any, int]:
    return found.config.model.sizes, found.config.train.epochs


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, ((8,), 50)),
        (100, ((8,), 50)),
        (101, ((64, 64), 20)),
        (1000, ((64, 64), 20)),
        (1001, ((64, 64), 5)),
    ],
)
def test_the_first_row_that_is_large_enough_counts(
    task: Path, size: int, expected: tuple[Any, int]
) -> None:
    found = fitted(resolve(str(task)), size)
    assert settings(found) == expected
    assert (found.fit is None) == (size > 1000)
    assert fitted(found, 1) == found or found.fit is not None  # once is all
    assert settings(fitted(found, 1)) == expected


def test_what_was_given_stays(task: Path) -> None:
    given = resolve(str(task), "", {"train": {"epochs": Typed("5")}, "model": {"layers": 2}})
    found = fitted(given, 50)
    assert settings(found) == ((8, 8), 5)
    assert found.fit is not None
    assert found.fit.told == "hidden 8"


def test_a_row_that_does_not_go_with_what_was_given_is_not_taken() -> None:
    """Without n-grams there is nothing that could tell of the labels at the start."""
    without: dict[str, Any] = {"model": {"wide_words": [], "wide_characters": []}}
    found = fitted(resolve("text", "", without), 50, 7)
    assert found.fit is None
    assert found.config == resolve("text", "", without).config
    assert fitted(resolve("text"), 50, 7).fit is not None


def test_presets_and_other_kinds_have_none(task: Path) -> None:
    assert resolve(str(task), "other").fits == ()
    assert resolve(str(task), "", {"model": {"condition": True}}).fits == ()
    for name in names():
        whole = resolve(name)
        assert all(not resolve(name, preset).fits for preset in whole.presets)
        assert fitted(whole, 10**6).config == whole.config


def test_much_text_is_learned_by_a_larger_network() -> None:
    usual, much = resolve("char"), fitted(resolve("char"), 2_000_001)
    assert fitted(usual, 2_000_000).config == usual.config
    assert settings(much)[0] > settings(usual)[0]
    in_time = fitted(resolve("char", "", {"train": {"max_time": 3600.0}}), 2_000_001)
    assert settings(in_time) == (settings(much)[0], 20)  # more time is used, not left


def test_n_grams_are_counted_up_to_where_they_would_take_the_memory() -> None:
    """Without one the default would be refused, see `MOST_COUNTED`."""
    usual = resolve("char")
    for size, order in ((3, 6), (600_000, 6), (30_000_000, 6), (30_000_001, 0), (10**10, 0)):
        config: Any = fitted(usual, size).config
        assert config.model.ngrams == order, size
    largest: Any = fitted(usual, 10**10).config
    assert replace(largest.model, ngrams=6) == fitted(usual, 30_000_000).config.model
    assert MOST_COUNTED >= 30_000_000


def test_the_settings_written_are_a_task_of_their_own(task: Path, tmp_path: Path) -> None:
    found = fitted(resolve(str(task)), 50)
    again = tmp_path / "config.toml"
    again.write_text(to_toml(found.config))
    assert resolve(str(again)).config == found.config
    assert resolve(str(again)).fits == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("hidden = [8]", "hiden = [8]", "line 14: unknown setting in [model] 'hiden'"),
        ("epochs = 20", "epochs = 0", "line 24: train.epochs: at least 1"),
        ("up_to = 1000", "up_to = 100", "line 10: [[fit]]: up_to = 100 behind 100"),
        ("up_to = 1000", "", "line 20: [[fit]]: up_to or above expected, neither found"),
        (
            "up_to = 1000",
            "up_to = 1000\nabove = 9",
            "line 20: [[fit]]: up_to or above expected, both found",
        ),
        ("up_to = 1000", "above = 0", "line 21: fit.above: at least 1"),
        ("up_to = 1000", "upto = 1000", "line 21: unknown setting in [fit] 'upto'"),
        ("[fit.train]\nepochs = 20", "[fit.trian]\nepochs = 20", "[fit.trian]: one of data"),
        ("[[fit]]\nup_to = 100\n", "[fit]\nup_to = 100\n", "not a task file"),
    ],
)
def test_mistakes_are_told_with_their_line(task: Path, before: str, after: str, said: str) -> None:
    task.write_text(TEXT.replace(before, after, 1))
    with pytest.raises(SeqcliError) as caught:
        resolve(str(task))
    assert said in str(caught.value)


def test_one_table_in_place_of_several(task: Path) -> None:
    task.write_text('kind = "language-model"\n[fit]\nup_to = 3\n')
    with pytest.raises(ConfigError, match=r"line 2: \[\[fit\]\]: tables of settings expected"):
        resolve(str(task))


TIMED = TEXT.replace("[[fit]]", "[timed.train]\nepochs = 40\nclip = 3.0\n\n[[fit]]", 1)


@pytest.mark.parametrize(
    ("given", "epochs", "said"),
    [
        ({}, 5, []),
        ({"max_time": 60.0}, 40, ["a time is given, so: epochs 40, clip 3.0"]),
        ({"max_time": 60.0, "epochs": 7}, 7, ["a time is given, so: clip 3.0"]),
        ({"max_time": 60.0, "epochs": 7, "clip": 0.0}, 7, []),
    ],
)
def test_a_given_time_sets_what_was_not_given(
    task: Path, given: dict[str, Any], epochs: int, said: list[str]
) -> None:
    task.write_text(TIMED)
    found = fitted(resolve(str(task), "", {"train": given}), 2000)
    assert found.config.train.epochs == epochs
    assert found.said(2000) == said
    assert resolve(str(task), "other", {"train": {"max_time": 60.0}}).config.train.epochs == 5
    assert resolve(str(task), "other").timed == {}


def test_a_row_stands_over_what_a_given_time_sets(task: Path) -> None:
    task.write_text(TIMED)
    found = fitted(resolve(str(task), "", {"train": {"max_time": 60.0}}), 500)
    assert found.config.train.epochs == 20
    assert found.config.train.clip == 3.0
    assert found.said(500) == [
        "500 to train on, so as for at most 1,000: epochs 20",
        "a time is given, so: clip 3.0",
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("epochs = 40", "epochs = 0", "line 11: train.epochs: at least 1"),
        ("epochs = 40", "epoch = 40", "line 11: unknown setting in [train] 'epoch'"),
        ("[timed.train]", "[timed.trian]", "line 10: [timed.trian]: one of data, model, train"),
        ("[timed.train]", "[timed]", "line 10: [timed]: tables of settings expected"),
    ],
)
def test_mistakes_of_a_given_time_are_told(task: Path, before: str, after: str, said: str) -> None:
    task.write_text(TIMED.replace(before, after, 1))
    with pytest.raises(SeqcliError) as caught:
        resolve(str(task))
    assert said in str(caught.value)


SHORT = """\
kind = "classifier"

[[fit]]
up_to = 1000
words = 1

[fit.data]
tokenizer = "characters"

[[fit]]
up_to = 100

[fit.train]
epochs = 30
"""


@pytest.mark.parametrize(
    ("size", "length", "expected"),
    [
        (50, 1, ("characters", 10)),  # of several rows the first that holds
        (1000, 1, ("characters", 10)),
        (1001, 1, ("words", 10)),
        (50, 2, ("words", 30)),
        (50, 0, ("words", 30)),  # in no rows
        (101, 2, ("words", 10)),
    ],
)
def test_rows_for_texts_of_a_word(
    tmp_path: Path, size: int, length: int, expected: tuple[str, int]
) -> None:
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    found = to_dict(fitted(resolve(str(path)), size, length).config)
    assert (found["data"]["tokenizer"], found["train"]["epochs"]) == expected


def test_what_rows_are_for_is_told(tmp_path: Path) -> None:
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    one, other = resolve(str(path)).fits
    assert one.said(7) == (
        "7 to train on, so as for at most 1,000 of mostly 1 token: tokenizer characters"
    )
    assert other.said(7) == "7 to train on, so as for at most 100: epochs 30"
    assert one.plain == {"up_to": 1000, "words": 1, "data": {"tokenizer": "characters"}}
    assert other.plain == {"up_to": 100, "train": {"epochs": 30}}


ALIGNED = """\
kind = "classifier"

[[fit]]
up_to = 1000
words = 1
aligned = true

[fit.model]
wide_placed = [1, 2]
""" + SHORT.partition("\n")[2]


def test_a_row_for_texts_of_one_length(tmp_path: Path) -> None:
    path = tmp_path / "aligned.toml"
    path.write_text(ALIGNED)
    task = resolve(str(path))
    row = task.fits[0]
    assert fitted(task, 1000, 1, aligned=True).fit == row
    for size, length, aligned in ((1001, 1, True), (1000, 2, True), (1000, 1, False)):
        assert fitted(task, size, length, aligned).fit != row
    assert row.said(7) == (
        "7 to train on, so as for at most 1,000 of mostly 1 token of one length: wide_placed 1x2"
    )
    assert row.plain == {
        "up_to": 1000,
        "words": 1,
        "aligned": True,
        "model": {"wide_placed": [1, 2]},
    }


MUCH = """\
kind = "language-model"

[train]
epochs = 5

[[fit]]
up_to = 100

[fit.train]
epochs = 50

[[fit]]
above = 1000000

[fit.train]
epochs = 1

[[fit]]
above = 1000

[fit.train]
epochs = 2
"""


@pytest.mark.parametrize(
    ("size", "epochs"),
    [(100, 50), (101, 5), (1000, 5), (1001, 2), (1_000_000, 2), (1_000_001, 1)],
)
def test_rows_for_more_than_so_much(tmp_path: Path, size: int, epochs: int) -> None:
    path = tmp_path / "much.toml"
    path.write_text(MUCH)
    task = resolve(str(path))
    assert fitted(task, size).config.train.epochs == epochs
    assert task.fits[1].plain == {"above": 1_000_000, "train": {"epochs": 1}}
    if epochs == 2:
        said = f"{size:,} to train on, so as for more than 1,000: epochs 2"
        assert fitted(task, size).said(size) == [said]


def test_rows_for_more_stand_largest_first(tmp_path: Path) -> None:
    path = tmp_path / "much.toml"
    path.write_text(MUCH.replace("above = 1000\n", "above = 1000000\n"))
    with pytest.raises(ConfigError, match=r"line 6: \[\[fit\]\]: above = 1000000 behind 1000000"):
        resolve(str(path))
