"""A recording with its labels and their probabilities over time, as a PNG for a page or a slide.

80 mm wide with 7 point text, light, in colors that people with any color vision tell apart (Okabe
and Ito), each label also named. matplotlib is imported when the picture is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seqcli.answers.frames import Steps
from seqcli.runs.pictures import png_bytes, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
OTHERS = "#BBBBBB"  # of all labels beyond these
MOST = 1 << 20  # steps that are held
COLUMNS = 800  # of the picture: of more steps, their means
LINES = 4  # channels drawn as lines; more are a field of gray
WIDTH, HEIGHT = 80 / 25.4, 72 / 25.4  # inches
POINTS = 7  # of all text
DOTS = 300

Floats = NDArray[np.float64]


@dataclass
class Track:
    """The first recording of a stream of answers, held until it is drawn."""

    labels: Sequence[str]
    channels: Sequence[str]
    _parts: list[Steps] = field(default_factory=list)
    _steps: int = 0
    _ended: bool = False
    _others: bool = False

    def seeing(self, found: Iterator[Steps]) -> Iterator[Steps]:
        """The same answers, of which those of the first recording are kept, up to MOST steps."""
        for steps in found:
            if self._ended or (steps.begins and self._parts):
                self._others = True
            elif self._steps < MOST:
                self._parts.append(steps._replace(rows=()))
                self._steps += len(steps.labels)
            self._ended = self._ended or steps.ends
            yield steps

    @property
    def remark(self) -> str:
        """What is not in the picture, in words."""
        cut = f", its first {self._steps:,} steps" * (self._steps >= MOST)
        return f" (the first recording{cut})" if self._others or cut else ""

    def png(self) -> bytes:
        """The picture."""
        name = self._parts[0].name if self._parts else ""
        values = np.concatenate([one.values for one in self._parts] or [np.zeros((0, 1))])
        chosen = np.concatenate([one.labels for one in self._parts] or [np.zeros(0, np.int64)])
        probs = np.concatenate(
            [one.probs for one in self._parts] or [np.zeros((0, len(self.labels)), np.float32)]
        )
        return track_png(name, values, self.channels, chosen, probs, self.labels)


def track_png(
    name: str,
    values: Floats,
    channels: Sequence[str],
    chosen: NDArray[np.int64],
    probs: NDArray[np.float32],
    labels: Sequence[str],
) -> bytes:
    """Numbers (T, C), answers (T,) and probabilities (T, K) of K labels, under each other."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    steps = len(chosen)
    order = _by_frequency(chosen, len(labels))
    with rc_context({"font.size": POINTS, "axes.linewidth": 0.5, "lines.linewidth": 0.7}):
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DOTS, layout="constrained")
        top, band, bottom = figure.subplots(
            3, 1, sharex=True, gridspec_kw={"height_ratios": (3, 0.45, 2)}
        )
        _numbers(top, values, channels)
        top.set_title(readable(name, 1), fontsize=POINTS, loc="left", parse_math=False)
        _answers(band, chosen, order)
        _probabilities(bottom, probs, order)
        bottom.set_xlim(0, max(steps, 1))
        bottom.set_xlabel("step")
        for axes in (top, band, bottom):
            axes.tick_params(length=2, width=0.5, pad=2)
            axes.spines[["top", "right"]].set_visible(False)
        _legend(figure, labels, order)
        return png_bytes(figure)


def _by_frequency(chosen: NDArray[np.int64], labels: int) -> list[int]:
    """The labels with a color of their own: the most frequent ones, in their own order."""
    counts = np.bincount(chosen, minlength=labels)
    common = np.argsort(-counts, kind="stable")[: len(COLORS)]
    return sorted(common.tolist())


def _means(values: Floats) -> tuple[Floats, Floats]:
    """Places (P,) and values (P, C) of at most COLUMNS stretches of steps (T, C)."""
    edges = np.linspace(0, len(values), min(len(values), COLUMNS) + 1).round().astype(np.int64)
    if len(edges) < 2:
        return np.zeros(0), values[:0]
    there = ~np.isnan(values)
    sums = np.add.reduceat(np.where(there, values, 0.0), edges[:-1])
    counts = np.add.reduceat(there, edges[:-1], dtype=np.int64)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return (edges[:-1] + edges[1:]) / 2, means


def _numbers(axes: Axes, values: Floats, channels: Sequence[str]) -> None:
    places, means = _means(values)
    if len(channels) <= LINES:
        for number, name in enumerate(channels):
            shade = str(0.7 * number / max(len(channels) - 1, 1))
            axes.plot(places, means[:, number], color=shade, label=readable(name, number + 1))
        axes.set_ylabel("value")
        if len(channels) > 1:
            axes.legend(
                fontsize=POINTS - 1,
                frameon=False,
                ncols=LINES,
                handlelength=1,
                loc="lower right",
                bbox_to_anchor=(1, 1),
                borderaxespad=0,
            )
        return
    apart = means - np.nanmean(means, 0, keepdims=True) if len(means) else means
    width = np.nanstd(means, 0, keepdims=True) if len(means) else 1.0
    scaled = apart / np.where(width > 0, width, 1.0)
    axes.imshow(
        scaled.T,
        aspect="auto",
        origin="lower",
        cmap="Greys",
        vmin=-2,
        vmax=2,
        interpolation="nearest",
        extent=(0, max(len(values), 1), 0.5, len(channels) + 0.5),
    )
    axes.set_ylabel("channel")


def _answers(axes: Axes, chosen: NDArray[np.int64], order: Sequence[int]) -> None:
    bounds = [0, *(np.flatnonzero(np.diff(chosen)) + 1).tolist(), len(chosen)]
    for start, end in pairwise(bounds):
        if end > start:
            axes.axvspan(start, end, color=_color(int(chosen[start]), order), linewidth=0)
    axes.set_yticks([])
    axes.set_ylim(0, 1)
    axes.set_ylabel("label", rotation=0, ha="right", va="center")
    axes.spines["left"].set_visible(False)


def _probabilities(axes: Axes, probs: NDArray[np.float32], order: Sequence[int]) -> None:
    places, means = _means(probs.astype(np.float64))
    if len(places):
        own = means[:, list(order)].T
        rest = np.clip(1 - own.sum(0, keepdims=True), 0, 1)
        colors = [*(_color(label, order) for label in order), OTHERS]
        axes.stackplot(places, np.concatenate((own, rest)), colors=colors, linewidth=0)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("probability")


def _color(label: int, order: Sequence[int]) -> str:
    return COLORS[order.index(label)] if label in order else OTHERS


def _legend(figure: Figure, labels: Sequence[str], order: Sequence[int]) -> None:
    from matplotlib.patches import Patch

    patches = [
        Patch(color=COLORS[place], label=readable(labels[label], label + 1))
        for place, label in enumerate(order)
    ]
    if len(labels) > len(order):
        patches.append(Patch(color=OTHERS, label="others"))
    found = figure.legend(
        handles=patches,
        loc="outside lower center",
        ncols=4 if len(patches) > 3 else len(patches),
        frameon=False,
        handlelength=0.8,
        handleheight=0.8,
        columnspacing=1.0,
        handletextpad=0.4,
    )
    for text in found.get_texts():
        text.set_parse_math(False)
