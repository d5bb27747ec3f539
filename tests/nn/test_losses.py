"""The fused output layer and loss against torch's own, value and gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqcli.machine.team import Team
from seqcli.nn import losses, meeting
from seqcli.nn.losses import linear_cross_entropy

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def numbers(
    rows: int, hidden: int, size: int, dtype: torch.dtype, device: str = "cpu"
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(rows + hidden + size)
    x = torch.randn(rows, hidden, generator=draw, dtype=torch.float64)
    w = torch.randn(size, hidden, generator=draw, dtype=torch.float64) * 0.7
    b = torch.randn(size, generator=draw, dtype=torch.float64) * 2
    targets = torch.randint(size, (rows,), generator=draw)
    parts = [part.to(device, dtype).requires_grad_() for part in (x, w, b)]
    return parts[0], parts[1], parts[2], targets.to(device)


def expected(
    parts: tuple[Tensor, Tensor, Tensor, Tensor], scale: float
) -> tuple[Tensor, list[Tensor]]:
    """Sum and gradients in float64."""
    x, w, b = (part.detach().double().requires_grad_() for part in parts[:3])
    total = F.cross_entropy(F.linear(x, w, b), parts[3], reduction="sum")
    torch.autograd.backward(total * scale)
    return total.detach(), [part.grad for part in (x, w, b) if part.grad is not None]


def error(found: Tensor | None, wanted: Tensor) -> float:
    assert found is not None
    return float((found.double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-12), (torch.bfloat16, 0.01)]
)
@pytest.mark.parametrize(("rows", "hidden", "size"), [(1, 1, 2), (37, 29, 101), (64, 32, 640)])
@pytest.mark.parametrize("most", [1 << 24, 700])
@pytest.mark.parametrize("scale", [1.0, 1 / 20])
def test_value_and_gradients(
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    dtype: torch.dtype,
    bound: float,
    rows: int,
    hidden: int,
    size: int,
    most: int,
    scale: float,
) -> None:
    monkeypatch.setattr(losses, "MAX_LOGITS", most)  # 700: slices of one to 350 rows
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    parts = numbers(rows, hidden, size, exact, device)
    wanted, gradients = expected(parts, scale)
    objective, total = linear_cross_entropy(*parts, dtype, scale)
    assert not total.requires_grad
    assert objective.item() == pytest.approx(scale * wanted.item(), rel=bound)
    assert total.item() == pytest.approx(wanted.item(), rel=bound)
    torch.autograd.backward(objective)
    for part, gradient in zip(parts[:3], gradients, strict=True):
        assert part.grad is not None
        assert part.grad.dtype == exact
        assert error(part.grad, gradient) < bound


@pytest.mark.parametrize("most", [1 << 24, 40, 1])
def test_without_gradients(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(losses, "MAX_LOGITS", most)
    parts = numbers(33, 8, 50, torch.float32)
    wanted, _ = expected(parts, 1.0)
    with torch.no_grad():
        objective, total = linear_cross_entropy(*parts, torch.bfloat16, 0.5)
    assert not objective.requires_grad
    assert total.item() == pytest.approx(wanted.item(), rel=1e-6)  # never in bfloat16
    assert objective.item() == pytest.approx(wanted.item() / 2, rel=1e-6)


def test_an_incoming_gradient_counts() -> None:
    parts = numbers(9, 5, 30, torch.float64)
    _, gradients = expected(parts, 3.0)
    torch.autograd.backward(linear_cross_entropy(*parts, torch.float64)[0] * 3)
    for part, gradient in zip(parts[:3], gradients, strict=True):
        assert error(part.grad, gradient) < 1e-12


def test_gradcheck() -> None:
    x, w, b, targets = numbers(5, 4, 7, torch.float64)

    def objective(*parts: Tensor) -> Tensor:
        return linear_cross_entropy(parts[0], parts[1], parts[2], targets, torch.float64, 0.3)[0]

    assert torch.autograd.gradcheck(objective, (x, w, b))


def test_tied_weights_add_both_gradients() -> None:
    weight = torch.randn(20, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
    bias = torch.zeros(20, requires_grad=True)
    ids, targets = torch.arange(10), torch.arange(10, 20)
    found = linear_cross_entropy(F.embedding(ids, weight), weight, bias, targets, torch.float32)[0]
    torch.autograd.backward(found)
    again = weight.detach().clone().requires_grad_()
    logits = F.linear(F.embedding(ids, again), again)
    torch.autograd.backward(F.cross_entropy(logits, targets, reduction="sum"))
    assert weight.grad is not None
    assert again.grad is not None
    assert torch.allclose(weight.grad, again.grad, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("far", [60.0, 90.0, 1000.0])
def test_far_off_targets_stay_finite(dtype: torch.dtype, far: float) -> None:
    """A target so many nats below the likeliest: a bad moment, and exp(89) overflows."""
    x = torch.ones(3, 1, requires_grad=True)
    w = torch.tensor([[far], [0.0], [-20.0]], requires_grad=True)
    b = torch.zeros(3, requires_grad=True)
    objective, _ = linear_cross_entropy(x, w, b, torch.tensor([1, 0, 2]), dtype)
    torch.autograd.backward(objective)
    assert objective.item() == pytest.approx(far + 0 + far + 20, rel=0.01)
    assert w.grad is not None
    assert w.grad[:, 0].tolist() == pytest.approx([2, -1, -1], abs=0.02)


def test_frozen_weights_get_no_gradient() -> None:
    x, w, b, targets = numbers(4, 3, 9, torch.float32)
    frozen = w.detach()
    torch.autograd.backward(linear_cross_entropy(x, frozen, b, targets, torch.float32)[0])
    assert frozen.grad is None
    assert x.grad is not None


def test_hidden_states_of_autocast() -> None:
    """Under autocast the kernels hand on bfloat16; its gradient comes back in it."""
    x, w, b, targets = numbers(16, 8, 40, torch.float32)
    wanted, gradients = expected((x, w, b, targets), 1.0)
    half = x.detach().bfloat16().requires_grad_()
    objective, _ = linear_cross_entropy(half, w, b, targets, torch.bfloat16)
    torch.autograd.backward(objective)
    assert objective.item() == pytest.approx(wanted.item(), rel=0.01)
    assert half.grad is not None
    assert half.grad.dtype == torch.bfloat16
    assert error(half.grad, gradients[0]) < 0.02


def shared(counts: list[int], work: Callable[[int], None]) -> None:
    """work(number) by members that have so many rows; those who have none do not come."""
    met = meeting.Meeting(len(counts))

    def member(number: int) -> None:
        with meeting.among(met, number):
            if counts[number]:
                work(number)

    Team(len(counts)).run(member)


@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-12), (torch.bfloat16, 0.01)]
)
@pytest.mark.parametrize("counts", [[20, 20], [7, 31, 2], [30, 0], [0, 11]])
@pytest.mark.parametrize("most", [1 << 24, 9000])
def test_members_share_the_vocabulary(
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
    bound: float,
    counts: list[int],
    most: int,
) -> None:
    """Each has the loss and the gradient of its rows; all weights' gradients added up are right."""
    monkeypatch.setattr(losses, "MAX_LOGITS", most)
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    x, w, b, targets = numbers(sum(counts), 12, 500, exact)
    parts = torch.split(x.detach(), counts), torch.split(targets, counts)
    own = [  # weights that lie at the same place, as those of a model and its copies
        (hidden.clone().requires_grad_(), w.detach().requires_grad_(), b.detach().requires_grad_())
        for hidden in parts[0]
    ]
    scale, totals = 0.25, [torch.zeros(())] * len(counts)

    def work(number: int) -> None:
        objective, totals[number] = linear_cross_entropy(
            *own[number], parts[1][number], dtype, scale
        )
        torch.autograd.backward(objective)

    shared(counts, work)
    wanted, gradients = expected((x, w, b, targets), scale)
    assert float(sum(totals)) == pytest.approx(wanted.item(), rel=bound)
    for number, (hidden, aim) in enumerate(zip(parts[0], parts[1], strict=True)):
        if counts[number]:
            value, (d_hidden, *_) = expected((hidden, w, b, aim), scale)
            assert totals[number].item() == pytest.approx(value.item(), rel=bound)
            assert error(own[number][0].grad, d_hidden) < bound
    for place in (1, 2):
        grads = [each[place].grad for each in own]
        there = [grad for grad in grads if grad is not None]
        assert len(there) == 1  # the first one's, for all; nobody adds up the largest gradient
        assert error(there[0], gradients[place]) < bound


def test_members_with_other_weights_do_their_own() -> None:
    """Of two output layers a part may have no rows for one, and skip it."""
    x, w, b, targets = numbers(8, 6, 200, torch.float32)
    weights = [(w.detach() * (1 + number)).requires_grad_() for number in range(2)]

    def work(number: int) -> None:
        rows = slice(4 * number, 4 * (number + 1))
        given = x.detach()[rows], weights[number], b.detach(), targets[rows]
        torch.autograd.backward(linear_cross_entropy(*given, torch.float32)[0])

    shared([4, 4], work)
    for number, weight in enumerate(weights):
        rows = slice(4 * number, 4 * (number + 1))
        _, gradients = expected((x[rows], weight, b, targets[rows]), 1.0)
        assert error(weight.grad, gradients[1]) < 1e-5


def test_members_with_more_rows_than_words_do_their_own() -> None:
    """Pieces of an alphabet would cost more than they share."""
    x, w, b, targets = numbers(30, 6, 20, torch.float32)
    weights = [w.detach().requires_grad_() for _ in range(2)]

    def work(number: int) -> None:
        rows = slice(15 * number, 15 * (number + 1))
        given = x.detach()[rows], weights[number], b.detach(), targets[rows]
        torch.autograd.backward(linear_cross_entropy(*given, torch.float32)[0])

    shared([15, 15], work)
    _, gradients = expected((x, w, b, targets), 1.0)
    grads = [each.grad for each in weights if each.grad is not None]
    assert len(grads) == 2
    assert error(grads[0] + grads[1], gradients[1]) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_members_share_far_off_targets(dtype: torch.dtype) -> None:
    """exp overflows in a piece of one of them: all take off the largest logit."""
    w = torch.linspace(0, 1000, 40)[:, None]
    weights = [w.detach().requires_grad_() for _ in range(2)]
    found = [0.0, 0.0]

    def work(number: int) -> None:
        x, targets = torch.ones(2, 1), torch.tensor([39, 0 if number else 39])
        objective, _ = linear_cross_entropy(x, weights[number], torch.zeros(40), targets, dtype)
        found[number] = objective.item()
        torch.autograd.backward(objective)

    shared([2, 2], work)
    assert found == pytest.approx([0, 1000], abs=4)
    assert weights[0].grad is not None
    assert weights[1].grad is None
    assert weights[0].grad[[0, 39], 0].tolist() == pytest.approx([-1, 1], abs=0.02)


def test_no_rows_have_no_gradient() -> None:
    x, w, b, targets = numbers(3, 4, 9, torch.float32)
    torch.autograd.backward(linear_cross_entropy(x[:0], w, b, targets[:0], torch.float32)[0])
    assert w.grad is not None
    assert not w.grad.any()
