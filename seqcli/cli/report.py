"""Words about runs and their figures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqcli.cli.overfitting import few_updates
from seqcli.kinds import spec_of
from seqcli.kinds.spec import Figure, Spec, next_command
from seqcli.machine.distributed import launched
from seqcli.runs.folder import RunFolder
from seqcli.training.evaluation import SCORED
from seqcli.training.loop import running

if TYPE_CHECKING:
    from seqcli.runs.job import Job
    from seqcli.runs.run import Finished, Started
    from seqcli.runs.session import Refitting


def figures_text(spec: Spec, figures: Mapping[str, Any]) -> str:
    """The figures that belong on one line."""
    shown = [figure for figure in spec.figures if figure.line and _there(figure, figures)]
    return " ".join(figure.line.format(figures[figure.name]) for figure in shown)


def short_text(spec: Spec, figures: Mapping[str, Any]) -> str:
    """The same for a line of 80 columns: one figure, the last that is known, beside the loss."""
    shown = [figure for figure in spec.figures if figure.short and _there(figure, figures)]
    both = dict.fromkeys([*shown[:1], *shown[-1:]])
    return " ".join(figure.short.format(figures[figure.name]) for figure in both)


def _there(figure: Figure, figures: Mapping[str, Any]) -> bool:
    return isinstance(figures.get(figure.name), (int, float))


def duration(seconds: float) -> str:
    """4.2 s, 3:05, 2:10:00."""
    if not seconds < 360000:
        return "-"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def start_lines(job: Job, event: Started) -> list[str]:
    """What will be trained: data, splits, model, device."""
    task, prepared, train = job.task, event.prepared, job.task.config.train
    name = f"{task.name}, preset {task.preset}" if task.preset else task.name
    lines = [f"task {name}: {task.about.title}" if task.about.title else f"task {name}"]
    if job.sample:
        lines.append(f"data: bundled synthetic sample, {task.about.sample_note};")
        lines.append("      --data PATH for your own")
        if task.about.source:
            lines.append(f"      the real data: {task.about.source}")
    else:
        lines.append(f"data: {job.data}")
        if any(letter.isdigit() for letter in task.about.figure):
            lines.append(f"      known of the task's own data: {task.about.figure}")
    sizes = ", ".join(f"{name} {size:,}" for name, size in prepared.sizes.items())
    lines.append(f"splits: {sizes} {prepared.unit}")
    lines += prepared.notes
    width = max(len(row.name) for row in event.table.rows)
    lines.append("model:")
    lines += [
        f"  {row.name:<{width}}  {row.parameters:>12,}  {row.formula}" for row in event.table.rows
    ]
    frozen = event.table.total - event.table.trainable
    note = f" ({frozen:,} frozen)" if frozen else ""
    lines.append(f"  {'total':<{width}}  {event.table.total:>12,}  parameters{note}")
    runtime = event.runtime
    threads = ""
    if runtime.device.type == "cpu":
        threads = f", {runtime.threads} thread" + "s" * (runtime.threads > 1)
        threads += " that share each batch" if runtime.team else ""
    lines.append(f"device: {runtime.device}{threads}, {runtime.policy}, seed {train.seed}")
    few = few_updates(event.batches, train)
    return lines + list(event.notes) + ([few] if few else [])


def refit_line(event: Refitting) -> str:
    """What the last pass is."""
    return (
        f"refit: anew for {_epochs(event.epochs)} on the {event.rows:,} rows of training and "
        "validation; figures of validation stay those from before"
    )


def finish_lines(job: Job, event: Finished) -> list[str]:
    """How long it took, and the best epoch."""
    if event.already:
        return ["nothing to do: this run is complete"]
    result, best = event.result, event.result["best"]
    select = job.task.config.train.select
    chosen = "the last" if select == "last" else f"best epoch {best['epoch']}, by {best['metric']}"
    if "refit" in result:
        chosen += ", refitted with the rows of validation"
    lines = [f"done in {duration(result['seconds'])}, {_epochs(result['epochs'])}: kept {chosen}"]
    if event.why == "time":
        published = "; not the published schedule" if job.task.about.published else ""
        lines.append(f"cut short by --max-time{published}")
    return lines


def result_lines(job: Job, event: Finished) -> list[str]:
    """What a run gives: the figures of its model by split, the label it is worst at, the model."""
    spec, lines, worst = spec_of(job.task.config), [], ""
    for name in SCORED:
        figures = event.result.get(name)
        if isinstance(figures, dict):
            lines.append(f"{name}: {_last_text(spec, figures)}")
            worst = _worst(spec.worst, name, figures)
    return [*lines, *([worst] if worst else []), f"model: {event.folder.model}"]


def after_lines(event: Finished) -> list[str]:
    """Where the other files are, what to type next."""
    if event.already:
        return []
    lines = [f"run:   {event.folder.path} (log, settings, pictures)"]
    last = event.folder.last
    if last.exists():
        lines.append(
            f"state: {last} ({_megabytes(last.stat().st_size)}; for --resume, else to be deleted)"
        )
    heads = ("next: ", *["      "] * len(event.next_commands))
    return lines + [
        f"{head} seqcli {command}"
        for head, command in zip(heads, event.next_commands, strict=False)
    ]


def _megabytes(size: int) -> str:
    """1.2 MB, 340 MB; 0.1 MB at least."""
    millions = max(size / 1e6, 0.1)
    return f"{millions:,.0f} MB" if millions >= 10 else f"{millions:.1f} MB"


def _last_text(spec: Spec, figures: Mapping[str, Any]) -> str:
    """Figures as the last words of a run have them."""
    forms = {one: one.line if one.last is None else one.last for one in spec.figures}
    shown = [one for one, form in forms.items() if form and _there(one, figures)]
    return " ".join(forms[one].format(figures[one.name]) for one in shown)


def _worst(figure: Figure, split: str, figures: Mapping[str, Any]) -> str:
    """The label that is worst by a figure, among those that occur; "" without several."""
    rows = (figures.get("per_label") or {}).items()
    sign = -1 if figure.lower_is_better else 1
    found = [
        (sign * row[figure.name], label, row)
        for label, row in rows
        if row["support"] and figure.name in row
    ]
    if len(found) < 2:
        return ""
    _, label, row = min(found, key=lambda one: one[:2])
    count = f"{row['support']:,} example" + "s" * (row["support"] != 1)
    return f"worst label: {label} ({figure.line.format(row[figure.name])}, {count} in {split})"


def interrupted_lines(job: Job, started: Started | None) -> list[str]:
    """How far the run was when it was stopped, how to go on, and what to try it with.

    `started`: None where it was stopped while it read its data.
    """
    folder = RunFolder(job.out)
    again = f"to go on: seqcli train --resume {shlex.quote(str(folder.path))}"
    if launched().world > 1:
        again = f"to go on: the same command with --resume{' instead of --force' * job.force}"
    if started is None and (job.force or not folder.last.exists()):
        return ["interrupted before there was anything to save"]
    if started is None:
        return ["interrupted before its first step; all is as it was", again]
    state, kind = started.state, started.prepared.kind
    loss = ""
    if state.count:
        loss = f", loss {running(kind, state)['loss']:.4f}"
    elif state.best is not None:
        loss = f", best loss {state.best.figures['loss']:.4f}"
    epoch = f"epoch {max(state.begun, 1)} of {started.job.task.config.train.epochs}"
    model = folder.model if state.best is not None and folder.model.exists() else folder.last
    return [
        f"interrupted in {epoch}, step {state.step:,}{loss}; all is saved",
        again,
        f"to try it: seqcli {next_command(kind.spec, model)}",
    ]


def _epochs(count: int) -> str:
    return f"{count} epoch" + "s" * (count != 1)
