"""Figures of what a translator writes for the sources of a split."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seqcli.kinds.contract import Figures, Poll
from seqcli.kinds.translator.batches import Split
from seqcli.kinds.translator.metrics import Corpus, corpus, judged
from seqcli.kinds.translator.sides import Sides
from seqcli.kinds.translator.translating import search
from seqcli.machine.device import Runtime
from seqcli.nn.search import usual_limits
from seqcli.nn.translation import Translator as Network
from seqcli.settings.searching import Searching
from seqcli.text.sequences import Sequences


def questions(split: Split) -> tuple[Sequences, list[list[str]]]:
    """Each source once, as the network reads it, and all its references, in order."""
    places: dict[str, int] = {}
    first: list[int] = []
    references: list[list[str]] = []
    before = -1
    for pair, row in enumerate(split.rows.tolist()):
        source = split.texts.sources[row]
        if source not in places:
            places[source] = len(first)
            first.append(pair)
            references.append([])
        if row != before:  # pairs of one text stand side by side
            references[places[source]] += [text.strip() for text in split.texts.targets[row]]
        before = row
    return split.sources.take(np.array(first, np.int64)), references


class Written(NamedTuple):
    """R outputs, and the references of each."""

    outputs: list[str]
    references: list[list[str]]


def written(
    sides: Sides,
    model: Network,
    asked: tuple[Sequences, list[list[str]]],
    wanted: Searching,
    runtime: Runtime,
    poll: Poll,
) -> Written:
    """What `asked` (`questions`) is answered with."""
    return Written(_outputs(sides, model, asked[0], wanted, runtime, poll), asked[1])


def figures(sides: Sides, found: Written, *, single: bool) -> Figures:
    """Of outputs beside their references.

    single: a target is one word, of which BLEU and chrF say nothing.
    """
    told = judged(*found, sides.target.reader.tokens, single=single).figures()
    whole = Corpus() if single else corpus(*found)
    return {
        **told,
        "bleu": whole.bleu,
        "chrf": whole.chrf,
        "signature": whole.signature,
    }


def _outputs(
    sides: Sides,
    model: Network,
    sources: Sequences,
    wanted: Searching,
    runtime: Runtime,
    poll: Poll,
) -> list[str]:
    """The best output for each source; of several ranks each searches for its share of them."""
    ranks, every = runtime.ranks, np.arange(len(sources))
    own: NDArray[np.int64] = ranks.own(every)
    found = search(model, sources.take(own), own.tolist(), wanted, runtime, poll)
    rows = [list(hypotheses[0].ids) for hypotheses in found]
    if ranks.world == 1:
        return [sides.target.text(row) for row in rows]
    most = int(usual_limits(torch.from_numpy(sources.lengths)).max())
    table = torch.zeros(len(sources), most + 1, dtype=torch.int64)  # the length, then the ids
    for place, row in zip(own.tolist(), rows, strict=True):
        table[place, : len(row) + 1] = torch.tensor([len(row), *row])
    ranks.add(table)  # a row is one rank's, the others' are zeros
    return [sides.target.text(row[1 : row[0] + 1]) for row in table.tolist()]
