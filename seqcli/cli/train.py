"""`seqcli train`: options in, a Job out, events shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.cli import options
from seqcli.cli.console import answer_json, say
from seqcli.errors import ConfigError, lookup
from seqcli.interrupts import Interrupted, interrupts

if TYPE_CHECKING:
    from seqcli.runs.job import Job
    from seqcli.tasks.taskfile import Task

TaskName = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE.toml", help="What to train; --list shows them.  [required]"),
]
Preset = Annotated[
    str | None, typer.Option(help="Variant within the task; --list shows them.  [default: none]")
]
List = Annotated[
    bool, typer.Option("--list", help="List tasks and presets, or all of one.  [default: no]")
]
Data = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="File or folder to train on.  [default: bundled sample]"),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="FILE.pt", help="Where to write the model.  [default: <task>.pt]"
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an earlier run.  [default: no]")]
Run = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", help="Behind --resume the run to go on with, OUT.run; behind --list a task."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an earlier run.  [default: no]")]
AllowChanged = Annotated[
    bool, typer.Option("--allow-changed-data", help="Resume on data that changed.  [default: no]")
]
KeepState = Annotated[
    str,
    typer.Option(metavar="yes|no", help="Keep last.pt, for --resume, once the run is complete."),
]
InitFrom = Annotated[
    str | None,
    typer.Option(metavar="FILE.pt", help="Start from another model's weights.  [default: none]"),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="Give any other setting.  [default: none]"
    ),
]


@options.with_settings
def train(
    run: Run = None,
    task: TaskName = None,
    preset: Preset = None,
    list_tasks: List = False,
    data: Data = None,
    output: Out = None,
    force: Force = False,
    resume: Resume = False,
    allow_changed_data: AllowChanged = False,
    keep_state: KeepState = "yes",
    init_from: InitFrom = None,
    settings: Settings = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    **given: Any,
) -> None:
    """Train a model for a task, on your data or on the bundled sample.

    \b
    Examples:
      seqcli train --task spam
      seqcli train --task text --data reviews.csv --text-column text --label-column label
    """
    if list_tasks:
        from seqcli.cli import tasklist

        tasklist.show(run or task, as_json)
        return
    _refuse_run(run, {"--task": task, "--preset": preset, "--out": output}, resume)
    if task is None and run is None:
        raise ConfigError("--task is missing", "seqcli train --list shows the tasks")
    lookup({"yes": 1, "no": 0}, keep_state, "value of --keep-state")
    if resume and force:
        raise ConfigError("--resume goes on with a run, --force overwrites it: give one of them")
    if allow_changed_data and not resume:
        raise ConfigError("--allow-changed-data goes with --resume")
    if data is not None and any(text.startswith("data.path=") for text in settings or []):
        raise ConfigError("--data and --set data.path name the same thing: give one of them")
    flags = options.setting_flags(given)
    chosen, path, sample, model = _work(
        run, task, preset, data, output, options.overrides(flags, settings or [])
    )
    vectors = flags.get("model.vectors")
    _refuse_inputs(
        model, {"--data": path, "--task": task, "--vectors": vectors, "--init-from": init_from}
    )
    first = None if init_from is None else options.existing(init_from, "--init-from")
    if first is not None:
        options.described(first, quiet)
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
        keep_state=keep_state == "yes",
        init_from=first,
    )
    _train(job, quiet, as_json)


def _work(
    run: str | None,
    task: str | None,
    preset: str | None,
    data: str | None,
    output: str | None,
    changes: dict[str, dict[str, Any]],
) -> tuple[Task, Path, bool, Path]:
    """What is trained, on which data, whether it is the sample, and where the model goes.

    A run says all of it itself. Errors: ConfigError.
    """
    from seqcli.tasks.taskfile import data_of, resolve, with_data

    if data == "-":
        raise ConfigError("--data - : training reads its data more than once", "save it to a file")
    given = None if data is None else options.existing(data, "--data")
    if run is not None:
        from seqcli.runs.job import begun

        chosen, path, sample, model = begun(options.existing(run, "--resume"), changes)
        if given is not None:
            path, sample = given, False
    else:
        chosen = resolve(task or "", preset or "", changes)
        path, sample = data_of(chosen, given)
        model = Path(_default_name(chosen)) if output is None else options.existing(output, "--out")
    return with_data(chosen, path), path, sample, model


def _train(job: Job, quiet: bool, as_json: bool) -> None:
    from seqcli.cli.progress import Display
    from seqcli.cli.report import interrupted_lines
    from seqcli.machine.device import keep_freed_memory
    from seqcli.machine.distributed import launched
    from seqcli.runs.run import Finished, Started, run

    keep_freed_memory()
    first = launched().first  # of several ranks, the others are silent but for their errors
    started: Started | None = None
    with Display(job, quiet or not first, as_json) as display:
        try:
            for event in run(job):
                display.show(event)
                if isinstance(event, Started):
                    started = event
                elif isinstance(event, Finished) and as_json:
                    answer_json(event.result)
        except Interrupted:
            display.stop()
            for line in interrupted_lines(job, started) if first else ():
                say(line)
            raise


def _refuse_run(run: str | None, given: dict[str, str | None], resume: bool) -> None:
    """A run is named behind --resume, and says itself what it trains. Errors: ConfigError."""
    if run is None:
        return
    if not resume:
        from seqcli.tasks.taskfile import names

        meant = f"--task {run}" if run in names() or run.endswith(".toml") else f"--resume {run}"
        raise ConfigError(f"{run!r}: an option expected", f"did you mean {meant}?")
    for option, value in given.items():
        if value is not None:
            raise ConfigError(f"--resume {run} says itself what {option} is", "leave it out")


def _refuse_inputs(model: Path, inputs: dict[str, str | Path | None]) -> None:
    """No file that the run reads may be the one it writes, not even with --force."""
    for option, path in inputs.items():
        if path is not None and os.path.realpath(path) == os.path.realpath(model):
            raise ConfigError(
                f"--out {model} is what {option} reads", "--out FILE.pt goes elsewhere"
            )


def _default_name(task: Task) -> str:
    return f"{task.name}-{task.preset}.pt" if task.preset else f"{task.name}.pt"
