"""The mistakes that a classifier is surest of: what to look at first, in the model and the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcli.data.labeled import Examples
from seqcli.kinds.abilities import Mistake
from seqcli.kinds.classifier.scoring import surest
from seqcli.readers import Source


def mistakes(
    predicted: NDArray[np.float32],
    split: Examples,
    labels: tuple[str, ...],
    source: Source,
    count: int,
) -> list[Mistake]:
    """From log-probabilities (R, C); `source` is read once more, for the texts alone."""
    wrong = surest(predicted, split.labels, count)
    wanted = {int(split.rows[row]): (row, said, prob) for row, said, prob in wrong}
    found: dict[int, Mistake] = {}
    records = source.records() if wanted else iter(())
    for number, record in enumerate(records):
        if number not in wanted:
            continue
        row, said, prob = wanted[number]
        found[row] = Mistake(
            record.text, record.label, labels[said], prob, record.path, record.line
        )
        if len(found) == len(wanted):
            break
    return [found[row] for row, _, _ in wrong if row in found]
