"""What a translator makes of each source: its worst outputs, and what compares two models."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from seqcli.kinds.abilities import Each, Miswritten
from seqcli.kinds.contract import Poll
from seqcli.kinds.translator.batches import PairBatch, Split, gather, reading_order
from seqcli.kinds.translator.metrics import nearest
from seqcli.kinds.translator.scoring import Written
from seqcli.machine.device import Runtime
from seqcli.nn.ragged import length_mask
from seqcli.nn.translation import Translator as Network
from seqcli.readers.pairs import MARK
from seqcli.text.growing import numbered
from seqcli.text.vocab import Vocab

MOST_LOGITS = 1 << 22  # made at one time
FILE = 1 << 40  # lines that a file may have, for the number of a row


def asked(split: Split) -> NDArray[np.int64]:
    """Which source each pair asks for (P,), sources counted as `scoring.questions` lists them."""
    number = numbered()
    return np.array([number[split.texts.sources[row]] for row in split.rows.tolist()], np.int64)


def mistakes(found: Written, split: Split, most: int) -> list[Miswritten]:
    """Outputs that are none of their references, the most characters to change first."""
    nearby, texts = nearest(found.outputs, found.references), split.texts
    first = np.unique(asked(split), return_index=True)[1]
    order = np.argsort(-nearby.distances, kind="stable")[:most]
    wrong = []
    for place in order[nearby.distances[order] > 0].tolist():
        row = int(split.rows[first[place]])
        reference = found.references[place][int(nearby.places[place])]
        wrong.append(
            Miswritten(
                texts.sources[row].replace(MARK, " "),
                reference,
                found.outputs[place],
                int(nearby.distances[place]),
                texts.paths[row],
                int(texts.lines[row]),
            )
        )
    return wrong


def each(
    vocab: Vocab, model: Network, split: Split, found: Written, runtime: Runtime, poll: Poll
) -> Each:
    """A row is a source, by its file and line; its loss is that of all its references."""
    losses, counts = _losses(model, split, runtime, poll)
    place = asked(split)
    first = split.rows[np.unique(place, return_index=True)[1]]
    number = {path: at * FILE for at, path in enumerate(sorted(set(split.texts.paths)))}
    files = np.array([number[split.texts.paths[row]] for row in first.tolist()], np.int64)
    pairs = zip(found.outputs, found.references, strict=True)
    what = hashlib.sha256("\0".join(vocab.to_list()).encode("utf-8", "surrogatepass"))
    return Each(
        what.hexdigest(),
        files + split.texts.lines[first],
        np.bincount(place, losses).astype(np.float64),
        np.bincount(place, counts).astype(np.int64),
        np.array([output in references for output, references in pairs], np.bool_),
    )


def _losses(
    model: Network, split: Split, runtime: Runtime, poll: Poll
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The loss of each pair's target, summed over its tokens (P,), and their number (P,)."""
    found = np.zeros(len(split))

    def read(pairs: NDArray[np.int64]) -> None:
        poll()
        batch = gather(split, pairs).to(runtime.device)
        found[pairs] = _of_rows(model, batch).cpu().numpy()

    runtime.each(reading_order(split), read)
    return found, split.targets.lengths


def _of_rows(model: Network, batch: PairBatch) -> Tensor:
    """The same of a batch (B,), float64; logits of some steps at a time."""
    memory, first = model.encode(batch.source, batch.source_lengths)
    outputs, _ = model.outputs(batch.before, first, memory)
    real = length_mask(batch.target_lengths, batch.target.shape[1])
    hidden, wanted = outputs[real].float(), batch.target[real]
    weight, bias = model.output_weight, model.output.bias
    size = max(MOST_LOGITS // len(bias), 1)
    parts = (torch.split(hidden, size), torch.split(wanted, size))
    losses = [
        F.cross_entropy(F.linear(some, weight, bias), ids, reduction="none")
        for some, ids in zip(*parts, strict=True)
    ]
    row = real.nonzero()[:, 0].cpu()
    total = torch.zeros(len(batch.target), dtype=torch.float64)
    return total.index_add_(0, row, torch.cat(losses).double().cpu())
