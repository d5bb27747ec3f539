"""A recurrent layer over whole sequences on the CPU: one product a step, all else for many steps.

Forward all inputs' products are one; back the steps give the gates' gradients, and three large
products make the weights' and the inputs' of them. Operands of products are bfloat16 under
autocast, else as x is; states, gates and sums are float32 at least.

oneDNN has such a pass for the LSTM alone. Its gradients are wrong in bfloat16 from 1,024 units on,
for multiples of 64: off by 20 to 130 % (torch 2.13.0, oneDNN's avx10_1_512_amx).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqcli.nn.products import plus, times
from seqcli.nn.recurrence import Steps

AT_ONCE = 1 << 19  # numbers that stay in a core's cache between two uses


class WholeSequence(torch.autograd.Function):
    """`steps`, x (B, T, E), weights (G H, E) and (G H, H), two biases (G H,) or None, h, c or None.

    -> outputs (B, T, H) in the operands' precision; h and c of the last step, (B, H).
    """

    @staticmethod
    def forward(
        ctx: Any,
        steps: type[Steps],
        x: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        bias: Tensor | None,
        bias_hh: Tensor | None,
        h: Tensor,
        c: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The gates of all steps are kept for the way back."""
        (batch, time, inputs), hidden = x.shape, w_hh.shape[1]
        operands = torch.bfloat16 if torch.is_autocast_enabled("cpu") else w_hh.dtype
        exact = torch.promote_types(operands, torch.float32)
        w_ih, w_hh = w_ih.to(operands), w_hh.to(operands)
        rows = x.transpose(0, 1).to(operands).reshape(time * batch, inputs)
        gates = times(rows, w_ih.t()).view(time, batch, -1).to(exact)
        if bias is not None:
            gates += bias
        outputs = rows.new_empty(time + 1, batch, hidden)
        outputs[0] = h
        run = steps.begin(gates, bias_hh, c)
        run.forward(outputs, plus(_doubled(w_hh, steps.doubled)))
        ctx.save_for_backward(rows, outputs, w_ih, w_hh, *run.kept)
        ctx.steps, ctx.biases = steps, (bias is not None, bias_hh is not None)
        last = run.kept[1][time].clone() if c is not None else None
        return outputs[1:].transpose(0, 1), outputs[time].to(exact, copy=True), last

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_outputs: Tensor, dh: Tensor, dc: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """See the module."""
        rows, outputs, w_ih, w_hh, *kept = ctx.saved_tensors
        steps: type[Steps] = ctx.steps
        turn = steps.turned * outputs.shape[2]
        run, recurrent = steps(*kept), w_hh.roll(turn, 0) if turn else w_hh
        grads, dh, dc = _back(run, outputs, recurrent, d_outputs.transpose(0, 1), dh, dc)
        fed = grads[:, :, steps.fed].flatten(0, 1).flatten(1)
        looped = grads[:, :, steps.looped].flatten(0, 1).flatten(1)
        d_x = None
        if ctx.needs_input_grad[1]:
            d_x = times(fed, w_ih).view(*outputs[1:].shape[:2], -1).transpose(0, 1)
        before = outputs[:-1].flatten(0, 1)
        d_hh = times(looped.t(), before).to(dh.dtype)
        d_bias = fed.sum(0, dtype=dh.dtype) if ctx.biases[0] else None
        d_bias_hh = looped.sum(0, dtype=dh.dtype).roll(-turn) if ctx.biases[1] else None
        d_ih = times(fed.t(), rows).to(dh.dtype)
        return None, d_x, d_ih, d_hh.roll(-turn, 0) if turn else d_hh, d_bias, d_bias_hh, dh, dc


def _doubled(weight: Tensor, blocks: slice | None) -> Tensor:
    """weight (G H, H), with some blocks of H rows twice as large."""
    if blocks is None:
        return weight
    weight = weight.clone(memory_format=torch.contiguous_format)
    weight.view(-1, weight.shape[1], weight.shape[1])[blocks] *= 2
    return weight


def _back(
    run: Steps, outputs: Tensor, weight: Tensor, d_outputs: Tensor, dh: Tensor, dc: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """From the last step to the first: every part's gradients (T, B, parts, H), dh and dc."""
    (time, batch, hidden), exact = d_outputs.shape, dh.dtype
    grads = outputs.new_empty(time, batch, run.parts, hidden)
    looped = grads[:, :, run.looped].flatten(2).unbind()
    given = [torch.zeros_like(dh), *d_outputs.unbind()]
    further = plus(weight.t())
    stride = max(1, AT_ONCE // (batch * run.parts * hidden))
    dh = dh + given[time]
    for end in range(time, 0, -stride):
        part = slice(max(0, end - stride), end)
        # those of bfloat16 are worked out beside them, in float32
        room = grads[part] if grads.dtype == exact else grads[part].to(exact)
        run.factors(outputs, part, room)
        for place, own in reversed(list(enumerate(room.unbind()))):
            t = part.start + place
            start, dc = run.back(place, own, dh, dc, given[t])
            if grads.dtype != exact:
                grads[t] = own
            dh = further(start.to(exact), looped[t], None)
    return grads, dh, dc
