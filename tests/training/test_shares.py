"""What each rank makes of its part of a batch adds up to what one process makes of the whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_language import tiny
from tiny_runs import job

from seqcli import kinds
from seqcli.data.batching import Columns
from seqcli.errors import ConfigError
from seqcli.kinds import contract
from seqcli.kinds.language_model.kind import Text
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import Ranks


class Double(Runtime):
    """Products in float64."""

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64


CPU = Double(torch.device("cpu"), "fp32", 1)


def gradients(
    kind: Any, split: Any, network: torch.nn.Module, ranks: list[Ranks], index: int
) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor, int]:
    """Summed over `ranks`, of batch `index`; and loss, right ones, predictions."""
    for weight in network.parameters():
        weight.grad = None
    total = correct = torch.zeros(())
    count = 0
    for rank in ranks:
        batch = kind.batches(split, 1, rank)[index]
        if not batch.share:
            continue
        loss = kind.loss(network, batch, None, CPU)
        loss.objective.backward()
        total, correct = total + loss.total, correct + loss.correct
        count += loss.count
    grads = [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]
    return grads, total, correct, count


def same(kind: Any, split: Any, network: torch.nn.Module, worlds: list[int], index: int) -> None:
    single = next(network.parameters()).dtype == torch.float32
    rtol, atol = (1e-4, 1e-7) if single else (1e-6, 1e-9)
    whole = gradients(kind, split, network, [Ranks()], index)
    for world in worlds:
        ranks = [Ranks(rank, world) for rank in range(world)]
        parts = gradients(kind, split, network, ranks, index)
        for one, other in zip(whole[0], parts[0], strict=True):
            torch.testing.assert_close(other, one, rtol=rtol, atol=atol)
        torch.testing.assert_close(parts[1], whole[1], check_dtype=False)
        assert parts[2] == whole[2]
        assert parts[3] == whole[3]


@pytest.mark.parametrize("time_sum", [True, False])
def test_columns_of_a_language_model(time_sum: bool) -> None:
    settings = {"batch_size": 6, "steps": 7, "time_sum": time_sum}
    kind, network = tiny(train=settings)
    ids = np.arange(400, dtype=np.int64) * 7 % len(kind.vocab)
    same(kind, Text(ids, 0.0), network.double(), [2, 3, 6], 4)


def test_columns_that_cannot_be_shared_evenly() -> None:
    kind, _ = tiny(train={"batch_size": 6})
    with pytest.raises(ConfigError, match="4 ranks cannot share 6 columns") as caught:
        kind.batches(Text(np.zeros(100, np.int64), 0.0), 1, Ranks(1, 4))
    assert "--batch-size 8" in caught.value.hint


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"train": {"class_weight": "balanced", "label_smoothing": 0.1}},
        {"model": {"wide_words": [1, 2], "wide_buckets": 512, "wide_share": 0.5}},
        {"model": {"head": "sigmoid"}},
    ],
    ids=["plain", "weighted", "wide", "sigmoid"],
)
def test_examples_of_a_classifier(settings: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """38 training texts in batches of 8: the last one has 6, too few for 7 ranks."""
    none = {"dropout": 0.0, "output_dropout": 0.0}
    model = none | settings.get("model", {})
    asked = job(tmp_path, overrides=settings | {"model": model})
    config = asked.task.config
    prepared = contract.load(kinds.spec_of(config)).prepare(
        config, asked.data, tmp_path, lambda: None
    )
    network = prepared.kind.build(torch.Generator().manual_seed(1))
    if "wide_words" not in model:  # its weights are float32
        network.double()
    split = prepared.splits["train"]
    batches: Any = prepared.kind.batches(split, 1)
    for index in range(len(batches)):
        same(prepared.kind, split, network, [2, 3, 7], index)
    sizes = [len(batches[index].labels) for index in range(len(batches))]
    assert sorted(sizes) == [6, 8, 8, 8, 8]


@pytest.mark.parametrize("world", [2, 3])
def test_validation_counts_everything_once(world: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums are added by hand here: every rank's own, then the figures of all of them."""
    kind, network = tiny(train={"batch_size": 5, "steps": 4})
    ids = np.arange(173, dtype=np.int64) * 5 % len(kind.vocab)
    split = Text(ids, 0.0)
    alone = kind.validation(network.double(), split, CPU, lambda: None)
    sums: list[tuple[float, ...]] = []

    def remembered(self: Ranks, *numbers: float) -> list[float]:
        sums.append(numbers)
        return list(numbers)

    monkeypatch.setattr(Ranks, "totals", remembered)
    for rank in range(world):
        runtime = dataclasses.replace(CPU, ranks=Ranks(rank, world))
        kind.validation(network, split, runtime, lambda: None)
    total, count = (sum(parts) for parts in zip(*sums, strict=True))
    assert count == alone["tokens"]
    assert total / count == pytest.approx(alone["loss"], rel=1e-6)


def test_a_rank_without_a_column_reads_nothing() -> None:
    columns = Columns(np.arange(100), 2, 5, ranks=Ranks(2, 3))
    assert columns.own == 0
