"""How much an example counts, by its label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqcli.settings.sections import ByLabel


def weights(train: ByLabel, label_counts: Sequence[int]) -> NDArray[np.float64] | None:
    """Balanced class weights N / (C * n_c), (C,), None for equal ones.

    A label without examples gets 0.
    """
    if train.class_weight == "none":
        return None
    counts = np.array(label_counts, np.float64)
    found = np.where(counts > 0, counts.sum() / (len(counts) * np.maximum(counts, 1)), 0)
    powered: NDArray[np.float64] = found**train.class_weight_power
    return powered
