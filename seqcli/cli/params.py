"""`seqcli params`: what a network holds, part by part, before anything is trained or read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.cli.console import answer, answer_json, out
from seqcli.cli.options import described, model_path, overrides
from seqcli.errors import ConfigError
from seqcli.settings import config
from seqcli.settings.config import CLASSIFIER, LANGUAGE, ModelConfig
from seqcli.settings.counting import FORMULAS, count, fit_budget
from seqcli.settings.table import Shape, Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

ROW_KEYS = ("name", "output", "formula", "parameters")
SUFFIXES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}

Cell = Annotated[str | None, typer.Argument(help=f"Recurrent cell: {', '.join(FORMULAS)}.")]
Hidden = Annotated[
    str | None, typer.Option(metavar="N[,N...]", help="Units, one number a layer.  [default: 128]")
]
Layers = Annotated[int | None, typer.Option(help="Layers of one hidden size.  [default: 1]")]
Bidirectional = Annotated[
    bool | None, typer.Option(help="Read in both directions.  [default: no-bidirectional]")
]
Merge = Annotated[
    str | None, typer.Option(help="Directions: concat, sum, mul or ave.  [default: concat]")
]
Bias = Annotated[bool | None, typer.Option(help="A bias in the recurrent layers.  [default: bias]")]
ResetAfter = Annotated[
    bool | None, typer.Option(help="GRU: reset after the product.  [default: reset-after]")
]
Inputs = Annotated[
    int | None, typer.Option("--input", help="Numbers read at each step.  [default: none]")
]
Vocab = Annotated[int | None, typer.Option(help="Words read instead of --input.  [default: none]")]
Embed = Annotated[
    int | None, typer.Option(help="Embedding size with --vocab, 0 = one-hot.  [default: 64]")
]
Dense = Annotated[
    str | None, typer.Option(metavar="N[,N...]", help="Dense layers on top.  [default: none]")
]
Outputs = Annotated[
    int | None, typer.Option(help="Labels, 1 = a single logit.  [default: no output layer]")
]
Kind = Annotated[
    str | None, typer.Option(help="Kind; language-model where --tied.  [default: classifier]")
]
Tied = Annotated[
    bool | None, typer.Option(help="Output weights are the embedding's.  [default: no-tied]")
]
Time = Annotated[int | None, typer.Option(help="Steps, for shapes and memory.  [default: open]")]
Batch = Annotated[
    int | None, typer.Option(help="Sequences, for shapes and memory.  [default: open]")
]
TaskName = Annotated[
    str | None, typer.Option(help="Count a task's network: a name or FILE.toml.  [default: none]")
]
Preset = Annotated[str | None, typer.Option(help="Variant within the task.  [default: none]")]
ModelFile = Annotated[
    str | None, typer.Option(metavar="FILE.pt", help="Count a saved model.  [default: none]")
]
Budget = Annotated[
    str | None, typer.Option(metavar="N[K|M|G]", help="Find the largest size.  [default: none]")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Any other setting.  [default: none]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.  [default: a table]")]


def params(
    cell: Cell = None,
    hidden: Hidden = None,
    layers: Layers = None,
    bidirectional: Bidirectional = None,
    merge: Merge = None,
    bias: Bias = None,
    reset_after: ResetAfter = None,
    inputs: Inputs = None,
    vocab: Vocab = None,
    embed: Embed = None,
    dense: Dense = None,
    outputs: Outputs = None,
    kind: Kind = None,
    tied: Tied = None,
    time: Time = None,
    batch: Batch = None,
    task: TaskName = None,
    preset: Preset = None,
    model: ModelFile = None,
    budget: Budget = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Count a network's parameters by formula, from options, a task or a model file.

    \b
    Examples:
      seqcli params lstm --hidden 12 --input 30
      seqcli params lstm --layers 2 --vocab 10000 --tied --budget 20M --json
    """
    flags = {"cell": cell, "hidden": hidden, "layers": layers, "bidirectional": bidirectional}
    flags |= {"merge": merge, "bias": bias, "reset_after": reset_after, "embed": embed}
    flags |= {"dense": dense, "tied": tied}
    given = overrides({f"model.{key}": value for key, value in flags.items()}, settings or [])
    sizes = _Sizes(inputs, vocab, outputs, kind, time, batch)
    network, sizes = _network(given, sizes, task, preset, model)
    if budget is not None:
        network = _fitted(network, sizes, _number(budget), given.get("model", {}))
    _answer(sizes.table(network), network.hidden[0] if budget else None, sizes, as_json)


@dataclass(frozen=True)
class _Sizes:
    """What stands around the network; None where nothing was said."""

    inputs: int | None = None
    vocabulary: int | None = None
    outputs: int | None = None
    kind: str | None = None
    time: int | None = None
    batch: int | None = None

    def table(self, model: ModelConfig) -> Table:
        return count(model, **asdict(self))


Overrides = Mapping[str, Mapping[str, Any]]
Network = tuple[ModelConfig, _Sizes]


def _network(
    given: Overrides, sizes: _Sizes, task: str | None, preset: str | None, file: str | None
) -> Network:
    """The network that a model file, a task or the options alone describe."""
    if file is not None:
        if given or task or preset or sizes != _Sizes(time=sizes.time, batch=sizes.batch):
            raise ConfigError(
                "--model takes the whole network from its file",
                "leave the cell, its options, --task and --preset away",
            )
        return _from_file(model_path(file), sizes)
    if task is not None:
        if sizes.kind is not None:
            raise ConfigError("--kind cannot be joined with --task", "the task file names its kind")
        return _from_task(task, preset or "", given, sizes)
    if preset is not None:
        raise ConfigError("--preset needs a task", f"give --task NAME --preset {preset}")
    return _from_options(given, sizes)


def _from_options(given: Overrides, sizes: _Sizes) -> Network:
    model = given.get("model", {})
    if "cell" not in model:
        names = ", ".join(FORMULAS)
        raise ConfigError("no cell given", f"one of: {names}; or --task NAME, or --model FILE")
    if "embed" in model and sizes.vocabulary is None:
        raise ConfigError("--embed needs the number of words", "give --vocab V")
    kind = sizes.kind or (LANGUAGE[0] if model.get("tied") else CLASSIFIER[0])
    return config.from_dict({"kind": kind, **given}).model, replace(sizes, kind=kind)


def _from_task(name: str, preset: str, given: Overrides, sizes: _Sizes) -> Network:
    from seqcli.settings import taskfile

    task = taskfile.resolve(name, preset, given)
    vocabulary = task.expected.vocabulary if sizes.vocabulary is None else sizes.vocabulary
    outputs = task.expected.outputs if sizes.outputs is None else sizes.outputs
    kind = task.config.kind
    return task.config.model, replace(sizes, vocabulary=vocabulary, outputs=outputs, kind=kind)


def _from_file(path: Path, sizes: _Sizes) -> Network:
    from seqcli.modelfile import filecheck

    record = described(path)
    try:
        saved = config.from_dict(record["config"])
        vocabulary, labels = len(record["vocabulary"]), record.get("labels")
        outputs = len(labels) if labels else None
    except (AttributeError, KeyError, TypeError, ConfigError) as error:
        raise filecheck.broken(path, "its description names no network") from error
    return saved.model, replace(sizes, vocabulary=vocabulary, outputs=outputs, kind=saved.kind)


def _fitted(
    network: ModelConfig, sizes: _Sizes, budget: int, given: Mapping[str, Any]
) -> ModelConfig:
    """The largest network within the budget; a size to be found cannot be given as well."""
    for key in ("hidden", "embed") if network.tied else ("hidden",):
        if key in given:
            raise ConfigError(f"--budget finds the {key} size", f"leave --{key} or --budget away")
    return fit_budget(budget, network, sizes.table)


def _number(text: str) -> int:
    """`20M` as 20,000,000."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMG]?)", text.strip().upper())
    if not match:
        raise ConfigError(
            f"--budget {text}: a number of parameters expected", "for example 500K, 20M or 1.5G"
        )
    return round(Decimal(match[1]) * SUFFIXES[match[2]])


def _answer(table: Table, found: int | None, sizes: _Sizes, as_json: bool) -> None:
    """The table on stdout; as JSON, `hidden` is there only if a budget asked for it."""
    if not as_json:
        _print(table, found, sizes)
        return
    layers = [{key: getattr(row, key) for key in ROW_KEYS} for row in table.rows]
    plain: dict[str, Any] = {
        "total": table.total,
        "trainable": table.trainable,
        "torch_total": table.torch_total,
        "layers": layers,
        "multiply_adds_per_step": table.multiply_adds_per_step,
        "bytes": table.bytes,
    }
    answer_json(plain if found is None else {**plain, "hidden": found})


def _print(table: Table, found: int | None, sizes: _Sizes) -> None:
    """The table and what follows from it, for a person."""
    if found is not None:
        answer(f"The largest hidden size within the budget is {found:,}.")
    out().print(_grid(table))
    trained = "" if table.trainable == table.total else f", {table.trainable:,} of them trained"
    answer(f"total {table.total:,} parameters{trained}; {table.bytes:,} bytes in float32")
    answer(_torch_line(table))
    for name, parts, shape in table.states:
        each = "each " if len(parts) > 1 else ""
        answer(f"final state of {name}: {', '.join(parts)}, {each}{_shape(shape)}")
    answer(f"{table.multiply_adds_per_step:,} multiply-adds a step of one sequence")
    if sizes.time is not None:
        time, rows = sizes.time, sizes.batch or 1
        work, memory = table.multiply_adds(time, rows), table.activation_bytes(time, rows)
        answer(f"batch of {rows:,}, {time:,} steps: {work:,} multiply-adds forward,")
        answer(f"  {memory:,} bytes of activations kept for training")


def _grid(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("part")
    grid.add_column("output", no_wrap=True)
    grid.add_column("formula", overflow="fold")
    grid.add_column("parameters", justify="right", no_wrap=True)
    for row in table.rows:
        name = row.name if row.trainable else f"{row.name} (frozen)"
        grid.add_row(name, _shape(row.output), row.formula, f"{row.parameters:,}")
    return grid


def _shape(shape: Shape) -> str:
    """`(10, 20, 12)`; B and T where batch and time are open."""
    pairs = zip(shape, ("B", "T", "?")[: len(shape)], strict=True)
    return f"({', '.join(letter if size is None else str(size) for size, letter in pairs)})"


def _torch_line(table: Table) -> str:
    """What torch's own layer would store, and why it differs."""
    layer = table.torch_layer
    if table.torch_total is None:
        return f"{layer} has no {table.torch_lacks}"
    if table.torch_total == table.total:
        return f"{layer} would store as many"
    if len(table.rows) > len(table.states):  # more than recurrent layers
        return f"with {layer} the total would be {table.torch_total:,} (two biases a gate)"
    return f"{layer} would store {table.torch_total:,} (two biases a gate)"
