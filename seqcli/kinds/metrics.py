"""Figures of merit from plain arrays and numbers: classification and prediction of the next token.

Where nothing was counted a figure is NaN, which JSON shows as null. Otherwise every figure is
defined: a division of nothing by nothing, as the precision of a label never predicted, is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]  # (C, C): rows true, columns predicted
Interval = tuple[float, float]

DEVIATIONS = 1.959964  # of a normal distribution, around 95 % of it
RESAMPLES = 1000  # ends of an interval move by a tenth of its width between seeds
MANY = 100_000  # rows: of more, a bootstrap would take seconds to say what the formula says
EXACT = 1000  # rows on which two classifiers differ
MOST_CELLS = 500  # filled cells of a confusion matrix: resampling them takes 0.06 s


@dataclass(frozen=True)
class LabelFigures:
    """How well one label is found; `support` is how many examples truly have it."""

    precision: float
    recall: float
    f1: float
    support: int


def confusion(true: npt.ArrayLike, predicted: npt.ArrayLike, labels: int) -> Counts:
    """Counts (labels, labels) of label ids `true` (N,) that were `predicted` (N,) as another.

    Errors: ValueError for unequal lengths or an id outside [0, labels).
    """
    truth = np.asarray(true, dtype=np.int64)
    guess = np.asarray(predicted, dtype=np.int64)
    if truth.shape != guess.shape or truth.ndim != 1:
        raise ValueError(f"two rows of equal length expected, {truth.shape} and {guess.shape}")
    for ids in (truth, guess):
        if ids.size and (ids.min() < 0 or ids.max() >= labels):
            raise ValueError(f"label ids in [0, {labels}) expected")
    cells = np.bincount(truth * labels + guess, minlength=labels * labels)
    return cells.astype(np.int64, copy=False).reshape(labels, labels)


def per_label(matrix: Counts) -> list[LabelFigures]:
    """Precision, recall, F1 and support of each label, in the order of `matrix` (C, C)."""
    found = np.diagonal(matrix).tolist()
    support = matrix.sum(axis=1).tolist()
    predicted = matrix.sum(axis=0).tolist()
    if not sum(support):
        return [LabelFigures(math.nan, math.nan, math.nan, 0) for _ in found]
    return [
        LabelFigures(_share(hit, said), _share(hit, real), _share(2 * hit, said + real), real)
        for hit, said, real in zip(found, predicted, support, strict=True)
    ]


def accuracy(matrix: Counts) -> float:
    """Share of the examples whose label was found."""
    count = int(matrix.sum())
    return int(np.trace(matrix)) / count if count else math.nan


def macro_f1(matrix: Counts) -> float:
    """Mean F1 over the labels that occur, as truth or as prediction, each with the same weight.

    A label that a small split happens not to hold says nothing of the model and is left out, as
    scikit-learn does unless told a list of labels.
    """
    occurs = (matrix.sum(axis=0) + matrix.sum(axis=1)).tolist()
    figures = [label.f1 for label, times in zip(per_label(matrix), occurs, strict=True) if times]
    return math.fsum(figures) / len(figures) if figures else math.nan


def mcc(matrix: Counts) -> float:
    """Matthews' correlation coefficient for any number of labels (Gorodkin 2004), in [-1, 1].

    0 where it is undefined: all examples have one label, or one label is all that is predicted.
    """
    # Python's integers: squares of counts pass 2**53, where floats begin to lose ones.
    real = matrix.sum(axis=1).tolist()
    said = matrix.sum(axis=0).tolist()
    count = sum(real)
    if not count:
        return math.nan
    chance = sum(r * s for r, s in zip(real, said, strict=True))
    covariance = int(np.trace(matrix)) * count - chance
    spread_real = count * count - sum(r * r for r in real)
    spread_said = count * count - sum(s * s for s in said)
    if not spread_real or not spread_said:
        return 0.0
    return float(covariance / (math.sqrt(spread_real) * math.sqrt(spread_said)))


def accuracy_interval(matrix: Counts) -> Interval:
    """95 % interval of the accuracy (Wilson 1927): also of few examples, or all of them right.

    Resampling 2 of 2 right ones finds nothing but right ones, and would say that it is certain.
    """
    count = int(matrix.sum())
    if not count:
        return math.nan, math.nan
    share, spread = int(np.trace(matrix)) / count, DEVIATIONS**2 / count
    middle = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def macro_f1_interval(matrix: Counts) -> Interval:
    """95 % of bootstrap samples of the examples have a macro-F1 between these (Efron 1979).

    NaN where more than MOST_CELLS cells are filled.
    """
    rows, columns = np.nonzero(matrix)
    if not 0 < len(rows) <= MOST_CELLS:
        return math.nan, math.nan
    cells = matrix[rows, columns]
    drawn = np.random.default_rng(0).multinomial(cells.sum(), cells / cells.sum(), RESAMPLES)
    labels = np.arange(len(matrix))
    real, said = rows[:, None] == labels, columns[:, None] == labels  # (cells, C)
    counts = drawn.astype(np.float64)  # exact below 2**53, and products of floats are fast
    both = counts @ np.hstack([real & said, real, said])  # (RESAMPLES, 3 * C)
    hits, total = both[:, : len(matrix)], both[:, len(matrix) :].reshape(RESAMPLES, 2, -1).sum(1)
    return _middle((2 * hits / np.maximum(total, 1)).sum(1) / np.count_nonzero(total, axis=1))


def paired_interval(differences: npt.NDArray[np.float64], weights: Counts) -> Interval:
    """95 % interval of sum(differences) / sum(weights) of R rows, by a bootstrap of the rows.

    Two models' rows are drawn together, so that what makes a row hard for both does not count.
    NaN for fewer than two rows.
    """
    count = len(differences)
    if count < 2:
        return math.nan, math.nan
    if count > MANY:
        mean = differences.sum() / weights.sum()
        spread = (differences - mean * weights).std() * math.sqrt(count) / weights.sum()
        return float(mean - DEVIATIONS * spread), float(mean + DEVIATIONS * spread)
    draw, means = np.random.default_rng(0), np.empty(RESAMPLES)
    for place in range(RESAMPLES):
        rows = draw.integers(count, size=count)
        means[place] = differences[rows].sum() / weights[rows].sum()
    return _middle(means)


def paired_quotients(this: Counts, that: Counts) -> Interval:
    """95 % interval of a quotient of sums less another's, by a bootstrap of the rows.

    this, that (2, R): what is summed above and below. Rows with equal counts are drawn together, as
    one multinomial. A quotient by 0 is 0. NaN for fewer than two rows.
    """
    if this.shape[1] < 2:
        return math.nan, math.nan
    rows, repeats = np.unique(np.concatenate([this, that]).T, axis=0, return_counts=True)
    total = int(repeats.sum())
    draws = np.random.default_rng(0).multinomial(total, repeats / total, RESAMPLES)
    above, below, other_above, other_below = (draws @ rows).T.astype(np.float64)
    return _middle(above / np.maximum(below, 1) - other_above / np.maximum(other_below, 1))


def mcnemar(only_this: int, only_that: int) -> float:
    """p of two classifiers being equally good, from the rows that one alone gets right.

    Exact (binomial) up to 1,000 of these, beyond by chi-squared with continuity correction.
    """
    both, less = only_this + only_that, min(only_this, only_that)
    if not both:
        return 1.0
    if both <= EXACT:
        tail = sum(math.comb(both, count) for count in range(less + 1))
        return float(min(2 * tail / 2**both, 1.0))
    distance = max(abs(only_this - only_that) - 1, 0)
    return math.erfc(math.sqrt(distance**2 / both / 2))


def _middle(figures: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(figures, (0.025, 0.975)).tolist()
    return low, high


def majority(matrix: Counts) -> float:
    """Accuracy of always answering the most frequent true label: the baseline to beat."""
    support = matrix.sum(axis=1)
    count = int(support.sum())
    return int(support.max()) / count if count else math.nan


def perplexity(total_nats: float, tokens: int) -> float:
    """exp(total negative log-likelihood / predicted tokens); inf where that overflows."""
    if not tokens:
        return math.nan
    try:
        return math.exp(total_nats / tokens)
    except OverflowError:
        return math.inf


def bits_per_token(total_nats: float, tokens: int) -> float:
    """Mean negative log-likelihood in bits for each predicted token."""
    return total_nats / tokens / math.log(2) if tokens else math.nan


def bits_per_character(total_nats: float, characters: int) -> float:
    """The same spread over the characters that the tokens spell, so that vocabularies compare."""
    return bits_per_token(total_nats, characters)


def next_token(total_nats: float, tokens: int, characters: float | None) -> dict[str, float]:
    """Figures of `tokens` predictions; characters: how many one spells, None where unknown."""
    bits = bits_per_token(total_nats, tokens)
    figures = {
        "tokens": tokens,
        "loss": total_nats / tokens if tokens else math.nan,
        "perplexity": perplexity(total_nats, tokens),
        "bits_per_token": bits,
    }
    return figures | ({} if characters is None else {"bits_per_character": bits / characters})


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
