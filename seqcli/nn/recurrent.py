"""Stacks of recurrent layers over whole sequences.

Padding is invisible: rows are padded at the end, the forward direction never sees it, the backward
one reads each row reversed within its length. So a padded batch runs through torch's whole-sequence
kernels (oneDNN for LSTM on the CPU, cuDNN on GPUs) without packing, which is 3 x slower on a CPU.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqcli.errors import lookup
from seqcli.nn.cells import CELLS, State
from seqcli.nn.direction import Direction
from seqcli.nn.dropout import dropout
from seqcli.nn.ragged import filled, length_mask

MERGES = ("concat", "sum", "mul", "ave", "none")


class Encoded(NamedTuple):
    """What a stack of layers makes of a batch."""

    outputs: Tensor  # (B, T, D * H), zero past a row's length; merge "none": (B, T, D, H)
    last: Tensor  # (B, D * H) each direction's output at the end of its reading; "none": (B, D, H)
    state: tuple[State, ...]  # per layer: (h[, c]) forward, then backward; empty unless asked for


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
        row's true last step.
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
            merged = filled(merged, past, 0)
            empty = (lengths == 0).view(-1, *[1] * (last.dim() - 1))
            last = last.masked_fill(empty, 0)
        if self.training and self.output_dropout:
            merged, last = self._drop_outputs(merged, last)
        return Encoded(merged, last, tuple(finals) if need_state else ())

    def _drop_outputs(self, outputs: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        flat = dropout(outputs.flatten(2), self.output_dropout, True, self.locked)
        return flat.view_as(outputs), dropout(last, self.output_dropout, True)


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
