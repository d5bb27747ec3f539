"""`seqcli train`: options in, a Job out, events shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, out, safe, say
from seqcli.errors import ConfigError
from seqcli.interrupts import Interrupted, interrupts

if TYPE_CHECKING:
    from seqcli.runs.job import Job
    from seqcli.settings.taskfile import Task

KEEP = "[default: the task's]"
TaskName = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE.toml", help="What to train; --list shows them.  [required]"),
]
Preset = Annotated[str | None, typer.Option(help="Variant within the task.  [default: none]")]
List = Annotated[bool, typer.Option("--list", help="List tasks and presets.  [default: no]")]
Data = Annotated[
    str | None, typer.Option(metavar="PATH", help="File or folder.  [default: bundled sample]")
]
SkipUnlabeled = Annotated[
    bool | None,
    typer.Option("--skip-unlabeled/--no-skip-unlabeled", help=f"Leave them out.  {KEEP}"),
]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE.pt", help="Where to write.  [default: <task>.pt]"),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an earlier run.  [default: no]")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with it.  [default: no]")]
AllowChanged = Annotated[
    bool, typer.Option("--allow-changed-data", help="Resume on data that changed.  [default: no]")
]
InitFrom = Annotated[
    str | None,
    typer.Option(metavar="FILE.pt", help="Start from another model's weights.  [default: none]"),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Any other setting.  [default: none]"),
]
Cell = Annotated[str | None, typer.Option(help=f"rnn, lstm or gru.  {KEEP}")]
Hidden = Annotated[
    str | None, typer.Option(metavar="N[,N...]", help=f"Units, one number a layer.  {KEEP}")
]
Layers = Annotated[int | None, typer.Option(help=f"Layers of one hidden size.  {KEEP}")]
Embed = Annotated[int | None, typer.Option(help=f"Embedding size, 0 = one-hot.  {KEEP}")]
Bidirectional = Annotated[bool | None, typer.Option(help=f"Read in both directions.  {KEEP}")]
Merge = Annotated[str | None, typer.Option(help=f"concat, sum, mul or ave.  {KEEP}")]
Dropout = Annotated[float | None, typer.Option(help=f"On every layer's input.  {KEEP}")]
RecurrentDropout = Annotated[float | None, typer.Option(help=f"On the state.  {KEEP}")]
Vectors = Annotated[
    str | None, typer.Option(metavar="FILE", help=f"Word vectors, GloVe's text format.  {KEEP}")
]
FreezeVectors = Annotated[
    bool | None, typer.Option("--freeze-vectors/--tune-vectors", help=f"Keep them.  {KEEP}")
]
Epochs = Annotated[int | None, typer.Option(help=f"Passes over the data.  {KEEP}")]
MaxSteps = Annotated[int | None, typer.Option(help=f"Stop after this many updates.  {KEEP}")]
BatchSize = Annotated[int | None, typer.Option(help=f"Sequences an update.  {KEEP}")]
Rate = Annotated[float | None, typer.Option("--lr", help=f"Learning rate.  {KEEP}")]
Optimizer = Annotated[str | None, typer.Option(help=f"sgd, adam, adamw or rmsprop.  {KEEP}")]
Clip = Annotated[float | None, typer.Option(help=f"Largest gradient norm.  {KEEP}")]
OnNan = Annotated[
    str | None,
    typer.Option(help=f"Loss not a number: stop, or rollback and halve the rate.  {KEEP}"),
]
ClassWeight = Annotated[str | None, typer.Option(help=f"none or balanced.  {KEEP}")]
Patience = Annotated[int | None, typer.Option(help=f"Epochs without gain, 0 = all.  {KEEP}")]
MaxTime = Annotated[
    str | None, typer.Option(metavar="10m", help="End, annealed, after this time.  [default: none]")
]
Precision = Annotated[str | None, typer.Option(help=f"auto, fp32 or bf16.  {KEEP}")]
Deterministic = Annotated[
    bool | None, typer.Option("--deterministic", help=f"Same bits on every run.  {KEEP}")
]
Seed = Annotated[int | None, typer.Option(help="Of splits and training.  [default: 1]")]


def train(
    task: TaskName = None,
    preset: Preset = None,
    list_tasks: List = False,
    data: Data = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    skip_unlabeled: SkipUnlabeled = None,
    encoding: options.Encoding = None,
    output: Out = None,
    force: Force = False,
    resume: Resume = False,
    allow_changed_data: AllowChanged = False,
    init_from: InitFrom = None,
    cell: Cell = None,
    hidden: Hidden = None,
    layers: Layers = None,
    embed: Embed = None,
    bidirectional: Bidirectional = None,
    merge: Merge = None,
    dropout: Dropout = None,
    recurrent_dropout: RecurrentDropout = None,
    vectors: Vectors = None,
    freeze_vectors: FreezeVectors = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    max_time: MaxTime = None,
    batch_size: BatchSize = None,
    lr: Rate = None,
    optimizer: Optimizer = None,
    clip: Clip = None,
    on_nan: OnNan = None,
    class_weight: ClassWeight = None,
    patience: Patience = None,
    precision: Precision = None,
    deterministic: Deterministic = None,
    seed: Seed = None,
    settings: Settings = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a model for a task, on your data or on the bundled sample.

    \b
    Examples:
      seqcli train --task spam
      seqcli train --task text --data reviews.csv --text-column text --label-column label
    """
    if list_tasks:
        _list_tasks(as_json)
        return
    if task is None:
        raise ConfigError("--task is missing", "seqcli train --list shows the tasks")
    if resume and force:
        raise ConfigError("--resume goes on with a run, --force overwrites it: give one of them")
    if allow_changed_data and not resume:
        raise ConfigError("--allow-changed-data goes with --resume")
    if data is not None and any(text.startswith("data.path=") for text in settings or []):
        raise ConfigError("--data and --set data.path name the same thing: give one of them")
    if hidden is not None and "," in hidden and layers is None:
        layers = len(hidden.split(","))
    flags: dict[str, object] = {
        "data.text_column": text_column,
        "data.label_column": label_column,
        "data.skip_unlabeled": skip_unlabeled,
        "data.encoding": encoding,
        "model.cell": cell,
        "model.hidden": hidden,
        "model.layers": layers,
        "model.embed": embed,
        "model.bidirectional": bidirectional,
        "model.merge": merge,
        "model.dropout": dropout,
        "model.recurrent_dropout": recurrent_dropout,
        "model.vectors": None if vectors is None else os.path.abspath(vectors),
        "model.freeze_vectors": freeze_vectors,
        "train.epochs": epochs,
        "train.max_steps": max_steps,
        "train.max_time": options.seconds(max_time, "--max-time"),
        "train.batch_size": batch_size,
        "train.lr": lr,
        "train.optimizer": optimizer,
        "train.clip": clip,
        "train.on_nan": on_nan,
        "train.class_weight": class_weight,
        "train.patience": patience,
        "train.precision": precision,
        "train.deterministic": deterministic,
        "train.seed": seed,
    }
    from seqcli.settings.taskfile import resolve, with_data

    chosen = resolve(task, preset or "", options.overrides(flags, settings or []))
    path, sample = _data_of(chosen, data)
    chosen = with_data(chosen, path)
    model = Path(_default_name(chosen)) if output is None else options.existing(output, "--out")
    _refuse_inputs(
        model, {"--data": path, "--task": task, "--vectors": vectors, "--init-from": init_from}
    )
    if init_from is not None:
        options.described(options.existing(init_from, "--init-from"))
    with interrupts.at_once():
        from seqcli.runs.job import Job

    job = Job(
        chosen,
        path,
        sample,
        model,
        device=device,
        threads=threads,
        force=force,
        resume=resume,
        allow_changed_data=allow_changed_data,
        init_from=None if init_from is None else options.existing(init_from, "--init-from"),
    )
    _train(job, quiet, as_json)


def _train(job: Job, quiet: bool, as_json: bool) -> None:
    from seqcli.cli.progress import Display
    from seqcli.machine.distributed import launched
    from seqcli.runs.folder import RunFolder
    from seqcli.runs.run import Finished, run

    first = launched().first  # of several ranks, the others are silent but for their errors
    with Display(job, quiet or not first) as display:
        try:
            for event in run(job):
                display.show(event)
                if isinstance(event, Finished) and as_json:
                    answer_json(event.result)
        except Interrupted:
            display.stop()
            if not first:
                raise
            if RunFolder(job.out).last.exists():
                instead = " instead of --force" if job.force else ""
                say(f"interrupted; all is saved. To go on: the same command with --resume{instead}")
            else:
                say("interrupted before there was anything to save")
            raise


def _data_of(task: Task, data: str | None) -> tuple[Path, bool]:
    """The data to train on, and whether it is the bundled sample."""
    from seqcli.settings.taskfile import sample_path

    if data == "-":
        raise ConfigError("--data - : training reads its data more than once", "save it to a file")
    if data is not None:
        return options.existing(data, "--data"), False
    if task.config.data.path:
        return Path(task.config.data.path), False
    if task.about.sample:
        return sample_path(task.about.sample), True
    raise ConfigError(
        f"task {task.name} has no data of its own", "--data PATH names a file or folder"
    )


def _refuse_inputs(model: Path, inputs: dict[str, str | Path | None]) -> None:
    """No file that the run reads may be the one it writes, not even with --force."""
    for option, path in inputs.items():
        if path is not None and os.path.realpath(path) == os.path.realpath(model):
            raise ConfigError(
                f"--out {model} is what {option} reads", "--out FILE.pt goes elsewhere"
            )


def _default_name(task: Task) -> str:
    return f"{task.name}-{task.preset}.pt" if task.preset else f"{task.name}.pt"


def _list_tasks(as_json: bool) -> None:
    from seqcli.settings.taskfile import names, resolve

    tasks = [resolve(name) for name in names()]
    rows = [variant for task in tasks for variant in (task, *_presets(task))]
    if as_json:
        answer_json(
            [
                {
                    "task": row.name,
                    "preset": row.preset or None,
                    "kind": row.config.kind,
                    "title": row.about.title,
                    "data": row.about.source,
                    "figure": row.about.figure,
                    "time": row.about.time,
                }
                for row in rows
            ]
        )
        return
    from rich.table import Table

    table = Table("task", "preset", "kind", "what", "figure", "time", box=None, pad_edge=False)
    for row in rows:
        about = row.about
        cells = (row.name, row.preset, row.config.kind, about.title, about.figure, about.time)
        table.add_row(*(safe(cell) for cell in cells))
    out().print(table)
    answer("")
    for task in tasks:
        answer(f"{task.name}: {task.about.source}")


def _presets(task: Task) -> list[Task]:
    from seqcli.settings.taskfile import resolve

    return [resolve(task.name, preset) for preset in task.presets]
