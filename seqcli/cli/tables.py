"""Tables and lines of figures, as `seqcli eval` shows them in a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, chop_cells
from rich.table import Table
from rich.text import Text

from seqcli.cli.console import safe

if TYPE_CHECKING:
    from seqcli.kinds.abilities import Mistake, Miswritten

MOST_LABELS = 20  # a confusion matrix with more does not fit a terminal
LONGEST_NAME = 20  # columns, of a label beside the matrix
Column = tuple[str, list[str]]  # head, cells


def label_table(per_label: Mapping[str, Any], columns: Sequence[str], head: str = "label") -> Table:
    """Figures per label: those of `columns` that there are."""
    table = Table(head, box=None, pad_edge=False)
    there = [name for name in columns if any(name in row for row in per_label.values())]
    for column in there:
        table.add_column(column, justify="right")
    for label, row in per_label.items():
        table.add_row(safe(label), *(_cell(row.get(name)) for name in there))
    return table


def _cell(value: int | float | None) -> str:
    return f"{value:,}" if type(value) is int else share(value)


def figure_lines(figures: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Figures of the whole split, with intervals where there are any."""
    found = []
    names = [name for name in names if figures.get(name) is not None]
    width = max(map(len, names)) + 2
    for name in names:
        line = f"{name:<{width}} {_figure(name, figures[name])}"
        low, high = figures.get(f"{name}_interval", (None, None))
        known = share(low) != "-"
        found.append(f"{line}  95 % interval {share(low)} to {share(high)}" if known else line)
    return found


def span_lines(span: Mapping[str, Any]) -> list[str]:
    """Figures of spans, strict ones first."""
    names = {"precision": "precision", "recall": "recall", "f1": "f1 (strict)"}
    names |= {"f1_macro": "f1_macro", "f1_lenient": "f1 (lenient)"}
    found = {f"span {shown}": span[name] for name, shown in names.items()}
    return figure_lines({**found, "span f1 (strict)_interval": span["f1_interval"]}, list(found))


def _figure(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4%}" if name.endswith("_share") else share(value)


def confusion_tables(figures: Mapping[str, Any], width: int) -> list[Table]:
    """Rows true, columns predicted; none where there are too many labels to show.

    Columns bear the labels' names where `width` allows it, else their numbers; what does not fit
    even so goes on in a further table.
    """
    matrix = figures["confusion"]
    if matrix is None or len(matrix) > MOST_LABELS:
        return []
    names = [cut(safe(label), LONGEST_NAME) for label in figures["labels"]]
    cells = [[f"{count:,}" if count else "." for count in row] for row in matrix]
    widest = [max(map(len, column)) for column in zip(*cells, strict=True)]
    corner, heads, gap = "true \\ predicted", names, 2
    needed = sum(max(cell_len(head), size) + gap for head, size in zip(heads, widest, strict=True))
    if max(map(cell_len, [corner, *names])) + needed > width:
        corner, heads, gap = "true \\ pred.", [str(n) for n in range(1, len(names) + 1)], 1
        names = [f"{number:>2} {name}" for number, name in enumerate(names, start=1)]
        cells = [[cell.replace(",", "") for cell in row] for row in cells]
    columns = [(head, [row[place] for row in cells]) for place, head in enumerate(heads)]
    room = width - max(map(cell_len, [corner, *names]))
    tables, first = [], 0
    for part in _fitting(columns, gap, room):
        tables.append(_counts(corner, names, part, first, gap))
        first += len(part)
    return tables


def _fitting(columns: list[Column], gap: int, room: int) -> Iterator[list[Column]]:
    """Columns parted so that each part is at most `room` wide, but never without a column."""
    part: list[Column] = []
    used = 0
    for head, cells in columns:
        size = max(map(cell_len, [head, *cells])) + gap
        if part and used + size > room:
            yield part
            part, used = [], 0
        part.append((head, cells))
        used += size
    if part:
        yield part


def _counts(corner: str, names: list[str], part: list[Column], first: int, gap: int) -> Table:
    """One table of counts, its columns the labels from `first` on, what is right in bold."""
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    table.add_column(corner, no_wrap=True)
    for head, _ in part:
        table.add_column(head, justify="right", no_wrap=True)
    for row, name in enumerate(names):
        counts = [cells[row] for _, cells in part]
        styles = ["bold" if first + place == row else "" for place in range(len(counts))]
        table.add_row(name, *map(Text, counts, styles))
    return table


def mistake_lines(mistakes: Sequence[Mistake | Miswritten], root: Path, width: int) -> list[str]:
    """Lines on each: how wrong, what, where (below the folder `root`); then its text."""
    from seqcli.kinds.abilities import Miswritten

    if not mistakes:
        return ["no mistakes"]
    order = "farthest off" if isinstance(mistakes[0], Miswritten) else "surest"
    found = [f"mistakes, the {order} first"]
    for one in mistakes:
        path = Path(one.path)
        place = path.relative_to(root) if root in path.parents else path.name
        where = f"{safe(str(place))}:{one.line}"
        if isinstance(one, Miswritten):
            found.append(f"{one.distance:>6}  characters off  {where}")
            parts = (one.text, f"wanted: {one.reference}", f"written: {one.written}")
            found += [_beginning(text, width) for text in parts]
        else:
            labels = f"true {safe(one.label)}, predicted {safe(one.predicted)}"
            found += [f"{one.prob:.4f}  {labels}  {where}", _beginning(one.text, width)]
    return found


def _beginning(text: str, width: int) -> str:
    """A text's beginning on one line, set in."""
    shown = " ".join(text[: 4 * width].split())
    more = len(text) > 4 * width
    return "        " + cut(safe(shown) + "…" * more, max(width - 8, 20))


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns of a terminal."""
    if cell_len(text) <= width:
        return text
    kept = chop_cells(text, width - 1)[0]
    return f"{kept}…"


def share(value: float | None) -> str:
    """A share with four digits; "-" where it is not defined."""
    return "-" if value is None or value != value else f"{value:,.4f}"
