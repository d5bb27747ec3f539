"""Figures of stretches equal a plain reference: Lea et al. 2017, as their code has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.kinds.tagger.frames.metrics import edit_score, overlaps, segment_figures, stretches


def runs(row: list[int]) -> list[tuple[int, int, int]]:
    """label, start, end of each run."""
    found: list[tuple[int, int, int]] = []
    for place, label in enumerate(row):
        if found and found[-1][0] == label:
            found[-1] = (label, found[-1][1], place + 1)
        else:
            found.append((label, place, place + 1))
    return found


def levenshtein(first: list[int], second: list[int]) -> int:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i in range(len(first) + 1):
        for j in range(len(second) + 1):
            if not i or not j:
                table[i][j] = i + j
                continue
            same = first[i - 1] == second[j - 1]
            table[i][j] = min(
                table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (not same)
            )
    return table[-1][-1]


def hits(true: list[int], answered: list[int], least: float) -> tuple[int, int, int]:
    own, used, count = runs(true), set[int](), 0
    for label, start, end in runs(answered):
        shares = []
        for other, begin, stop in own:
            both = min(end, stop) - max(start, begin)
            shares.append(both / (max(end, stop) - min(start, begin)) * (other == label))
        best = max(range(len(own)), key=lambda place: shares[place])
        if shares[best] >= least and best not in used:
            used.add(best)
            count += 1
    return count, len(runs(answered)), len(own)


Rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@given(Rows)
def test_figures_equal_the_reference(pairs: list[tuple[int, int]]) -> None:
    true, answered = [one for one, _ in pairs], [one for _, one in pairs]
    own, given_ = np.array(true), np.array(answered)
    assert [tuple(one) for one in stretches(own)] == [(s, e, k) for k, s, e in runs(true)]
    first, second = [k for k, _, _ in runs(true)], [k for k, _, _ in runs(answered)]
    expected = 1 - levenshtein(first, second) / max(len(first), len(second))
    assert edit_score(own, given_) == pytest.approx(expected)
    for least in (0.1, 0.25, 0.5):
        assert overlaps(own, given_, least) == hits(true, answered, least)


def test_a_true_stretch_counts_once_and_recordings_are_summed() -> None:
    true = [np.repeat([0, 1], 10), np.repeat([2], 5)]
    cut = np.array([0] * 6 + [2] + [0] * 3 + [1] * 10)  # the first stretch is answered in two
    found = segment_figures(true, [cut, np.repeat([2], 5)])
    assert found["f1_50"] == pytest.approx(2 * 3 / (5 + 3))
    assert found["edit"] == pytest.approx((1 - 2 / 4 + 1) / 2)


def test_nothing_is_no_figure() -> None:
    assert all(math.isnan(value) for value in segment_figures([], []).values())
    empty = np.zeros(0, np.int64)
    assert all(math.isnan(value) for value in segment_figures([empty], [empty]).values())
