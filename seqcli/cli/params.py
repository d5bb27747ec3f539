"""`seqcli params`: what a network holds, part by part, before anything is trained or read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from seqcli import kinds
from seqcli.cli.console import answer, answer_json, out, say
from seqcli.cli.options import described, model_path, overrides
from seqcli.errors import ConfigError
from seqcli.kinds import KINDS
from seqcli.kinds.spec import Spec
from seqcli.settings import sections
from seqcli.settings.counting import FORMULAS, Sizes, fit_budget
from seqcli.settings.sections import Embedding
from seqcli.settings.table import Shape, Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

ROW_KEYS = ("name", "output", "formula", "parameters")
SUFFIXES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}

Cell = Annotated[str | None, typer.Argument(help=f"Recurrent cell: {', '.join(FORMULAS)}.")]
Hidden = Annotated[
    str | None, typer.Option(metavar="N[,N...]", help="Units, one number a layer.  [default: 128]")
]
Layers = Annotated[
    int | None, typer.Option(help="Number of layers, of one hidden size.  [default: 1]")
]
Bidirectional = Annotated[
    bool | None, typer.Option(help="Read in both directions.  [default: no-bidirectional]")
]
Merge = Annotated[
    str | None,
    typer.Option(help="How directions join: concat, sum, mul or ave.  [default: concat]"),
]
Bias = Annotated[
    bool | None, typer.Option(help="Give the recurrent layers a bias.  [default: bias]")
]
ResetAfter = Annotated[
    bool | None, typer.Option(help="Reset a GRU after the product.  [default: reset-after]")
]
Inputs = Annotated[
    int | None, typer.Option("--input", help="Numbers read at each step.  [default: none]")
]
Vocab = Annotated[
    int | None, typer.Option(help="Number of words, read instead of --input.  [default: none]")
]
Embed = Annotated[
    int | None, typer.Option(help="Embedding size with --vocab; 0 is one-hot.  [default: 64]")
]
Dense = Annotated[
    str | None, typer.Option(metavar="N[,N...]", help="Dense layers on top.  [default: none]")
]
Outputs = Annotated[
    int | None,
    typer.Option(help="Number of labels; 1 is a single logit.  [default: no output layer]"),
]
Kind = Annotated[
    str | None, typer.Option(help="Kind of model.  [default: the first that knows all options]")
]
Tied = Annotated[
    bool | None,
    typer.Option(help="Share the embedding's weights with the output.  [default: no-tied]"),
]
Time = Annotated[
    int | None, typer.Option(help="Number of steps, for shapes and memory.  [default: open]")
]
Batch = Annotated[
    int | None, typer.Option(help="Number of sequences, for shapes and memory.  [default: open]")
]
TaskName = Annotated[
    str | None, typer.Option(help="Count a task's network: a name or FILE.toml.  [default: none]")
]
Preset = Annotated[str | None, typer.Option(help="Variant within the task.  [default: none]")]
ModelFile = Annotated[
    str | None, typer.Option(metavar="FILE.pt", help="Count a saved model.  [default: none]")
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="N[K|M|G]", help="Find the largest hidden size within it.  [default: none]"
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="Give any other setting.  [default: none]"
    ),
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
    """Count a network's parameters by formula, without training it.

    \b
    Examples:
      seqcli params lstm --hidden 12 --input 30
      seqcli params lstm --layers 2 --vocab 10000 --tied --budget 20M --json
    """
    flags = {"cell": cell, "hidden": hidden, "layers": layers, "bidirectional": bidirectional}
    flags |= {"merge": merge, "bias": bias, "reset_after": reset_after, "embed": embed}
    flags |= {"dense": dense, "tied": tied}
    given = overrides({f"model.{key}": value for key, value in flags.items()}, settings or [])
    sizes = Sizes(vocab, inputs, outputs, time, batch)
    if model is not None:
        if given or task or preset or kind or sizes != Sizes(time=time, batch=batch):
            raise ConfigError(
                "--model takes the whole network from its file",
                "leave the cell, its options, --task and --preset away",
            )
        network = _from_file(model_path(model), sizes)
    elif task is not None:
        if kind is not None:
            raise ConfigError("--kind cannot be joined with --task", "the task file names its kind")
        network = _from_task(task, preset or "", given, sizes)
    elif preset is not None:
        raise ConfigError("--preset needs a task", f"give --task NAME --preset {preset}")
    else:
        network = _from_options(given, sizes, kind)
    if budget is not None:
        network = _fitted(network, _number(budget), given.get("model", {}))
    found = network.model.hidden[0] if budget else None
    _answer(network.table(), found, network.sizes, as_json)


class _Network(NamedTuple):
    """A network, what stands around it, and the kind of model it belongs to."""

    spec: Spec
    model: Any  # of the kind's own section
    sizes: Sizes

    def table(self) -> Table:
        return self.spec.count(self.model, self.sizes)


Overrides = Mapping[str, Mapping[str, Any]]


def _from_options(given: Overrides, sizes: Sizes, kind: str | None) -> _Network:
    model = given.get("model", {})
    if "cell" not in model:
        names = ", ".join(FORMULAS)
        raise ConfigError("no cell given", f"one of: {names}; or --task NAME, or --model FILE")
    if "embed" in model and sizes.vocabulary is None:
        raise ConfigError("--embed needs the number of words", "give --vocab V")
    spec = kinds.chosen({**given, "kind": kind}) if kind else _first_that_knows(given)
    table = kinds.heading(spec)
    for section, values in given.items():
        table[section] = {**table.get(section, {}), **values}
    return _Network(spec, kinds.parts(table).model, sizes)


def _first_that_knows(given: Overrides) -> Spec:
    """The first kind with all of these settings; where there is none, the first of all."""
    for spec in KINDS.values():
        if all(kinds.has(spec, name, key) for name, values in given.items() for key in values):
            return spec
    return next(iter(KINDS.values()))


def _from_task(name: str, preset: str, given: Overrides, sizes: Sizes) -> _Network:
    from seqcli.tasks import taskfile

    task = taskfile.resolve(name, preset, given)
    if any(fit.settings.get("model") for fit in task.fits):
        say(f"for other amounts of data the network is another: seqcli train --list {name}")
    expected = {key: size for key, size in vars(task.expected.sizes).items() if size is not None}
    known = {key: size for key, size in vars(sizes).items() if size is not None}
    return _Network(kinds.spec_of(task.config), task.config.model, Sizes(**{**expected, **known}))


def _from_file(path: Path, sizes: Sizes) -> _Network:
    record, spec = described(path, quiet=True)
    found = replace(spec.sizes(record["learned"]), time=sizes.time, batch=sizes.batch)
    return _Network(spec, kinds.read(record["config"]).model, found)


def _fitted(network: _Network, budget: int, given: Mapping[str, Any]) -> _Network:
    """The largest network within the budget; a size to be found cannot be given as well."""
    if not isinstance(network.model, sections.Layers):
        raise ConfigError(f"--budget finds a hidden size, which {network.spec.title} does not have")
    tied = isinstance(network.model, Embedding) and network.model.tied_embedding
    for key in ("hidden", "embed") if tied else ("hidden",):
        if key in given:
            raise ConfigError(f"--budget finds the {key} size", f"leave --{key} or --budget away")

    def table(model: sections.Layers) -> Table:
        return network._replace(model=model).table()

    return network._replace(model=fit_budget(budget, network.model, table))


def _number(text: str) -> int:
    """`20M` as 20,000,000."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMG]?)", text.strip().upper())
    if not match:
        raise ConfigError(
            f"--budget {text}: a number of parameters expected", "for example 500K, 20M or 1.5G"
        )
    return round(Decimal(match[1]) * SUFFIXES[match[2]])


def _answer(table: Table, found: int | None, sizes: Sizes, as_json: bool) -> None:
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


def _print(table: Table, found: int | None, sizes: Sizes) -> None:
    """The table and what follows from it, for a person."""
    if found is not None:
        answer(f"The largest hidden size within the budget is {found:,}.")
    out().print(_grid(table))
    for line in _legend(table, sizes):
        answer(line)
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


def _legend(table: Table, sizes: Sizes) -> list[str]:
    """What the letters and the formulas of the recurrent layers above stand for."""
    letters = [
        f"{letter} {what}"
        for letter, what, size in (
            ("B", "sequences in a batch", sizes.batch),
            ("T", "steps", sizes.time),
        )
        if size is None
    ]
    lines = [f"output: {', '.join(letters)}"] if letters else []
    if table.states:
        lines.append(
            "formula: [directions *] [gates *] (units*(inputs + units) + biases of a gate)"
        )
    return lines


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
