"""results.json as results.md, a picture, and the README's table: `python benchmarks/report.py`."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator, Sequence
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
    for name, group in results.items():
        parts.append(
            f"## {name}\n\n{group['about']}\n\n`make bench ROWS={name}`, {group['when']}; "
            f"{group['data']}; {group['machine']}.\n\n{table(rows(group))}"
        )
    return "\n".join(parts)


def summary(results: dict[str, Any]) -> str:
    """The README's part."""
    told = [results[name] for name in SHORT if name in results]
    found = [row for group in told for row in rows(group)]
    short = [row for row in found if not any(word in row.name for word in DETAILS)]
    machines = "; ".join({group["machine"]: "" for group in told})
    return f"\n{machines}:\n\n{table(short)}\n"


def plot(results: dict[str, Any], path: Path = PLOT) -> None:
    """How many times better, by row and program; median and range."""
    from matplotlib.figure import Figure

    points = [
        (f"{row.name}  vs  {name}", row.ratios(name))
        for group, found in results.items()
        if group != "floors"
        for row in rows(found)
        for name in row.others
        if OURS in row.values
    ][::-1]
    drawn = Figure(figsize=(9, 0.5 + 0.2 * len(points)), layout="constrained")
    axes = drawn.subplots()
    for place, (_, ratios) in enumerate(points):
        middle = statistics.median(ratios)
        color = "tab:blue" if middle >= 1 else "tab:orange"
        axes.plot([min(ratios), max(ratios)], [place, place], color=color, linewidth=1)
        axes.plot(middle, place, "o", color=color, markersize=4)
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set_yticks(range(len(points)), [name for name, _ in points], fontsize=7)
    axes.set(xscale="log", xlabel="times better than the other program", ylim=(-1, len(points)))
    ticks = (0.1, 0.25, 0.5, 1, 2, 4, 10, 50)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="x", linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    drawn.savefig(path, dpi=120)


def write() -> None:
    """All three."""
    results = json.loads(RESULTS.read_text("utf-8"))
    PAGE.write_text(page(results), encoding="utf-8")
    plot(results)
    text = README.read_text("utf-8")
    README.write_text(MARKED.sub(lambda _: summary(results), text), encoding="utf-8")


if __name__ == "__main__":
    write()
