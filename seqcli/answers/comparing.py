"""Two models on the same rows: how far apart they are, and whether chance could have done it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcli.answers.loading import Chosen
from seqcli.errors import SeqcliError
from seqcli.kinds import metrics
from seqcli.kinds.abilities import Each
from seqcli.kinds.contract import Figures

HINT = "--data FILE with rows that are new to both compares them"


@dataclass(frozen=True)
class Scored:
    """A model, where it was scored, its figures there, and its rows."""

    path: Path
    chosen: Chosen
    figures: Figures
    each: Each


@dataclass(frozen=True)
class Difference:
    """A figure of this model less the other's, and its 95 % interval."""

    difference: float
    interval: metrics.Interval


@dataclass(frozen=True)
class Comparison:
    """One model against another, on the rows that both were scored on.

    shares: differences of what rows add up to, such as the accuracy, by name. only_this, only_that
    (rows that one alone gets right) and p (McNemar's) are None for a kind whose answers are not
    right or wrong.
    """

    rows: int
    loss: Difference
    shares: Mapping[str, Difference]
    only_this: int | None = None
    only_that: int | None = None
    p: float | None = None


def compare(this: Scored, that: Scored) -> Comparison:
    """Errors: SeqcliError for models that have no rows in common."""
    here, there = this.chosen, that.chosen
    if here.split != there.split or here.path.resolve() != there.path.resolve():
        raise SeqcliError(
            f"{this.path} is scored on the {here.split} split of {here.path}, "
            f"{that.path} on the {there.split} split of {there.path}",
            HINT,
        )
    if this.each.units != that.each.units:
        raise SeqcliError(
            f"{this.path} and {that.path} read other tokens: their losses say different things",
            "train them with the same vocabulary",
        )
    _, mine, theirs = np.intersect1d(
        this.each.rows, that.each.rows, assume_unique=True, return_indices=True
    )
    if not len(mine):
        raise SeqcliError(
            f"{this.path} and {that.path} were trained with other splits: no row is scored by both",
            f"{HINT}; train with --set data.split_seed=1 to cut alike",
        )
    loss, shares = (
        _loss(this.each, mine, that.each, theirs),
        _shares(this.each, mine, that.each, theirs),
    )
    if this.each.right is None or that.each.right is None:
        return Comparison(len(mine), loss, shares)
    right, other = this.each.right[mine], that.each.right[theirs]
    gained, lost = int((right & ~other).sum()), int((other & ~right).sum())
    return Comparison(len(mine), loss, shares, gained, lost, metrics.mcnemar(gained, lost))


Rows = NDArray[np.int64]


def _loss(this: Each, mine: Rows, that: Each, theirs: Rows) -> Difference:
    """A prediction's loss, of the rows where both have one."""
    both = (this.counts[mine] > 0) & (that.counts[theirs] > 0)
    mine, theirs = mine[both], theirs[both]
    rows, counts = this.losses[mine] - that.losses[theirs], this.counts[mine]
    mean = float(rows.sum() / counts.sum()) if len(rows) else float("nan")
    return Difference(mean, metrics.paired_interval(rows, counts))


def _shares(this: Each, mine: Rows, that: Each, theirs: Rows) -> dict[str, Difference]:
    found, others = {}, that.shares()
    for name, parts in this.shares().items():
        if name in others:
            own, other = np.stack(parts)[:, mine], np.stack(others[name])[:, theirs]
            apart = _quotient(*own.sum(1)) - _quotient(*other.sum(1))
            found[name] = Difference(apart, metrics.paired_quotients(own, other))
    return found


def _quotient(above: int, below: int) -> float:
    return float(above / below) if below else 0.0
