"""The LSTM of wide layers in bfloat16: gradients beside torch's in float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqcli.machine.device import cpu_has_bfloat16
from seqcli.nn import direction
from seqcli.nn.recurrent import Recurrent
from seqcli.nn.sequence import LSTMSequence, trained_here

pytestmark = pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor has no bfloat16")


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
    loss.backward()
    return [found.outputs.float(), x.grad, *(weight.grad for weight in model.parameters())]  # type: ignore[list-item]


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


def test_states_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five steps at once, and two and three with the state carried, give one result."""
    torch.manual_seed(1)
    model = Recurrent(32, (608, 608))
    for weight in model.parameters():
        torch.nn.init.uniform_(weight, -0.04, 0.04)
    x = torch.randn(2, 5, 32)
    calls = []
    apply = LSTMSequence.apply
    monkeypatch.setattr(direction.LSTMSequence, "apply", lambda *a: (calls.append(1), apply(*a))[1])
    with torch.autocast("cpu", torch.bfloat16):
        whole = model(x, need_state=True)
        first = model(x[:, :2], need_state=True)
        rest = model(x[:, 2:], None, first.state, need_state=True)
    assert len(calls) == 6
    torch.testing.assert_close(rest.outputs, whole.outputs[:, 2:], rtol=0, atol=1e-2)
    for own, other in zip(rest.state, whole.state, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-2)


def test_when_it_is_used() -> None:
    x = torch.zeros(20, 5, 8)
    assert not trained_here(1024, x)  # float32
    with torch.autocast("cpu", torch.bfloat16):
        assert trained_here(1024, x)
        assert trained_here(1024, torch.zeros(64, 5, 8))
        assert trained_here(650, x)
        assert not trained_here(650, torch.zeros(64, 5, 8))
        assert not trained_here(512, x)
        with torch.no_grad():
            assert not trained_here(1024, x)
