"""Output layer, softmax and cross-entropy in one, without the table of logits.

The usual way writes N x V logits, their softmax and its gradient to memory: with a vocabulary of
10,000 that is most of a small language model's step. Here a slice of logits at a time becomes loss
and gradients while it is in the cache, in the forward pass; the backward pass only hands them on.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from seqcli.nn.products import times

MAX_LOGITS = 1 << 24  # held at one time: 32 MB in bfloat16
SLICE = 1 << 19  # logits between their product and the next one that needs them: 2 MB in float32
TILE = 32  # AMX takes 32 bfloat16 of the inner dimension at a time; a partial tile costs 40 %


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    dtype: torch.dtype,
    scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of softmax(hidden @ weight.T + bias), nats, summed over the rows.

    hidden (N, H), weight (V, H), bias (V,), targets (N,) int64 -> the sum times `scale`, to be
    differentiated (once), and the sum. `dtype` is that of the matrix products.
    """
    if not torch.is_grad_enabled():
        total = _total(hidden, weight, bias, targets)
        return total * scale, total
    objective: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, targets, dtype, scale
    )
    return objective, objective.detach() / scale


def token_losses(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """The same of each row by itself, (N,), without a graph, in the weights' own precision."""
    found = hidden.new_empty(len(hidden))
    rows = max(1, MAX_LOGITS // 4 // len(weight))
    with torch.no_grad():
        for start in range(0, len(hidden), rows):
            part = slice(start, start + rows)
            logits = F.linear(hidden[part], weight, bias)
            found[part] = F.cross_entropy(logits, targets[part], reduction="none")
    return found


def _total(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """The loss alone, in the weights' own precision, added up in float64."""
    total = 0.0
    rows = max(1, MAX_LOGITS // 4 // len(weight))
    for start in range(0, len(hidden), rows):
        part = slice(start, start + rows)
        logits = F.linear(hidden[part], weight, bias)
        total += F.cross_entropy(logits, targets[part], reduction="sum").item()
    return torch.tensor(total, dtype=torch.float64)


class _LinearCrossEntropy(Function):
    """Loss and its three gradients in one go; nothing of size N x V outlives the forward.

    What is computed, in plain words of torch:

        logits = hidden @ weight.T + bias                             # (N, V)
        loss = (logits.logsumexp(1) - logits[n, targets]).sum()       # n = 0 … N - 1
        p = logits.softmax(1); p[n, targets] -= 1                     # d loss / d logits
        d_hidden, d_weight, d_bias = p @ weight, p.T @ hidden, p.sum(0)

    How: `_in_full` on the CPU in float32, `_widened` in bfloat16 and on other devices.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        dtype: torch.dtype,
        scale: float,
    ) -> Tensor:
        if hidden.device.type == "cpu" and dtype != torch.bfloat16:
            loss, *grads = _in_full(hidden.to(weight.dtype), weight, bias, targets, scale)
        else:
            loss, *grads = _widened(hidden, weight, bias, targets, dtype, scale)
        ends = (hidden.dtype, weight.dtype, bias.dtype)
        ctx.save_for_backward(*(grad.to(end) for grad, end in zip(grads, ends, strict=True)))
        return loss * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        grads = ctx.saved_tensors
        if d_loss != 1:  # passes over V x H; `scale` spares them
            grads = tuple(grad * d_loss.to(grad.dtype) for grad in grads)
        return (*grads, None, None, None)


def _in_full(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sum of losses and the gradients of hidden, weight and bias, times `scale`; operands as given.

    The vocabulary goes by in slices: their logits become exponentials and the slice's share of
    `d_hidden` before they leave the cache. Weight and bias are read where they lie.
    """
    own = (hidden * weight[targets]).sum(1) + bias[targets]  # the targets' logits
    loss, d_hidden = own.new_zeros(()), torch.empty_like(hidden)
    d_weight: Tensor | None = None
    d_bias = torch.zeros_like(bias)
    rows = max(1, MAX_LOGITS // len(weight))
    for start in range(0, len(hidden), rows):
        part = slice(start, start + rows)
        x, shift = hidden[part], own[part]
        p, total, products = _softmax(x, weight, bias, shift)
        if not total.isfinite().all():  # a loss past 88 nats
            shift = _peak(x, weight, bias)
            p, total, products = _softmax(x, weight, bias, shift)
        loss += (total.log() + (shift - own[part])).sum()
        share = scale / total
        d_hidden[part] = products * share[:, None]
        product = times(p, x * share[:, None])
        d_weight = product if d_weight is None else d_weight.add_(product)
        d_bias += p @ share
    assert d_weight is not None
    d_hidden.sub_(weight[targets], alpha=scale)  # softmax minus one-hot: the latter's share
    d_weight.index_add_(0, targets, hidden, alpha=-scale)
    d_bias.index_add_(0, targets, torch.ones_like(own), alpha=-scale)
    return loss, d_hidden, d_weight, d_bias


def _slices(rows: int, size: int) -> list[slice]:
    """Slices of a vocabulary for so many rows."""
    step = max(64, SLICE // rows)
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


def _softmax(
    x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """p = exp(weight @ x.T + bias - shift) (V, N), its sums over V (N,), and p.T @ weight (N, H).

    Logits lie as (V, N): so the large product with them needs no transposed operand.
    """
    p = x.new_empty(len(weight), len(x))
    total, products = torch.zeros_like(shift), torch.zeros_like(x)
    for part in _slices(len(x), len(weight)):
        torch.sub(bias[part, None], shift, out=p[part])
        p[part].addmm_(weight[part], x.t()).exp_()
        total += p[part].sum(0)
        products += times(p[part].t(), weight[part])
    return p, total, products


def _peak(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The largest logit of each row, (N,)."""
    parts = _slices(len(x), len(weight))
    found = [torch.addmm(bias[part, None], weight[part], x.t()).amax(0) for part in parts]
    return torch.stack(found).amax(0)


def _widened(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `_in_full`, in `dtype`.

    One product gives logits with bias, each row n shifted by the logit of its own target. For that
    both operands are widened (`_operands`), in room that padding the inner dimension to whole
    tiles leaves anyway; r is what rounding to `dtype` left of the bias:

        columns      0 … H-1   H      H+1    H+2   …
        w (V, ·)     weight    bias   1      r     0
        x (N, ·)     hidden    1      -own   1     0        own (N,): w[targets] · x

        w @ x.T (V, N) = (logits - own).T, so that  loss = log(exp(w @ x.T).sum(0)).sum()
        p @ x   (V, ·) = d_weight in columns 0 … H-1, d_bias in column H, where x is 1

    The shift makes bfloat16 round small numbers, not large ones. Logits lie as (V, N): then
    neither product needs a transposed operand. Where a word's loss is past 88 nats exp overflows:
    there the largest logit is the shift (`_exponentials`).
    """
    (n, h), v = hidden.shape, len(weight)
    w, x = _operands(hidden, weight, bias, dtype)
    exact = torch.promote_types(dtype, torch.float32)
    own = (x.to(exact) * w[targets].to(exact)).sum(1)  # the targets' logits
    x[:, h + 1] = -own
    loss = -(own + x[:, h + 1]).sum()  # what rounding to `dtype` left of the shift
    d_hidden = torch.empty_like(hidden)
    d_w: Tensor | None = None
    rows = max(1, MAX_LOGITS // v)
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        xs, t = x[part], targets[part]
        p, total, peak = _exponentials(w, xs)
        loss += (total.log() + peak).sum()
        # softmax minus one-hot, still times `total`
        p[t, torch.arange(len(t), device=t.device)] -= total.to(dtype)
        share = (scale / total)[:, None]
        d_hidden[part] = torch.mm(p.t(), w[:, :h]) * share
        product = torch.mm(p, (xs * share).to(dtype))  # (V, inner): d_weight, d_bias
        if d_w is None:
            d_w = product.to(exact) if rows < n else product
        else:
            d_w += product
    assert d_w is not None
    return loss, d_hidden, d_w[:, :h], d_w[:, h]


def _exponentials(w: Tensor, xs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(w @ xs.T - peak) (V, N), its sums over V (N,), and peak (N,): 0 where nothing overflows.

    On a GPU looking for an overflow would wait for the device, so the peak is always taken there.
    """
    if w.device.type == "cpu":
        p = torch.mm(w, xs.t()).exp_()
        total = _row_sums(p)
        if total.isfinite().all():
            return p, total, total.new_zeros(())
    logits = torch.mm(w, xs.t())
    peak = logits.amax(0)
    p = logits.sub_(peak).exp_()
    return p, _row_sums(p), peak.to(torch.promote_types(p.dtype, torch.float32))


def _operands(
    hidden: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """w (V, inner) and x (N, inner) of `_widened` in `dtype`; the shift is still 0.

    A trained bias is large: rounded to bfloat16 once it made most of the gradient's error.
    """
    (n, h), v = hidden.shape, len(weight)
    inner = -(-(h + 3) // TILE) * TILE
    w = weight.new_empty(v, inner, dtype=dtype)  # zeros would be a pass over all of it
    w[:, :h] = weight
    w[:, h] = bias
    w[:, h + 1] = 1
    w[:, h + 2] = bias - w[:, h]
    w[:, h + 3 :] = 0
    x = hidden.new_zeros(n, inner, dtype=dtype)
    x[:, :h] = hidden
    x[:, h] = 1
    x[:, h + 2] = 1
    return w, x


def _row_sums(p: Tensor) -> Tensor:
    """Sums over the first dimension to at least float32's precision, (V, N) -> (N,).

    `sum(0, dtype=float32)` would copy everything to float32 first; bfloat16 sums of many parts keep
    the rounding small and independent.
    """
    if p.dtype != torch.bfloat16:
        return p.sum(0)
    parts = next(k for k in (64, 50, 32, 25, 16, 10, 8, 5, 4, 2, 1) if len(p) % k == 0)
    return p.view(parts, -1, p.shape[1]).sum(1).float().sum(0)
