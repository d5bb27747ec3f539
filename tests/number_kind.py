"""A third kind of model, for tests: a curve through points, without text or labels.

It has no recurrent layer, no vocabulary and no labels, so whatever presumes one of these fails on
it. `python number_kind.py …` is the program with this kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from seqcli.data.survey import Found, Survey
from seqcli.errors import ConfigError, DataError
from seqcli.files import sha256
from seqcli.kinds import KINDS
from seqcli.kinds.contract import Figures, Loss, Poll, Prepared, Rows
from seqcli.kinds.spec import Figure, Learned, Spec
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn import chance
from seqcli.settings.config import Config
from seqcli.settings.counting import Sizes
from seqcli.settings.fields import setting
from seqcli.settings.sections import Reading, Training
from seqcli.settings.table import Row, Table

TASK = """
kind = "numbers"
[about]
title = "a curve through points"
[data]
test = 0.2
valid = 0.2
[model]
degree = 3
noise = 0.05
[train]
epochs = 3
batch_size = 8
lr = 0.1
optimizer = "adam"
schedule = "linear"
precision = "fp32"
"""


@dataclass(frozen=True)
class Model:
    """[model]: the curve."""

    degree: int = setting(1, "highest power", low=1, high=20)
    noise: float = setting(0.0, "of the inputs while training", low=0, high=1)


Settings = Config[Reading, Model, Training]
Points = NDArray[np.float64]  # (R, 2)


def count(model: Model, sizes: Sizes) -> Table:
    """One weight a power, and a bias."""
    row = Row("curve", (sizes.batch, 1), f"{model.degree} + 1", model.degree + 1)
    return Table((row,), (), "", "curves")


def check_learned(config: Settings, learned: Learned) -> str:
    """A finite center and a positive width."""
    center, width = learned.get("center"), learned.get("width")
    if type(center) is not float or type(width) is not float or not 0 < width < 1e9:
        return "its center and width are no numbers"
    return ""


def check(config: Settings) -> None:
    """A curve of noise alone is none."""
    if config.model.noise == 1:
        raise ConfigError("model.noise = 1 leaves nothing of the inputs")


SPEC = Spec(
    name="numbers",
    title="a curve",
    target="number_kind:Curve",
    data=Reading,
    model=Model,
    train=Training,
    figures=(
        Figure("loss", "loss {:.4f}", "loss {:.4f}", lower_is_better=True),
        Figure("error", "error {:.3f}", "err {:.3f}", lower_is_better=True),
    ),
    metric="error",
    listed=("count", "loss", "error"),
    count=count,
    sizes=lambda learned: Sizes(),
    check=check,
    check_learned=check_learned,
    exploded=1e9,
)


@dataclass(frozen=True)
class Batch:
    """Points (B, 2)."""

    points: Tensor
    share: float = 1.0

    @property
    def tokens(self) -> int:
        return len(self.points)

    def to(self, device: torch.device) -> Batch:
        return Batch(self.points.to(device), self.share)


@dataclass(frozen=True, eq=False)
class Epoch:
    """Shuffled batches of an epoch."""

    points: Points
    order: list[NDArray[np.int64]]
    ranks: Ranks

    def __len__(self) -> int:
        return len(self.order)

    def to(self, device: torch.device) -> Epoch:
        return self

    def __getitem__(self, index: int) -> Batch:
        rows = self.order[index]
        own = self.ranks.own(rows)
        return Batch(torch.from_numpy(self.points[own]), len(own) / len(rows))


class Network(nn.Module):
    """x -> a polynomial of it."""

    def __init__(self, degree: int, noise: float) -> None:
        super().__init__()
        self.noise = noise
        self.curve = nn.Linear(degree, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.noise:
            x = x + self.noise * chance.normal(x)
        powers = [x**power for power in range(1, self.curve.in_features + 1)]
        found: Tensor = self.curve(torch.stack(powers, 1))
        return found.squeeze(1)


@dataclass(frozen=True)
class Curve:
    """See `Kind` for the contract."""

    config: Settings
    center: float
    width: float

    spec: ClassVar[Spec] = SPEC
    unit: str = "points"
    bfloat16_helps: bool = False

    @classmethod
    def prepare(cls, config: Settings, path: Path, scratch: Path, poll: Poll) -> Prepared:
        splits = cut(read(path), config)
        inputs = splits["train"][:, 0]
        kind = cls(config, float(inputs.mean()), float(inputs.std()) or 1.0)
        sizes = {name: len(points) for name, points in splits.items()}
        return Prepared(kind, dict(splits), sizes, "points", ["no words here"], sha256(path))

    @classmethod
    def survey(cls, config: Settings, path: Path, poll: Poll) -> Survey:
        splits = cut(read(path), config)
        sizes = {name: len(points) for name, points in splits.items()}
        far = np.flatnonzero(np.abs(read(path)[:, 1]) > 1e6)
        odd = [Found("far", f"{len(far)} points far off", "is it the unit?", len(far))]
        found = tuple(odd if len(far) else [])
        return Survey("points", {}, sizes, "points", {"p50": 1, "p95": 1, "max": 1}, findings=found)

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> Curve:
        return cls(config, learned["center"], learned["width"])

    def learned(self) -> dict[str, Any]:
        return {"center": self.center, "width": self.width}

    def rows(self, tensor: str) -> Rows | None:
        return None

    def fingerprint(self, path: Path) -> str:
        return sha256(path)

    def parts(self, path: Path) -> tuple[str, ...]:
        return ("all",)

    def load_split(self, path: Path, split: str, poll: Poll) -> Points:
        points = read(path)
        return points if split == "all" else cut(points, self.config)[split]

    def remarks(self, split: Points) -> list[str]:
        return []

    def build(self, generator: Generator | None) -> nn.Module:
        network = Network(self.config.model.degree, self.config.model.noise)
        if generator is not None:
            for weight in network.parameters():
                nn.init.uniform_(weight, -0.1, 0.1, generator=generator)
        return network

    def batches(self, split: Points, epoch: int, ranks: Ranks = ALONE) -> Epoch:
        train = self.config.train
        order = np.random.default_rng([train.seed, epoch]).permutation(len(split))
        starts = range(0, len(order), train.batch_size)
        return Epoch(split, [order[at : at + train.batch_size] for at in starts], ranks)

    def loss(self, model: nn.Module, batch: Batch, state: Any, runtime: Runtime) -> Loss:
        squares = self._squares(model, batch.points)
        total = squares.detach().sum()
        return Loss(squares.mean() * batch.share, total, len(squares), total.new_zeros(()))

    def running(self, total: float, count: int, correct: float) -> Figures:
        loss = total / max(count, 1)
        return {"loss": loss, "error": loss**0.5}

    def figures(self, model: nn.Module, split: Points, runtime: Runtime, poll: Poll) -> Figures:
        poll()
        squares = self._squares(model, torch.from_numpy(split))
        found = self.running(float(squares.sum(dtype=torch.float64)), len(split), 0.0)
        return {"kind": self.spec.name, "count": len(split), **found}

    def validation(self, model: nn.Module, split: Points, runtime: Runtime, poll: Poll) -> Figures:
        return self.figures(model, split, runtime, poll)

    def portion(self, split: Points) -> tuple[Points, float]:
        part = split[::8]
        return part, len(split) / len(part)

    def _squares(self, model: nn.Module, points: Tensor) -> Tensor:
        x, y = points.float().unbind(1)
        found: Tensor = (model((x - self.center) / self.width) - y).square()
        return found


def read(path: Path) -> Points:
    """Lines of `x y`."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            x, y = map(float, line.split())
        except ValueError:
            raise DataError(path, number, "two numbers expected", "x y, one point a line") from None
        rows.append((x, y))
    if len(rows) < 5:
        raise DataError(path, 0, "five points expected")
    return np.array(rows)


def cut(points: Points, config: Settings) -> dict[str, Points]:
    """train, valid and test, drawn by the seed."""
    order = np.random.default_rng(config.split_seed).permutation(len(points))
    test = round(len(points) * config.data.test)
    valid = round((len(points) - test) * config.data.valid)
    parts = np.split(order, [test, test + valid])
    names = ("test", "valid", "train")
    return {name: points[rows] for name, rows in zip(names, parts, strict=True) if len(rows)}


def write_points(path: Path, count: int = 60) -> Path:
    """Points of a parabola."""
    xs = np.linspace(-2, 2, count)
    path.write_text("".join(f"{x:.4f} {x * x - x:.4f}\n" for x in xs))
    return path


def register() -> None:
    """Make it one of this process's kinds."""
    KINDS[SPEC.name] = SPEC


if __name__ == "__main__":
    from seqcli.__main__ import main

    register()
    main()
