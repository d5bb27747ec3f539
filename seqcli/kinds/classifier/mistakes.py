"""The mistakes that a classifier is surest of: what to look at first, in the model and the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcli.data.labeled import Examples
from seqcli.kinds.abilities import Mistake
from seqcli.readers import Source


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
