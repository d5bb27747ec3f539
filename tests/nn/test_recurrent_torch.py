"""Stacks against torch.nn's layers on packed sequences, and the published shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import rnn as packing

from seqcli.nn.cells import CELLS
from seqcli.nn.recurrent import Recurrent

torch.set_num_threads(1)


def filled(module: nn.Module) -> Any:
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(-0.6, 0.6, generator=draw)
    return module


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_stack_equals_torchs_on_packed_sequences(
    cell: str, bidirectional: bool, dtype: torch.dtype
) -> None:
    model = filled(Recurrent(4, (5, 5), cell=cell, bidirectional=bidirectional).to(dtype))
    make = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
    other: Any = make(4, 5, 2, batch_first=True, bidirectional=bidirectional).to(dtype)
    with torch.no_grad():
        for number, layer in enumerate(model.layers):
            for way, name in zip(layer, ("", "_reverse"), strict=False):
                own: Any = way.cell
                for which, value in (
                    ("weight_ih", own.weight_ih),
                    ("weight_hh", own.weight_hh),
                    ("bias_ih", own.bias),
                    ("bias_hh", torch.zeros_like(own.bias) if own.bias_hh is None else own.bias_hh),
                ):
                    getattr(other, f"{which}_l{number}{name}").copy_(value)
    x, lengths = torch.randn(4, 6, 4, dtype=dtype), torch.tensor([6, 3, 1, 2])
    packed = packing.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    outputs, final = other(packed)
    outputs, _ = packing.pad_packed_sequence(outputs, batch_first=True)
    mine = model(x, lengths, need_state=True)
    torch.testing.assert_close(mine.outputs, outputs)
    torch.testing.assert_close(model(x, lengths).outputs, outputs)
    finals = final if cell == "lstm" else (final,)
    for number, parts in enumerate(mine.state):
        for place, part in enumerate(parts):
            at, state = divmod(place, len(finals))
            expected = finals[state][number * (1 + bidirectional) + at]
            torch.testing.assert_close(part, expected)


def test_the_published_shapes() -> None:
    """reference.md S4: batch 10, length 20, input 30, hidden 12."""
    x = torch.randn(10, 20, 30)
    for cell, states in (("lstm", 2), ("gru", 1)):
        one = filled(Recurrent(30, (12,), cell=cell))(x, need_state=True)
        assert one.outputs.shape == (10, 20, 12)
        assert one.last.shape == (10, 12)
        assert [part.shape for part in one.state[0]] == [(10, 12)] * states
        assert torch.equal(one.outputs[:, -1], one.state[0][0])
        assert torch.equal(one.last, one.state[0][0])
        two = filled(Recurrent(30, (12,), cell=cell, bidirectional=True))(x, need_state=True)
        assert two.outputs.shape == (10, 20, 24)
        assert two.last.shape == (10, 24)
        assert [part.shape for part in two.state[0]] == [(10, 12)] * states * 2
        forward, backward = two.state[0][0], two.state[0][states]
        assert torch.equal(two.outputs[:, -1, :12], forward)
        assert torch.equal(two.outputs[:, 0, 12:], backward)
        assert torch.equal(two.last, torch.cat([forward, backward], 1))
