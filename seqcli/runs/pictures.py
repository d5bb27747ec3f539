"""Pictures of a run as PNG bytes: learning curves, and the confusion matrix.

matplotlib is imported when a picture is drawn, and only its `Figure`: no pyplot, no window, no
global state. Equal input gives equal bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seqcli.interrupts import interrupts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with any color vision, and in print by the line style.
SPLITS: dict[str, dict[str, Any]] = {
    "train": {"color": "#0072B2", "linestyle": "--", "marker": "o", "label": "training"},
    "valid": {"color": "#D55E00", "linestyle": "-", "marker": "s", "label": "validation"},
}
BEST = "#555555"
FONT_SIZE = 12
DOTS_PER_INCH = 150
MARKED_POINTS = 30  # a longer curve is drawn without a mark at each point
WIDE_RANGE = 10  # values that span more may be drawn on a logarithmic axis
COUNTED_LABELS = 20  # counts stand in the cells up to so many labels
NAMED_LABELS = 60  # every label is named up to so many, then every n-th
LONGEST_LABEL = 18

History = Sequence[Mapping[str, Any]]


@interrupts.held()
def curves_png(
    history: History,
    *,
    metric: str,
    best_epoch: float | None = None,
    logarithmic: bool = False,
) -> bytes:
    """Loss and `metric` over the epochs, training and validation.

    A row of `history` is {"epoch": number, "train": {figure: value}, "valid": {figure: value}};
    what is missing, None, NaN or infinite leaves a gap. `best_epoch` is marked in both panels.
    `logarithmic`: the metric's axis, where its values span much.
    """
    figure = blank_figure(10.0, 4.4)
    panels = figure.subplots(1, 2)
    for axes, name in zip(panels, ("loss", metric), strict=True):
        _draw_panel(axes, history, name, best_epoch, logarithmic and name == metric)
    handles = {
        str(line.get_label()): line
        for axes in panels
        for line in axes.get_legend_handles_labels()[0]
    }
    if handles:
        legend = figure.legend(
            handles.values(), handles.keys(), loc="outside upper center", ncols=3
        )
        legend.set_frame_on(False)
        for text in legend.get_texts():
            text.set_fontsize(FONT_SIZE)
    return png_bytes(figure)


@interrupts.held()
def confusion_png(matrix: npt.ArrayLike, labels: Sequence[str]) -> bytes:
    """The confusion matrix (C, C), rows true, columns predicted, each row as shares of its sum.

    Counts stand in the cells up to 20 labels; a label without examples is a gray row. Long labels
    are cut, and one that the font cannot draw appears by its number, from 1.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    sums = counts.sum(axis=1, keepdims=True)
    shares = np.where(sums > 0, counts / np.maximum(sums, 1), np.nan)
    side = min(max(4.0, 2.4 + 0.46 * len(labels)), 14.0)
    figure = blank_figure(side + 1.2, side)
    axes = figure.subplots()
    axes.set_facecolor("#d9d9d9")
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("share of the true label", fontsize=FONT_SIZE)
    _name_labels(axes, labels)
    if len(labels) <= COUNTED_LABELS:
        _write_counts(axes, counts, shares)
    return png_bytes(figure)


def _draw_panel(
    axes: Axes, history: History, name: str, best_epoch: float | None, logarithmic: bool
) -> None:
    from matplotlib.ticker import MaxNLocator

    curves = {split: _points(history, split, name) for split in SPLITS}
    for split, (epochs, values) in curves.items():
        if not all(map(math.isnan, values)):
            style = {**SPLITS[split], "markersize": 5 if len(epochs) <= MARKED_POINTS else 0}
            axes.plot(epochs, values, linewidth=2, **style)
    if best_epoch is not None:
        label = f"best epoch: {best_epoch:g}"
        axes.axvline(best_epoch, color=BEST, linestyle=":", linewidth=2, label=label, zorder=1)
    drawn = [value for _, values in curves.values() for value in values if math.isfinite(value)]
    if not drawn:
        axes.text(0.5, 0.5, "no finite values", transform=axes.transAxes, ha="center")
        axes.set_yticks([])
    elif logarithmic and max(drawn) > WIDE_RANGE * min(drawn):
        _logarithmic(axes)
    reported = [float(row["epoch"]) for row in history] or [1.0]
    room = max(0.5, 0.03 * (max(reported) - min(reported)))
    axes.set_xlim(min(reported) - room, max(reported) + room)
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", fontsize=FONT_SIZE)
    axes.set_title(name, fontsize=FONT_SIZE + 2)
    axes.tick_params(labelsize=FONT_SIZE - 1)
    axes.grid(axis="y", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _points(history: History, split: str, name: str) -> tuple[list[float], list[float]]:
    """Epochs and values of one curve; NaN, which matplotlib leaves out, for what is not finite."""
    epochs, values = [], []
    for row in history:
        value = (row.get(split) or {}).get(name)
        if value is not None:
            epochs.append(float(row["epoch"]))
            values.append(float(value) if math.isfinite(value) else math.nan)
    return epochs, values


def _logarithmic(axes: Axes) -> None:
    """A logarithmic axis whose ticks read 50, 100, 200 instead of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _name_labels(axes: Axes, labels: Sequence[str]) -> None:
    """Tick texts on both axes: every label while there is room for it, then every n-th."""
    size = len(labels)
    every = -(-size // NAMED_LABELS) or 1
    places = list(range(0, size, every))
    texts = [readable(labels[place], place + 1) for place in places]
    axes.set_xticks(places, texts, parse_math=False)
    axes.set_yticks(places, texts, parse_math=False)
    if size > 8 or max(map(len, texts), default=0) > 6:
        for text in axes.get_xticklabels():
            text.set(rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=FONT_SIZE if size <= COUNTED_LABELS else 9)
    axes.set_xlabel("predicted", fontsize=FONT_SIZE)
    axes.set_ylabel("true", fontsize=FONT_SIZE)


def readable(label: str, number: int) -> str:
    """`label` on one line and not too long; by its number if the font lacks one of its signs."""
    text = " ".join(label.split())
    if len(text) > LONGEST_LABEL:
        text = text[: LONGEST_LABEL - 1] + "…"
    known = known_signs()
    return text if text and all(ord(sign) in known for sign in text) else f"label {number}"


@cache
def known_signs() -> frozenset[int]:
    """Code points that matplotlib's font shows: DejaVu Sans, or the user's matplotlibrc's."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def _write_counts(axes: Axes, counts: npt.NDArray[np.int64], shares: npt.NDArray[Any]) -> None:
    """Each cell's count, white where the cell is dark."""
    size = FONT_SIZE if len(counts) <= 10 else 9
    for (row, column), number in np.ndenumerate(counts):
        share = shares[row, column]
        color = "white" if share > 0.5 else "black" if number else "#999999"
        place: dict[str, Any] = {"ha": "center", "va": "center", "size": size, "color": color}
        # out of the layout, which would measure each of 400 texts several times: seconds
        axes.text(column, row, _short(int(number)), **place).set_in_layout(False)


def _short(number: int) -> str:
    """At most five signs, to stay inside a cell."""
    if number < 10_000:
        return str(number)
    if number < 1_000_000:
        return f"{number / 1_000:.0f}k"
    return f"{number / 1_000_000:.0f}M"


def blank_figure(width: float, height: float) -> Figure:
    """An empty one, in inches, that makes room for what is written around its axes."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG, without the version that matplotlib would write into it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", metadata={"Software": None})
    return file.getvalue()
