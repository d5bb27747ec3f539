"""A tagger's answers to sentences without tags: tags, probabilities and spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.data.pieces import Pieces
from seqcli.data.tagged import TaggedSentences
from seqcli.kinds.abilities import Marked, Tagged
from seqcli.kinds.contract import Poll
from seqcli.kinds.tagger.batches import Split, gather, put, reading_order, spelled_ahead
from seqcli.machine.device import Runtime
from seqcli.nn.crf import Spans, span_log_probability
from seqcli.nn.tagging import Tagger as Network
from seqcli.text.schemes import PLAIN, Span, closing, convert, spans, write
from seqcli.text.sequences import Sequences
from seqcli.text.spelling import Spelling

DECIMALS = 4  # of every probability that leaves the program


@dataclass(frozen=True)
class Reading:
    """How a tagger reads sentences, and how it writes tags.

    inside: the network's tags, which write spans in `inside_scheme`; scheme: that of the answers.
    """

    spelling: Spelling
    inside: tuple[str, ...]
    inside_scheme: str
    scheme: str
    most: int  # tokens of a piece
    buckets: int  # rows of the table of windows, 0 without


class _Found(NamedTuple):
    """Of all tokens (N,): the network's tags, and their probabilities; of spans, by sentence."""

    tags: NDArray[np.int64]
    probs: NDArray[np.float64]
    spans: dict[tuple[int, Span], float]


def answers(
    reading: Reading,
    model: Network,
    sentences: Sequence[Sequence[str]],
    threshold: float,
    runtime: Runtime,
    poll: Poll,
) -> list[Tagged]:
    """The answer to each sentence, without spans that are less probable than `threshold`."""
    asked = [tokens for tokens in sentences if tokens]
    found = iter(_answers(reading, model, asked, threshold, runtime, poll) if asked else ())
    return [next(found) if tokens else Tagged([], [], [], 0.0) for tokens in sentences]


def _answers(
    reading: Reading,
    model: Network,
    sentences: Sequence[Sequence[str]],
    threshold: float,
    runtime: Runtime,
    poll: Poll,
) -> Iterator[Tagged]:
    split = _split(reading, sentences)
    found = _read(reading, model, split, runtime, poll)
    offsets = split.sentences.words.offsets
    lacking = (split.spelled.rows == 0)[split.sentences.words.ids]
    for row, (start, end) in enumerate(pairwise(offsets.tolist())):
        tags = [reading.inside[place] for place in found.tags[start:end].tolist()]
        probs = found.probs[start:end].round(DECIMALS).tolist()
        unknown = round(float(lacking[start:end].mean()), DECIMALS)
        if reading.scheme == PLAIN:
            yield Tagged(tags, probs, [], unknown)
            continue
        marked = [
            Marked(*span, round(_of(span, row, found, start), DECIMALS))
            for span in spans(tags, reading.inside_scheme, lenient=True)
        ]
        kept = [span for span in marked if not span.prob < threshold]
        spelled = write((Span(*span[:3]) for span in kept), len(tags), reading.scheme)
        yield Tagged(spelled, probs, kept, unknown)


def _of(span: Span, row: int, found: _Found, start: int) -> float:
    """A span's probability; that of its least sure tag where it goes past a piece of a sentence."""
    given = found.spans.get((row, span))
    if given is not None:
        return given
    return float(found.probs[start + span.start : start + span.end].min())


def _split(reading: Reading, sentences: Sequence[Sequence[str]]) -> Split:
    table: dict[str, int] = {}
    words = Sequences.from_rows(
        [table.setdefault(word, len(table)) for word in tokens] for tokens in sentences
    )
    none = Sequences(np.zeros_like(words.ids), words.offsets)
    nowhere = np.zeros(len(words), np.int64)
    read = TaggedSentences(words, none, list(table), [], [], nowhere)
    pieces = Pieces.of(words.lengths, reading.most)
    spelled = reading.spelling.words(list(table))
    return Split(read, pieces, pieces.cut(words), pieces.cut(none), spelled)


@torch.inference_mode()
def _read(reading: Reading, model: Network, split: Split, runtime: Runtime, poll: Poll) -> _Found:
    offsets = split.sentences.words.offsets
    found = _Found(np.zeros(split.tokens, np.int64), np.zeros(split.tokens), {})
    spelled, slots = spelled_ahead(model, split.spelled, runtime.device)

    def read(rows: NDArray[np.int64]) -> None:
        poll()
        batch = gather(split, rows, reading.buckets, slots=slots).to(runtime.device)
        lengths = batch.sentences.lengths
        scores = model(batch.sentences, spelled)
        tags = model.answers(scores, lengths)
        probs = model.probabilities(scores, lengths).gather(2, tags[:, :, None]).squeeze(2)
        answered = tags.cpu().numpy()
        put(found.tags, offsets, split.pieces, rows, answered)
        put(found.probs, offsets, split.pieces, rows, probs.cpu().numpy())
        if reading.scheme != PLAIN:
            _add_spans(reading, model, scores, answered, split, rows, found.spans)

    runtime.each(reading_order(split, len(reading.inside)), read)
    return found


def _add_spans(
    reading: Reading,
    model: Network,
    scores: Tensor,
    answered: NDArray[np.int64],
    split: Split,
    rows: NDArray[np.int64],
    into: dict[tuple[int, Span], float],
) -> None:
    """The probabilities of the spans in a batch's answers, by sentence and place in it."""
    sizes, pieces = split.lengths[rows].tolist(), split.pieces
    told: list[tuple[int, Span]] = []
    for place, size in enumerate(sizes):
        tags = [reading.inside[tag] for tag in answered[place, :size].tolist()]
        told += [(place, span) for span in spans(tags, reading.inside_scheme, lenient=True)]
    if not told:
        return
    lengths = torch.tensor(sizes, device=scores.device)
    chances = span_log_probability(
        scores, lengths, model.scores_of_paths(), _asked(reading, told, scores.device)
    )
    for (place, span), chance in zip(told, chances.exp().tolist(), strict=True):
        piece = int(rows[place])
        moved = int(pieces.starts[piece])
        into[int(pieces.rows[piece]), Span(span.start + moved, span.end + moved, span.type)] = (
            chance
        )


def _asked(reading: Reading, told: list[tuple[int, Span]], device: torch.device) -> Spans:
    """Spans of a batch, as the tags that write them."""
    number = {tag: place for place, tag in enumerate(reading.inside)}
    longest = max(span.end - span.start for _, span in told)
    tags = torch.zeros(len(told), longest, dtype=torch.int64)
    after: dict[str, tuple[bool, ...]] = {}
    for at, (_, span) in enumerate(told):
        size = span.end - span.start
        spelled = write([Span(0, size, span.type)], size, reading.inside_scheme)
        tags[at, :size] = torch.tensor([number[tag] for tag in spelled])
        if span.type not in after:
            after[span.type] = closing(reading.inside, span.type, reading.inside_scheme)
    return Spans(
        torch.tensor([place for place, _ in told], device=device),
        torch.tensor([span.start for _, span in told], device=device),
        tags.to(device),
        torch.tensor([span.end - span.start for _, span in told], device=device),
        torch.tensor([after[span.type] for _, span in told], device=device),
    )


def outer(
    reading: Reading, found: NDArray[np.int64], offsets: NDArray[np.int64]
) -> list[list[str]]:
    """The network's tags of all tokens (N,) as the data writes them, by sentence."""
    rows = [
        [reading.inside[place] for place in found[start:end].tolist()]
        for start, end in pairwise(offsets.tolist())
    ]
    if reading.scheme == PLAIN:
        return rows
    return [convert(row, reading.inside_scheme, reading.scheme) for row in rows]
