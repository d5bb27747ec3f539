"""Batches: every row once, order from (seed, epoch) alone, batches know their size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.data.batching import (
    EVALUATION_TOKENS,
    Columns,
    Resident,
    TextBatch,
    bags,
    bucketed_order,
    generator,
    label_order,
    reading_order,
)
from seqcli.data.padded import Padded
from seqcli.machine.distributed import Ranks
from seqcli.text.sequences import Sequences

LENGTHS = st.lists(st.integers(0, 60), max_size=120).map(lambda rows: np.array(rows, np.int64))
ROWS = st.lists(st.lists(st.integers(0, 99), max_size=20), min_size=1, max_size=12)


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 40), st.integers(1, 20), st.integers(0, 2**63 - 1))
def test_every_row_once_an_epoch(lengths: np.ndarray, size: int, pool: int, seed: int) -> None:
    batches = bucketed_order(lengths, size, pool, generator(seed, 1))
    rows = [row for batch in batches for row in batch.tolist()]
    assert sorted(rows) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    sizes = sorted(len(batch) for batch in batches)
    assert all(found == size for found in sizes[1:])


@settings(deadline=None, max_examples=50)
@given(LENGTHS, st.integers(1, 9), st.integers(1, 5))
def test_order_is_a_function_of_seed_and_epoch(lengths: np.ndarray, size: int, pool: int) -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        np.random.seed(seed + epoch)  # must not matter
        batches = bucketed_order(lengths, size, pool, generator(seed, epoch))
        return [batch.tolist() for batch in batches]

    assert order(1, 1) == order(1, 1)
    if len(lengths) > 30:
        assert len({str(order(*key)) for key in ((1, 1), (1, 2), (2, 1), (2, 2))}) == 4


def test_lengths_are_alike_within_a_batch() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 4000)

    def padding(pool: int) -> float:
        batches = bucketed_order(lengths, 20, pool, generator(1, 1))
        padded = sum(int(lengths[rows].max()) * len(rows) for rows in batches)
        return padded / int(lengths.sum())

    assert padding(1) > 1.7
    assert padding(16) < 1.15


def test_bucketed_batches_come_in_random_order() -> None:
    lengths = np.arange(1000)
    batches = bucketed_order(lengths, 10, 100, generator(1, 1))
    firsts = [int(batch[0]) for batch in batches]
    assert firsts != sorted(firsts)
    assert abs(np.corrcoef(firsts, np.arange(100))[0, 1]) < 0.4


def test_labels_are_drawn_uniformly_and_then_rows() -> None:
    labels = np.array([3] * 9000 + [0] * 900 + [7] * 100)
    batches = label_order(labels, 32, 10_000, generator(1, 1))
    rows = np.concatenate(batches)
    assert len(rows) == 10_000
    assert [len(batch) for batch in batches] == [32] * 312 + [16]
    counts = np.bincount(labels[rows])
    assert counts[[1, 2, 4, 5, 6]].sum() == 0
    assert abs(counts[[0, 3, 7]] - 3333).max() < 200  # 4 deviations
    of_seven = np.bincount(rows[labels[rows] == 7] - 9900, minlength=100)
    assert of_seven.min() > 10
    assert of_seven.max() < 65
    for epoch, same in ((1, True), (2, False)):
        again = np.concatenate(label_order(labels, 32, 10_000, generator(1, epoch)))
        assert np.array_equal(rows, again) == same
    assert [len(rows) for rows in label_order(labels, 2, 5, generator(1, 1))] == [2, 2, 1]


def test_no_rows_give_no_batches() -> None:
    none = np.empty(0, np.int64)
    assert bucketed_order(none, 4, 3, generator(1, 1)) == []
    assert label_order(none, 4, 0, generator(1, 1)) == []
    assert reading_order(none) == []


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 40) | st.integers(0, 3 * EVALUATION_TOKENS), max_size=300),
    st.integers(1, 40),
)
def test_reading_covers_every_row_within_bounds(some: list[int], times: int) -> None:
    lengths = np.array(some * times, np.int64)
    batches = reading_order(lengths)
    rows = np.concatenate([np.empty(0, np.int64), *batches])
    assert sorted(rows.tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= 1024
        assert len(batch) == 1 or lengths[batch].max() * len(batch) <= EVALUATION_TOKENS


def test_reading_wastes_few_batches() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 25_000)
    batches = reading_order(lengths)
    waste = sum(int(lengths[rows].max()) * len(rows) for rows in batches) / lengths.sum()
    assert waste < 1.1
    assert len(batches) < 4 * lengths.sum() / EVALUATION_TOKENS


@given(ROWS)
def test_bags(rows: list[list[int]]) -> None:
    texts = Sequences.from_rows(rows)
    weights = np.arange(len(texts.ids), dtype=np.float32)
    buckets, starts, same = bags(texts, weights)
    assert (buckets.dtype, starts.dtype, same.dtype) == (torch.int64, torch.int64, torch.float32)
    ends = [*starts.tolist()[1:], len(buckets)]
    found = [buckets[at:end].tolist() for at, end in zip(starts.tolist(), ends, strict=True)]
    assert found == rows
    assert same.tolist() == weights.tolist()


def test_a_batch_knows_its_tokens_and_its_device() -> None:
    text = Padded.of(Sequences.from_rows([[1, 2, 3], [4]]))
    batch = TextBatch(text, torch.zeros(2, dtype=torch.int64))
    assert batch.tokens == 4
    assert batch.to(torch.device("cpu")) is batch
    features = (torch.tensor([1]), torch.tensor([0, 1]), torch.ones(1))
    moved = TextBatch(text, batch.labels, features).to(torch.device("meta"))
    parts = [moved.text.values, moved.text.lengths, moved.labels, *(moved.features or ())]
    assert {part.device.type for part in parts if part is not None} == {"meta"}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("ranks", [Ranks(), Ranks(1, 2)], ids=["alone", "second"])
def test_columns_on_a_device_are_the_same_windows(dtype: type, ranks: Ranks) -> None:
    """On the CPU by the very functions that a GPU's columns go through."""
    columns = Columns((np.arange(103) * 7 % 251).astype(dtype), 4, 5, ranks=ranks)
    cpu = torch.device("cpu")
    resident = Resident.of(columns, cpu)
    assert columns.to(cpu) is columns
    assert resident.to(cpu) is resident
    assert len(resident) == len(columns) == 4
    for index in range(len(columns)):
        one, other = columns[index], resident[index]
        assert torch.equal(one.ids, other.ids)
        assert torch.equal(one.targets, other.targets)
        assert one.share == other.share == 1 / ranks.world
        assert other.ids.dtype == torch.int64
