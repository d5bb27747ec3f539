"""Versions of recordings: as drawn, never longer than said, and none where nothing is varied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcli.data.frames import Frames
from seqcli.data.pieces import Pieces, stride
from seqcli.data.varied import Variation, between

STILL = Variation(0, 0, 0, 0, 0, 3)


def rows(*lengths: int) -> Frames:
    draw = np.random.default_rng(2)
    return Frames.of([draw.random((n, 4)).astype(np.float32) for n in lengths], 4)


def drawn(count: int, value: float) -> NDArray[np.float64]:
    return np.full((count, 7), value)


def test_nothing_varied_is_the_recording() -> None:
    assert STILL.none
    frames = rows(3, 0, 1)
    found = STILL(frames, drawn(3, 0.9))
    np.testing.assert_array_equal(found.values, frames.values)


def test_tempo_changes_lengths_by_its_factor_alone() -> None:
    faster = Variation(0.25, 0, 0, 0, 0, 3)
    frames = rows(100, 1, 0)
    assert faster(frames, drawn(3, 1.0)).lengths.tolist() == [80, 1, 0]
    assert faster(frames, drawn(3, 0.0)).lengths.tolist() == [125, 1, 0]
    same = faster(frames, drawn(3, 0.5))
    np.testing.assert_allclose(same.values, frames.values, atol=1e-6)


def test_shift_and_level_leave_other_numbers_alone() -> None:
    frames = rows(5)
    up = Variation(0, 1, 0, 0, 0, 3)(frames, drawn(1, 1.0)).values
    np.testing.assert_allclose(up[:, :2], frames.values[:, 1:3], atol=1e-6)
    np.testing.assert_allclose(up[:, 2], frames.values[:, 2], atol=1e-6)  # the edge stays
    loud = Variation(0, 0, 0.5, 0, 0, 3)(frames, drawn(1, 0.0)).values
    np.testing.assert_allclose(loud[:, :3], frames.values[:, :3] - 0.5, atol=1e-6)
    np.testing.assert_array_equal(up[:, 3], frames.values[:, 3])
    np.testing.assert_array_equal(loud[:, 3], frames.values[:, 3])


def test_blanks_are_stretches_and_the_recording_itself_stays() -> None:
    frames = rows(40)
    before = frames.values.copy()
    found = Variation(0, 0, 0, 2, 0.5, 3)(frames, drawn(1, 0.99)).values
    assert (found[:, 1:3] == 0).all(), "two channels"
    assert (found[20:, :3] == 0).all(), "half of the steps"
    assert (found[:20, 0] != 0).all()
    np.testing.assert_array_equal(frames.values, before)


def test_between_meets_its_rows() -> None:
    values = rows(4).values
    np.testing.assert_allclose(between(values, np.arange(4.0)), values)
    np.testing.assert_allclose(between(values, np.array([-2.0, 9.0])), values[[0, 3]])
    np.testing.assert_allclose(between(values, np.array([1.5])), values[1:3].mean(0)[None])


def test_shifted_pieces_answer_every_step_once() -> None:
    lengths = np.array([5, 16, 17, 100, 0])
    for shift in range(stride(16)):
        found = Pieces.of(lengths, 16, np.full(5, shift))
        seen = [np.zeros(length, np.int64) for length in lengths]
        columns = (found.rows, found.starts, found.ends, found.first, found.last)
        for row, start, end, first, last in zip(*(part.tolist() for part in columns), strict=True):
            assert 0 <= start <= first <= last <= end <= start + 16
            seen[row][first:last] += 1
        assert all((row == 1).all() for row in seen)
