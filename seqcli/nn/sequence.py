"""An LSTM over whole sequences in bfloat16 on the CPU, for wide layers.

oneDNN's backward pass is wrong from 1,024 units on, for multiples of 64: its gradients are off by
20 to 130 % (torch 2.13.0, oneDNN's avx10_1_512_amx). For few rows it is also slower: forward and
backward at 20 rows and 35 steps take 1.2 x as long for 650 units, 1.9 x for 1,500.

Formulas: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; gates in torch's
order i, f, g, o. Operands of products are bfloat16; states, gates and sums float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from seqcli.nn.packed import packed

WRONG = 1024  # units from which oneDNN's gradients are not to be trusted
WIDE, FEW = 600, 32  # units from which this pays where a batch has no more than FEW rows
AT_ONCE = 1 << 19  # numbers that stay in a core's cache between two uses


def trained_here(hidden: int, x: Tensor) -> bool:
    """Whether LSTMSequence is to take x (B, T, E), in the precision that now holds."""
    return (
        (hidden >= WRONG or (hidden >= WIDE and len(x) <= FEW))
        and x.device.type == "cpu"
        and torch.is_grad_enabled()
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


class LSTMSequence(torch.autograd.Function):
    """x (B, T, E), h and c (B, H), weights (4 H, E) and (4 H, H), bias (4 H,) or None.

    -> outputs (B, T, H) bfloat16, and h and c of the last step, float32.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The gates of all steps are kept for the way back."""
        (batch, time, inputs), hidden = x.shape, w_hh.shape[1]
        w_ih, w_hh = w_ih.bfloat16(), w_hh.bfloat16()
        rows = x.transpose(0, 1).to(torch.bfloat16).reshape(time * batch, inputs)
        gates = F.linear(rows, w_ih).view(time, batch, 4 * hidden)
        gates = gates.float() if bias is None else gates + bias  # float32: bias is
        outputs = rows.new_empty(time + 1, batch, hidden)
        cells = gates.new_empty(time + 1, batch, hidden)
        squashed = gates.new_empty(time, batch, hidden)  # tanh(c)
        outputs[0], cells[0] = h, c
        recurrent = packed(w_hh)
        for t, gate in enumerate(gates):
            gate.add_(recurrent(outputs[t]))
            sure, new, out = gate.split((2 * hidden, hidden, hidden), 1)
            sure.sigmoid_()
            new.tanh_()
            out.sigmoid_()
            kept, forgot = sure.split(hidden, 1)
            torch.mul(forgot, cells[t], out=cells[t + 1]).addcmul_(kept, new)
            torch.tanh(cells[t + 1], out=squashed[t])
            torch.mul(out, squashed[t], out=outputs[t + 1])
        ctx.save_for_backward(rows, outputs, cells, squashed, gates, w_ih, w_hh)
        ctx.has_bias = bias is not None
        return outputs[1:].transpose(0, 1), outputs[time].float(), cells[time].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, dh: Tensor, dc: Tensor) -> tuple[Tensor | None, ...]:
        """The steps give the gates' gradients; three large products make the others of them."""
        rows, outputs, cells, squashed, gates, w_ih, w_hh = ctx.saved_tensors
        time, batch, width = gates.shape
        d_outputs = d_outputs.transpose(0, 1)
        d_gates = rows.new_empty(time, batch, 4, width // 4)
        stride = max(1, AT_ONCE // (batch * width))
        dh = dh + d_outputs[time - 1]
        for end in range(time, 0, -stride):
            part = slice(max(0, end - stride), end)
            factors, through = _factors(gates[part], cells[part], squashed[part])
            for t in range(part.stop - 1, part.start - 1, -1):
                place = t - part.start
                dc = torch.addcmul(dc, dh, through[place])
                factors[place, :, :3].mul_(dc[:, None])
                factors[place, :, 3].mul_(dh)
                d_gates[t] = factors[place]
                dc = dc * gates[t, :, width // 4 : width // 2]
                # not packed: turning the weights round costs what a hundred such steps gain
                dh = (d_gates[t].view(batch, width) @ w_hh).float()
                if t:
                    dh += d_outputs[t - 1]
        flat = d_gates.view(time * batch, width)
        before = outputs[:-1].reshape(time * batch, -1)
        d_x = (flat @ w_ih).view(time, batch, -1).transpose(0, 1)
        d_bias = flat.sum(0, dtype=torch.float32) if ctx.has_bias else None
        return d_x, dh, dc, (flat.t() @ rows).float(), (flat.t() @ before).float(), d_bias


def _factors(gates: Tensor, cells: Tensor, squashed: Tensor) -> tuple[Tensor, Tensor]:
    """Some steps' (T, B, 4, H) of what dc (for o: dh) is multiplied by, and (T, B, H) dc by dh."""
    i, f, g, o = gates.view(*gates.shape[:2], 4, -1).unbind(2)
    factors = torch.empty_like(gates).view(*gates.shape[:2], 4, -1)
    sigmoid, tanh = torch.ops.aten.sigmoid_backward.grad_input, torch.ops.aten.tanh_backward
    sigmoid(g, i, grad_input=factors[:, :, 0])  # g i (1 - i) in one pass
    sigmoid(cells, f, grad_input=factors[:, :, 1])
    tanh.grad_input(i, g, grad_input=factors[:, :, 2])  # i (1 - g^2)
    sigmoid(squashed, o, grad_input=factors[:, :, 3])
    return factors, tanh(o, squashed)
