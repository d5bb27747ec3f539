"""A run's state as JSON values and named tensors, and back: what `last.pt` holds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqcli.training import Best, TrainState

COUNTERS = (
    "epoch",
    "batch",
    "step",
    "count",
    "tokens",
    "units",
    "seconds",
    "reading_seconds",
    "stale",
    "falls",
    "rate",
    "finished",
)


def pack(state: TrainState) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Everything that `unpack` needs to go on bit for bit."""
    values: dict[str, Any] = {name: getattr(state, name) for name in COUNTERS}
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in state.updater.slots().items()}
    tensors["sums"] = state.sums
    tensors["random"] = torch.get_rng_state()
    device = state.sums.device
    if device.type == "cuda":
        tensors["cuda_random"] = torch.cuda.get_rng_state(device)
    for layer, parts in enumerate(state.carried or ()):
        for place, part in enumerate(parts):
            tensors[f"carried.{layer}.{place}"] = part
    if state.best is not None:
        best = state.best
        values["best"] = {"epoch": best.epoch, "step": best.step, "figures": best.figures}
        tensors |= {f"best.{name}": value for name, value in best.weights.items()}
    return values, tensors


def unpack(values: dict[str, Any], tensors: dict[str, Tensor], state: TrainState) -> None:
    """Put a packed state into a fresh one of the same settings. Errors: KeyError, RuntimeError,
    ValueError where it is of other settings."""
    for name in COUNTERS:
        setattr(state, name, values[name])
    state.model.load_state_dict(_named(tensors, "model."))
    device = state.sums.device
    state.updater.load_slots(_named(tensors, "optimizer."))
    state.sums = tensors["sums"].to(device)
    torch.set_rng_state(tensors["random"])
    if device.type == "cuda" and "cuda_random" in tensors:
        torch.cuda.set_rng_state(tensors["cuda_random"], device)
    state.carried = _carried(tensors, device)
    if "best" in values:
        weights = {name: value.to(device) for name, value in _named(tensors, "best.").items()}
        best = values["best"]
        state.best = Best(best["epoch"], best["step"], best["figures"], weights)


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _carried(tensors: dict[str, Tensor], device: torch.device) -> Any:
    layers: dict[int, dict[int, Tensor]] = {}
    for name, value in _named(tensors, "carried.").items():
        layer, place = name.split(".")
        layers.setdefault(int(layer), {})[int(place)] = value.to(device)
    if not layers:
        return None
    return tuple(
        tuple(layers[layer][place] for place in sorted(layers[layer])) for layer in sorted(layers)
    )


def parameters(model: nn.Module) -> int:
    """How many numbers the model has."""
    return sum(weight.numel() for weight in model.parameters())
