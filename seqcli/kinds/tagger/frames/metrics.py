"""How well stretches of one label are found: Lea et al. 2017, "Temporal Convolutional Networks for
Action Segmentation and Detection", section 4.

A stretch is a run of steps with one label, as long as it goes. The edit score looks at their order
alone; F1@k asks for an overlap (intersection over union) of k percent with a true stretch of the
same label, each of which counts once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


class Stretch(NamedTuple):
    """Steps from `start` up to, not with, `end`."""

    start: int
    end: int
    label: int


def stretches(labels: Labels) -> list[Stretch]:
    """The stretches of a row of labels (T,), in order."""
    if not len(labels):
        return []
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    ends = np.append(starts[1:], len(labels))
    return [
        Stretch(int(start), int(end), int(labels[start]))
        for start, end in zip(starts, ends, strict=True)
    ]


def edit_score(true: Labels, answered: Labels) -> float:
    """1 - distance (Levenshtein) of the two orders of stretches, by the longer one's length.

    NaN for no steps.
    """
    own = [stretch.label for stretch in stretches(true)]
    given = [stretch.label for stretch in stretches(answered)]
    if not own and not given:
        return math.nan
    return 1 - _distance(own, given) / max(len(own), len(given))


def overlaps(true: Labels, answered: Labels, least: float) -> tuple[int, int, int]:
    """Answered stretches that hit, all answered, all true ones; `least`: 0.5 of F1@50."""
    own, given = stretches(true), stretches(answered)
    starts = np.array([stretch.start for stretch in own])
    ends = np.array([stretch.end for stretch in own])
    labels = np.array([stretch.label for stretch in own])
    taken = np.zeros(len(own), np.bool_)
    hits = 0
    for stretch in given:
        both = np.minimum(stretch.end, ends) - np.maximum(stretch.start, starts)
        either = np.maximum(stretch.end, ends) - np.minimum(stretch.start, starts)
        share = both / either * (labels == stretch.label)
        best = int(share.argmax())
        if share[best] >= least and not taken[best]:
            taken[best] = True
            hits += 1
    return hits, len(given), len(own)


def segment_figures(true: Sequence[Labels], answered: Sequence[Labels]) -> dict[str, float]:
    """edit: the mean over recordings; f1_10, f1_25, f1_50: of the stretches of all of them."""
    edits = [edit_score(own, given) for own, given in zip(true, answered, strict=True)]
    edits = [score for score in edits if not math.isnan(score)]
    found = {"edit": math.fsum(edits) / len(edits) if edits else math.nan}
    for percent in (10, 25, 50):
        counts = [
            overlaps(own, given, percent / 100)
            for own, given in zip(true, answered, strict=True)
            if len(own)
        ]
        hits, both = sum(one[0] for one in counts), sum(one[1] + one[2] for one in counts)
        found[f"f1_{percent}"] = 2 * hits / both if both else math.nan
    return found


def _distance(first: list[int], second: list[int]) -> int:
    """Levenshtein's: the fewest insertions, deletions and exchanges."""
    row = np.arange(len(second) + 1)
    places = np.arange(len(second) + 1)
    other = np.array(second)
    for count, label in enumerate(first, 1):
        fresh = np.empty_like(row)
        fresh[0] = count
        fresh[1:] = np.minimum(row[1:] + 1, row[:-1] + (other != label))
        # an insertion: from the left, any number of times
        row = np.minimum.accumulate(fresh - places) + places
    return int(row[-1])
