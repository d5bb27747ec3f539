"""Float32 products by either library: the numbers are one product's."""

from __future__ import annotations

import pytest
import torch

from seqcli.nn.products import plus, times


def near(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert (found - wanted).norm() <= 1e-6 * wanted.norm()


@pytest.mark.parametrize("shape", [(3, 4, 5), (512, 512, 512), (600, 3000, 300), (512, 513, 514)])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_times(shape: tuple[int, int, int], turned: tuple[bool, bool]) -> None:
    m, k, n = shape
    a = torch.randn(k, m).t() if turned[0] else torch.randn(m, k)
    b = torch.randn(n, k).t() if turned[1] else torch.randn(k, n)
    found = times(a, b)
    assert found.dtype == torch.float32
    near(found.double(), a.double() @ b.double())


@pytest.mark.parametrize("hidden", [7, 1030])
@pytest.mark.parametrize("turned", [False, True])
def test_plus(hidden: int, turned: bool) -> None:
    weight = torch.randn(hidden, hidden).t() if turned else torch.randn(hidden, hidden)
    y, x = torch.randn(5, hidden), torch.randn(5, hidden)
    wanted = y.double() + x.double() @ weight.double().t()
    near(plus(weight)(y, x, None).double(), wanted)
    assert plus(weight)(y, x, y) is y
    near(y.double(), wanted)
