"""One time step of each recurrent cell: `y, state = cell(x, state)`.

One bias a gate (a GRU that resets after its product keeps two), so that what is trained is what
`seqcli params` prints. Gates are stacked in torch's order, so weights can be copied either way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.errors import lookup

State = tuple[Tensor, ...]  # h first; an LSTM's c second; each (B, H)

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,  # relu6(x + 3) / 6, as Keras 3
    "linear": nn.Identity(),
}


class Cell(nn.Module):
    """What the cells share: weights, the product with the input, the zero state.

    A step is split in two, so that a whole sequence needs one product with the inputs:
    `step(project(x), state)` equals `forward(x, state)`.
    """

    gates: ClassVar[int]
    states: ClassVar[int] = 1
    second_bias: ClassVar[bool] = False  # inside the product with h, where that is reset after

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        bias: bool = True,
        activation: str = "tanh",
        recurrent_activation: str = "sigmoid",
        reset_after: bool = True,
    ) -> None:
        super().__init__()
        self.inputs, self.hidden = inputs, hidden
        self.activation, self.recurrent_activation = activation, recurrent_activation
        self.act = lookup(ACTIVATIONS, activation, "activation")
        self.gate = lookup(ACTIVATIONS, recurrent_activation, "activation")
        rows = self.gates * hidden
        self.weight_ih = nn.Parameter(torch.empty(rows, inputs))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden))
        self.bias = nn.Parameter(torch.empty(rows)) if bias else None
        self.reset_after = reset_after
        second = bias and reset_after and self.second_bias
        self.bias_hh = nn.Parameter(torch.empty(rows)) if second else None

    def project(self, x: Tensor) -> Tensor:
        """The inputs' share of the gates: (..., E) -> (..., gates * H)."""
        return F.linear(x, self.weight_ih, self.bias)

    def step(self, projected: Tensor, state: State, drop: Tensor | None = None) -> State:
        """The next state from (B, gates * H) and the last; `drop` (B, H) scales h in the product.

        `drop` is recurrent dropout with one mask a sequence (Gal & Ghahramani 2016).
        """
        raise TypeError(f"{type(self).__name__} has no step")

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, E) and the last state -> the output (B, H), which is h, and the next state."""
        state = self.step(self.project(x), state)
        return state[0], state

    def zero_state(self, batch: int) -> State:
        """`states` tensors of zeros, each (B, H), where the weights are."""
        zeros = self.weight_hh.new_zeros(batch, self.hidden)
        return (zeros,) * self.states


class RNN(Cell):
    """Elman network: h' = act(W x + U h + b)."""

    gates = 1

    def step(self, projected: Tensor, state: State, drop: Tensor | None = None) -> State:
        """See `Cell.step`."""
        h = state[0] if drop is None else state[0] * drop
        return (self.act(projected + F.linear(h, self.weight_hh)),)


class LSTM(Cell):
    """Hochreiter & Schmidhuber 1997 with forget gate: c' = f c + i g, h' = o act(c')."""

    gates = 4
    states = 2

    def step(self, projected: Tensor, state: State, drop: Tensor | None = None) -> State:
        """See `Cell.step`."""
        h = state[0] if drop is None else state[0] * drop
        i, f, g, o = (projected + F.linear(h, self.weight_hh)).chunk(4, dim=1)
        c = self.gate(f) * state[1] + self.gate(i) * self.act(g)
        return self.gate(o) * self.act(c), c


class GRU(Cell):
    """Cho et al. 2014: h' = (1 - z) n + z h; the reset gate acts after U h (cuDNN) or before it."""

    gates = 3
    second_bias = True

    def step(self, projected: Tensor, state: State, drop: Tensor | None = None) -> State:
        """See `Cell.step`."""
        h = state[0] if drop is None else state[0] * drop
        xr, xz, xn = projected.chunk(3, dim=1)
        if self.reset_after:
            hr, hz, hn = F.linear(h, self.weight_hh, self.bias_hh).chunk(3, dim=1)
            n = self.act(xn + self.gate(xr + hr) * hn)
        else:
            gates, last = torch.split(self.weight_hh, [2 * self.hidden, self.hidden])
            hr, hz = F.linear(h, gates).chunk(2, dim=1)
            n = self.act(xn + F.linear(self.gate(xr + hr) * h, last))
        z = self.gate(xz + hz)
        return ((1 - z) * n + z * state[0],)


CELLS: dict[str, type[Cell]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
