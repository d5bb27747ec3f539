"""A run's state as JSON values and named tensors, and back: what `last.pt` holds."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import torch
from torch import Tensor, nn

from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.cells import Cell
from seqcli.training.state import Best, Counters, TrainState

COUNTERS: dict[str, Any] = {field.name: type(field.default) for field in fields(Counters)}
Packed = tuple[dict[str, Any], dict[str, Tensor]]


def pack(state: TrainState, ranks: Ranks = ALONE) -> Packed:
    """Everything that `unpack` needs to go on bit for bit; all ranks take part, and get the same.

    What ranks have of their own, random states and carried columns, is gathered.
    """
    values: dict[str, Any] = {name: getattr(state, name) for name in COUNTERS}
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in state.updater.slots().items()}
    if state.average is not None:
        tensors |= {f"average.{name}": value for name, value in state.average.weights.items()}
    tensors["sums"] = state.sums
    tensors |= _by_rank("random", ranks.gather(torch.get_rng_state()))
    device = state.sums.device
    if (own := _own_random(device)) is not None:
        tensors |= _by_rank(f"{device.type}_random", ranks.gather(own))
    for layer, parts in enumerate(state.carried or ()):
        for place, part in enumerate(parts):
            columns = torch.stack(ranks.gather(part), 1).flatten(0, 1)  # in turn: see Ranks.own
            tensors[f"carried.{layer}.{place}"] = columns
    values["gained"] = state.gained
    if state.best is not None:
        best = state.best
        values["best"] = {"epoch": best.epoch, "step": best.step, "figures": best.figures}
        tensors |= {f"best.{name}": value for name, value in best.weights.items()}
    return values, tensors


def unpack(
    values: dict[str, Any], tensors: dict[str, Tensor], state: TrainState, ranks: Ranks = ALONE
) -> None:
    """Put a packed state into a fresh one of the same settings; each rank takes what is its own.

    Errors: AttributeError, KeyError, RuntimeError, TypeError, ValueError where it is of other
    settings, or made by hand; the state may then be changed in part.
    """
    for name, value in asdict(counters(values)).items():
        setattr(state, name, value)
    device = state.sums.device
    weights = state.model.state_dict()
    state.model.load_state_dict(_like(weights, _named(tensors, "model.")))
    state.model.zero_grad()
    state.updater.load_slots(_named(tensors, "optimizer."))
    if state.average is not None:
        state.average.load(_like(state.average.weights, _named(tensors, "average.")))
    state.sums = _like({"sums": state.sums}, tensors)["sums"].to(device)
    _set_random(tensors, device, ranks.rank, state.step)
    state.carried = _carried(tensors, state.model, device, ranks)
    state.best = None
    if "best" in values:
        found = _like(weights, _named(tensors, "best."))
        best = values["best"]
        own = {name: value.to(device) for name, value in found.items()}
        state.best = Best(int(best["epoch"]), int(best["step"]), dict(best["figures"]), own)
    # an earlier version had none beside its best
    gained = values.get("gained", state.best and state.best.figures)
    state.gained = None if gained is None else dict(gained)


def _by_rank(name: str, states: list[Tensor]) -> dict[str, Tensor]:
    return {f"{name}.{rank}" if rank else name: state for rank, state in enumerate(states)}


def _set_random(tensors: dict[str, Tensor], device: torch.device, rank: int, step: int) -> None:
    """The random states of this rank; one that the saved run did not have gets new ones."""
    own = f".{rank}" if rank else ""
    if rank and f"random{own}" not in tensors:
        torch.manual_seed(torch.initial_seed() + step)
        return
    torch.set_rng_state(tensors[f"random{own}"])
    state = tensors.get(f"{device.type}_random{own}")  # None: it was saved on another device
    if state is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif state is not None and device.type == "mps":
        torch.mps.set_rng_state(state)


def _own_random(device: torch.device) -> Tensor | None:
    """The state of the generator that a GPU draws from by itself, for dropout."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else None


def counters(values: dict[str, Any]) -> Counters:
    """The counters of a packed state, each checked; 0 for one that older states lack.

    Errors: TypeError, ValueError.
    """
    found = {}
    for name, kind in COUNTERS.items():
        value: Any = values.get(name, kind())
        if type(value) is not kind and (kind is not float or type(value) is not int):
            raise TypeError(name)
        if kind is not str and not 0 <= value < 1 << 53:  # NaN, too
            raise ValueError(name)
        found[name] = value
    return Counters(**found)


def _like(own: dict[str, Tensor], found: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is found for each of `own`: of its shape and type, or ValueError."""
    for name, value in own.items():
        if found[name].shape != value.shape or found[name].dtype != value.dtype:
            raise ValueError(name)
    return {name: found[name] for name in own}


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _carried(
    tensors: dict[str, Tensor], model: nn.Module, device: torch.device, ranks: Ranks
) -> Any:
    """The carried state by layer and part, each as its cell would begin with; None without."""
    layers: dict[int, dict[int, Tensor]] = {}
    for name, value in _named(tensors, "carried.").items():
        layer, place = name.split(".")
        layers.setdefault(int(layer), {})[int(place)] = ranks.own(value).to(device)
    if not layers:
        return None
    found = tuple(
        tuple(layers[layer][place] for place in sorted(layers[layer])) for layer in sorted(layers)
    )
    cells = [module for module in model.modules() if isinstance(module, Cell)]
    for cell, parts in zip(cells, found, strict=True):
        fresh = cell.zero_state(len(found[0][0]))
        if [part.shape for part in parts] != [part.shape for part in fresh]:
            raise ValueError("carried")
    return found


def parameters(model: nn.Module) -> int:
    """How many numbers the model has."""
    return sum(weight.numel() for weight in model.parameters())
