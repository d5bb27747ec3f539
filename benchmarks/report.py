"""results.json as results.md, a picture, and the README's table: `python benchmarks/report.py`."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rows import OURS, Row, figure

HERE = Path(__file__).parent
RESULTS, PAGE, PLOT = HERE / "results.json", HERE / "results.md", HERE / "results.png"
README = HERE.parent / "README.md"
MARKED = re.compile(r"(?<=<!-- bench -->\n).*?(?=<!-- /bench -->)", re.S)
SHORT = ("ptb", "imdb", "trained", "classify", "sampling", "startup")
DETAILS = ("memory", "file", "macro-F1", "warm")
HEAD = """\
<!-- Written by benchmarks/report.py out of results.json; a test compares the two. -->

# Measured beside the peers

    SEQCLI_DATA=… make bench              # everything, an hour and a quarter
    make bench ROWS=ptb,startup           # some of it; the rest of this page stays

A set of tables for each kind of processor, by the instructions that its products take; a run adds
to those of the processor it runs on. Where the environment holds a library below what the processor
has (`ONEDNN_MAX_CPU_ISA`, `ATEN_CPU_CAPABILITY`), that is a kind of its own, and its name says so.

Medians, with the range in parentheses where there were several rounds. Programs take turns, so
that a ratio is of one moment; above 1 seqcli is ahead. Beside an accuracy it is that of the errors.

![Ratios](results.png)
"""
HEADINGS = "| | seqcli | beside it | | ratio | goal |\n|---|---|---|---|---|---|\n"


def rows(group: dict[str, Any]) -> list[Row]:
    """The rows of one file."""
    return [Row(**row) for row in group["rows"]]


def spread(values: Sequence[float]) -> str:
    """The median, and the range."""
    middle = figure(statistics.median(values))
    if min(values) == max(values):
        return middle
    return f"{middle} ({figure(min(values))}–{figure(max(values))})"


def lines(row: Row) -> Iterator[str]:
    """A line of the table for each program beside seqcli."""
    ours = spread(row.values[OURS]) if OURS in row.values else ""
    goal = f"≤ {row.limit:g} {row.unit}" if row.limit else f"{row.target:g} ×" if row.target else ""
    first = f"| {row.name}, {row.unit} | {ours} |"
    for name, values in row.values.items():
        if name == OURS:
            continue
        ratio = spread(row.ratios(name)) if name in row.others and ours else ""
        yield f"{first} {name} | {spread(values)} | {ratio} | {goal} |"
        first, goal = "| | |", ""
    if list(row.values) == [OURS]:
        yield f"{first} | | | {goal} |"


def table(found: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    return HEADINGS + "\n".join(line for row in found for line in lines(row)) + "\n"


def page(results: dict[str, Any]) -> str:
    """results.md."""
    parts = [HEAD]
    for processor, groups in results.items():
        parts.append(f"## {processor}\n")
        for name, group in groups.items():
            parts.append(
                f"### {name}, {processor}\n\n{group['about']}\n\n`make bench ROWS={name}`, "
                f"{group['when']}; {group['data']}; {group['machine']}.\n\n{table(rows(group))}"
            )
    return "\n".join(parts)


def told(groups: dict[str, Any]) -> dict[str, Any]:
    """What the README tells of one kind of processor."""
    return {name: groups[name] for name in SHORT if name in groups}


def short(groups: dict[str, Any]) -> dict[str, Row]:
    """Its rows there, by their first cell."""
    found = [row for group in told(groups).values() for row in rows(group)]
    chosen = [row for row in found if not any(word in row.name for word in DETAILS)]
    return {f"{row.name}, {row.unit}": row for row in chosen}


def cell(row: Row | None, name: str) -> str:
    """Medians of seqcli and of one program beside it, and the ratio's; empty where not measured."""
    if row is None or name not in row.values:
        return ""
    both = [figure(statistics.median(row.values[program])) for program in (OURS, name)]
    ratio = f", {figure(statistics.median(row.ratios(name)))} ×" if name in row.others else ""
    return f"{both[0]} : {both[1]}{ratio}"


def merged(machines: Iterable[str]) -> list[str]:
    """Each once, with the packages that were installed for any of its rows."""
    found: dict[str, dict[str, None]] = {}
    for machine in machines:
        cores, *packages = machine.split(", ")
        found.setdefault(cores, {}).update(dict.fromkeys(packages))
    return [", ".join([cores, *packages]) for cores, packages in found.items()]


def summary(results: dict[str, Any]) -> str:
    """The README's part: a column for each kind of processor."""
    found = {
        processor: chosen for processor, groups in results.items() if (chosen := short(groups))
    }
    names: dict[str, list[str]] = {}  # of the programs beside seqcli, by row
    for by_row in found.values():
        for first, row in by_row.items():
            known = names.setdefault(first, [])
            known += [name for name in row.values if name not in (OURS, *known)]
    lines = [f"| | beside it | {' | '.join(found)} |", "|---" * (2 + len(found)) + "|"]
    for first, programs in names.items():
        for place, name in enumerate(programs):
            cells = [cell(by_row.get(first), name) for by_row in found.values()]
            lines.append(f"| {'' if place else first} | {name} | {' | '.join(cells)} |")
    machines = [
        f"- {processor}: {machine}"
        for processor in found
        for machine in merged(one["machine"] for one in told(results[processor]).values())
    ]
    return "\n" + "\n".join([*machines, "", *lines]) + "\n\n"


def plot(results: dict[str, Any], path: Path = PLOT) -> None:
    """How many times better, by processor, row and program; median and range."""
    from matplotlib.figure import Figure

    panels = {processor: points(groups) for processor, groups in results.items()}
    counts = [1 + len(found) for found in panels.values()]
    drawn = Figure(figsize=(9, 0.5 * len(counts) + 0.2 * sum(counts)), layout="constrained")
    axes = drawn.subplots(len(panels), sharex=True, squeeze=False, height_ratios=counts)[:, 0]
    for panel, (processor, found) in zip(axes, panels.items(), strict=True):
        panel.set_title(processor, fontsize=9)
        draw(panel, found)
    axes[-1].set_xlabel("times better than the other program")
    drawn.savefig(path, dpi=120)


def points(groups: dict[str, Any]) -> list[tuple[str, list[float]]]:
    """Ratios of one kind of processor, the last row first."""
    return [
        (f"{row.name}  vs  {name}", row.ratios(name))
        for group, found in groups.items()
        if group != "floors"
        for row in rows(found)
        for name in row.others
        if OURS in row.values
    ][::-1]


def draw(axes: Any, found: Sequence[tuple[str, list[float]]]) -> None:
    """A line for each ratio."""
    for place, (_, ratios) in enumerate(found):
        middle = statistics.median(ratios)
        color = "tab:blue" if middle >= 1 else "tab:orange"
        axes.plot([min(ratios), max(ratios)], [place, place], color=color, linewidth=1)
        axes.plot(middle, place, "o", color=color, markersize=4)
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set_yticks(range(len(found)), [name for name, _ in found], fontsize=7)
    axes.set(xscale="log", ylim=(-1, len(found)))
    ticks = (0.1, 0.25, 0.5, 1, 2, 4, 10, 50)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="x", linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def write() -> None:
    """All three."""
    results = json.loads(RESULTS.read_text("utf-8"))
    PAGE.write_text(page(results), encoding="utf-8")
    plot(results)
    text = README.read_text("utf-8")
    README.write_text(MARKED.sub(lambda _: summary(results), text), encoding="utf-8")


if __name__ == "__main__":
    write()
