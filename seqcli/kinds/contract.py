"""What a kind must be able to do, and what it hands on.

A kind holds the settings and what was learned of the data before training (vocabulary, labels); it
builds the model, makes the batches, says what the loss is and which figure is best. Training,
evaluation, files and commands know kinds through this contract alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Generator, Tensor, nn

from seqcli.data.survey import Survey
from seqcli.kinds.spec import Spec
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks

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

        tokens: how many of `Kind.unit` it holds. share: of the batch's weight; 0: nothing, where a
        batch has fewer examples than ranks.
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
    columns: dict[str, str] = field(default_factory=dict)  # of a table, by field, as settings name
    length: int = 0  # median of tokens in a row that trains; 0: they are in no rows
    aligned: bool = False  # all rows that train have the same number of characters
    steps: int = 0  # that train, of examples with a label for each: what `[[fit]]` counts of them


class Rows(NamedTuple):
    """What a weight's rows (or, `dim` 1, its columns) stand for: a name for each.

    One by one: a row that another model has too can be taken over from it. Else all must agree.
    Own ones were counted in the training data: another model's are of other data.
    """

    names: Sequence[str]
    one_by_one: bool = True
    dim: int = 0
    own: bool = False


class Kind(Protocol):
    """The contract; structural, no base class. `config` is a Config of the kind's own sections."""

    spec: ClassVar[Spec]

    @property
    def unit(self) -> str:
        """What throughput counts: "words", "characters", "examples"."""

    @property
    def bfloat16_helps(self) -> bool:
        """Whether products in bfloat16 are faster, where the processor has them."""

    @classmethod
    def prepare(cls, config: Any, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """Read, split, fit vocabularies on the training split alone, encode.

        `scratch` is a folder for what does not fit memory.
        """

    @classmethod
    def survey(cls, config: Any, path: Path, poll: Poll) -> Survey:
        """What `prepare` would find in the data, and what is odd about it; nothing is trained.

        Errors: as `prepare`.
        """

    @classmethod
    def restore(cls, config: Any, learned: dict[str, Any]) -> Kind:
        """The kind of a saved model, from what `learned` gave."""

    def learned(self) -> dict[str, Any]:
        """What was learned of the data before training, as JSON values: vocabulary, labels, …"""

    def rows(self, tensor: str) -> Rows | None:
        """What the rows of a weight stand for; None where any model of its shape means the same."""

    def fingerprint(self, path: Path) -> str:
        """SHA-256 of the data at `path`, as `Prepared.fingerprint`."""

    def parts(self, path: Path) -> tuple[str, ...]:
        """The official splits at `path`; ("all",) where the data is not parted."""

    def load_split(self, path: Path, split: str, poll: Poll) -> Any:
        """A split of the file or folder at `path`, cut as in training, or all of it ("all").

        KeyError where there is no such split.
        """

    def remarks(self, split: Any) -> list[str]:
        """Lines for a person about a split that is to be scored: what was left out of it."""

    def build(self, generator: Generator | None) -> nn.Module:
        """The model with its first weights; None: any weights, others will take their place."""

    def batches(self, split: Any, epoch: int, ranks: Ranks = ALONE) -> Batches:
        """The batches of training epoch `epoch`, in the order of (seed, epoch).

        Errors: ConfigError for a batch that the ranks cannot share.
        """

    def loss(self, model: nn.Module, batch: Any, state: Any, runtime: Runtime) -> Loss:
        """One batch forward; state: what the last one's `Loss` carried.

        Threads call it at once, each for its part of a batch and with a copy of the model: random
        numbers come from `nn.chance` (dropout from `nn.dropout`), so that they are the same again.
        """

    def running(self, total: float, count: int, correct: float) -> Figures:
        """Figures of sums over training batches."""

    def figures(self, model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
        """Figures of a split, as `seqcli eval --json` prints them; the model is in eval mode."""

    def validation(self, model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
        """The same while training goes on, where speed counts more than the last digit."""

    def portion(self, split: Any) -> tuple[Any, float]:
        """A part of a split, about an eighth, and how many times longer the whole takes to read."""


def load(spec: Spec) -> type[Kind]:
    """The class that trains and answers."""
    module, _, attribute = spec.target.partition(":")
    found: type[Kind] = getattr(import_module(module), attribute)
    return found
