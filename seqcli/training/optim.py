"""Optimizers with the constants of the published systems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seqcli.settings.sections import NgramTraining, Training


@runtime_checkable
class Apart(Protocol):
    """A module that asks for an optimizer of its own: SGD with momentum, never clipped.

    An n-gram table does: Adam gives its rare rows the largest steps, and loses to a plain linear
    model there.
    """

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """The weights, as every module's."""

    def scale_gradients(self) -> None:
        """Called before each update: weights of one module may learn at different rates."""


class Updater:
    """A model's optimizers, with clipping folded into the update: no gradient is rewritten.

    First the network's, then one for the modules that are `Apart`. Every group keeps its full rate
    in "base", which a schedule's factor multiplies.
    """

    def __init__(self, model: nn.Module, train: Training) -> None:
        """The optimizers of `train` over all trainable weights.

        Plain SGD takes the gradient of an embedding as the rows that were looked up: most of a
        large table is not touched by a batch.
        """
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        self.apart = [module for module in model.modules() if isinstance(module, Apart)]
        ids = {id(weight) for module in self.apart for weight in module.parameters()}
        self.weights = [weight for weight in trained if id(weight) not in ids]
        apart = [weight for weight in trained if id(weight) in ids]
        self.clip = train.clip
        plain = train.optimizer == "sgd" and not train.momentum and not train.weight_decay
        if plain:
            _sparse_embeddings(model)
        self.optimizer = PlainSGD(self.weights, train.lr) if plain else _make(self.weights, train)
        self.optimizers = [self.optimizer]
        if apart and isinstance(train, NgramTraining):
            rate, momentum = train.wide_lr, train.wide_momentum
            self.optimizers.append(torch.optim.SGD(apart, rate, momentum, fused=True))
        for group in self._groups():
            group["base"] = group["lr"]
        owners = [module for module in model.modules() if getattr(module, "sparse", False)]
        rows = {id(weight) for module in owners for weight in module.parameters(recurse=False)}
        self.by_rows = [weight for weight in (*self.weights, *apart) if id(weight) in rows]
        self.dense = [weight for weight in (*self.weights, *apart) if id(weight) not in rows]

    def _groups(self) -> Iterator[dict[str, Any]]:
        return (group for optimizer in self.optimizers for group in optimizer.param_groups)

    @property
    def rate(self) -> float:
        """The network's learning rate of the last `set_rate`."""
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    def set_rate(self, factor: float) -> None:
        """Multiply every group's full rate by `factor`."""
        for group in self._groups():
            group["lr"] = group["base"] * factor

    def norm(self) -> Tensor | None:
        """The global norm of the network's gradients, where there is a limit to it.

        By dot products: half the time of `vector_norm`, and a hundredth of its rounding.
        """
        if not self.clip:
            return None
        grads = [_values(weight.grad) for weight in self.weights if weight.grad is not None]
        flat = [grad.reshape(-1) for grad in grads]
        return torch.stack([torch.dot(part, part) for part in flat]).sum().sqrt()

    def step(self, norm: Tensor | None) -> None:
        """Update the weights; the network's gradients count as if scaled to at most `clip`."""
        if norm is not None and self.clip:
            scale = torch.clamp((norm + 1e-6) / self.clip, min=1.0)  # gradients are divided by it
            if isinstance(self.optimizer, PlainSGD) or self.optimizer.defaults.get("fused"):
                self.optimizer.grad_scale = scale  # type: ignore[attr-defined]
            else:
                for weight in self.weights:
                    if weight.grad is not None:
                        weight.grad.div_(scale)
        for module in self.apart:
            module.scale_gradients()
        for optimizer in self.optimizers:
            if isinstance(optimizer, PlainSGD):
                optimizer.update()
            else:
                optimizer.step()
                optimizer.zero_grad()

    def slots(self) -> dict[str, Tensor]:
        """What the optimizers remember of each weight, by "optimizer.weight.name"."""
        return {
            f"{number}.{index}.{name}": value
            for number, optimizer in enumerate(self.optimizers)
            for index, slot in optimizer.state_dict()["state"].items()
            for name, value in slot.items()
            if isinstance(value, Tensor)
        }

    def load_slots(self, slots: dict[str, Tensor]) -> None:
        """The inverse of `slots`. Errors: those of a dictionary or list, ValueError, for others."""
        for number, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in slots.items():
                owner, index, name = key.split(".", 2)
                if int(owner) == number:
                    state.setdefault(int(index), {})[name] = value
            groups = optimizer.state_dict()["param_groups"]
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            for place, slot in state.items():
                for value in slot.values():  # a kernel would write beyond the end of one too small
                    if value.shape not in (weights[place].shape, ()):
                        raise ValueError(f"slot {place}")
            optimizer.load_state_dict({"state": state, "param_groups": groups})


class PlainSGD(Optimizer):
    """w -= lr * gradient, dense or sparse, in one pass over what has a gradient.

    `update` is `step` and `zero_grad` without torch's hooks and profiler around them, which take
    longer than the update of a small network.
    """

    grad_scale: Tensor | None = None

    def __init__(self, weights: list[nn.Parameter], rate: float) -> None:
        super().__init__(weights, {"lr": rate})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """See the class."""
        self.update()

    @torch.no_grad()
    def update(self) -> None:
        """One update; gradients are divided by `grad_scale`, and dropped afterwards."""
        scale: Tensor | float = 1.0 if self.grad_scale is None else self.grad_scale
        if isinstance(scale, Tensor) and scale.device.type == "cpu":
            scale = float(scale)  # elsewhere that would wait for the device
        for group in self.param_groups:
            rate = group["lr"] / scale
            for weight in group["params"]:
                if weight.grad is not None:
                    _descend(weight, weight.grad, rate)
                    weight.grad = None


def _descend(weight: nn.Parameter, grad: Tensor, rate: float | Tensor) -> None:
    """weight -= rate * grad; `rate` may be a number on the device."""
    if grad.is_sparse:
        rows, values = grad._indices()[0], grad._values()
        if isinstance(rate, Tensor):
            weight.index_add_(0, rows, values * -rate)
        else:
            weight.index_add_(0, rows, values, alpha=-rate)
    elif isinstance(rate, Tensor):
        weight.addcmul_(grad, rate, value=-1)
    else:
        weight.add_(grad, alpha=-rate)


def _values(grad: Tensor) -> Tensor:
    """The numbers of a gradient; of a sparse one, equal rows are first added up."""
    return grad.coalesce().values() if grad.is_sparse else grad


def _sparse_embeddings(model: nn.Module) -> None:
    owners: dict[int, int] = {}
    for module in model.modules():
        for weight in module.parameters(recurse=False):
            owners[id(weight)] = owners.get(id(weight), 0) + 1
    for module in model.modules():
        if isinstance(module, nn.Embedding) and owners[id(module.weight)] == 1:  # tied: dense
            module.sparse = True


def _make(weights: list[nn.Parameter], train: Training) -> Optimizer:
    common: dict[str, Any] = {"lr": train.lr, "weight_decay": train.weight_decay}
    if train.optimizer == "sgd":
        # fused: one pass over the weights instead of three, 1.5 x faster on a CPU
        return torch.optim.SGD(weights, momentum=train.momentum, fused=True, **common)
    if train.optimizer == "rmsprop":
        rms = torch.optim.RMSprop(
            weights, alpha=train.rho, eps=train.epsilon, momentum=train.momentum, **common
        )
        if train.mean_square:
            _start_rmsprop(rms, train.mean_square)
        return rms
    betas = (train.beta1, train.beta2)
    if train.optimizer == "adam":
        return torch.optim.Adam(weights, betas=betas, eps=train.epsilon, fused=True, **common)
    return torch.optim.AdamW(weights, betas=betas, eps=train.epsilon, fused=True, **common)


def _start_rmsprop(optimizer: Optimizer, mean_square: float) -> None:
    """TensorFlow 1 starts the running mean of squares at 1, torch at 0."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            optimizer.state[weight] = {
                "step": torch.zeros(()),
                "square_avg": torch.full_like(weight, mean_square),
            }
            if group["momentum"]:
                optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
