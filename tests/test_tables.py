"""Over every table: what is listed is there, agrees with its neighbors, and is documented."""

import ast
import dataclasses
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from seqcli.cli.app import app
from seqcli.kinds import KINDS, contract
from seqcli.kinds.classifier.spec import Model, Train
from seqcli.kinds.contract import Kind
from seqcli.nn.cells import ACTIVATIONS, CELLS
from seqcli.nn.init import SCHEMES
from seqcli.readers import READERS
from seqcli.readers.source import Source
from seqcli.readers.tagged import TAGGED_READERS
from seqcli.settings import counting
from seqcli.settings.sections import LabeledText, TaggedText
from seqcli.tasks import taskfile
from seqcli.text import schemes, tokens

ROOT = Path(__file__).resolve().parents[1]
COMMANDS: dict[str, Any] = getattr(get_command(app), "commands", {})


def choices(section: type[Any], name: str) -> set[str]:
    field = next(field for field in dataclasses.fields(section) if field.name == name)
    return set(field.metadata["choices"])


def variants() -> list[tuple[str, str]]:
    """Each bundled task, plain and with each preset."""
    found = []
    for name in taskfile.names():
        found += [(name, preset) for preset in ("", *taskfile.resolve(name).presets)]
    return found


def test_cells_have_formulas() -> None:
    assert CELLS.keys() == counting.FORMULAS.keys()


def test_a_setting_s_choices_are_the_table_s_keys() -> None:
    assert choices(LabeledText, "format") == {"auto", *READERS}
    assert choices(LabeledText, "tokenizer") == tokens.SPLITTERS.keys()
    assert choices(TaggedText, "format") == {"auto", *TAGGED_READERS}
    assert choices(TaggedText, "tokenizer") == tokens.SPLITTERS.keys()
    assert choices(TaggedText, "scheme") == {"auto", *schemes.SCHEMES}
    assert choices(Model, "init") == SCHEMES.keys()
    assert choices(Model, "activation") <= ACTIVATIONS.keys()
    assert choices(Model, "recurrent_activation") <= ACTIVATIONS.keys()


@pytest.mark.parametrize("name", READERS)
def test_each_reader_takes_a_piece_and_the_settings(name: str) -> None:
    assert callable(READERS[name])
    assert Source(Path("x"), name, {}, LabeledText()).files == ()


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_keeps_the_contract(name: str) -> None:
    kind = contract.load(name)
    promised = {name for name, value in vars(Kind).items() if name[0] != "_" and callable(value)}
    promised |= {name for name, value in vars(Kind).items() if isinstance(value, classmethod)}
    assert len(promised) >= 10
    assert not [method for method in promised if not callable(getattr(kind, method, None))]
    assert kind.spec is KINDS[name]


@pytest.mark.parametrize("name", sorted(choices(Train, "optimizer")))
def test_each_optimizer_can_be_made(name: str) -> None:
    from torch import nn

    from seqcli.training.optim import Updater

    train = dataclasses.replace(Train(), optimizer=name)
    assert Updater(nn.Linear(2, 2), train).optimizer.param_groups


@pytest.mark.parametrize(("task", "preset"), variants())
def test_each_task_resolves_and_says_what_it_is(task: str, preset: str) -> None:
    found = taskfile.resolve(task, preset)
    assert found.config.kind in KINDS
    about = dataclasses.asdict(found.about)
    silent = [key for key in ("title", "source", "figure", "time", "command") if not about[key]]
    assert not silent, f"[about] says nothing of: {', '.join(silent)}"


@pytest.mark.parametrize(("task", "preset"), [pair for pair in variants() if pair[1]])
def test_a_preset_has_figures_of_its_own(task: str, preset: str) -> None:
    table = tomllib.loads((taskfile.BUNDLED / f"{task}.toml").read_text(encoding="utf-8"))
    about = table["preset"][preset].get("about", {})
    assert {"title", "figure", "time", "command"} <= about.keys()


@pytest.mark.parametrize(("task", "preset"), variants())
def test_a_task_s_command_can_be_typed(task: str, preset: str) -> None:
    words = shlex.split(taskfile.resolve(task, preset).about.command)
    assert words[:2] == ["seqcli", "train"]
    context = COMMANDS["train"].make_context("train", words[2:])
    assert (context.params["task"], context.params["preset"] or "") == (task, preset)


@pytest.mark.parametrize("task", taskfile.names())
def test_a_task_s_sample_is_bundled(task: str) -> None:
    sample = taskfile.resolve(task).about.sample
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    if sample:
        assert taskfile.sample_path(sample).exists()
        assert f"sample_data/{Path(sample).parts[0]}" in packed


def option_names() -> Iterator[tuple[str, str]]:
    for command, found in COMMANDS.items():
        for param in found.params:
            yield from ((command, name) for name in param.opts if name.startswith("--"))


@pytest.mark.parametrize(("command", "option"), list(option_names()))
def test_each_option_is_in_the_reference(command: str, option: str) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## seqcli {command}\n")[2].partition("\n## ")[0]
    assert re.search(rf"^  .*{option}\b", section, re.M)


def test_each_command_has_a_file_of_its_name() -> None:
    files = {path.stem for path in (ROOT / "seqcli" / "cli").glob("*.py")}
    assert COMMANDS.keys() <= files


def test_every_bundled_sample_is_described() -> None:
    readme = (ROOT / "sample_data" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "sample_data").iterdir():
        if path.suffix in (".tsv", ".txt"):
            assert f"`{path.name}`" in readme


def test_what_reads_a_user_s_input_asserts_nothing() -> None:
    """A wrong input is an error in words. Inside `nn/` and `kinds/` an assert may narrow a type."""
    for path in (ROOT / "seqcli").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
        assert not lines or {"nn", "kinds"} & set(path.parts), f"{path}: assert in line {lines}"
