"""A translator's figures on a split: what it writes for each source, beside the references."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from seqcli.kinds.abilities import Each, Miswritten
from seqcli.kinds.contract import Figures, Poll
from seqcli.kinds.translator import metrics
from seqcli.kinds.translator.batches import PairBatch, Split, gather, reading_order
from seqcli.kinds.translator.sides import Side, Sides
from seqcli.kinds.translator.translating import search
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import Ranks
from seqcli.nn.ragged import length_mask
from seqcli.nn.translation import Translator as Network
from seqcli.readers.pairs import MARK
from seqcli.settings.searching import Searching

WITHOUT = "BLEU and chrF need sacrebleu: pip install 'seqcli[translation]'"
MOST_LOGITS = 1 << 22  # made at one time
FILE = 1 << 40  # lines that a file may have, for the number of a row

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Outputs:
    """R outputs and what they are judged by.

    rows (R,): the places of their texts in the split; references: as the data has them, `spelled`:
    as the model would write them, cut into tokens and put together again; single: outputs that are
    one word each.
    """

    rows: NDArray[np.int64]
    texts: list[str]
    references: list[tuple[str, ...]]
    spelled: list[list[str]]
    judged: metrics.Judged
    single: bool

    def figures(self) -> Figures:
        """As `eval --json` has them; BLEU and chrF beside the references as the data has them."""
        corpus = metrics.Corpus()
        if not self.single:
            corpus = metrics.corpus(self.texts, self.references)
        return {
            "count": len(self.texts),
            **self.judged.figures(),
            "bleu": corpus.bleu,
            "chrf": corpus.chrf,
            "signature": corpus.signature,
        }


def written(
    sides: Sides,
    model: Network,
    split: Split,
    wanted: Searching,
    runtime: Runtime,
    poll: Poll,
) -> Outputs:
    """What the model writes for each source of the split that a pair is left of."""
    rows, pairs = np.unique(split.rows, return_index=True)
    own = runtime.ranks.own(np.arange(len(rows)))
    found = search(model, split.sources.take(pairs[own]), own.tolist(), wanted, runtime, poll)
    best = [one[0].ids if one else () for one in found]
    texts = [sides.target.text(ids) for ids in _shared(best, own, len(rows), runtime.ranks)]
    references = [split.texts.targets[row] for row in rows.tolist()]
    spelled = [[_spelled(sides.target, text) for text in own] for own in references]
    one_word = single(split)
    judged = metrics.judged(texts, spelled, sides.target.reader.tokens, single=one_word)
    return Outputs(rows, texts, references, spelled, judged, one_word)


def single(split: Split) -> bool:
    """Whether most sources are one word: a spelling, a word to inflect; not a sentence."""
    words = [len(text.partition(MARK)[0].split()) for text in split.texts.sources]
    return bool(words) and float(np.median(words)) <= 1


def _spelled(target: Side, text: str) -> str:
    return target.reader.tokenizer.join(target.reader.tokens(text))


def _shared(own: Sequence[Ids], places: NDArray[np.int64], count: int, ranks: Ranks) -> list[Ids]:
    """The ids of all rows from those that each rank has at its places."""
    if ranks.world == 1:
        return list(own)
    lengths = torch.zeros(count, dtype=torch.int64)
    lengths[torch.from_numpy(places)] = torch.tensor([len(ids) for ids in own], dtype=torch.int64)
    sizes = ranks.add(lengths).tolist()
    table = torch.zeros(count, max(sizes, default=0), dtype=torch.int64)
    for place, ids in zip(places.tolist(), own, strict=True):
        table[place, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
    rows = ranks.add(table).tolist()
    return [tuple(row[:size]) for row, size in zip(rows, sizes, strict=True)]


def mistakes(outputs: Outputs, split: Split, most: int) -> list[Miswritten]:
    """Outputs that are none of their references, the most characters to change first."""
    distances, texts = outputs.judged.characters.distances, split.texts
    order = np.argsort(-distances, kind="stable")[:most]
    found = []
    for place in order[distances[order] > 0].tolist():
        row = int(outputs.rows[place])
        source = texts.sources[row].replace(MARK, " ")
        distance = int(distances[place])
        nearest = int(outputs.judged.characters.places[place])
        wanted, text = outputs.spelled[place][nearest], outputs.texts[place]
        path, line = texts.paths[row], int(texts.lines[row])
        found.append(Miswritten(source, wanted, text, distance, path, line))
    return found


def each(
    target: Side, model: Network, split: Split, outputs: Outputs, runtime: Runtime, poll: Poll
) -> Each:
    """A row is a source, by its file and line; its loss is that of all its references."""
    losses, counts = _losses(model, split, runtime, poll)
    place = np.searchsorted(outputs.rows, split.rows)
    size = len(outputs.rows)
    total = np.bincount(place, losses, size)
    tokens = np.bincount(place, counts, size).astype(np.int64)
    files = sorted(set(split.texts.paths))
    number = {path: place * FILE for place, path in enumerate(files)}
    every = [number[path] for path in split.texts.paths]
    rows = (np.array(every, np.int64) + split.texts.lines)[outputs.rows]
    what = hashlib.sha256("\0".join(target.vocab.to_list()).encode("utf-8", "surrogatepass"))
    return Each(what.hexdigest(), rows, total, tokens, outputs.judged.right)


def _losses(
    model: Network, split: Split, runtime: Runtime, poll: Poll
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The loss of each pair's target, summed over its tokens (P,), and their number (P,)."""
    found = np.zeros(len(split))
    for pairs in reading_order(split):
        poll()
        batch = gather(split, pairs).to(runtime.device)
        found[pairs] = _of_rows(model, batch).cpu().numpy()
    return found, split.targets.lengths


def _of_rows(model: Network, batch: PairBatch) -> Tensor:
    """The same of a batch (B,), float64; logits of some steps at a time."""
    memory, first = model.encode(batch.source, batch.source_lengths)
    outputs, _ = model.outputs(batch.before, first, memory)
    real = length_mask(batch.target_lengths, batch.target.shape[1])
    hidden, wanted = outputs[real].float(), batch.target[real]
    weight, bias = model.output_weight, model.output.bias
    size = max(MOST_LOGITS // len(bias), 1)
    losses = [
        F.cross_entropy(F.linear(some, weight, bias), ids, reduction="none")
        for some, ids in zip(hidden.split(size), wanted.split(size), strict=True)
    ]
    row = real.nonzero()[:, 0].cpu()
    total = torch.zeros(len(batch.target), dtype=torch.float64)
    return total.index_add_(0, row, torch.cat(losses).double().cpu())
