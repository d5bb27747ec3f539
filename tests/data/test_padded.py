"""Rows as one tensor: every number where it was, zeros behind, and what is real."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.padded import ROUND, Padded
from seqcli.text.sequences import Sequences

ROWS = st.lists(st.lists(st.integers(1, 99), max_size=20), min_size=1, max_size=12)


def as_frames(rows: list[list[int]]) -> Padded:
    """Three numbers a step: n, -n and n / 2."""
    flat = np.array([n for row in rows for n in row], np.float64)
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Padded.of_frames(np.stack([flat, -flat, flat / 2], 1), offsets)


@given(ROWS)
def test_padding_is_exact(rows: list[list[int]]) -> None:
    found = Padded.of(Sequences.from_rows(rows))
    assert found.values.dtype == torch.int32
    longest, time = max(map(len, rows)), found.values.shape[1]
    if found.lengths is None:
        assert {len(row) for row in rows} == {longest}
    else:
        assert found.lengths.dtype == torch.int64
        assert found.lengths.tolist() == [len(row) for row in rows]
        assert time % ROUND == 0
        assert longest <= time < longest + ROUND or time == ROUND
    assert found.values.tolist() == [row + [0] * (time - len(row)) for row in rows]
    assert torch.equal(found.mask, found.values > 0)
    assert found.tokens == sum(map(len, rows))


@given(ROWS)
def test_numbers_are_padded_as_ids_are(rows: list[list[int]]) -> None:
    ids, frames = Padded.of(Sequences.from_rows(rows)), as_frames(rows)
    assert frames.values.dtype == torch.float32
    for place, factor in enumerate((1, -1, 0.5)):
        assert torch.equal(frames.values[:, :, place], ids.values * factor)
    assert (frames.lengths is None) == (ids.lengths is None)
    assert torch.equal(frames.mask, ids.mask)
    assert frames.tokens == ids.tokens


def test_empty_rows_and_none() -> None:
    found = Padded.of(Sequences.from_rows([[], []]))
    assert found.values.shape[1] >= 1
    assert found.lengths is not None
    assert found.lengths.tolist() == [0, 0]
    assert Padded.of(Sequences.from_rows([])).values.shape[0] == 0
    assert as_frames([[], []]).values.shape == (2, ROUND, 3)


@pytest.mark.parametrize("rows", [[[1, 2, 3], [4]], [[1, 2], [3, 4]]])
def test_on_a_device(rows: list[list[int]]) -> None:
    here = Padded.of(Sequences.from_rows(rows))
    assert here.to(torch.device("cpu")) is here
    there = here.to(torch.device("meta"))
    assert there.values.device.type == "meta"
    assert (there.lengths is None) == (here.lengths is None)
    assert there.lengths is None or there.lengths.device.type == "meta"
