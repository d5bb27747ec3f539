"""What there is to train: `seqcli train --list`, a line a preset, and `--list NAME`, all of one."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

from seqcli.cli.console import answer, answer_json, out, safe

if TYPE_CHECKING:
    from seqcli.tasks.taskfile import Task

INDENT = 12  # columns, of the text beside a name


def show(name: str | None, as_json: bool) -> None:
    """All bundled tasks, or with `name` (or FILE.toml) that one and its presets in full.

    Errors: as `taskfile.resolve`.
    """
    from seqcli.tasks.taskfile import names, resolve

    rows = []
    for task in map(resolve, names() if name is None else [name]):
        rows += [task, *(resolve(name or task.name, preset) for preset in task.presets)]
    if as_json:
        answer_json([_record(row) for row in rows])
    elif name is None:
        _print(rows)
    else:
        width = out().width
        for number, row in enumerate(rows):
            for line in ([""] if number else []) + _lines(row, width):
                answer(safe(line))


def _record(task: Task) -> dict[str, Any]:
    about = task.about
    return {
        "task": task.name,
        "preset": task.preset or None,
        "kind": task.config.kind,
        "title": about.title,
        "data": about.source,
        "figure": about.figure,
        "time": about.time,
        "fits": [fit.plain for fit in task.fits],
        "timed": task.timed,
    }


def _print(rows: list[Task]) -> None:
    """A line a preset; what the terminal has no room for ends in an ellipsis."""
    from seqcli.cli.tables import cut

    cells = [("task", "preset", "figure", "what")]
    for row in rows:
        # of "test accuracy 0.832 (mean of seeds 1 to 3, …)" the figure itself
        figure = re.split(r"[,;:(]", row.about.figure)[0].strip()
        cells.append((row.name, row.preset, figure, row.about.title))
    sizes = [max(map(len, column)) for column in list(zip(*cells, strict=True))[:3]]
    for line in cells:
        text = "  ".join([*map(str.ljust, line[:3], sizes), line[3]]).rstrip()
        answer(cut(safe(text), out().width))
    answer("\nkind, data, time and command of one: seqcli train --list NAME")


def _lines(task: Task, width: int) -> list[str]:
    """All that a task file says of a task, or a preset, for a person."""
    from seqcli.tasks.fits import told

    about = task.about
    head = f"{task.name}, preset {task.preset}" if task.preset else task.name
    said = {
        "what": about.title,
        "kind": task.config.kind,
        "data": about.source,
        "sample": about.sample_note and f"{about.sample_note}, synthetic, without --data",
        "figure": about.figure,
        "published": about.published,
        "time": about.time,
        "command": about.command,
    }
    rows = [("fit", f"{fit.limit.reach} to train on: {fit.told}") for fit in task.fits]
    if task.timed:
        rows.append(("timed", f"where --max-time is given: {told(task.timed)}"))
    lines = [head]
    for name, text in [*said.items(), *rows]:
        if text:
            room = max(width - INDENT, 20) if name != "command" else len(text)  # to be copied
            first, *rest = textwrap.wrap(text, room)
            lines += [f"  {name:<{INDENT - 2}}{first}", *(" " * INDENT + more for more in rest)]
    return lines
