"""Figures against values worked by hand, scikit-learn where it is installed, and properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.kinds.metrics import (
    accuracy,
    accuracy_interval,
    bits_per_character,
    bits_per_token,
    confusion,
    macro_f1,
    macro_f1_interval,
    majority,
    mcc,
    per_label,
    perplexity,
)

TRUE = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
SAID = [0, 0, 1, 0, 1, 1, 2, 2, 0, 2]
MATRIX = np.array([[3, 1, 0], [0, 2, 1], [1, 0, 2]])


def test_confusion_has_true_rows_and_predicted_columns() -> None:
    matrix = confusion(TRUE, SAID, 3)
    assert matrix.tolist() == MATRIX.tolist()
    assert matrix.dtype == np.int64
    assert confusion([], [], 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(("true", "said"), [([0], [0, 1]), ([2], [0]), ([0], [-1])])
def test_confusion_refuses_what_is_no_pair_of_labels(true: list[int], said: list[int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        confusion(true, said, 2)


def test_figures_worked_by_hand() -> None:
    first, second, third = per_label(MATRIX)
    assert (first.precision, first.recall, first.f1, first.support) == (0.75, 0.75, 0.75, 4)
    assert second.precision == second.recall == second.f1 == 2 / 3
    assert third.support == 3
    assert accuracy(MATRIX) == 0.7
    assert macro_f1(MATRIX) == pytest.approx((0.75 + 2 / 3 + 2 / 3) / 3)
    # (7*10 - 34) / sqrt((100 - 34) * (100 - 34))
    assert mcc(MATRIX) == pytest.approx(36 / 66)
    assert majority(MATRIX) == 0.4


def test_binary_mcc_is_the_textbook_formula() -> None:
    (tn, fp), (fn, tp) = matrix = [[90, 5], [3, 17]]
    expected = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert mcc(np.array(matrix)) == pytest.approx(expected)


def test_division_by_zero_is_zero() -> None:
    never_said = np.array([[5, 0], [2, 0]])
    assert per_label(never_said)[1].precision == per_label(never_said)[1].f1 == 0.0
    assert mcc(never_said) == 0.0
    assert mcc(np.array([[3, 0], [0, 0]])) == 0.0


def test_macro_f1_leaves_out_a_label_that_does_not_occur() -> None:
    assert macro_f1(np.array([[3, 0, 0], [0, 2, 0], [0, 0, 0]])) == 1.0


def test_nothing_counted_is_nan() -> None:
    nothing = np.zeros((2, 2), dtype=np.int64)
    figures = [accuracy(nothing), macro_f1(nothing), mcc(nothing), majority(nothing)]
    figures += [perplexity(0.0, 0), bits_per_token(0.0, 0), per_label(nothing)[0].f1]
    assert all(math.isnan(figure) for figure in figures)


def test_mcc_of_large_counts_is_exact() -> None:
    huge = np.array([[10**12, 0], [0, 10**12]])
    assert mcc(huge) == pytest.approx(1.0, abs=1e-12)


def test_perplexity_and_bits() -> None:
    assert perplexity(3 * math.log(50), 3) == pytest.approx(50)
    assert perplexity(1e6, 1) == math.inf
    assert math.isnan(perplexity(math.nan, 1))
    assert bits_per_token(10 * math.log(2), 5) == pytest.approx(2)
    assert bits_per_character(10 * math.log(2), 20) == pytest.approx(0.5)


pairs = st.integers(1, 6).flatmap(
    lambda labels: st.tuples(
        st.just(labels),
        st.lists(
            st.tuples(st.integers(0, labels - 1), st.integers(0, labels - 1)),
            min_size=1,
            max_size=60,
        ),
    )
)


@given(pairs)
def test_properties(case: tuple[int, list[tuple[int, int]]]) -> None:
    labels, answers = case
    true, said = zip(*answers, strict=True)
    matrix = confusion(true, said, labels)
    assert matrix.sum() == len(answers)
    assert [label.support for label in per_label(matrix)] == [
        true.count(label) for label in range(labels)
    ]
    figures = [accuracy(matrix), macro_f1(matrix), majority(matrix)]
    assert all(0.0 <= figure <= 1.0 for figure in figures)
    assert -1 - 1e-12 <= mcc(matrix) <= 1 + 1e-12
    assert mcc(matrix) == pytest.approx(mcc(matrix.T))
    order = np.random.default_rng(len(answers)).permutation(labels)
    assert mcc(matrix[order][:, order]) == pytest.approx(mcc(matrix))
    assert macro_f1(matrix[order][:, order]) == pytest.approx(macro_f1(matrix))


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(deadline=None)  # the first example imports scikit-learn
@given(pairs)
def test_agrees_with_scikit_learn(case: tuple[int, list[tuple[int, int]]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    labels, answers = case
    true, said = zip(*answers, strict=True)
    matrix = confusion(true, said, labels)
    every = list(range(labels))
    assert matrix.tolist() == sklearn.confusion_matrix(true, said, labels=every).tolist()
    assert accuracy(matrix) == pytest.approx(sklearn.accuracy_score(true, said))
    assert mcc(matrix) == pytest.approx(sklearn.matthews_corrcoef(true, said))
    expected = sklearn.f1_score(true, said, average="macro", zero_division=0)
    assert macro_f1(matrix) == pytest.approx(expected)
    parts = sklearn.precision_recall_fscore_support(true, said, labels=every, zero_division=0)
    ours = [(one.precision, one.recall, one.f1, one.support) for one in per_label(matrix)]
    assert np.array(ours) == pytest.approx(np.array(parts).T)


def test_intervals_are_those_of_resampled_examples() -> None:
    draw = np.random.default_rng(3)
    true = draw.integers(0, 3, 400)
    said = np.where(draw.random(400) < 0.7, true, draw.integers(0, 3, 400))
    rows = (draw.integers(0, 400, 400) for _ in range(3000))
    samples = [confusion(true[some], said[some], 3) for some in rows]
    matrix = confusion(true, said, 3)
    for figure, interval in ((accuracy, accuracy_interval), (macro_f1, macro_f1_interval)):
        expected = np.quantile([figure(sample) for sample in samples], (0.025, 0.975))
        assert interval(matrix) == pytest.approx(expected, abs=0.006)
        assert interval(matrix) == interval(matrix)
        low, high = interval(matrix)
        assert low < figure(matrix) < high


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 30), min_size=9, max_size=9))
def test_intervals_lie_within_the_figures_range(cells: list[int]) -> None:
    matrix = np.array(cells).reshape(3, 3)
    for low, high in (accuracy_interval(matrix), macro_f1_interval(matrix)):
        assert math.isnan(low) if not matrix.sum() else 0 <= low <= high <= 1


def test_intervals_where_nothing_varies_or_nothing_is() -> None:
    assert macro_f1_interval(np.diag([5, 5])) == (1.0, 1.0)
    empty = np.zeros((2, 2), np.int64)
    assert all(map(math.isnan, accuracy_interval(empty) + macro_f1_interval(empty)))


@pytest.mark.parametrize(
    ("right", "count", "interval"),
    [
        (2, 2, (0.3424, 1.0)),
        (0, 2, (0.0, 0.6576)),
        (1, 1, (0.2065, 1.0)),
        (9, 10, (0.5958, 0.9821)),
    ],
)
def test_few_examples_do_not_make_certain(
    right: int, count: int, interval: tuple[float, float]
) -> None:
    matrix = np.array([[right, count - right], [0, 0]])
    assert accuracy_interval(matrix) == pytest.approx(interval, abs=1e-4)


def test_a_huge_matrix_has_no_macro_f1_interval() -> None:
    matrix = np.ones((30, 30), np.int64)
    assert accuracy_interval(matrix)[0] < 1 / 30 < accuracy_interval(matrix)[1]
    assert all(map(math.isnan, macro_f1_interval(matrix)))
