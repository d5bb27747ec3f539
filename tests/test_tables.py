"""Over every table: what is listed is there, agrees with its neighbors, and is documented."""

import ast
import dataclasses
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import number_kind
import pytest
import torch
from torch import nn
from torture import runs_hurt
from typer.main import get_command

from seqcli import kinds
from seqcli.cli.app import app
from seqcli.kinds import KINDS, contract
from seqcli.kinds.classifier.spec import Model
from seqcli.machine.device import Runtime
from seqcli.nn.cells import ACTIVATIONS, CELLS
from seqcli.nn.init import SCHEMES
from seqcli.readers import READERS, discover
from seqcli.readers.tagged import TAGGED_READERS
from seqcli.settings import counting
from seqcli.settings.sections import LabeledText, TaggedText, Text, Training
from seqcli.tasks import taskfile
from seqcli.text import schemes, tokens
from seqcli.training.evaluation import evaluate
from seqcli.training.optim import Updater

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
    assert choices(LabeledText, "tokenizer") == {tokens.SUBWORDS, *tokens.SPLITTERS}
    assert choices(TaggedText, "format") == {"auto", *TAGGED_READERS}
    assert choices(TaggedText, "tokenizer") == tokens.SPLITTERS.keys()
    assert choices(TaggedText, "scheme") == {"auto", *schemes.SCHEMES}
    assert choices(Model, "init") == SCHEMES.keys()
    assert choices(Model, "activation") <= ACTIVATIONS.keys()
    assert choices(Model, "recurrent_activation") <= ACTIVATIONS.keys()


FILES: dict[str, Callable[[Path], Path]] = {  # the same rows in each format: a file or a folder
    "csv": lambda folder: written(folder, "label,text\n", '{label},"{text}"\n'),
    "tsv": lambda folder: written(folder, "", "{label}\t{text}\n"),
    "jsonl": lambda folder: written(folder, "", '{{"text": "{text}", "label": "{label}"}}\n'),
    "parquet": lambda folder: parquet(folder / "data.parquet"),
    "fasttext": lambda folder: written(folder, "", "__label__{label} {text}\n"),
    "folders": lambda folder: parted(folder, "{label}/{number}.txt", "{text}\n"),
    "files": lambda folder: parted(folder, "{label}.txt", "{text}\n"),
}


def nothing() -> None:
    """Nobody waits for a signal here."""


def rows() -> list[dict[str, Any]]:
    """Twelve texts, each once."""
    texts = {"spam": "win {} prizes, now", "ham": "see you at {}"}
    labels = ["spam", "ham"] * 6
    return [
        {"number": number, "label": label, "text": texts[label].format(number)}
        for number, label in enumerate(labels)
    ]


def written(folder: Path, head: str, row: str) -> Path:
    path = folder / "data"
    path.write_text(head + "".join(row.format(**each) for each in rows()))
    return path


def parted(folder: Path, name: str, row: str) -> Path:
    for each in rows():
        path = folder / "data" / name.format(**each)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(row.format(**each))
    return folder / "data"


def parquet(path: Path) -> Path:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame(rows()).to_parquet(path)
    return path


@pytest.mark.parametrize("name", [name for name in READERS if name != "text"])
def test_each_reader_gives_a_classifier_its_texts_and_labels(name: str, tmp_path: Path) -> None:
    data = {"format": name, "test": 0.25, "valid": 0.25}
    config = kinds.read({"kind": "classifier", "data": data})
    path = FILES[name](tmp_path)
    prepared = contract.load(KINDS["classifier"]).prepare(config, path, tmp_path, nothing)
    assert sum(prepared.sizes.values()) == len(rows())
    learned = prepared.kind.learned()
    assert learned["labels"] == ["ham", "spam"]
    assert {"win", "prizes", "see", "you", "at", "now"} <= set(learned["vocabulary"])


def test_running_text_has_lines_and_no_labels(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("win a prize\n\nsee you\n")
    data = kinds.read({"kind": "language-model"}).data
    assert isinstance(data, Text)
    source = discover(tmp_path / "book.txt", data, ("text",))
    assert source.format == "text"
    assert [record.text for record in source.records()] == ["win a prize", "see you"]


@pytest.mark.parametrize("name", [*KINDS, number_kind.SPEC.name])
def test_each_kind_learns_is_saved_and_answers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole contract, on its small run of the torture suite: no method is only looked at."""
    monkeypatch.setitem(KINDS, number_kind.SPEC.name, number_kind.SPEC)
    runs_hurt.SMALL[name].write(tmp_path)
    path, train = tmp_path / "data.txt", taskfile.resolve(str(tmp_path / "tiny.toml")).config
    cpu, scratch = Runtime(torch.device("cpu"), "fp32", 1), tmp_path / "scratch"
    scratch.mkdir()
    kind = contract.load(KINDS[name])
    assert kind.spec is KINDS[name]
    prepared = kind.prepare(train, path, scratch, nothing)
    own, splits = prepared.kind, prepared.splits
    assert prepared.fingerprint == own.fingerprint(path)
    assert prepared.sizes.keys() == splits.keys() == {"train", "valid", "test"}

    model = own.build(torch.Generator().manual_seed(1))
    before = evaluate(own.validation, model, splits["valid"], cpu, nothing)
    updater, state = Updater(model, train.train), None
    for epoch in range(1, 4):
        batches = own.batches(splits["train"], epoch).to(cpu.device)
        total, count, correct, state = 0.0, 0, 0.0, None
        for place in range(len(batches)):
            loss = own.loss(model.train(), batches[place], state, cpu)
            loss.objective.backward()  # type: ignore[no-untyped-call]
            updater.set_rate(1.0)
            updater.step(updater.norm())
            state = loss.state
            total += loss.total.item()
            count += loss.count
            correct += float(loss.correct)
        running = own.running(total, count, correct)
        assert running["loss"] == pytest.approx(total / count)
    after = evaluate(own.figures, model, splits["valid"], cpu, nothing)
    assert after["loss"] < before["loss"]
    assert {"loss", own.spec.metric} <= after.keys()

    again = kind.restore(train, json.loads(json.dumps(own.learned())))
    assert again.learned() == own.learned()
    twin = again.build(None)
    twin.load_state_dict(model.state_dict())
    part = again.load_split(path, "valid", nothing)
    assert evaluate(again.figures, twin, part, cpu, nothing) == after
    assert again.remarks(part) == []  # nothing of these data is left out
    assert again.parts(path) == ("all",)
    for tensor, weight in model.state_dict().items():
        meaning = again.rows(tensor)
        if meaning is not None and meaning.one_by_one:
            assert len(meaning.names) == weight.shape[meaning.dim]
    assert own.unit
    assert type(own.bfloat16_helps) is bool
    used = {"restore", "learned", "rows", "fingerprint", "parts", "load_split", "build", "batches"}
    sizes = {name: prepared.sizes[name] for name in prepared.splits}
    assert kind.survey(train, path, nothing).splits == sizes
    portion, times = own.portion(splits["train"])
    assert times >= 1
    assert evaluate(own.validation, model, portion, cpu, nothing)["loss"] > 0
    used |= {
        "remarks",
        "survey",
        "portion",
        "prepare",
        "loss",
        "running",
        "figures",
        "validation",
        "unit",
        "bfloat16_helps",
    }
    promised = {name for name in vars(contract.Kind) if name[0] != "_"}
    assert promised - {"spec"} == used, "what is new in the contract is to be run here"


@pytest.mark.parametrize("name", sorted(choices(Training, "optimizer")))
def test_each_optimizer_finds_the_least_of_a_square(name: str) -> None:
    target = torch.tensor([[1.0, -2.0]])
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    updater = Updater(model, dataclasses.replace(Training(), optimizer=name, lr=0.1))
    for _ in range(60):
        (model.weight - target).square().sum().backward()  # type: ignore[no-untyped-call]
        updater.set_rate(1.0)
        updater.step(updater.norm())
    assert (model.weight - target).abs().max() < 0.5


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
