"""Stacks of recurrent layers over whole sequences, with the fastest path that is exact.

Padding is invisible: rows are padded at the end, the forward direction never sees it, the backward
one reads each row reversed within its length. So a padded batch runs through torch's whole-sequence
kernels (oneDNN for LSTM on the CPU, cuDNN on GPUs) without packing, which is 3 x slower on a CPU.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.errors import lookup
from seqcli.nn.cells import CELLS, GRU, LSTM, RNN, Cell, State
from seqcli.nn.sequence import LSTMSequence, trained_here

MERGES = ("concat", "sum", "mul", "ave", "none")


class Encoded(NamedTuple):
    """What a stack of layers makes of a batch."""

    outputs: Tensor  # (B, T, D * H), zero past a row's length; merge "none": (B, T, D, H)
    last: Tensor  # (B, D * H) each direction's output at the end of its reading; "none": (B, D, H)
    state: tuple[State, ...]  # per layer: (h[, c]) forward, then backward; empty unless asked for


def length_mask(lengths: Tensor, time: int) -> Tensor:
    """(B,) -> (B, T), True at real tokens."""
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def dropout(x: Tensor, rate: float, training: bool, locked: bool) -> Tensor:
    """Dropout on (B, T, E), with one mask a step, or (locked) one a sequence."""
    if not training or rate == 0.0:
        return x
    if locked:
        return x * dropout_mask((x.shape[0], 1, x.shape[2]), rate, x)
    # F.dropout on a CPU draws number by number: 6 x slower, a quarter of a step at IMDB's shape
    return x * dropout_mask(x.shape, rate, x) if x.device.type == "cpu" else F.dropout(x, rate)


def dropout_mask(shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
    """Zeros with probability `rate` (in 1/65536 on a CPU), else what keeps the mean at 1."""
    if like.device.type != "cpu":
        mask = torch.empty(shape, dtype=like.dtype, device=like.device)
        return mask.bernoulli_(1 - rate).div_(1 - rate)
    count = math.prod(shape)
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    draws = words.view(torch.int16)[:count].view(shape)  # four from each
    dropped = min(round(rate * 65536), 65535)
    return (draws >= dropped - 32768).to(like.dtype).mul_(65536 / (65536 - dropped))


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

        `lengths` None: every row is T long. Outputs past a row's length are not defined here.
        """
        if self.backwards:
            x = flip(x, lengths)
        first = self.cell.zero_state(x.shape[0]) if state is None else state
        # The kernels give c at step T alone: where rows end earlier and c is asked for, step.
        ragged_c = need_state and lengths is not None and self.cell.states > 1
        # relu has no bound: running on past a row's end may overflow, and 0 * inf be its gradient.
        unbounded = lengths is not None and self.cell.activation == "relu"
        if self._fast(x) and not ragged_c and not unbounded:
            outputs, state = self._sequence(x, first)
        else:
            outputs, state = self._steps(x, lengths, first)
        last = state[0] if lengths is None else at_length(outputs, lengths, first[0])
        if lengths is not None and self.cell.states == 1:
            state = (last,)
        if self.backwards:
            outputs = flip(outputs, lengths)
        # Under bfloat16 the kernels hand back bfloat16 states, which oneDNN refuses as input.
        return outputs, last, tuple(part.to(first[0].dtype) for part in state)

    def _fast(self, x: Tensor) -> bool:
        cell = self.cell
        if x.shape[1] < 2 or (self.training and self.recurrent_dropout):
            return False  # one step: the cell is 3-10 x faster than oneDNN's sequence kernel
        if isinstance(cell, RNN):
            return cell.activation in ("tanh", "relu")
        plain = cell.activation == "tanh" and cell.recurrent_activation == "sigmoid"
        return plain and (not isinstance(cell, GRU) or cell.reset_after)

    def _sequence(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        cell = self.cell
        if isinstance(cell, LSTM) and trained_here(cell.hidden, x):
            parts = (*state, cell.weight_ih, cell.weight_hh, cell.bias)
            outputs, h, c = LSTMSequence.apply(x, *parts)  # type: ignore[no-untyped-call]
            return outputs, (h, c)
        weights: list[Tensor] = [cell.weight_ih, cell.weight_hh]
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

    def _steps(self, x: Tensor, lengths: Tensor | None, state: State) -> tuple[Tensor, State]:
        drop = None
        if self.training and self.recurrent_dropout:
            drop = dropout_mask(state[0].shape, self.recurrent_dropout, state[0])
        outputs = []
        for t, projected in enumerate(self.cell.project(x).unbind(1)):
            new = self.cell.step(projected, state, drop)
            outputs.append(new[0])
            if lengths is not None:
                real = (t < lengths)[:, None]
                new = tuple(torch.where(real, a, b) for a, b in zip(new, state, strict=True))
            state = new
        return torch.stack(outputs, 1), state


class Recurrent(nn.Module):
    """Stacked, one- or two-way recurrent layers with dropout between them."""

    def __init__(
        self,
        inputs: int,
        sizes: tuple[int, ...],
        *,
        cell: str = "lstm",
        bidirectional: bool = False,
        merge: str = "concat",
        backwards: bool = False,
        bias: bool = True,
        activation: str = "tanh",
        recurrent_activation: str = "sigmoid",
        reset_after: bool = True,
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        locked: bool = False,
    ) -> None:
        super().__init__()
        self.merge = lookup({name: name for name in MERGES}, merge, "merge mode")
        self.dropout, self.output_dropout, self.locked = dropout, output_dropout, locked
        ways = (False, True) if bidirectional else (backwards,)
        self.layers = nn.ModuleList()
        for hidden in sizes:
            self.layers.append(
                nn.ModuleList(
                    Direction(
                        lookup(CELLS, cell, "cell")(
                            inputs,
                            hidden,
                            bias=bias,
                            activation=activation,
                            recurrent_activation=recurrent_activation,
                            reset_after=reset_after,
                        ),
                        backwards=way,
                        recurrent_dropout=recurrent_dropout,
                    )
                    for way in ways
                )
            )
            inputs = hidden * (2 if bidirectional and merge in ("concat", "none") else 1)
        self.width = inputs

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        state: tuple[State, ...] | None = None,
        *,
        need_state: bool = False,
    ) -> Encoded:
        """x (B, T, E), lengths (B,) or None (all T), state as returned -> Encoded.

        Rows of length 0 give zeros. `need_state` asks for every layer's final state, each at the
        row's true last step; it costs a step-by-step run where an LSTM's rows differ in length.
        """
        finals: list[State] = []
        merged, last = x, x[:, 0]
        for number, layer in enumerate(self.layers):
            merged = dropout(merged, self.dropout, self.training, self.locked)
            given = state[number] if state else None
            outputs, ends, final = _both(layer, merged, lengths, given, need_state)
            how = self.merge if number + 1 == len(self.layers) or self.merge != "none" else "concat"
            merged, last = merge_directions(outputs, how), merge_directions(ends, how)
            finals.append(final)
        if lengths is not None:
            past = ~length_mask(lengths, merged.shape[1])
            merged = merged.masked_fill(past.view(*past.shape, *[1] * (merged.dim() - 2)), 0)
            empty = (lengths == 0).view(-1, *[1] * (last.dim() - 1))
            last = last.masked_fill(empty, 0)
        if self.training and self.output_dropout:
            merged, last = self._drop_outputs(merged, last)
        return Encoded(merged, last, tuple(finals) if need_state else ())

    def _drop_outputs(self, outputs: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        flat = dropout(outputs.flatten(2), self.output_dropout, True, self.locked)
        return flat.view_as(outputs), F.dropout(last, self.output_dropout)


def _both(
    layer: nn.Module,
    x: Tensor,
    lengths: Tensor | None,
    state: State | None,
    need_state: bool,
) -> tuple[list[Tensor], list[Tensor], State]:
    """Run the one or two directions of a layer; their states are joined, forward first."""
    outputs, ends, finals = [], [], []
    directions = list(layer.children())
    for number, direction in enumerate(directions):
        share = len(state) // len(directions) if state else 0
        own = state[number * share : (number + 1) * share] if state else None
        output, end, final = direction(x, lengths, own, need_state)
        outputs.append(output)
        ends.append(end)
        finals += final
    return outputs, ends, tuple(finals)


def merge_directions(parts: list[Tensor], how: str) -> Tensor:
    """One or two tensors (..., H) -> one; "none" stacks them as (..., D, H)."""
    if how == "none":
        return torch.stack(parts, -2)
    if len(parts) == 1:
        return parts[0]
    forward, backward = parts
    if how == "concat":
        return torch.cat(parts, -1)
    if how == "mul":
        return forward * backward
    total = forward + backward
    return total if how == "sum" else total / 2


def flip(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each row of (B, T, E) within its length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    batch, time = x.shape[:2]
    t = torch.arange(time, device=x.device)
    source = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    rows = source + torch.arange(batch, device=x.device)[:, None] * time
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)


def at_length(outputs: Tensor, lengths: Tensor, fallback: Tensor) -> Tensor:
    """(B, T, H) -> (B, H) at each row's true last step; an empty row keeps `fallback`'s row."""
    index = (lengths - 1).clamp(min=0)
    last = outputs[torch.arange(outputs.shape[0], device=outputs.device), index]
    return torch.where((lengths > 0)[:, None], last, fallback.to(last.dtype))
