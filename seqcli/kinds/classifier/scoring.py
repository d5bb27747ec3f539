"""What classifiers of all inputs share: loss by label, figures of a split, the surest mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from seqcli.kinds import labeled
from seqcli.kinds.abilities import Each
from seqcli.kinds.classifier.spec import NAME
from seqcli.kinds.contract import Figures
from seqcli.settings.sections import ByLabel


def objective(
    predicted: Tensor,
    labels: Tensor,
    train: ByLabel,
    by_label: NDArray[np.float64] | None,
    share: float,
) -> Tensor:
    """Log-probabilities (B, C), labels (B,) -> the (weighted) mean loss, with label smoothing."""
    each = F.nll_loss(predicted, labels, reduction="none")
    if train.label_smoothing:
        rest = -predicted.mean(1)
        each = (1 - train.label_smoothing) * each + train.label_smoothing * rest
    if by_label is None:
        return each.mean() * share
    own = torch.as_tensor(by_label).to(each)[labels]
    return (each * own).sum() / own.sum() * share


def score(
    predicted: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]
) -> Figures:
    """Figures from log-probabilities (R, C) and true labels (R,)."""
    picked = predicted[np.arange(len(labels)), labels]
    return {
        "kind": NAME,
        "count": len(labels),
        "loss": float(-picked.mean(dtype=np.float64)) if len(labels) else float("nan"),
        **labeled.figures(labels, predicted.argmax(1), names),
    }


def each(
    units: str,
    predicted: NDArray[np.float32],
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> Each:
    """What a model makes of each row, for comparisons; `rows` (R,): the records' numbers."""
    count = len(labels)
    losses = -predicted[np.arange(count), labels].astype(np.float64)
    right = predicted.argmax(1) == labels
    return Each(units, rows, losses, np.ones(count, np.int64), right)


def surest(
    predicted: NDArray[np.float32], labels: NDArray[np.int64], most: int
) -> list[tuple[int, int, float]]:
    """The mistakes with the highest probabilities: row, answered label, probability."""
    said = predicted.argmax(1)
    wrong = np.flatnonzero(said != labels)
    order = wrong[np.argsort(-predicted[wrong, said[wrong]], kind="stable")[:most]]
    probs = np.exp(predicted[order, said[order]].astype(np.float64))
    return list(zip(order.tolist(), said[order].tolist(), probs.tolist(), strict=True))
