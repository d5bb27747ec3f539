from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.data.splits import DROPPED, NOT_SAID, TEST, TRAIN, VALID, Split, assign, text_key


def cut(labels: object, keys: object, official: object = None, **options: object) -> Split:
    names = np.array(labels, np.int64)
    said = np.full(len(names), NOT_SAID) if official is None else np.array(official)
    settled = {"test": 0.2, "valid": 0.1, "seed": 1, "repeats": "group", **options}
    return assign(names, np.array(keys, np.uint64), said.astype(np.int8), **settled)  # type: ignore[arg-type]


ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 12), st.sampled_from([-1, -1, 0, 1, 2])),
    min_size=1,
    max_size=60,
)
REPEATS = st.sampled_from(["group", "drop", "keep"])
SHARES = st.floats(0, 0.9)


@settings(deadline=None)
@given(ROWS, REPEATS, SHARES, SHARES, st.integers(0, 2**32))
def test_what_holds_for_every_split(
    rows: list[tuple[int, int, int]], repeats: str, test: float, valid: float, seed: int
) -> None:
    labels, keys, official = (np.array(column) for column in zip(*rows, strict=True))
    options = {"repeats": repeats, "test": test, "valid": valid, "seed": seed}
    split = cut(labels, keys, official, **options)
    part = split.part
    assert part.shape == labels.shape
    assert set(part.tolist()) <= {TRAIN, VALID, TEST, DROPPED}
    assert np.array_equal(part, cut(labels, keys, official, **options).part)
    for held_out in (VALID, TEST):
        assert np.all(part[official == held_out] == held_out)
        if np.any(official == held_out):
            assert np.sum(part == held_out) == np.sum(official == held_out)
    pool = (official != VALID) & (official != TEST)
    trains, others = set(keys[part == TRAIN]), set(keys[(part == VALID) | (part == TEST)])
    if repeats == "keep":
        assert not np.any(part == DROPPED)
        assert split.shared == np.sum((part == TRAIN) & np.isin(keys, list(others)))
    else:  # one unit a text, whatever its labels
        assert not trains & others
        gone = pool & np.isin(keys, keys[~pool])
        assert np.all(part[gone] == DROPPED)
        assert split.shared == np.sum(gone)
        assert split.shared + split.repeated == np.sum(part == DROPPED)
        for key in set(keys[pool].tolist()):
            assert len(set(part[pool & (keys == key)].tolist()) - {DROPPED}) <= 1
    if repeats == "drop":
        kept = pool & (part != DROPPED)
        pairs = list(zip(labels[kept], keys[kept], strict=True))
        assert len(set(pairs)) == len(pairs)
    else:
        assert split.repeated == 0
    for label in set(labels[pool & (part != DROPPED)].tolist()):
        assert np.any(part[labels == label] == TRAIN)


@settings(deadline=None)
@given(st.lists(st.integers(1, 200), min_size=2, max_size=5), st.integers(0, 99))
def test_shares_hold_label_by_label(sizes: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    part = cut(labels, np.arange(len(labels)), seed=seed).part
    for label, size in enumerate(sizes):
        tested = int(np.sum(part[labels == label] == TEST))
        assert abs(tested - 0.2 * size) <= 0.5
        assert abs(np.sum(part[labels == label] == VALID) - 0.1 * (size - tested)) <= 0.5


def test_groups_stay_near_the_shares() -> None:
    draw = np.random.default_rng(0)
    keys = draw.integers(0, 3000, 10_000)
    labels = keys % 3
    part = cut(labels, keys).part
    for label in range(3):
        assert np.mean(part[labels == label] == TEST) == pytest.approx(0.2, abs=0.005)


def test_a_known_split_does_not_change() -> None:
    # A model file keeps the seed alone: if these figures change, old models lose their split.
    part = cut([0, 1] * 10, range(20), valid=0.25, seed=7).part
    assert "".join(map(str, part)) == "01021120000220001000"


def test_without_one_text_under_two_labels_the_split_is_that_of_the_first_version() -> None:
    # keys in the reverse order: a unit's draw must follow its row
    part = cut([0, 1] * 10, range(20, 0, -1), valid=0.25, seed=7, repeats="drop").part
    assert "".join(map(str, part)) == "01021120000220001000"


def test_seeds_differ() -> None:
    labels, keys = [0, 1] * 50, range(100)
    first, second = (cut(labels, keys, seed=seed).part for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_drop_keeps_the_first_and_equal_texts_with_another_label() -> None:
    split = cut([0, 0, 1, 0], [5, 5, 5, 6], repeats="drop", test=0, valid=0)
    assert split.part.tolist() == [TRAIN, DROPPED, TRAIN, TRAIN]
    assert (split.repeated, split.shared) == (1, 0)


def test_one_text_under_two_labels_stands_on_one_side() -> None:
    labels, keys = np.tile([0, 1], 200), np.repeat(np.arange(200), 2)
    part = cut(labels, keys, repeats="drop").part
    assert np.all(part[::2] == part[1::2])
    assert np.mean(part == TEST) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("repeats", ["group", "drop"])
def test_what_an_official_test_row_has_does_not_train_whatever_its_label(repeats: str) -> None:
    split = cut([0, 1, 1, 0, 0], [5, 6, 5, 5, 5], [0, 0, 0, 2, 2], repeats=repeats, valid=0)
    assert split.part.tolist() == [DROPPED, TRAIN, DROPPED, TEST, TEST]
    assert (split.repeated, split.shared) == (0, 2)


def test_kept_texts_that_are_held_out_too_are_counted() -> None:
    split = cut([0, 1, 0], [5, 6, 5], [0, 0, 2], repeats="keep", valid=0)
    assert split.part.tolist() == [TRAIN, TRAIN, TEST]
    assert split.shared == 1


def test_each_missing_part_is_cut_from_the_training_rows() -> None:
    labels, keys = [0, 1] * 50, range(100)
    with_test = cut(labels, keys, [0] * 80 + [2] * 20).part
    assert np.bincount(with_test).tolist() == [72, 8, 20]
    with_valid = cut(labels, keys, [0] * 80 + [1] * 20).part
    assert np.bincount(with_valid).tolist() == [64, 20, 16]
    whole = cut(labels, keys, [0] * 60 + [1] * 20 + [2] * 20).part
    assert np.bincount(whole).tolist() == [60, 20, 20]


def test_a_share_of_nothing_cuts_nothing() -> None:
    assert np.all(cut([0, 1] * 9, range(18), test=0, valid=0).part == TRAIN)


def test_keys_are_the_same_on_every_machine_and_see_the_text_alone() -> None:
    assert text_key("ab") == 9804581064242713102
    assert text_key(" ab\n") == text_key("ab")
    assert text_key("AB") != text_key("ab")
    assert text_key("STRASSE", casefold=True) == text_key("straße", casefold=True)
    assert 0 <= text_key("\ud800") < 2**64
