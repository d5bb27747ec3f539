"""One cell over a whole sequence, from either end, on the fastest path that is exact."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from seqcli.nn.cells import GRU, LSTM, RNN, Cell, State
from seqcli.nn.dropout import dropout_mask
from seqcli.nn.ragged import at_length, flip, length_mask
from seqcli.nn.recurrence import GRUSteps, LSTMSteps, ReluSteps, Steps, TanhSteps
from seqcli.nn.sequence import WholeSequence

WRONG = 1024  # units from which oneDNN's bfloat16 gradients are not to be trusted
WIDE, FEW = 600, 32  # units from which the own pass pays in bfloat16, for no more than FEW rows
HOLD = 1e4  # beside it no sum of a gate counts: the sigmoid is 0 or 1, and flat


def path(
    cell: Cell, x: Tensor, *, ragged: bool, dropped: bool
) -> Literal["steps", "own", "kernel"]:
    """How `cell` goes over x (B, T, E): the first line that fits.

    | what                                         | path   | why                                |
    |----------------------------------------------|--------|------------------------------------|
    | T = 1                                        | steps  | 3-10 x faster than oneDNN's kernel |
    | recurrent dropout in training (`dropped`)    | steps  | no kernel drops h                  |
    | RNN: neither tanh nor relu                   | steps  | no kernel has it                   |
    | RNN: relu, and rows end early (`ragged`)     | steps  | no bound: past a row's end it may  |
    |                                              |        | overflow, and 0 * inf be a gradient|
    | LSTM, GRU: not tanh with sigmoid             | steps  | no kernel has it                   |
    | GRU: reset before the product                | steps  | no kernel has it                   |
    | GRU, RNN: trained on the CPU                 | own    | `WholeSequence`: mostly 1.05 to    |
    |                                              |        | 1.8 x the speed of torch's C++ loop|
    |                                              |        | which is faster without gradients  |
    | LSTM: trained on the CPU in bfloat16, from   | own    | oneDNN's gradients are wrong, or   |
    | 1,024 units, or 600 and at most 32 rows      |        | slower; in float32 it needs 0.7 to |
    |                                              |        | 0.9 of the own pass's time         |
    | everything else                              | kernel | LSTM on the CPU: oneDNN; GPU:      |
    |                                              |        | cuDNN; else torch's loop in C++    |
    """
    if x.shape[1] < 2 or dropped:
        return "steps"
    if isinstance(cell, RNN):
        known = cell.activation == "tanh" or (cell.activation == "relu" and not ragged)
    else:
        known = (cell.activation, cell.recurrent_activation) == ("tanh", "sigmoid")
    if not known or (isinstance(cell, GRU) and not cell.reset_after):
        return "steps"
    if x.device.type != "cpu" or not torch.is_grad_enabled():
        return "kernel"
    if isinstance(cell, LSTM) and not _wide_in_bfloat16(cell.hidden, len(x)):
        return "kernel"
    return "own"


def _wide_in_bfloat16(hidden: int, rows: int) -> bool:
    wide = hidden >= WRONG or (hidden >= WIDE and rows <= FEW)
    half = torch.get_autocast_dtype("cpu") == torch.bfloat16
    return wide and half and torch.is_autocast_enabled("cpu")


def steps_of(cell: Cell) -> type[Steps]:
    """How the own pass goes through a step of `cell`."""
    if isinstance(cell, LSTM):
        return LSTMSteps
    if isinstance(cell, GRU):
        return GRUSteps
    return ReluSteps if cell.activation == "relu" else TanhSteps


class Direction(nn.Module):
    """One cell run over a sequence, from either end."""

    zeros: Tensor

    def __init__(self, cell: Cell, *, backwards: bool, recurrent_dropout: float) -> None:
        super().__init__()
        self.cell = cell
        self.backwards = backwards
        self.recurrent_dropout = recurrent_dropout
        # torch's kernels want a second bias: zeros that are no parameter.
        self.register_buffer("zeros", torch.zeros(cell.gates * cell.hidden), persistent=False)

    def forward(
        self, x: Tensor, lengths: Tensor | None, state: State | None, need_state: bool
    ) -> tuple[Tensor, Tensor, State]:
        """(B, T, E) -> outputs (B, T, H) in the order of x, h at the end of the reading, state.

        `lengths` None: every row is T long. Outputs past a row's length are not defined here, nor
        is an LSTM's c unless `need_state`.
        """
        if self.backwards:
            x = flip(x, lengths)
        first = self.cell.zero_state(x.shape[0]) if state is None else state
        rate = self.recurrent_dropout if self.training else 0.0
        way = path(self.cell, x, ragged=lengths is not None, dropped=rate > 0)
        if way == "steps":
            drop = dropout_mask(first[0].shape, rate, first[0]) if rate else None
            outputs, state = steps(self.cell, x, lengths, first, drop)
        else:
            weight: Tensor = self.cell.weight_ih
            if need_state and lengths is not None and self.cell.states > 1:
                x, weight = holding(x, lengths, weight)
            run = self._own if way == "own" else self._kernel
            outputs, state = run(x, weight, first)
        last = state[0] if lengths is None else at_length(outputs, lengths, first[0])
        if self.backwards:
            outputs = flip(outputs, lengths)
        # Under bfloat16 the kernels hand back bfloat16 states, which oneDNN refuses as input.
        return outputs, last, tuple(part.to(first[0].dtype) for part in (last, *state[1:]))

    def _own(self, x: Tensor, weight_ih: Tensor, state: State) -> tuple[Tensor, State]:
        cell = self.cell
        weights = (weight_ih, cell.weight_hh, cell.bias, cell.bias_hh)
        h, c = state if cell.states > 1 else (state[0], None)
        outputs, h, c = WholeSequence.apply(  # type: ignore[no-untyped-call]
            steps_of(cell), x, *weights, h, c
        )
        return outputs, (h,) if c is None else (h, c)

    def _kernel(self, x: Tensor, weight_ih: Tensor, state: State) -> tuple[Tensor, State]:
        cell = self.cell
        weights: list[Tensor] = [weight_ih, cell.weight_hh]
        if cell.bias is not None:
            weights += [cell.bias, self.zeros if cell.bias_hh is None else cell.bias_hh]
        first = tuple(part.unsqueeze(0).contiguous() for part in state)
        shape = (cell.bias is not None, 1, 0.0, self.training, False, True)
        if isinstance(cell, LSTM):
            outputs, h, c = torch._VF.lstm(x, first, weights, *shape)
            return outputs, (h[0], c[0])
        run = (
            torch._VF.gru if isinstance(cell, GRU) else getattr(torch._VF, f"rnn_{cell.activation}")
        )
        outputs, h = run(x, first[0], weights, *shape)
        return outputs, (h[0],)


def steps(
    cell: Cell, x: Tensor, lengths: Tensor | None, state: State, drop: Tensor | None = None
) -> tuple[Tensor, State]:
    """One step after the other, (B, T, E) -> (B, T, H) and each row's state at its true end.

    `drop` (B, H): see `Cell.step`.
    """
    outputs = []
    for t, projected in enumerate(cell.project(x).unbind(1)):
        new = cell.step(projected, state, drop)
        outputs.append(new[0])
        if lengths is not None:
            real = (t < lengths)[:, None]
            new = tuple(torch.where(real, a, b) for a, b in zip(new, state, strict=True))
        state = new
    return torch.stack(outputs, 1), state


def holding(x: Tensor, lengths: Tensor, weight_ih: Tensor) -> tuple[Tensor, Tensor]:
    """One more input, 1 past a row's end, which there shuts an LSTM's input gate and opens f.

    x (B, T, E), weights (4 H, E) -> (B, T, E + 1), (4 H, E + 1). Past the end c' = 1 c + 0 g, to
    the last bit, so that what a kernel gives as the last c is that of each row's true last step;
    both gates' gradients are 0 there. Before the end the input is 0, and no sum changes.
    """
    past = ~length_mask(lengths, x.shape[1])
    column = weight_ih.new_zeros(len(weight_ih), 1)
    i, f, _, _ = column.chunk(4)
    i.fill_(-HOLD)
    f.fill_(HOLD)
    return torch.cat([x, past[:, :, None].to(x.dtype)], 2), torch.cat([weight_ih, column], 1)
