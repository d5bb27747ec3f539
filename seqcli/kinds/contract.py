"""What a kind must be able to do, and what it hands on.

A kind holds the settings and what was learned of the data before training (vocabulary, labels); it
builds the model, makes the batches, says what the loss is and which figure is best. Training,
evaluation, files and commands know kinds through this contract alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Generator, Tensor, nn

from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.settings.config import Config

Poll = Callable[[], None]
Figures = dict[str, Any]  # JSON values, keys as in docs/cli.md


@dataclass(frozen=True)
class Loss:
    """A batch's loss: what to differentiate, and sums that can be added over batches."""

    objective: Tensor  # scalar with a graph; of several ranks, their sum is the batch's
    total: Tensor  # scalar, nats, summed over `count` predictions, no graph
    count: int
    correct: Tensor  # scalar, right predictions (0 where nobody asks)
    state: Any = None  # carried to the next batch of the epoch


class Batches(Protocol):
    """One epoch's batches, made when asked for; the same index gives the same batch."""

    def __len__(self) -> int:
        """How many."""

    def to(self, device: torch.device) -> Batches:
        """The same ones, with their data on the device where that pays."""

    def __getitem__(self, index: int) -> Any:
        """This rank's part of batch `index`; it has `tokens`, `to(device)`, `share`.

        `share` of the batch's weight; 0: nothing, where a batch has fewer examples than ranks.
        """


@dataclass(frozen=True)
class Prepared:
    """Raw data made into splits, and what a person and the model file want to know of it."""

    kind: Kind
    splits: dict[str, Any]  # "train", and "valid" and "test" where there are any
    sizes: dict[str, int]  # examples, or tokens of a language model
    unit: str  # what `sizes` counts
    notes: list[str] = field(default_factory=list)  # lines for the person
    fingerprint: str = ""


class Kind(Protocol):
    """The contract; structural, no base class."""

    name: ClassVar[str]
    metric: ClassVar[str]  # validation figure that chooses the best epoch

    @property
    def unit(self) -> str:
        """What throughput counts: "words", "characters", "examples"."""

    @classmethod
    def prepare(cls, config: Config, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """Read, split, fit vocabularies on the training split alone, encode.

        `scratch` is a folder for what does not fit memory.
        """

    @classmethod
    def restore(cls, config: Config, description: dict[str, Any]) -> Kind:
        """The kind of a saved model, from `describe`'s values."""

    def describe(self) -> dict[str, Any]:
        """JSON values that `restore` needs: vocabulary, labels, sizes."""

    def next_command(self, model: Path) -> str:
        """What a person would type after `seqcli` to use the model at `model`."""

    def fingerprint(self, path: Path) -> str:
        """SHA-256 of the data at `path`, as `Prepared.fingerprint`."""

    def parts(self, path: Path) -> tuple[str, ...]:
        """The official splits at `path`; ("all",) where the data is not parted."""

    def load_split(self, path: Path, split: str, poll: Poll) -> Any:
        """A split of the file or folder at `path`, cut as in training, or all of it ("all").

        KeyError where there is no such split.
        """

    def build(self, generator: Generator | None) -> nn.Module:
        """The model with its first weights; None: any weights, others will take their place."""

    def batches(self, split: Any, epoch: int, ranks: Ranks = ALONE) -> Batches:
        """The batches of training epoch `epoch`, in the order of (seed, epoch).

        Errors: ConfigError for a batch that the ranks cannot share.
        """

    def loss(self, model: nn.Module, batch: Any, state: Any, runtime: Runtime) -> Loss:
        """One batch forward."""

    def running(self, total: float, count: int, correct: float) -> Figures:
        """Figures of sums over training batches."""

    def figures(self, model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
        """Figures of a split, as `seqcli eval --json` prints them; the model is in eval mode."""

    def validation(self, model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
        """The same while training goes on, where speed counts more than the last digit."""

    def portion(self, split: Any) -> tuple[Any, float]:
        """A part of a split, about an eighth, and how many times longer the whole takes to read."""


LOWER_IS_BETTER = frozenset({"loss", "perplexity", "bits_per_token", "bits_per_character"})


def better(metric: str, new: Figures, old: Figures) -> bool:
    """Whether `new` beats `old`; where the metric is equal the loss decides."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    return (sign * new[metric], -new["loss"]) > (sign * old[metric], -old["loss"])
