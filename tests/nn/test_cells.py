"""Each cell against torch's cells, a naive NumPy formula and numerical gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from seqcli.errors import ConfigError
from seqcli.nn.cells import ACTIVATIONS, CELLS, GRU, RNN, Cell
from seqcli.settings.counting import FORMULAS

torch.set_num_threads(1)

B, E, H = 3, 4, 5
Array = NDArray[np.float64]

NUMPY: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "linear": lambda x: x,
}


def filled(cell: Cell, seed: int = 0) -> Cell:
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.uniform_(-0.8, 0.8, generator=draw)
    return cell


def inputs(cell: Cell, seed: int = 1) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    draw = torch.Generator().manual_seed(seed)
    dtype = cell.weight_ih.dtype
    x = torch.randn(B, cell.inputs, generator=draw, dtype=dtype)
    state = [torch.randn(B, cell.hidden, generator=draw, dtype=dtype) for _ in range(cell.states)]
    return x, tuple(state)


def naive(cell: Cell, x: Array, state: list[Array]) -> list[Array]:
    """The textbook formulas, one unit of the batch at a time."""
    p = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    act, gate = NUMPY[cell.activation], NUMPY[cell.recurrent_activation]
    zero = np.zeros(cell.gates * cell.hidden)
    bias, second = p.get("bias", zero), p.get("bias_hh", zero)

    def part(k: int, which: str, v: Array) -> Array:
        rows = slice(k * cell.hidden, (k + 1) * cell.hidden)
        return p[which][rows] @ v

    def b(k: int, which: Array = bias) -> Array:
        return which[k * cell.hidden : (k + 1) * cell.hidden]

    new: list[list[Array]] = []
    for row in range(len(x)):
        v, h = x[row], state[0][row]
        if cell.gates == 1:
            new.append([act(part(0, "weight_ih", v) + part(0, "weight_hh", h) + b(0))])
        elif cell.gates == 4:
            i, f, g, o = (
                part(k, "weight_ih", v) + part(k, "weight_hh", h) + b(k) for k in range(4)
            )
            c = gate(f) * state[1][row] + gate(i) * act(g)
            new.append([gate(o) * act(c), c])
        else:
            r, z = (
                gate(part(k, "weight_ih", v) + b(k) + part(k, "weight_hh", h) + b(k, second))
                for k in range(2)
            )
            if isinstance(cell, GRU) and cell.reset_after:
                inner = r * (part(2, "weight_hh", h) + b(2, second))
            else:
                inner = part(2, "weight_hh", r * h)
            n = act(part(2, "weight_ih", v) + b(2) + inner)
            new.append([(1 - z) * n + z * h])
    return [np.stack(parts) for parts in zip(*new, strict=True)]


def copy_into(cell: Cell, theirs: nn.RNNCellBase) -> None:
    with torch.no_grad():
        theirs.weight_ih.copy_(cell.weight_ih)
        theirs.weight_hh.copy_(cell.weight_hh)
        if cell.bias is not None:
            assert theirs.bias_ih is not None
            assert theirs.bias_hh is not None
            theirs.bias_ih.copy_(cell.bias)
            second = cell.bias_hh
            theirs.bias_hh.copy_(torch.zeros_like(cell.bias) if second is None else second)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("name", "activation", "theirs"),
    [
        ("rnn", "tanh", lambda bias: nn.RNNCell(E, H, bias)),
        ("rnn", "relu", lambda bias: nn.RNNCell(E, H, bias, nonlinearity="relu")),
        ("lstm", "tanh", lambda bias: nn.LSTMCell(E, H, bias)),
        ("gru", "tanh", lambda bias: nn.GRUCell(E, H, bias)),
    ],
)
def test_a_cell_equals_torchs(name: str, activation: str, theirs: Any, bias: bool) -> None:
    cell = filled(CELLS[name](E, H, bias=bias, activation=activation))
    other = theirs(bias)
    copy_into(cell, other)
    x, state = inputs(cell)
    y, new = cell(x, state)
    expected = other(x, state if name == "lstm" else state[0])
    for mine, its in zip(new, expected if name == "lstm" else (expected,), strict=True):
        torch.testing.assert_close(mine, its)
    assert y is new[0]


VARIANTS = [
    (name, activation, gate, bias, after)
    for name in CELLS
    for activation, gate in itertools.product(ACTIVATIONS, ("sigmoid", "hard_sigmoid", "tanh"))
    for bias in (True, False)
    for after in ((True, False) if name == "gru" else (True,))
    if name != "rnn" or gate == "sigmoid"
]


@pytest.mark.parametrize(("name", "activation", "gate", "bias", "after"), VARIANTS)
def test_a_cell_equals_its_formula(
    name: str, activation: str, gate: str, bias: bool, after: bool
) -> None:
    cell = CELLS[name](
        E, H, bias=bias, activation=activation, recurrent_activation=gate, reset_after=after
    )
    filled(cell.double())
    x, state = inputs(cell)
    _, new = cell(x, state)
    expected = naive(cell, x.numpy(), [part.numpy() for part in state])
    for mine, its in zip(new, expected, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), its, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rnn", {}),
        ("lstm", {}),
        ("gru", {}),
        ("gru", {"reset_after": False}),
        ("lstm", {"activation": "sigmoid", "recurrent_activation": "tanh"}),
        ("rnn", {"bias": False}),
    ],
)
def test_gradients_are_right(name: str, options: dict[str, Any]) -> None:
    cell = filled(CELLS[name](2, 3, **options).double())
    x, state = inputs(cell)
    drop = torch.tensor([[0.0, 2.0, 2.0]] * B, dtype=torch.float64)
    leaves = [x, *state, *cell.parameters()]

    def run(*_: torch.Tensor) -> torch.Tensor:
        first = cell.step(cell.project(leaves[0]), tuple(leaves[1 : 1 + cell.states]), drop)
        return torch.cat(cell.step(cell.project(leaves[0]), first))

    for leaf in leaves:
        leaf.requires_grad_()
    assert torch.autograd.gradcheck(run, leaves)


@pytest.mark.parametrize("name", CELLS)
def test_a_step_on_projected_inputs_is_the_forward_pass(name: str) -> None:
    cell = filled(CELLS[name](E, H))
    x, state = inputs(cell)
    for mine, its in zip(cell(x, state)[1], cell.step(cell.project(x), state), strict=True):
        assert torch.equal(mine, its)
    # a whole sequence is projected at once
    many = torch.randn(B, 7, E)
    torch.testing.assert_close(cell.project(many)[:, 3], cell.project(many[:, 3]))


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_dropout_scales_h_in_the_products_alone(name: str) -> None:
    cell = filled(CELLS[name](E, H))
    x, state = inputs(cell)
    ones = torch.ones(B, H)
    for mine, its in zip(
        cell.step(cell.project(x), state, ones), cell.step(cell.project(x), state), strict=True
    ):
        torch.testing.assert_close(mine, its)
    dropped = cell.step(cell.project(x), state, 0 * ones)
    with torch.no_grad():
        cell.weight_hh.zero_()
    expected = cell.step(cell.project(x), state)  # z * h of a GRU and f * c stay
    for mine, its in zip(dropped, expected, strict=True):
        torch.testing.assert_close(mine, its)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_a_cell_has_as_many_numbers_as_counted(name: str, bias: bool, after: bool) -> None:
    cell = CELLS[name](30, 12, bias=bias, reset_after=after)
    formula = FORMULAS[name]
    found = sum(weight.numel() for weight in cell.parameters())
    assert found == formula.parameters(30, 12, formula.biases(bias, after))
    assert len(formula.states) == cell.states == len(cell.zero_state(2))


def test_published_sizes() -> None:
    """reference.md S4."""
    sizes = {
        name: sum(weight.numel() for weight in CELLS[name](30, 12).parameters()) for name in CELLS
    }
    assert sizes == {"rnn": 12 * 42 + 12, "lstm": 2064, "gru": 1584}
    assert sum(w.numel() for w in CELLS["gru"](30, 12, reset_after=False).parameters()) == 1548


def test_the_tables_agree() -> None:
    assert CELLS.keys() == FORMULAS.keys()


def test_unknown_activations_are_named() -> None:
    with pytest.raises(ConfigError, match="unknown activation 'tahn'") as caught:
        RNN(2, 2, activation="tahn")
    assert "tanh" in caught.value.hint


def test_the_zero_state_follows_the_weights() -> None:
    state = CELLS["lstm"](2, 3).double().zero_state(4)
    assert [(part.shape, part.dtype) for part in state] == [((4, 3), torch.float64)] * 2
    assert not any(part.any() for part in state)
