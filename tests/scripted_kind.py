"""A kind with one weight and a script: losses, figures and a clock, for tests of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqcli.kinds.classifier.spec import SPEC
from seqcli.kinds.contract import Figures, Loss
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks


@dataclass
class Batch:
    size: int
    number: int
    tokens: int = 10
    share: float = 1.0

    def to(self, device: torch.device) -> Batch:
        return self


class Here(list[Any]):
    """Batches that are where they are."""

    def to(self, device: torch.device) -> Here:
        return self


@dataclass
class Portion:
    times: float


class Scripted:
    """One weight, whose gradient is 1; losses and validation figures come from lists."""

    spec = SPEC
    unit = "examples"

    def __init__(self, *valid: dict[str, float], losses: dict[int, float] | None = None) -> None:
        self.valid, self.losses = list(valid), losses or {}
        self.clock = 0.0
        self.step_seconds = self.valid_seconds = 0.0

    def batches(self, sizes: list[int], epoch: int, ranks: Ranks = ALONE) -> Here:
        return Here(Batch(size, number) for number, size in enumerate(sizes))

    def loss(self, model: nn.Module, batch: Batch, state: Any, runtime: Runtime) -> Loss:
        assert model.training
        assert state == (None if batch.number == 0 else batch.number - 1)
        self.clock += self.step_seconds
        each = self.losses.get(batch.number, 1.0 + batch.number)
        weight: Tensor = model.weight  # type: ignore[assignment]
        objective = weight.sum() * (each / each)
        right = torch.tensor(batch.size - 1)
        return Loss(objective, torch.tensor(each * batch.size), batch.size, right, batch.number)

    def running(self, total: float, count: int, correct: float) -> Figures:
        return {"loss": total / max(count, 1), "accuracy": correct / max(count, 1)}

    def portion(self, split: Any) -> tuple[Portion, float]:
        return Portion(10.0), 10.0

    def validation(self, model: nn.Module, split: Any, runtime: Runtime, poll: Any) -> Figures:
        assert not model.training
        assert torch.is_inference_mode_enabled()
        poll()
        if isinstance(split, Portion):
            self.clock += self.valid_seconds / split.times
            return {}
        self.clock += self.valid_seconds
        return dict(self.valid.pop(0)) if self.valid else {"accuracy": 0.5, "loss": 1.0}
