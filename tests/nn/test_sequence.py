"""The own pass over whole sequences: beside one step at a time, torch's layers, and float32."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqcli.machine.device import cpu_has_bfloat16
from seqcli.nn import products, sequence
from seqcli.nn.cells import CELLS, Cell, State
from seqcli.nn.direction import Direction, path, steps, steps_of
from seqcli.nn.recurrent import Recurrent
from seqcli.nn.sequence import WholeSequence

BF16 = pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor has no bfloat16")
KINDS = [("rnn", "tanh"), ("rnn", "relu"), ("gru", "tanh"), ("lstm", "tanh")]


def drawn(
    name: str, act: str, inputs: int, hidden: int, rows: int, dtype: torch.dtype, bias: bool = True
) -> tuple[Direction, State]:
    """A cell with weights of a size that keeps gradients alive, and a state with gradients."""
    draw = torch.Generator().manual_seed(hidden)
    way = Direction(
        CELLS[name](inputs, hidden, activation=act, bias=bias),
        backwards=False,
        recurrent_dropout=0.0,
    ).to(dtype)
    with torch.no_grad():
        for weight in way.parameters():
            weight.uniform_(-1, 1, generator=draw).mul_(min(0.5, 2 / hidden**0.5))
    state = tuple(
        torch.randn(rows, hidden, generator=draw, dtype=dtype).requires_grad_()
        for _ in range(way.cell.states)
    )
    return way, state


def own(cell: Cell, x: Tensor, state: State) -> tuple[Tensor, State]:
    """The pass itself, whatever path the cell would take."""
    weights = (cell.weight_ih, cell.weight_hh, cell.bias, cell.bias_hh)
    apply: Any = WholeSequence.apply
    outputs, h, c = apply(steps_of(cell), x, *weights, state[0], state[1] if state[1:] else None)
    return outputs, (h,) if c is None else (h, c)


def found(outputs: Tensor, state: State, parts: list[Tensor]) -> list[Tensor]:
    """Outputs, states, and gradients of `parts` by a loss that weighs each number."""
    draw = torch.Generator().manual_seed(3)
    total = outputs.new_zeros(())
    for part in (outputs, *state):
        total = total + (part * torch.randn(part.shape, generator=draw, dtype=part.dtype)).sum()
    return [outputs, *state, *torch.autograd.grad(total, parts)]


@pytest.mark.parametrize(("name", "act"), KINDS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("dtype", "time", "hidden", "rows", "bound"),
    [
        (torch.float64, 7, 5, 3, 1e-13),
        (torch.float64, 1, 3, 1, 1e-13),
        (torch.float32, 50, 24, 6, 1e-5),
        (torch.float32, 4, 1040, 4, 1e-5),  # weights that oneDNN lays out
        (torch.float32, 24, 400, 12, 1e-5),
    ],
)
def test_it_equals_one_step_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    act: str,
    bias: bool,
    dtype: torch.dtype,
    time: int,
    hidden: int,
    rows: int,
    bound: float,
) -> None:
    """Outputs, both states, and the gradients of inputs, weights, biases and first states."""
    monkeypatch.setattr(sequence, "AT_ONCE", 3 * rows * 4 * hidden)  # factors of three steps
    if hidden == 400:  # oneDNN's products wherever they can be had
        monkeypatch.setattr(products, "LARGE", 1)
        monkeypatch.setattr(products, "WORK", 1)
    way, state = drawn(name, act, 6, hidden, rows, dtype, bias)
    torch.manual_seed(1)
    x = torch.randn(rows, time, way.cell.inputs, dtype=dtype).requires_grad_()
    parts = [x, *state, *way.parameters()]
    mine = found(*own(way.cell, x, state), parts)
    for one, other in zip(mine, found(*steps(way.cell, x, None, state), parts), strict=True):
        assert one.dtype == other.dtype
        assert (one - other).norm() <= bound * other.norm()


@pytest.mark.parametrize(("name", "act"), KINDS)
def test_gradcheck(name: str, act: str) -> None:
    way, state = drawn(name, act, 3, 4, 2, torch.float64)
    x = torch.randn(2, 5, 3, dtype=torch.float64).requires_grad_()
    weights = list(way.parameters())

    def run(*given: Tensor) -> tuple[Tensor, ...]:
        outputs, last = own(way.cell, given[0], given[1 : 1 + len(state)])
        return outputs, *last

    assert torch.autograd.gradcheck(run, (x, *state, *weights))


@pytest.mark.parametrize(("name", "act"), KINDS[:3])
def test_training_takes_it(monkeypatch: pytest.MonkeyPatch, name: str, act: str) -> None:
    """And answers, which do not, are the same; a row's end is where its state is read."""
    way, state = drawn(name, act, 4, 5, 3, torch.float32)
    x, lengths = torch.randn(3, 6, 4), torch.tensor([6, 2, 0])
    ends = None if act == "relu" else lengths
    assert path(way.cell, x, ragged=ends is not None, dropped=False) == "own"
    outputs, last, _ = way(x, ends, state, True)
    with torch.no_grad():
        answer, end, _ = way(x, ends, state, True)
    torch.testing.assert_close(outputs.detach(), answer, rtol=0, atol=1e-6)
    torch.testing.assert_close(last.detach(), end, rtol=0, atol=1e-6)


def test_inputs_without_gradients_cost_no_product() -> None:
    way, state = drawn("gru", "tanh", 4, 5, 3, torch.float32)
    x = torch.randn(3, 6, 4)
    outputs, _, _ = way(x, None, state, False)
    assert outputs.grad_fn is not None
    torch.autograd.backward(outputs.sum())
    assert x.grad is None
    assert way.cell.weight_ih.grad is not None


@BF16
@pytest.mark.parametrize("name", CELLS)  # not relu: its slope jumps where a rounded sum is near 0
def test_bfloat16_is_near(name: str) -> None:
    """Operands are rounded; states, gates and sums are not."""
    torch.manual_seed(1)
    way, state = drawn(name, "tanh", 24, 32, 6, torch.float32)
    x = torch.randn(6, 10, 24).requires_grad_()
    parts = [x, *state, *way.parameters()]
    wanted = found(*steps(way.cell, x, None, state), parts)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, last = own(way.cell, x, state)
    assert outputs.dtype == torch.bfloat16
    for one, other in zip(found(outputs.float(), last, parts), wanted, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.02 * other.norm()


def gradients(model: Recurrent, x: Tensor, lengths: Tensor | None, half: bool) -> list[Tensor]:
    """Of all weights and x; the loss weighs every output and the last step's states."""
    x = x.clone().requires_grad_()
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        found = model(x, lengths, need_state=lengths is None)
    draw = torch.Generator().manual_seed(3)
    parts = [found.outputs, found.last, *(part for state in found.state for part in state)]
    loss = sum((part.float() * torch.randn(part.shape, generator=draw)).sum() for part in parts)
    assert isinstance(loss, Tensor)
    torch.autograd.backward(loss)
    return [found.outputs.float(), x.grad, *(weight.grad for weight in model.parameters())]


@BF16
@pytest.mark.parametrize(
    ("inputs", "hidden", "rows", "ways", "bias"),
    [
        (40, 1024, 3, 1, True),  # oneDNN's gradients are off by 0.2 and more
        (40, 650, 3, 1, False),
        (1100, 1088, 40, 1, True),
        (24, 640, 3, 2, True),
    ],
)
def test_gradients_are_those_of_float32(
    inputs: int, hidden: int, rows: int, ways: int, bias: bool
) -> None:
    torch.manual_seed(1)
    model = Recurrent(inputs, (hidden,), bidirectional=ways == 2, bias=bias)
    for weight in model.parameters():
        torch.nn.init.uniform_(weight, -0.04, 0.04)
    x = torch.randn(rows, 5, inputs)
    lengths = torch.tensor([5, 2, 4]) if ways == 2 else None
    wanted = gradients(model, x, lengths, half=False)
    for found, truth in zip(gradients(model, x, lengths, half=True), wanted, strict=True):
        assert (found - truth).norm() < 0.012 * truth.norm()


@BF16
def test_states_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five steps at once, and two and three with the state carried, give one result."""
    torch.manual_seed(1)
    model = Recurrent(32, (608, 608))
    for weight in model.parameters():
        torch.nn.init.uniform_(weight, -0.04, 0.04)
    x = torch.randn(2, 5, 32)
    calls: list[int] = []
    apply: Any = WholeSequence.apply

    def counted(*given: Tensor) -> Any:
        calls.append(1)
        return apply(*given)

    monkeypatch.setattr(WholeSequence, "apply", counted)
    with torch.autocast("cpu", torch.bfloat16):
        whole = model(x, need_state=True)
        first = model(x[:, :2], need_state=True)
        rest = model(x[:, 2:], None, first.state, need_state=True)
    assert len(calls) == 6
    torch.testing.assert_close(rest.outputs, whole.outputs[:, 2:], rtol=0, atol=1e-2)
    for own, other in zip(rest.state, whole.state, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-2)
