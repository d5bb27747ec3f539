"""The mistakes that a classifier is surest of: what to look at first, in the model and the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import nn

from seqcli.answers.loading import Chosen, Loaded
from seqcli.data.labeled import Examples
from seqcli.errors import ConfigError
from seqcli.kinds.classifier import Classifier
from seqcli.kinds.contract import Figures, Poll
from seqcli.machine.device import Runtime
from seqcli.readers import Source


@dataclass(frozen=True)
class Mistake:
    """A text, its label, and the other one that the model gave it with probability `prob`.

    It stands at `line` of the file `path`, counted from 1 (row of a parquet table).
    """

    text: str
    label: str
    predicted: str
    prob: float
    path: str
    line: int


def evaluate_with_mistakes(
    loaded: Loaded, chosen: Chosen, count: int, columns: int | None = None
) -> tuple[Figures, list[Mistake]]:
    """`loaded.evaluate`, and the `count` mistakes with the highest probability, highest first.

    Errors: ConfigError for a model without labels, and as there.
    """
    kind, found = loaded.kind, list[Mistake]()
    if not isinstance(kind, Classifier):
        raise ConfigError("--mistakes is for classifiers")
    figures = partial(_figures, kind, kind.source(chosen.path, chosen.split), count, found)
    return loaded.evaluate(chosen, columns, figures), found


def _figures(
    kind: Classifier,
    source: Source,
    count: int,
    found: list[Mistake],
    model: nn.Module,
    split: Examples,
    runtime: Runtime,
    poll: Poll,
) -> Figures:
    predicted = kind.predict(model, split, runtime, poll)
    found += mistakes(predicted, split, kind.labels, source, count)
    return kind.score(predicted, split.labels)


def mistakes(
    predicted: NDArray[np.float32],
    split: Examples,
    labels: tuple[str, ...],
    source: Source,
    count: int,
) -> list[Mistake]:
    """From log-probabilities (R, C); `source` is read once more, for the texts alone."""
    said = predicted.argmax(1)
    wrong = np.flatnonzero(said != split.labels)
    surest = wrong[np.argsort(-predicted[wrong, said[wrong]], kind="stable")[:count]]
    wanted = {int(split.rows[row]): int(row) for row in surest}
    found: dict[int, Mistake] = {}
    records = source.records() if wanted else iter(())
    for number, record in enumerate(records):
        row = wanted.get(number)
        if row is None:
            continue
        prob = float(np.exp(predicted[row, said[row]], dtype=np.float64))
        found[row] = Mistake(
            record.text, record.label, labels[said[row]], prob, record.path, record.line
        )
        if len(found) == len(wanted):
            break
    return [found[row] for row in surest.tolist() if row in found]
