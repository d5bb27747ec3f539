from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.text.sequences import Sequences, SequencesBuilder

ROWS = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=6), max_size=8)


def as_lists(sequences: Sequences) -> list[list[int]]:
    return [sequences.row(i).tolist() for i in range(len(sequences))]


@settings(deadline=None)
@given(ROWS)
def test_rows_come_back_as_they_went_in(rows: list[list[int]]) -> None:
    sequences = Sequences.from_rows(rows)
    assert as_lists(sequences) == rows
    assert len(sequences) == len(rows)
    assert sequences.lengths.tolist() == [len(row) for row in rows]
    assert sequences.ids.dtype == np.int32
    assert sequences.offsets.dtype == np.int64


@settings(deadline=None)
@given(ROWS, st.data())
def test_take_equals_a_plain_loop(rows: list[list[int]], data: st.DataObject) -> None:
    some = st.lists(st.integers(0, max(len(rows) - 1, 0)), max_size=12 if rows else 0)
    indices = data.draw(some)
    taken = Sequences.from_rows(rows).take(np.array(indices, np.int64))
    assert as_lists(taken) == [rows[i] for i in indices]
    assert taken.ids.dtype == np.int32


@settings(deadline=None)
@given(ROWS, st.integers(1, 7))
def test_cut_keeps_the_named_end(rows: list[list[int]], most: int) -> None:
    sequences = Sequences.from_rows(rows)
    assert as_lists(sequences.cut(most, "first")) == [row[:most] for row in rows]
    assert as_lists(sequences.cut(most, "last")) == [row[-most:] for row in rows]


def test_cut_without_limit_is_the_same_object() -> None:
    sequences = Sequences.from_rows([[1, 2]])
    assert sequences.cut(0, "first") is sequences


@settings(deadline=None)
@given(ROWS)
def test_where_keeps_rows_and_drops_ids(rows: list[list[int]]) -> None:
    sequences = Sequences.from_rows(rows)
    odd = sequences.where(sequences.ids % 2 == 1)
    assert as_lists(odd) == [[i for i in row if i % 2] for row in rows]


def test_a_row_is_a_view() -> None:
    sequences = Sequences.from_rows([[1], [2, 3]])
    assert np.shares_memory(sequences.row(1), sequences.ids)
    assert sequences.row(-1).tolist() == [2, 3]


@pytest.mark.parametrize("index", [2, -3])
def test_a_row_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError, match=f"row {index} of 2"):
        Sequences.from_rows([[1], []]).row(index)


def test_builder_takes_any_iterable_and_refuses_what_does_not_fit() -> None:
    builder = SequencesBuilder()
    builder.append(map(int, "12"))
    assert len(builder) == 1
    with pytest.raises(OverflowError):
        builder.append([2**31])


def test_builder_takes_many_rows_at_once() -> None:
    builder = SequencesBuilder()
    builder.append([7])
    builder.extend(Sequences.from_rows([[1, 2], [], [3]]))
    builder.extend(Sequences.from_rows([]))
    builder.append([4])
    built = builder.build()
    assert [built.row(n).tolist() for n in range(len(built))] == [[7], [1, 2], [], [3], [4]]
