"""Float32 matrix products on the CPU, by the library that is faster for their shape.

torch gives float32 products to MKL, which on AMD is held to AVX2, and reads a weight that no cache
of a core's own holds at every product of few rows. One thread of an AMD EPYC 9004, GFLOP/s, MKL and
oneDNN, both held to AVX2 (of 104 at most):

    400 x 200 x 1,000 and its two gradients     102, 96, 96     104, 104, 74
    700 x 650 x 2,600 and its two gradients      97, 86, 70     102, 102, 97
    2,048 x 256 x 768, the weight's gradient     96              65
    20 x 200 x 800, laid out                     82              82
    20 x 650 x 2,600, laid out                   77             100
    10 x 650 x 2,600, laid out                   58              85
    128 x 64 x 256, laid out                    101              82
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from seqcli.nn.packed import packed

LARGE = 256  # from which on, for each of the three sizes, oneDNN is no slower and often faster
WORK = 1 << 27  # multiply-adds: 2.6 ms; making oneDNN's code for a new shape takes 0.7
LONG = 2048  # of the inner size, past which it can be a hundred times slower
WIDE = 1 << 20  # numbers of a weight that is read again for every few rows: past a core's cache

Plus = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # y (B, N), x (B, K), out -> y + x W^T


def times(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """a (M, K) @ b (K, N), in `out` if there is one; either may be a transposed view."""
    sizes = (*a.shape, b.shape[1])
    large = min(sizes) >= LARGE and math.prod(sizes) >= WORK and len(b) <= LONG
    if large and _both_libraries(a):
        y: Tensor = torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], "")
        return y if out is None else out.copy_(y)
    return torch.mm(a, b, out=out)


def plus(weight: Tensor) -> Plus:
    """weight W (N, K) -> what makes y + x @ W.T of few rows, over and over, in y's precision.

    A transposed view in bfloat16 is not laid out: turning it costs what a hundred products gain.
    """
    half = weight.dtype == torch.bfloat16
    if (half and weight.is_contiguous()) or (weight.numel() >= WIDE and _both_libraries(weight)):
        product = packed(weight)
        return lambda y, x, out: torch.add(y, product(x), out=out)
    turned = weight.t()
    if half:
        return lambda y, x, out: torch.add(y, x @ turned, out=out)
    return lambda y, x, out: torch.addmm(y, x, turned, out=out)


def _both_libraries(x: Tensor) -> bool:
    """Whether there is a choice for this tensor: float32 on an x86 processor."""
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )
