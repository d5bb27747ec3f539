"""Dropout in and between recurrent layers, and bfloat16: what training alone sees."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqcli.machine.device import cpu_has_bfloat16
from seqcli.nn.cells import CELLS
from seqcli.nn.dropout import dropout, dropout_mask
from seqcli.nn.ragged import length_mask
from seqcli.nn.recurrent import Encoded, Recurrent

torch.set_num_threads(1)

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("rnn", {}),
    ("rnn", {"activation": "relu"}),
    ("lstm", {}),
    ("lstm", {"bias": False}),
    ("lstm", {"recurrent_activation": "hard_sigmoid"}),
    ("gru", {}),
    ("gru", {"reset_after": False}),
]


def stack(cell: str, sizes: tuple[int, ...] = (5, 3), **options: Any) -> Recurrent:
    model = Recurrent(4, sizes, cell=cell, **options).double()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.uniform_(-0.6, 0.6, generator=draw)
    return model


def batch(lengths: tuple[int, ...] = (6, 3, 0, 1)) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(len(lengths), max(lengths), 4, generator=draw, dtype=torch.float64)
    return x, torch.tensor(lengths)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.65])
@pytest.mark.parametrize("locked", [False, True])
def test_dropout_keeps_the_mean(rate: float, locked: bool) -> None:
    torch.manual_seed(0)
    x = torch.ones(64, 50, 100)
    y = dropout(x, rate, True, locked)
    zero = (y == 0).float().mean().item()
    deviation = (rate * (1 - rate) / (6400 if locked else 320_000)) ** 0.5
    assert abs(zero - rate) < 4 * deviation
    assert y.unique().tolist() == pytest.approx([0, 1 / (1 - rate)], rel=1e-4)
    assert abs(y.mean().item() - 1) < 4 * deviation / (1 - rate)


def test_dropout_draws_each_number_by_itself() -> None:
    torch.manual_seed(0)
    mask = (dropout_mask((4000, 8), 0.5, torch.ones(())) > 0).double()
    correlation = torch.corrcoef(mask.T) - torch.eye(8)
    assert correlation.abs().max() < 5 / 4000**0.5  # four masks come from one random word
    assert (mask.mean(0) - 0.5).abs().max() < 5 * 0.5 / 4000**0.5
    assert not torch.equal(mask[0::2], mask[1::2])


@pytest.mark.parametrize("rate", [1e-7, 0.99])
def test_dropout_at_the_ends_of_its_range(rate: float) -> None:
    torch.manual_seed(0)
    y = dropout(torch.ones(20, 50, 10), rate, True, False)
    assert abs((y == 0).float().mean().item() - rate) < 0.01
    assert y.isfinite().all()
    assert torch.equal(dropout(y, 0.0, True, True), y)


def test_a_locked_mask_is_the_same_at_every_step() -> None:
    torch.manual_seed(0)
    y = dropout(torch.ones(8, 30, 40), 0.4, True, True)
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert not torch.equal(y[0], y[1])
    free = dropout(torch.ones(8, 30, 40), 0.4, True, False)
    assert not torch.equal(free[:, 0], free[:, 1])


def same(mine: Encoded, expected: Encoded) -> None:
    torch.testing.assert_close(mine[:2], expected[:2], rtol=0, atol=0)


DROPS = [{"dropout": 0.5}, {"output_dropout": 0.5}, {"recurrent_dropout": 0.5}]


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("options", DROPS)
@pytest.mark.parametrize("cell", CELLS)
def test_dropout_is_for_training_alone(cell: str, options: dict[str, Any], locked: bool) -> None:
    model = stack(cell, bidirectional=True, locked=locked, **options)
    x, lengths = batch()
    model.eval()
    plain = stack(cell, bidirectional=True)
    same(model(x, lengths), plain(x, lengths))
    model.train()
    torch.manual_seed(3)
    first = model(x, lengths)
    assert not torch.allclose(first.outputs, model(x, lengths).outputs)
    torch.manual_seed(3)
    same(model(x, lengths), first)
    assert not first.outputs[~length_mask(lengths, 6)].any()


def test_recurrent_dropout_has_one_mask_a_sequence() -> None:
    model = stack("rnn", (5,), recurrent_dropout=0.5, activation="linear", bias=False)
    torch.manual_seed(3)
    x, _ = batch((7, 7))
    found = model(x).outputs
    torch.manual_seed(3)
    mask = dropout_mask((2, 5), 0.5, x)
    assert 0 < (mask == 0).sum() < 10
    cell: Any = model.layers[0][0].cell  # type: ignore[index]
    h = torch.zeros(2, 5, dtype=x.dtype)
    for t in range(7):
        h = x[:, t] @ cell.weight_ih.T + (h * mask) @ cell.weight_hh.T
        torch.testing.assert_close(found[:, t], h)


BF16 = pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor has no bfloat16")


@BF16
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_bfloat16_gradients_are_near_float32s(bidirectional: bool, ragged: bool) -> None:
    model = stack("lstm", (32, 32), bidirectional=bidirectional).float()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(0.4)
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(16, 12, 4, generator=draw)
    lengths = torch.randint(1, 13, (16,), generator=draw) if ragged else None
    both = []
    for bf16 in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            encoded = model(x, lengths)
        (encoded.outputs.float().square().sum() + encoded.last.float().sum()).backward()
        both.append(torch.cat([weight.grad.flatten() for weight in model.parameters()]))
    assert ((both[1] - both[0]).norm() / both[0].norm()).item() < 0.02


@BF16
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("cell", "options"), OPTIONS)
def test_a_state_carried_under_bfloat16_stays_float32(
    cell: str, options: dict[str, Any], ragged: bool
) -> None:
    model = stack(cell, bidirectional=True, **options).float()
    x, lengths = batch()
    x, ends = x.float(), lengths if ragged else None
    with torch.autocast("cpu", torch.bfloat16):
        first = model(x, ends, need_state=True)
        assert {part.dtype for layer in first.state for part in layer} == {torch.float32}
        second = model(x, ends, first.state, need_state=True)
        one = model(x[:, :1], None, second.state, need_state=True)
        (second.outputs.float().sum() + one.last.float().sum()).backward()
    after = model(x, ends, first.state, need_state=True)  # back in float32
    torch.testing.assert_close(second.outputs.float(), after.outputs, rtol=0.1, atol=0.05)
