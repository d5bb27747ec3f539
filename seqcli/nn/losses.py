"""Output layer, softmax and cross-entropy in one, without the table of logits.

The usual way writes N x V logits, their softmax and its gradient to memory: with a vocabulary of
10,000 that is most of a small language model's step. Here a slice of logits at a time becomes loss
and gradients while it is in the cache, in the forward pass; the backward pass only hands them on.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from seqcli.nn import meeting
from seqcli.nn.softmax import Block, Rows, block_of, worth_sharing

MAX_LOGITS = 1 << 24  # held at one time: 32 MB in bfloat16


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
    differentiated (once), and the sum. `dtype` is that of the matrix products. Threads that meet
    differentiate theirs by the same factor: the weights' gradient of all is the first one's.
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

    How: `nn.softmax`. Threads that meet, each with rows of its own, share the vocabulary: who is
    free takes the next piece of it, for the rows of all. So no weight is converted twice, and one
    gradient of the weights is made: the first thread hands it on, the others have none.
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
        member, own = meeting.member(), Rows(hidden, targets, scale)
        try:
            loss, *grads = _gradients(member, own, weight, bias, dtype)
        except meeting.NotAll:
            loss, *grads = _gradients(meeting.ALONE, own, weight, bias, dtype)
        ctx.save_for_backward(*grads)
        return loss * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        grads = ctx.saved_tensors
        if d_loss != 1:  # passes over V x H; `scale` spares them
            grads = tuple(grad if grad is None else grad * d_loss.to(grad.dtype) for grad in grads)
        return (*grads, None, None, None)


def _gradients(
    member: meeting.Member, own: Rows, weight: Tensor, bias: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Sum of losses and d_hidden, of a member's `own` rows; of the first d_weight, d_bias of all.

    Gradients are times the rows' `scale`. Errors: NotAll where each does its own, since some have
    no rows or come with other weights, or the vocabulary is too small to share.
    """
    kind = block_of(weight, dtype)
    rows = max(1, MAX_LOGITS // len(weight) // member.size)

    def block(given: list[Rows], start: int) -> Block:
        return kind([each.part(slice(start, start + rows)) for each in given], weight, bias, dtype)

    def begin(
        found: list[tuple[Rows, int]],
    ) -> tuple[list[Rows], Tensor, Tensor, Block] | None:
        given = [rows for rows, _ in found]
        one = len({weights for _, weights in found}) == 1  # no part has skipped another layer
        if member.size > 1 and not (one and worth_sharing(given, len(weight))):
            return None
        return given, torch.empty_like(weight), torch.empty_like(bias), block(given, 0)

    begun = member.gather((own, weight.data_ptr()), begin)
    if begun is None:
        raise meeting.NotAll
    given, d_weight, d_bias, found = begun
    loss, d_hidden = bias.new_zeros(()), torch.empty_like(own.hidden)
    for start in range(0, max(1, *(len(each.hidden) for each in given)), rows):
        if start:
            found = member.build(partial(block, given, start))
        found.exponentials(member)
        found.weights(member, d_weight, d_bias, more=start > 0)
        own_loss, d_hidden[start : start + rows] = found.own(member.number)
        loss += own_loss
    return (loss, d_hidden, *((d_weight, d_bias) if member.number == 0 else (None, None)))
