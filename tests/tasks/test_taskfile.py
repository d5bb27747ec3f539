"""Task files of one's own: what is wrong in them is said with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqcli.errors import ConfigError, SeqcliError
from seqcli.settings.fields import Typed
from seqcli.tasks import taskfile
from seqcli.tasks.places import line_of

GOOD = """\
kind = "classifier"

[about]
title = "tickets"

[data]
path = "tickets.csv"
lowercase = true

[model]
hidden = [
    64,
    32,  # the second layer
]

[train]
epochs = 5

[preset.small.model]
hidden = [16]

[preset.small.train]
epochs = 1
"""


def said(path: Path, text: str, preset: str = "") -> str:
    """The error of a file with this text."""
    path.write_text(text)
    with pytest.raises(SeqcliError) as caught:
        taskfile.resolve(str(path), preset)
    return f"{caught.value.message}; {caught.value.hint}"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("mine.toml")


def test_a_good_one(mine: Path) -> None:
    mine.write_text(GOOD)
    assert taskfile.resolve("mine.toml").config.model.hidden == (64, 32)
    small = taskfile.resolve("mine.toml", "small", {"train": {"epochs": Typed("3")}})
    assert (small.config.model.hidden, small.config.train.epochs) == ((16,), 3)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("lowercase = true", "lowrcase = true", "mine.toml, line 8: unknown setting in [data]"),
        ("    64,\n", "    0,\n", "mine.toml, line 11: model.hidden: at least 1 expected"),
        ("[train]", "[trian]", "mine.toml, line 16: unknown section 'trian'; did you mean 'train'"),
        ("epochs = 5", 'epochs = "5"', "mine.toml, line 17: train.epochs: a whole number expected"),
        ("epochs = 5", "tied = true", "mine.toml, line 17: unknown setting in [train] 'tied'"),
        (
            "[data]\npath",
            "[data]\ndocument = 'line'\npath",
            "mine.toml, line 7: data.document does",
        ),
        ('title = "tickets"', "titel = 1", "mine.toml, line 4: unknown setting in [about] 'titel'"),
        ('kind = "classifier"', "", "mine.toml: a kind expected, none named"),
        ("classifier", "clasifier", "mine.toml, line 1: unknown kind 'clasifier'"),
        ("\n[about]\ntitle =", "\nabout =", "mine.toml, line 3: [about]: a table expected"),
        ("\n[data]\n", "\nlr = 1\n[data]\n", "mine.toml, line 6: unknown setting in [about] 'lr'"),
        (
            "\n[about]",
            "lr = 1\n[about]",
            "mine.toml, line 2: lr stands in no section; write [train]",
        ),
        (
            "epochs = 5",
            "epochs = 5\ndraws = 3",
            "line 18: train.draws counts",
        ),
        ("epochs = 5", "epochs == 5", "mine.toml, line 17: not a task file: Invalid value"),
        (
            "[preset.small.model]",
            "[preset.small]",
            "mine.toml, line 20: preset small: hidden stands in no section; "
            "write [preset.small.model] above it",
        ),
        (
            "epochs = 1",
            "ephocs = 1",
            "mine.toml, line 23: preset small: unknown setting in [train]",
        ),
        ("hidden = [16]", "tied = true", "line 20: preset small: model.tied does nothing in a"),
        (
            "epochs = 1",
            "draws = 3",
            "line 23: preset small: train.draws counts",
        ),
        ("epochs = 1", "epochs = 0", "mine.toml, line 23: preset small: train.epochs: at least 1"),
        ("[preset.small.model]\nhidden = [16]", "[preset]\nbig = 1", "line 20: preset big: [prese"),
    ],
)
def test_file_and_line(mine: Path, old: str, new: str, expected: str) -> None:
    """Whatever preset is chosen: a file is checked when it is read."""
    assert GOOD.count(old) == 1
    assert expected in said(mine, GOOD.replace(old, new))


def test_what_was_typed_is_not_the_file_s_fault(mine: Path) -> None:
    mine.write_text(GOOD)
    with pytest.raises(ConfigError, match=r"^train\.epochs: at least 1 expected") as caught:
        taskfile.resolve("mine.toml", "", {"train": {"epochs": Typed("0")}})
    assert "mine.toml" not in caught.value.message
    with pytest.raises(ConfigError, match=r"unknown preset of task mine\.toml 'smal'"):
        taskfile.resolve("mine.toml", "smal")


def test_bytes_that_are_no_text(mine: Path) -> None:
    mine.write_bytes(b'kind = "classifier"\n\n[about]\ntitle = "\xff"\n')
    with pytest.raises(SeqcliError, match=r"mine\.toml, line 4: not a task file: not UTF-8"):
        taskfile.resolve("mine.toml")


def test_lines_are_those_of_statements() -> None:
    text = 'a.b = 1\n\n# c = 2\nd = """\nc = 3\n"""\n[e]\n"c x" = [\n1]\n[f.g]\n'
    places = {("a", "b"): 1, ("d",): 4, ("e", "c x"): 8, ("f", "g"): 10, ("c",): 0, (): 0}
    assert {key: line_of(text, key) for key in places} == places


@pytest.mark.parametrize("name", taskfile.names())
def test_bundled_ones_are_good_with_all_presets(name: str) -> None:
    for preset in taskfile.resolve(name).presets:
        assert taskfile.resolve(name, preset).preset == preset
