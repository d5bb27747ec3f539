"""A block of rows against a whole vocabulary: softmax, losses and gradients, piece by piece.

Logits are taken less that of each row's target: so bfloat16 rounds small numbers, not large ones.
Where a row's loss is past 88 nats exp overflows; there the largest logit is taken off as well.
They lie as (V, N): so the large product with them needs no transposed operand.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from seqcli.nn.meeting import Member
from seqcli.nn.products import times

PIECES = 4  # of the vocabulary, for each thread: what the last one waits for is a part of its work
SLICE = 1 << 19  # logits between their product and the next one that needs them: 2 MB in float32
TILE = 32  # AMX takes 32 bfloat16 of the inner dimension at a time; a partial tile costs 40 %
PAIRS = 4  # what other instructions want of it


class Rows(NamedTuple):
    """What one thread brings: hidden (N, H), targets (N,), and what its gradients are times."""

    hidden: Tensor
    targets: Tensor
    scale: float

    def part(self, rows: slice) -> Rows:
        """Some of them."""
        return Rows(self.hidden[rows], self.targets[rows], self.scale)


class Block(ABC):
    """The rows of all threads that meet; each calls all three methods, in this order."""

    def __init__(self, parts: list[Rows], weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        """weight (V, H), bias (V,); dtype: of the products."""
        self._weight, self._bias = weight, bias
        ends = list(itertools.accumulate(len(part.hidden) for part in parts))
        self._rows = [slice(*pair) for pair in itertools.pairwise([0, *ends])]
        self._x = _joined([part.hidden for part in parts]).to(weight.dtype)
        self._targets = _joined([part.targets for part in parts])
        self._scale = _joined([bias.new_full((len(part.hidden),), part.scale) for part in parts])
        self._meant = weight[self._targets].to(dtype).to(weight.dtype)  # (N, H)
        self._p = weight.new_empty(len(weight), len(self._x), dtype=dtype)
        pieces = 1 if len(parts) == 1 else PIECES * len(parts)
        self._pieces = _cut(slice(0, len(weight)), -(-len(weight) // pieces))
        none = [self._x.new_empty(0)] * len(self._pieces)
        self._totals, self._products, self._peaks = none.copy(), none.copy(), none
        self._peak: Tensor | None = None
        self._turns = {name: itertools.count() for name in ("first", "peaks", "again", "weights")}

    def exponentials(self, member: Member) -> None:
        """exp(logits), their sums over the vocabulary, and their products with the weight."""
        self._shared(member, "first", self._exponentials)
        if self._x.device.type != "cpu" or self._total().isfinite().all():
            return
        self._shared(member, "peaks", self._highest)
        self._peak = torch.stack(self._peaks).amax(0)
        self._shared(member, "again", self._exponentials)

    def weights(self, member: Member, d_weight: Tensor, d_bias: Tensor, *, more: bool) -> None:
        """Their gradients (V, H) and (V,), in place; `more`: added to what is there."""
        share = self._scale / self._total()
        x = self._times(share)

        def piece(place: int) -> None:
            part = self._pieces[place]
            if more:
                weight, bias = torch.empty_like(d_weight[part]), torch.empty_like(d_bias[part])
                self._summed(part, x, share, weight, bias)
                d_weight[part] += weight
                d_bias[part] += bias
            else:
                self._summed(part, x, share, d_weight[part], d_bias[part])
            # softmax minus one-hot: the latter's share
            inside = (self._targets >= part.start) & (self._targets < part.stop)
            here = inside.nonzero().squeeze(1)
            words, scale = self._targets[here], self._scale[here]
            d_weight.index_add_(0, words, self._x[here] * scale[:, None], alpha=-1)
            d_bias.index_add_(0, words, scale, alpha=-1)

        self._shared(member, "weights", piece)

    def own(self, number: int) -> tuple[Tensor, Tensor]:
        """Sum of the losses, nats, and d_hidden (N, H), of one thread's rows."""
        rows = self._rows[number]
        total, scale = self._total()[rows], self._scale[rows, None]
        losses = total.log() + self._left()[rows]
        if self._peak is not None:
            losses += self._peak[rows]
        products = self._products[0][rows].to(scale.dtype, copy=True)
        for more in self._products[1:]:
            products += more[rows]
        return losses.sum(), products * (scale / total[:, None]) - self._meant[rows] * scale

    def _shared(self, member: Member, turn: str, work: Callable[[int], None]) -> None:
        for place in member.each(self._turns[turn], len(self._pieces)):
            work(place)

    def _total(self) -> Tensor:
        return torch.stack(self._totals).sum(0)

    def _exponentials(self, place: int) -> None:
        total: Tensor | None = None
        products: Tensor | None = None
        for part in self._slices(self._pieces[place]):
            w = self._operand(part)
            p = self._logits(w, part)
            if p.device.type != "cpu":  # looking for an overflow would wait for the device
                self._peak = p.amax(0)
            if self._peak is not None:
                p.sub_(self._peak)
            sums = _row_sums(p.exp_())
            product = times(p.t(), w[:, : self._x.shape[1]])
            total = sums if total is None else total.add_(sums)
            products = product if products is None else products.add_(product)
        assert total is not None
        assert products is not None
        self._totals[place], self._products[place] = total, products

    def _highest(self, place: int) -> None:
        parts = self._slices(self._pieces[place])
        found = [self._logits(self._operand(part), part).amax(0) for part in parts]
        self._peaks[place] = torch.stack(found).amax(0)

    @abstractmethod
    def _slices(self, piece: slice) -> list[slice]:
        """Of a piece, what is worked on at a time."""

    @abstractmethod
    def _left(self) -> Tensor:
        """(N,): what rounding left of the targets' logits."""

    @abstractmethod
    def _operand(self, part: slice) -> Tensor:
        """Some words' weight as a product reads it: (v, H), or with more columns."""

    @abstractmethod
    def _logits(self, w: Tensor, part: slice) -> Tensor:
        """Those of `part`, whose operand is `w`, in their place in p."""

    @abstractmethod
    def _times(self, share: Tensor) -> Tensor:
        """The rows as the weights' gradient reads them, each times its share."""

    @abstractmethod
    def _summed(
        self, part: slice, x: Tensor, share: Tensor, d_weight: Tensor, d_bias: Tensor
    ) -> None:
        """Put p[part] @ (share x), (v, H), and p[part] @ share, (v,) there; x: see `_times`."""


class _Exact(Block):
    """On the CPU in the weights' own precision: weight and bias are read where they lie."""

    def __init__(self, parts: list[Rows], weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__(parts, weight, bias, weight.dtype)
        self._shift = (self._x * self._meant).sum(1) + bias[self._targets]

    def _slices(self, piece: slice) -> list[slice]:
        return _cut(piece, max(64, SLICE // max(len(self._x), 1)))

    def _left(self) -> Tensor:
        return torch.zeros_like(self._shift)

    def _operand(self, part: slice) -> Tensor:
        return self._weight[part]

    def _logits(self, w: Tensor, part: slice) -> Tensor:
        p = torch.sub(self._bias[part, None], self._shift, out=self._p[part])
        return p.addmm_(w, self._x.t())

    def _times(self, share: Tensor) -> Tensor:
        return self._x * share[:, None]

    def _summed(
        self, part: slice, x: Tensor, share: Tensor, d_weight: Tensor, d_bias: Tensor
    ) -> None:
        times(self._p[part], x, out=d_weight)
        torch.mv(self._p[part], share, out=d_bias)


class _Widened(Block):
    """In bfloat16, and on other devices.

    One product gives logits with bias and shift: for that both operands are widened, in room that
    padding the inner dimension to whole tiles leaves anyway; r is what rounding left of the bias:

        columns      0 … H-1   H      H+1    H+2   …
        w (V, ·)     weight    bias   1      r     0
        x (N, ·)     hidden    1      -own   1     0        own (N,): w[targets] · x

        w @ x.T (V, N) = (logits - own).T, so that  loss = log(exp(w @ x.T).sum(0)).sum()
        p @ x   (V, ·) = d_weight in columns 0 … H-1, d_bias in column H, where x is 1

    A trained bias is large: rounded to bfloat16 once it made most of the gradient's error.
    """

    def __init__(self, parts: list[Rows], weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__(parts, weight, bias, dtype)
        n, h = self._x.shape
        tiles = weight.device.type != "cpu" or torch.cpu._is_amx_tile_supported()
        step = TILE if tiles else PAIRS
        self._inner = -(-(h + 3) // step) * step
        x = self._x.new_zeros(n, self._inner, dtype=dtype)
        x[:, :h] = self._x
        x[:, h] = 1
        x[:, h + 2] = 1
        self._wide = x
        meant = bias[self._targets]
        rounded = meant.to(dtype).to(meant.dtype)
        own = (x[:, :h].to(meant.dtype) * self._meant).sum(1) + rounded
        own += (meant - rounded).to(dtype).to(meant.dtype)
        x[:, h + 1] = -own
        self._rest = -(own + x[:, h + 1])

    def _slices(self, piece: slice) -> list[slice]:
        return [piece]

    def _left(self) -> Tensor:
        return self._rest

    def _operand(self, part: slice) -> Tensor:
        weight, bias = self._weight[part], self._bias[part]
        v, h = weight.shape
        w = weight.new_empty(v, self._inner, dtype=self._p.dtype)  # zeros: a pass over all of it
        w[:, :h] = weight
        w[:, h] = bias
        w[:, h + 1] = 1
        w[:, h + 2] = bias - w[:, h]
        w[:, h + 3 :] = 0
        return w

    def _logits(self, w: Tensor, part: slice) -> Tensor:
        return torch.mm(w, self._wide.t(), out=self._p[part])

    def _times(self, share: Tensor) -> Tensor:
        return (self._wide * share[:, None]).to(self._p.dtype)

    def _summed(
        self, part: slice, x: Tensor, share: Tensor, d_weight: Tensor, d_bias: Tensor
    ) -> None:
        product, h = torch.mm(self._p[part], x), self._x.shape[1]
        d_weight.copy_(product[:, :h])
        d_bias.copy_(product[:, h])


def worth_sharing(given: list[Rows], size: int) -> bool:
    """Whether threads gain by pieces of a vocabulary of `size`, where each can do its own rows.

    That costs each thread a pass over the weights, and one over their gradient to add it up; pieces
    cost as many passes over the rows.
    """
    return size >= PIECES * len(given) * sum(len(each.hidden) for each in given)


def block_of(weight: Tensor, dtype: torch.dtype) -> type[Block]:
    """What computes for this weight (V, H) by products of `dtype`."""
    exact = weight.device.type == "cpu" and dtype != torch.bfloat16
    return _Exact if exact else _Widened


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _cut(whole: slice, step: int) -> list[slice]:
    """Slices of `step`, the last one shorter."""
    starts = range(whole.start, whole.stop, step)
    return [slice(start, min(start + step, whole.stop)) for start in starts]


def _row_sums(p: Tensor) -> Tensor:
    """Sums over the first dimension to at least float32's precision, (V, N) -> (N,).

    `sum(0, dtype=float32)` would copy everything to float32 first; bfloat16 sums of many parts keep
    the rounding small and independent.
    """
    if p.dtype != torch.bfloat16:
        return p.sum(0)
    parts = next(k for k in (64, 50, 32, 25, 16, 10, 8, 5, 4, 2, 1) if len(p) % k == 0)
    return p.view(parts, -1, p.shape[1]).sum(1).float().sum(0)
