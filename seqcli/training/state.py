"""All that a run knows, and that is saved to go on from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqcli.kinds.contract import Figures
from seqcli.training.optim import Updater


@dataclass
class Best:
    """The best epoch so far: its figures on the validation split, and its weights."""

    epoch: int
    step: int
    figures: Figures
    weights: dict[str, Tensor]


@dataclass
class TrainState:
    """Everything a run knows; nothing else decides how it goes on."""

    model: nn.Module
    updater: Updater
    epoch: int = 0  # epochs done
    batch: int = 0  # batches done of the epoch under way
    step: int = 0  # updates done
    sums: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    count: int = 0  # predictions behind `sums` (loss, right ones) of the epoch under way
    tokens: int = 0  # trained on, in all
    units: int = 0  # predictions trained on, in all: examples, or a language model's tokens
    carried: Any = None  # the model's state at the last batch's end, for the next one
    seconds: float = 0.0  # training with its validation
    reading_seconds: float = 0.0  # the last validation's share
    best: Best | None = None
    stale: int = 0  # validations without gain since the best
    falls: int = 0  # of the rate, on a plateau
    rollbacks: int = 0  # each halved the rate
    rate: float = 0.0  # of the last update
    finished: str = ""  # why, once it is
    exploded: float = 1e6  # a loss a prediction that nothing comes back from: the kind's
