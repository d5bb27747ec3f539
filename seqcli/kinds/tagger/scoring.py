"""What a tagger makes of sentences whose tags are known: answers and losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seqcli.kinds.abilities import Each
from seqcli.kinds.contract import Poll
from seqcli.kinds.tagger import metrics
from seqcli.kinds.tagger.batches import Split, gather, put, reading_order
from seqcli.machine.device import Runtime
from seqcli.nn.tagging import Tagger as Network


class Read(NamedTuple):
    """The network's tags of N tokens, and of P pieces the loss and how many tokens it is of."""

    tags: NDArray[np.int64]
    losses: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def loss(self) -> float:
        """Nats a token."""
        count = int(self.counts.sum())
        return float(self.losses.sum()) / count if count else float("nan")

    def each(
        self,
        split: Split,
        true: Sequence[Sequence[str]],
        answered: Sequence[Sequence[str]],
        scheme: str,
    ) -> Each:
        """By sentence, from its true and its answered tags: right where all of them are."""
        parts = metrics.parts(true, answered, scheme)
        losses, counts = np.zeros(len(true)), np.zeros(len(true), np.int64)
        np.add.at(losses, split.pieces.rows, self.losses)
        np.add.at(counts, split.pieces.rows, self.counts)
        right = parts["sentence_accuracy"].above.astype(np.bool_)
        return Each("sentences", split.sentences.places(), losses, counts, right, parts)


@torch.no_grad()
def read(
    model: Network, split: Split, tags: int, buckets: int, runtime: Runtime, poll: Poll
) -> Read:
    """What the network, which has so many tags, makes of a split; buckets: of its windows.

    A sentence with a tag that the model does not have has no loss: it would be infinite.
    """
    pieces, offsets = len(split.lengths), split.sentences.words.offsets
    found = Read(np.zeros(split.tokens, np.int64), np.zeros(pieces), np.zeros(pieces, np.int64))

    def some(rows: NDArray[np.int64]) -> None:
        poll()
        batch = gather(split, rows, buckets).to(runtime.device)
        lengths = batch.sentences.lengths
        scores = model(batch.sentences)
        answers = model.answers(scores, lengths).cpu().numpy()
        losses = model.loss(scores, batch.tags.clamp(min=0), lengths).double().cpu().numpy()
        possible = (batch.tags >= 0).all(1).cpu().numpy()
        found.losses[rows] = np.where(possible, losses, 0)
        found.counts[rows] = np.where(possible, split.lengths[rows], 0)
        put(found.tags, offsets, split.pieces, rows, answers)

    runtime.own(reading_order(split, tags), some)
    for part in found:  # each piece is one rank's, the others' are 0
        runtime.ranks.add(torch.from_numpy(part))
    return found
