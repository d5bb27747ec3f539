"""Bayes' rule: which label a text has, from what each label would write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def log_priors(counts: Sequence[int]) -> NDArray[np.float64]:
    """log p(label) (C,) from how many training texts have each; -inf for one without any."""
    shares = np.array(counts, np.float64) / sum(counts)
    with np.errstate(divide="ignore"):
        logs: NDArray[np.float64] = np.log(shares)
    return logs


def posterior(priors: NDArray[np.float64], losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """log p(label | text) (R, C) from log p(label) (C,) and -log p(text | label) (R, C).

    p(label | text) = p(label) p(text | label) / sum over labels of the same.
    """
    joint = priors - losses
    scores: NDArray[np.float64] = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
    return scores
