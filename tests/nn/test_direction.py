"""Which path a cell takes over a sequence, and an LSTM's two states at each row's true end."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqcli.machine.device import cpu_has_bfloat16
from seqcli.nn.cells import CELLS, State
from seqcli.nn.direction import Direction, holding, path, steps
from seqcli.nn.ragged import flip, length_mask

BF16 = pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor has no bfloat16")

PATHS = [
    ("lstm", {}, "kernel"),
    ("lstm", {"activation": "relu"}, "steps"),
    ("lstm", {"recurrent_activation": "hard_sigmoid"}, "steps"),
    ("gru", {}, "own"),
    ("gru", {"reset_after": False}, "steps"),
    ("gru", {"activation": "relu"}, "steps"),
    ("rnn", {}, "own"),
    ("rnn", {"recurrent_activation": "linear"}, "own"),  # it has no gate
    ("rnn", {"activation": "linear"}, "steps"),
]


@pytest.mark.parametrize(("name", "options", "way"), PATHS)
def test_paths(name: str, options: dict[str, Any], way: str) -> None:
    cell, x = CELLS[name](4, 5, **options), torch.zeros(2, 3, 4)
    for ragged in (False, True):
        assert path(cell, x, ragged=ragged, dropped=False) == way
        assert path(cell, x[:, :1], ragged=ragged, dropped=False) == "steps"
        assert path(cell, x, ragged=ragged, dropped=True) == "steps"
        with torch.no_grad():
            answers = "steps" if way == "steps" else "kernel"
            assert path(cell, x, ragged=ragged, dropped=False) == answers


def test_relu_has_no_bound_past_the_end() -> None:
    cell, x = CELLS["rnn"](4, 5, activation="relu"), torch.zeros(2, 3, 4)
    assert path(cell, x, ragged=False, dropped=False) == "own"
    assert path(cell, x, ragged=True, dropped=False) == "steps"


@pytest.mark.parametrize(("hidden", "way"), [(512, "kernel"), (608, "own"), (1024, "own")])
def test_wide_layers_in_bfloat16(hidden: int, way: str) -> None:
    with torch.device("meta"):
        cell = CELLS["lstm"](4, hidden)
    x, many = torch.zeros(2, 3, 4), torch.zeros(64, 3, 4)
    assert path(cell, x, ragged=True, dropped=False) == "kernel"
    with torch.autocast("cpu", torch.bfloat16):
        assert path(cell, x, ragged=True, dropped=False) == way
        assert path(cell, many, ragged=True, dropped=False) == (
            "own" if hidden >= 1024 else "kernel"
        )
        with torch.no_grad():
            assert path(cell, x, ragged=True, dropped=False) == "kernel"


def drawn(
    hidden: int, backwards: bool, scale: float, lengths: list[int], dtype: torch.dtype
) -> tuple[Direction, Tensor, Tensor, State]:
    """Rows of 24 numbers a step with loud padding, and a state to begin with."""
    draw = torch.Generator().manual_seed(0)
    way = Direction(CELLS["lstm"](24, hidden), backwards=backwards, recurrent_dropout=0.0)
    way.to(dtype)
    with torch.no_grad():
        for weight in way.parameters():
            weight.uniform_(-scale, scale, generator=draw)
    ends = torch.tensor(lengths)
    x = torch.randn(len(ends), max(lengths), 24, generator=draw, dtype=dtype)
    x = torch.where(length_mask(ends, x.shape[1])[:, :, None], x, x * 50)
    state = tuple(
        torch.randn(len(ends), hidden, generator=draw, dtype=dtype) * 0.5 for _ in range(2)
    )
    return way, x.requires_grad_(), ends, state


def gradients(way: Direction, x: Tensor, h: Tensor, c: Tensor) -> list[Tensor]:
    """Of x and the weights, from the two states alone."""
    numbers = torch.arange(h.numel()).view_as(h)
    total = (h * numbers.cos()).sum() + (c * numbers.sin()).sum()
    return list(torch.autograd.grad(total, [x, *way.parameters()]))


LENGTHS = [31, 1, 17, 30, 0, 2, 31, 9]


# Weights of 3 make sums of a hundred and more; rounding grows along the row, so not in float32.
@pytest.mark.parametrize(("scale", "dtype"), [(0.2, torch.float32), (3.0, torch.float64)])
@pytest.mark.parametrize("backwards", [False, True])
def test_both_states_at_the_true_end(backwards: bool, scale: float, dtype: torch.dtype) -> None:
    """As one step at a time gives them; padding has no gradient at all."""
    way, x, ends, state = drawn(40, backwards, scale, LENGTHS, dtype)
    _, last, (h, c) = way(x, ends, state, True)
    _, wanted = steps(way.cell, flip(x, ends) if backwards else x, ends, state)
    assert torch.equal(last, h)
    for mine, its in zip((h, c), wanted, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-6, atol=1e-6)
    assert torch.equal(c[4], state[1][4])  # a row without a step
    found = gradients(way, x, h, c)
    assert not found[0][~length_mask(ends, x.shape[1])].any()
    for mine, its in zip(found, gradients(way, x, *wanted), strict=True):
        assert (mine - its).norm() <= 1e-6 * its.norm()


@BF16
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("hidden", [64, 608])  # oneDNN's pass, and the own one
def test_both_states_in_bfloat16(hidden: int, backwards: bool) -> None:
    """As near to float32's as rows that all end at the last step are."""
    way, x, ends, state = drawn(hidden, backwards, 0.06, LENGTHS, torch.float32)
    _, _, wanted = way(x, ends, state, True)
    truth = gradients(way, x, *wanted)
    with torch.autocast("cpu", torch.bfloat16):
        _, _, found = way(x, ends, state, True)
    for mine, its in zip(found, wanted, strict=True):
        assert mine.dtype == torch.float32
        assert (mine - its).norm() < 0.01 * its.norm()
    for mine, its in zip(gradients(way, x, *found), truth, strict=True):
        assert (mine - its).norm() < 0.012 * its.norm()


def test_holding_changes_nothing_before_the_end() -> None:
    way, x, ends, _ = drawn(12, False, 0.5, [7, 3], torch.float32)
    wide, weight = holding(x, ends, way.cell.weight_ih)
    assert wide.shape == (2, 7, 25)
    real = length_mask(ends, 7)
    products = wide @ weight.T
    i, f, g, o = (products - x @ way.cell.weight_ih.T).detach().chunk(4, 2)
    for part in (i, f, g, o):
        torch.testing.assert_close(part[real], torch.zeros_like(part[real]), atol=1e-5, rtol=0)
    assert (i[~real].sigmoid() == 0).all()
    assert (f[~real].sigmoid() == 1).all()
