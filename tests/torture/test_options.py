"""Every option of every command and every setting, with values that nobody means."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_language
import tiny_taggers
import tiny_translators
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tiny_models import write_model
from typer.main import get_command

from seqcli.cli.app import app
from seqcli.kinds import KINDS
from torture.checks import words
from torture.conftest import Tally
from torture.forkserver import Server
from torture.runs_hurt import prepare

COMMANDS: dict[str, Any] = getattr(get_command(app), "commands", {})
VALUES = ("nan", "inf", "-inf", "0", "-1", "1e308", "", "9" * 400, "[red]\x1b[31m", "\udcff,;'\"=")
SECONDS = 20.0  # of processor time
MEMORY = 3 << 30
# What makes a command complete, but for the option that is tried.
NEEDS: dict[str, dict[str, str | None]] = {
    "train": {
        "--task": "tiny.toml",
        "--data": "data.txt",
        "--out": "out.pt",
        "--max-steps": "1",
        "--epochs": "1",
        "--threads": "1",
        "--force": None,
    },
    "eval": {"--model": "classifier.pt", "--data": "some.tsv", "--threads": "1"},
    "classify": {"--model": "classifier.pt", "--input": "some.csv"},
    "translate": {"--model": "translator.pt", "--input": "some.csv", "--max-tokens": "9"},
    "tag": {"--model": "tagger.pt", "--input": "some.csv"},
    "sample": {"--model": "language.pt", "--max-tokens": "5", "--count": "2"},
    "params": {"lstm": None, "--input": "3"},
    "info": {"--model": "classifier.pt"},
    "check": {"--task": "tiny.toml", "--data": "data.txt"},
}


def options() -> list[tuple[str, str]]:
    """Every option that takes a value, by command."""
    return [
        (command, parameter.opts[0])
        for command, found in COMMANDS.items()
        for parameter in found.params
        if parameter.opts[0].startswith("--") and not getattr(parameter, "is_flag", False)
    ]


def settings() -> list[str]:
    """Every setting as --set names it."""
    named = [
        f"{section}.{field.name}"
        for spec in KINDS.values()
        for section, fields in spec.sections.items()
        for field in dataclasses.fields(fields)
    ]
    return list(dict.fromkeys(named))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Models, data and task file for all commands."""
    folder = tmp_path_factory.mktemp("stage")
    prepare(folder, "classifier")
    write_model(folder / "classifier.pt", ("ham", "spam"))
    tiny_language.write(folder / "language.pt", *tiny_language.tiny())
    tiny_taggers.write(folder / "tagger.pt")
    tiny_translators.write(folder / "translator.pt")
    (folder / "some.tsv").write_text("ham\tsee you at six\nspam\twin a prize now\n" * 5)
    (folder / "some.csv").write_text("text\nsee you at six\n")
    yield folder
    shutil.rmtree(folder)


def tried(server: Server, folder: Path, args: list[str]) -> int:
    """Run; whatever is wrong is said in words. The exit code."""
    ended = server.run(args, folder, faults={"pictures": False})
    words(ended)
    assert ended.cpu < SECONDS, (args, ended)
    assert ended.memory < MEMORY, (args, ended)
    if ended.code:
        assert ended.err.count("error: ") == 1, ended
    return ended.code


def with_value(command: str, option: str, value: str) -> list[str]:
    needed = {key: word for key, word in NEEDS[command].items() if key != option}
    rest = [word for pair in needed.items() for word in pair if word is not None]
    return [command, *rest, option, value]


def sampled(cases: list[Any], every: int) -> list[Any]:
    """All for the torture, one in `every` always."""
    return [
        case if place % every == 0 else pytest.param(*case, marks=pytest.mark.torture)
        for place, case in enumerate(cases)
    ]


@pytest.mark.parametrize(("command", "option"), sampled(options(), 14))
def test_an_option(command: str, option: str, stage: Path, heavy: Server, tally: Tally) -> None:
    refused = 0
    for value in VALUES:
        refused += tried(heavy, stage, with_value(command, option, value)) != 0
        tally("options: values nobody means", lost=False)
    assert refused or option in ANYTHING, (command, option)


# Any text is good for these.
ANYTHING = {"--prompt", "--abstain-label"}


@pytest.mark.parametrize(
    "name",
    [
        name if place % 12 == 0 else pytest.param(name, marks=pytest.mark.torture)
        for place, name in enumerate(settings())
    ],
)
def test_a_setting(name: str, stage: Path, heavy: Server, tally: Tally) -> None:
    for value in VALUES:
        given = with_value("train", "--set", f"{name}={value}")
        tried(heavy, stage, given)
        if name.startswith("data."):
            language = [word.replace("tiny.toml", "char") for word in given]
            tried(heavy, stage, language)
        tally("options: values nobody means", lost=False)


TEXT = st.text(st.characters(exclude_characters="\0/"), max_size=9)  # no path out of the folder
WORDS = st.sampled_from([*VALUES, "1", "2", "0.5", "model.cell=gru", "-", "--"]) | TEXT
LINES = st.sampled_from(sorted(NEEDS)).flatmap(
    lambda command: st.tuples(
        st.sampled_from([[command], with_value(command, "", "")[:-2]]),
        st.lists(st.tuples(st.sampled_from(names(command)), st.none() | WORDS), max_size=6),
    )
)


def names(command: str) -> list[str]:
    """All options and flags."""
    return [name for parameter in COMMANDS[command].params for name in parameter.opts]


@pytest.mark.parametrize("times", [6, pytest.param(1500, marks=pytest.mark.torture)])
def test_any_command_line(times: int, stage: Path, heavy: Server, tally: Tally) -> None:
    """Any options, with any words behind them or none; the command complete but for them or not."""

    @hypothesis_settings(max_examples=times)
    @given(LINES)
    def run(line: tuple[list[str], list[tuple[str, str | None]]]) -> None:
        said = [word for pair in line[1] for word in pair if word is not None]
        args = [os.fsdecode(word.encode("utf-8", "surrogatepass")) for word in said]
        tried(heavy, stage, [*line[0], *args])
        tally("options: any command line", lost=False)

    run()


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "1e308"])
def test_a_number_out_of_range_is_a_usage_error(
    value: str, stage: Path, heavy: Server, tally: Tally
) -> None:
    """Exit 2, in words that name the option."""
    for command, option in (
        ("train", "--lr"),
        ("train", "--max-time"),
        ("sample", "--top-p"),
        ("sample", "--repetition-penalty"),
        ("train", "--batch-size"),
    ):
        ended = heavy.run(with_value(command, option, value), stage, faults={"pictures": False})
        if (option, value) in {("--lr", "1e308"), ("--repetition-penalty", "1e308")}:
            words(ended)
            continue
        assert ended.code == 2, ended
        assert option.strip("-").replace("-", "_") in ended.err.replace("-", "_"), ended
        tally("options: values nobody means", lost=False)
