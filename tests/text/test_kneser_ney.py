"""Counted n-grams: the formula by hand, and the same probabilities as a model of dictionaries."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.text.kneser_ney import count, discounts


def test_order_two_is_the_formula() -> None:
    """aabab: aa and ba once, ab twice (discount 2 / 4); a behind a and b, b behind a (1 / 3)."""
    found = count(np.array([0, 0, 1, 0, 1]), 2, 2)
    assert found.sizes == (3,)
    assert found.keys.tolist() == [0, 1, 1 * 2 + 0, 1 * 2 + 1, 2 * 2 + 0]  # a b aa ab ba
    first, other = 1 / 3, (2 - 1 / 3) / 3  # ney = 1 / (1 + 2 * 1); counts 2 and 1
    assert found.own[1:3] == pytest.approx([other, (1 - 1 / 3) / 3])
    assert found.rest[0] == pytest.approx(2 * first / 3)
    assert found.own[3:6] == pytest.approx([0.5 / 3, 1.5 / 3, 0.5 / 1])
    assert found.rest[1:3] == pytest.approx([2 * 0.5 / 3, 0.5 / 1])
    assert found.rest[3:].tolist() == [1, 1, 1, 1]  # nothing is counted behind two tokens
    assert found.own[-1] == 0  # of what was never seen


def test_a_text_may_be_shorter_than_its_n_grams() -> None:
    assert count(np.array([1]), 3, 6).sizes == ()
    assert count(np.array([1, 2]), 3, 6).sizes == (1,)
    assert count(np.array([1, 2, 1]), 3, 1).sizes == ()


def test_keys_rise_and_what_follows_a_context_sums_to_what_is_not_left() -> None:
    ids = np.random.default_rng(1).integers(0, 7, 400).astype(np.uint8)
    found = count(ids, 9, 4)
    assert (np.diff(found.keys) > 0).all()
    parents = found.keys // 9
    parents[:9] = 0
    sums = np.bincount(parents, weights=found.own[1:-1], minlength=len(found.own))
    followed = sums > 0
    assert sums[followed] + found.rest[followed] == pytest.approx(1)
    assert (found.rest[~followed] == 1).all()
    assert (found.own >= 0).all()


def test_something_is_always_taken_off() -> None:
    """3 - 4 D n4 / n3 is below 0 here: without a discount an unseen token would be impossible."""
    counts = np.array([1, 1, 1, 1, 2, 2, 3, 4, 4, 4, 4])
    assert discounts(counts) == (0.5, 1.25, 0.5)
    assert discounts(np.array([1, 1, 2])) == (0.5, 0.5, 0.5)
    assert discounts(np.array([5, 7])) == (0.5, 0.5, 0.5)
