"""Optimizers against hand-written formulas."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seqcli.kinds.classifier.spec import Train
from seqcli.nn.wide import Wide
from seqcli.training.optim import Updater, _descend

torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self, wide: bool = False) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 2)
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)
        self.wide = Wide(4, 2) if wide else None


def steps(train: Train, count: int = 4) -> tuple[list[Any], list[Any]]:
    """The weight after each of `count` steps, and the gradients that were given."""
    net = Net()
    updater = Updater(net, train)
    draw = torch.Generator().manual_seed(0)
    values, slopes = [net.dense.weight.detach().numpy().astype(np.float64)], []
    for _ in range(count):
        for weight in net.parameters():
            if weight.requires_grad:
                weight.grad = torch.randn(weight.shape, generator=draw)
        slopes.append(net.dense.weight.grad.numpy().astype(np.float64))  # type: ignore[union-attr]
        updater.step(updater.norm())
        assert net.dense.weight.grad is None
        values.append(net.dense.weight.detach().numpy().astype(np.float64))
    return values, slopes


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("first", [0.0, 1.0])
def test_rmsprop(first: float, momentum: float) -> None:
    """reference.md S1: decay 0.9, epsilon 1e-10, the mean square starts at 1."""
    train = Train(optimizer="rmsprop", lr=0.01, epsilon=1e-10, mean_square=first, momentum=momentum)
    values, slopes = steps(train)
    w, square, velocity = values[0], np.full((2, 3), first), np.zeros((2, 3))
    for slope, found in zip(slopes, values[1:], strict=True):
        square = 0.9 * square + 0.1 * slope**2
        velocity = momentum * velocity + slope / (np.sqrt(square) + 1e-10)
        w = w - 0.01 * velocity
        np.testing.assert_allclose(found, w, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd(momentum: float) -> None:
    values, slopes = steps(Train(optimizer="sgd", lr=0.1, momentum=momentum, weight_decay=0.01))
    w, velocity = values[0], np.zeros((2, 3))
    for slope, found in zip(slopes, values[1:], strict=True):
        velocity = momentum * velocity + slope + 0.01 * w
        w = w - 0.1 * velocity
        np.testing.assert_allclose(found, w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adam(name: str) -> None:
    train = Train(optimizer=name, lr=0.01, beta1=0.8, beta2=0.95, epsilon=1e-7, weight_decay=0.1)
    values, slopes = steps(train)
    w, mean, square = values[0], np.zeros((2, 3)), np.zeros((2, 3))
    for step, (slope, found) in enumerate(zip(slopes, values[1:], strict=True), 1):
        if name == "adam":
            slope = slope + 0.1 * w
        else:
            w = w - 0.01 * 0.1 * w
        mean = 0.8 * mean + 0.2 * slope
        square = 0.95 * square + 0.05 * slope**2
        root = np.sqrt(square / (1 - 0.95**step)) + 1e-7
        w = w - 0.01 * mean / (1 - 0.8**step) / root
        np.testing.assert_allclose(found, w, rtol=1e-5, atol=1e-6)


CLIPPED = [
    Train(optimizer="sgd", lr=0.005),
    Train(optimizer="sgd", lr=0.005, momentum=0.9),
    Train(optimizer="sgd", lr=0.005, weight_decay=0.1),
    Train(optimizer="rmsprop", lr=0.01, mean_square=1.0),
    Train(optimizer="adam", lr=0.01, weight_decay=0.1),
    Train(optimizer="adamw", lr=0.01, weight_decay=0.1),
]


class Words(nn.Module):
    """Rows of a table, one of them twice, and an output."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.embedding = nn.Embedding(9, 4, _weight=torch.randn(9, 4, generator=draw))
        self.output = nn.Linear(4, 1)
        nn.init.uniform_(self.output.weight, generator=draw)
        nn.init.zeros_(self.output.bias)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.output(self.embedding(ids)).square().sum()  # type: ignore[no-any-return]


@pytest.mark.parametrize("clip", [0.0, 0.5, 1e6])
@pytest.mark.parametrize("train", CLIPPED, ids=lambda train: train.optimizer)
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_clipping_equals_rewriting_the_gradients(
    train: Train, clip: float, dtype: torch.dtype
) -> None:
    ids = torch.tensor([[1, 1, 7], [3, 1, 0]], dtype=dtype)
    mine, plain = Words(), Words()
    updater = Updater(mine, dataclasses.replace(train, clip=clip))
    reference = reference_optimizer(plain, train)
    for _ in range(4):
        mine(ids).backward()
        norm = updater.norm()
        plain(ids).backward()
        limit = clip or float("inf")
        its = torch.nn.utils.clip_grad_norm_(plain.parameters(), limit)
        assert (norm is None) is (clip == 0)
        if norm is not None:
            torch.testing.assert_close(norm, its)
        updater.step(norm)
        reference.step()
        reference.zero_grad()
        for weight, other in zip(mine.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(weight, other)


def reference_optimizer(model: nn.Module, train: Train) -> torch.optim.Optimizer:
    decay, lr = train.weight_decay, train.lr
    if train.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), lr, momentum=train.momentum, weight_decay=decay, foreach=False
        )
    if train.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr, weight_decay=decay, foreach=False)
    if train.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr, weight_decay=decay, foreach=False)
    optimizer = torch.optim.RMSprop(model.parameters(), lr, alpha=0.9, foreach=False)
    for weight in model.parameters():
        optimizer.state[weight] = {"step": torch.zeros(()), "square_avg": torch.ones_like(weight)}
    return optimizer


def test_a_tied_table_has_a_dense_gradient() -> None:
    """Its gradient comes from the output layer too, which touches every row."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(9, 4)
            self.output = nn.Linear(4, 9)
            self.output.weight = self.embedding.weight

    for net, sparse in ((Tied(), False), (Words(), True)):
        Updater(net, Train(optimizer="sgd"))
        assert net.embedding.sparse is sparse
        Updater(net, Train(optimizer="adam"))


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam", "adamw"])
def test_the_ngram_table_learns_by_momentum_whatever_trains_the_network(name: str) -> None:
    net = Net(wide=True)
    train = Train(optimizer=name, lr=0.1, wide_lr=0.5, wide_momentum=0.7, weight_decay=0.2)
    network, table = Updater(net, train).optimizers
    (rest,), (wide,) = network.param_groups, table.param_groups
    assert net.wide is not None
    assert [id(weight) for weight in wide["params"]] == [id(w) for w in net.wide.parameters()]
    assert [id(weight) for weight in rest["params"]] == [id(w) for w in net.dense.parameters()]
    assert (rest["lr"], rest["base"], rest["weight_decay"]) == (0.1, 0.1, 0.2)
    assert (wide["lr"], wide["base"], wide["weight_decay"]) == (0.5, 0.5, 0)
    assert isinstance(table, torch.optim.SGD)
    assert wide["momentum"] == 0.7


def test_what_is_remembered_keeps_its_names() -> None:
    """By optimizer and place, not by what a module is called: a saved run of before goes on."""
    net = Net(wide=True)
    grams = nn.ModuleDict({"dense": net.dense, "grams": net.wide})  # type: ignore[dict-item]
    for model in (net, grams):
        updater = Updater(model, Train(optimizer="adam", wide_momentum=0.9))
        for weight in (*net.dense.parameters(), *grams["grams"].parameters()):
            weight.grad = torch.ones_like(weight)
        updater.step(None)
        network = [f"0.{n}.{name}" for n in (0, 1) for name in ("step", "exp_avg", "exp_avg_sq")]
        assert list(updater.slots()) == [*network, "1.0.momentum_buffer", "1.1.momentum_buffer"]


def test_set_rate_scales_every_optimizers_own_rate() -> None:
    updater = Updater(Net(wide=True), Train(lr=0.1, wide_lr=0.5))
    for factor in (0.5, 0.25, 1.0, 0.0):
        updater.set_rate(factor)
        rates = [group["lr"] for one in updater.optimizers for group in one.param_groups]
        assert rates == [0.1 * factor, 0.5 * factor]
        assert updater.rate == 0.1 * factor


def test_clipping_leaves_the_ngram_table_alone() -> None:
    net = Net(wide=True)
    updater = Updater(net, Train(optimizer="sgd", lr=1.0, wide_lr=1.0, clip=0.5))
    assert net.wide is not None
    for weight in net.parameters():
        if weight.requires_grad:
            weight.grad = torch.ones_like(weight)
    before = net.dense.weight.detach().clone()
    updater.step(updater.norm())
    torch.testing.assert_close(before - net.dense.weight.detach(), torch.full((2, 3), 0.5 / 8**0.5))
    torch.testing.assert_close(net.wide.table.detach(), -torch.ones(4, 2))


def test_a_rate_on_the_device_is_the_same_rate() -> None:
    """Where the scale must not be waited for; here by the same functions, on the CPU."""
    for sparse in (False, True):
        plain, other = (nn.Parameter(torch.arange(8.0).reshape(4, 2)) for _ in range(2))
        grad = torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.5, 0.25]])
        if sparse:
            grad = torch.sparse_coo_tensor(
                torch.tensor([[1, 3, 1]]), grad, (4, 2), check_invariants=True
            )
        else:
            grad = torch.cat([grad, grad[:1]])
        with torch.no_grad():
            _descend(plain, grad, 0.5)
            _descend(other, grad, torch.tensor(0.5))
        assert torch.equal(plain, other)
        assert not torch.equal(plain, torch.arange(8.0).reshape(4, 2))
