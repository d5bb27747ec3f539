"""What each cell does at a step of a whole sequence, there and back: `nn/sequence.py` drives it.

Everything is time-major, (T, B, ...), so that a step's share is one piece of memory. On the way
back a step's gradients are products of dh (for an LSTM also dc) with factors that need neither:
these are worked out for many steps at once, and the loop over steps keeps a few operations.

tanh(a) is taken as 2 sigmoid(2 a) - 1 where weights can be doubled once for all steps: off by 1e-7
at most in float32. torch's tanh is MKL's, which on AMD takes 2.6 ns a number, its sigmoid 0.7.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor

from seqcli.nn.products import Plus


def _sigmoid_backward(grad: Tensor, value: Tensor, grad_input: Tensor) -> None:
    torch.ops.aten.sigmoid_backward.grad_input(grad, value, grad_input=grad_input)


def _tanh_backward(grad: Tensor, value: Tensor, grad_input: Tensor) -> None:
    torch.ops.aten.tanh_backward.grad_input(grad, value, grad_input=grad_input)


MINUS_ONE = torch.tensor(-1.0)  # a scalar: it takes the other operand's precision


def _minus_one_to_one(share: Tensor, out: Tensor) -> Tensor:
    """From [0, 1] to [-1, 1], in one pass."""
    return torch.add(MINUS_ONE, share, alpha=2, out=out)


class Steps(ABC):
    """A cell's share of one pass over a sequence; `kept` is what the way back needs.

    A step has gradients for `parts` blocks of H numbers. Those of the inputs' product are the
    `fed`, in the order of the weights; those of the product with h are the `looped`, in the order
    of the weights turned by `turned` blocks.
    """

    parts: ClassVar[int]
    fed: ClassVar[slice] = slice(None)
    looped: ClassVar[slice] = slice(None)
    turned: ClassVar[int] = 0
    doubled: ClassVar[slice | None] = None  # blocks of the recurrent weight that `forward` wants so

    def __init__(self, *kept: Tensor) -> None:
        self.kept = kept

    @classmethod
    @abstractmethod
    def begin(cls, gates: Tensor, bias_hh: Tensor | None, c: Tensor | None) -> Self:
        """From the inputs' product (T, B, gates * H), a second bias, and an LSTM's first c."""

    @abstractmethod
    def forward(self, outputs: Tensor, plus: Plus) -> None:
        """Fill outputs (T + 1, B, H) behind the first h, and what is kept."""

    @abstractmethod
    def factors(self, outputs: Tensor, part: slice, out: Tensor) -> None:
        """Of the steps `part`, into out (t, B, parts, H)."""

    @abstractmethod
    def back(
        self, place: int, factors: Tensor, dh: Tensor, dc: Tensor | None, given: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Turn a step's factors (B, parts, H) into its gradients; `place`: of the last `factors`.

        -> the gradients of h and c before the step, but for h's through the product; `given` is
        what h gets as an output.
        """


class ReluSteps(Steps):
    """h' = max(a, 0). Kept: nothing but the outputs."""

    parts = 1

    @classmethod
    def begin(cls, gates: Tensor, bias_hh: Tensor | None, c: Tensor | None) -> Self:
        """See `Steps.begin`."""
        return cls(gates)

    @staticmethod
    def _act(a: Tensor, out: Tensor) -> Tensor:
        return out.copy_(a.relu_())

    def forward(self, outputs: Tensor, plus: Plus) -> None:
        """See `Steps.forward`."""
        h, *rest = outputs.unbind()
        for gate, after in zip(self.kept[0].unbind(), rest, strict=True):
            h = self._act(plus(gate, h, gate), after)
        self.kept = ()

    def factors(self, outputs: Tensor, part: slice, out: Tensor) -> None:
        """See `Steps.factors`."""
        out[:, :, 0] = outputs[1:][part] > 0

    def back(
        self, place: int, factors: Tensor, dh: Tensor, dc: Tensor | None, given: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """See `Steps.back`."""
        factors.mul_(dh.unsqueeze(1))
        return given, None


class TanhSteps(ReluSteps):
    """h' = tanh(a)."""

    doubled = slice(1)

    @classmethod
    def begin(cls, gates: Tensor, bias_hh: Tensor | None, c: Tensor | None) -> Self:
        """See `Steps.begin`."""
        return cls(gates.mul_(2))

    @staticmethod
    def _act(a: Tensor, out: Tensor) -> Tensor:
        return _minus_one_to_one(a.sigmoid_(), out)

    def factors(self, outputs: Tensor, part: slice, out: Tensor) -> None:
        """See `Steps.factors`."""
        after = outputs[1:][part]
        out[:, :, 0] = torch.ops.aten.tanh_backward(after.new_ones(()).expand_as(after), after)


class GRUSteps(Steps):
    """h' = n + z (h - n), n = tanh(a_n + r (U_n h + b)): Cho et al. 2014, reset after the product.

    Kept: gates r, z and twice U_n h + b; n. Parts: U_n h, r, z, n: the first three are the looped
    ones, the last three the fed ones.
    """

    parts = 4
    fed, looped = slice(1, 4), slice(3)
    turned = 1
    doubled = slice(2, 3)

    @classmethod
    def begin(cls, gates: Tensor, bias_hh: Tensor | None, c: Tensor | None) -> Self:
        """See `Steps.begin`."""
        last = gates.chunk(3, 2)[2]
        new = last * 2
        last.zero_()
        if bias_hh is not None:
            gates += bias_hh
            last.mul_(2)
        return cls(gates, new)

    def forward(self, outputs: Tensor, plus: Plus) -> None:
        """See `Steps.forward`."""
        hidden = outputs.shape[2]
        h, *rest = outputs.unbind()
        for gate, new, after in zip(*(kept.unbind() for kept in self.kept), rest, strict=True):
            plus(gate, h, gate)
            sure, looped = gate.split((2 * hidden, hidden), 1)
            r, z = sure.sigmoid_().split(hidden, 1)
            _minus_one_to_one(new.addcmul_(looped, r).sigmoid_(), new)
            h = after.copy_(torch.lerp(new, h.to(new.dtype), z))

    def factors(self, outputs: Tensor, part: slice, out: Tensor) -> None:
        """See `Steps.factors`."""
        new = self.kept[1][part]
        r, z, looped = self.kept[0][part].chunk(3, 2)
        d_looped, d_r, d_z, d_new = out.unbind(2)
        _tanh_backward(1 - z, new, grad_input=d_new)  # (1 - z) (1 - n^2)
        torch.mul(d_new, r, out=d_looped)
        _sigmoid_backward((d_new * looped).mul_(0.5), r, grad_input=d_r)
        _sigmoid_backward(outputs[part] - new, z, grad_input=d_z)
        self._past = z.unbind()

    def back(
        self, place: int, factors: Tensor, dh: Tensor, dc: Tensor | None, given: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """See `Steps.back`."""
        factors.mul_(dh.unsqueeze(1))
        return torch.addcmul(given, dh, self._past[place]), None


class LSTMSteps(Steps):
    """c' = f c + i g, h' = o tanh(c'): Hochreiter and Schmidhuber 1997, f of Gers et al. 2000.

    Kept: gates i, f, g, o; c, with the first; tanh(c'). Parts: i, f, g (times dc), o (times dh).
    """

    parts = 4

    @classmethod
    def begin(cls, gates: Tensor, bias_hh: Tensor | None, c: Tensor | None) -> Self:
        """See `Steps.begin`."""
        assert c is not None
        time, batch, width = gates.shape
        cells = gates.new_empty(time + 1, batch, width // 4)
        cells[0] = c
        return cls(gates, cells, gates.new_empty(time, batch, width // 4))

    def forward(self, outputs: Tensor, plus: Plus) -> None:
        """See `Steps.forward`."""
        gates, cells, squashed = self.kept
        hidden = outputs.shape[2]
        for t, gate in enumerate(gates):
            plus(gate, outputs[t], gate)
            sure, new, out = gate.split((2 * hidden, hidden, hidden), 1)
            sure.sigmoid_()
            new.tanh_()
            out.sigmoid_()
            i, f = sure.split(hidden, 1)
            torch.mul(f, cells[t], out=cells[t + 1]).addcmul_(i, new)
            torch.tanh(cells[t + 1], out=squashed[t])
            torch.mul(out, squashed[t], out=outputs[t + 1])

    def factors(self, outputs: Tensor, part: slice, out: Tensor) -> None:
        """See `Steps.factors`."""
        gates, cells, squashed = (kept[part] for kept in self.kept)
        i, f, g, o = gates.chunk(4, 2)
        _sigmoid_backward(g, i, grad_input=out[:, :, 0])  # g i (1 - i) in one pass
        _sigmoid_backward(cells, f, grad_input=out[:, :, 1])
        _tanh_backward(i, g, grad_input=out[:, :, 2])  # i (1 - g^2)
        _sigmoid_backward(squashed, o, grad_input=out[:, :, 3])
        self._through = torch.ops.aten.tanh_backward(o, squashed)  # dc by dh
        self._past = f.unbind()

    def back(
        self, place: int, factors: Tensor, dh: Tensor, dc: Tensor | None, given: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """See `Steps.back`."""
        assert dc is not None
        dc = torch.addcmul(dc, dh, self._through[place])
        factors[:, :3].mul_(dc[:, None])
        factors[:, 3].mul_(dh)
        return given, dc * self._past[place]
