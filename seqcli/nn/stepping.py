"""A language model read one token at a time: its weights laid out once for that, not for training.

In bfloat16 the matrix products alone are rounded: states, sums and biases stay float32. On Penn
Treebank that moves a probability by 0.7 % (root mean square), and costs 3e-5 nats a token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from seqcli.nn.cells import LSTM, Cell, State
from seqcli.nn.direction import Direction
from seqcli.nn.models import LanguageModel
from seqcli.nn.packed import packed

LARGE = 9_000_000  # multiply-adds of a step from which bfloat16 gains a tenth or more


class Product:
    """x -> x W^T + b, for few rows at a time."""

    def __init__(self, weight: Tensor, bias: Tensor | None, half: bool) -> None:
        self.weight = weight.bfloat16() if half else weight
        self.bias = bias
        self.run = packed(self.weight) if half else None

    def __call__(self, x: Tensor) -> Tensor:
        """(B, E) -> (B, H), in memory of its own."""
        if self.run is None:
            return F.linear(x, self.weight, self.bias)
        y = self.run(x.bfloat16()).float()
        return y if self.bias is None else y.add_(self.bias)  # bfloat16 would round the sum


def _lstm(cell: LSTM, half: bool) -> Callable[[Tensor, State], State]:
    """The step of a plain LSTM with one product: (B, E), (h, c) -> (h, c)."""
    joined = torch.cat([cell.weight_ih, cell.weight_hh], 1)  # (4 H, E + H)
    product = Product(joined, cell.bias, half)

    def step(x: Tensor, state: State) -> State:
        gates = product(torch.cat([x, state[0]], 1))
        i, f, g, o = gates.chunk(4, 1)
        new = g.tanh()
        gates.sigmoid_()  # also over g, which is used up
        c = (f * state[1]).addcmul_(i, new)
        return o * c.tanh(), c

    return step


def _step(cell: Cell, half: bool) -> Callable[[Tensor, State], State]:
    usual = (cell.activation, cell.recurrent_activation) == ("tanh", "sigmoid")
    if isinstance(cell, LSTM) and usual:
        return _lstm(cell, half)
    return lambda x, state: cell(x, state)[1]


class Stepper:
    """`model`, in eval mode and inference mode, for batches of one token a row."""

    def __init__(self, model: LanguageModel, *, half: bool, without: int | None = None) -> None:
        """`without`: an id whose logit is minus infinity."""
        cells = [cast(Direction, next(layer.children())).cell for layer in model.recurrent.layers]
        self.embedding, self.output, self.half = model.embedding, model.output, half
        self.grams, self.without = model.grams, without
        self.share = 0.0 if model.grams is None else model.grams.part
        self.steps = [_step(cell, half) for cell in cells]
        bias = self.output.bias.clone()
        if without is not None and self.grams is None:
            bias[without] = -torch.inf
        self.product = Product(self.output.weight, bias, half)

    def advance(self, ids: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Read ids (B,) -> the stack's outputs (B, H), and the state."""
        x = self.embedding.weight.index_select(0, ids)  # without the module's own cost
        states = []
        for step, old in zip(self.steps, state, strict=True):
            new = step(x, old)
            x = new[0]
            states.append(new)
        return x, tuple(states)

    def logits(self, outputs: Tensor) -> Tensor:
        """(B, H) -> logits of the next token (B, V), in memory of their own."""
        return self.product(outputs)

    def joined(self, logits: Tensor, nodes: Tensor) -> Tensor:
        """Logits (B, V) of the network -> those of the answer with the n-grams' part, (B, V).

        nodes (B, N - 1) of the same contexts. As high as the network's: a repetition penalty is
        relative to zero.
        """
        assert self.grams is not None
        height = logits.logsumexp(1, keepdim=True)
        shares = logits.sub_(height).exp_().mul_(1 - self.share)
        shares.add_(self.grams.distribution(nodes), alpha=self.share)
        found = shares.log_().add_(height)
        if self.without is not None:
            found[:, self.without] = -torch.inf
        return found

    def logit(self, outputs: Tensor, ids: Tensor) -> Tensor:
        """(B, H), ids (B,) -> the logits of these alone (B,), always in float32."""
        weight = self.output.weight.index_select(0, ids)
        products: Tensor = torch.linalg.vecdot(outputs, weight)
        return products.add_(self.output.bias.index_select(0, ids))


def bfloat16_pays(model: LanguageModel, rows: int) -> bool:
    """Whether the products of a step are large enough to be worth rounding."""
    cells = sum(weight.numel() for weight in model.recurrent.parameters())
    return rows * (cells + model.output.weight.numel()) >= LARGE
