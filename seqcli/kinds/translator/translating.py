"""A translator's answers to sources without targets: searched for in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.kinds.abilities import Translated, Written
from seqcli.kinds.contract import Poll
from seqcli.kinds.translator.batches import padded
from seqcli.kinds.translator.sides import END, UNKNOWN, Side, Sides
from seqcli.machine.device import Runtime
from seqcli.nn.beam import beam_search
from seqcli.nn.drawing import draw, tempered
from seqcli.nn.search import Hypothesis, Rules, attended, usual_limits
from seqcli.nn.translation import Translator as Network
from seqcli.nn.walk import Choose, greedy, walk
from seqcli.settings.searching import Searching
from seqcli.text.sequences import Sequences

DECIMALS = 4  # of every figure that leaves the program
ROWS = 320  # hypotheses under way side by side: a product with more is no faster a row
SOURCES = 96  # of which they are: of more the encoder reads more padding
TOKENS = 1 << 14  # of these
LOGITS = 1 << 24  # that a step makes at most
AHEAD = 64  # random numbers taken from a stream at a time

Found = list[list[Hypothesis]]  # of each source, the best first


def answers(
    sides: Sides,
    model: Network,
    texts: Sequence[str],
    numbers: Sequence[int],
    wanted: Searching,
    most: int,
    runtime: Runtime,
    poll: Poll,
) -> list[Translated]:
    """See `Translates.translate`; `wanted` is filled, `most` tokens of a source are read."""
    encoded = sides.source.encode(texts)
    lengths = encoded.lengths
    asked = np.flatnonzero(lengths > 1)  # more than an end mark
    rows = encoded.cut(most, "first").take(asked)
    own = [numbers[place] for place in asked.tolist()]
    found = search(model, rows, own, wanted, runtime, poll)
    looks = _looks(model, rows, found, wanted, runtime, poll)
    every = [Translated([Written("", 0.0)], [], [], None, 0.0)] * len(texts)
    for row, place in enumerate(asked.tolist()):
        ids = encoded.row(place)
        reading = _Reading(sides.source, sides.target, texts[place], wanted)
        every[place] = reading.answer(found[row], looks.get(row, {}))._replace(
            unknown_share=round(float((ids[:-1] == UNKNOWN).mean()), DECIMALS),
            cut=bool(lengths[place] > most),
        )
    return every


def search(
    model: Network,
    sources: Sequences,
    numbers: Sequence[int],
    wanted: Searching,
    runtime: Runtime,
    poll: Poll,
) -> Found:
    """Hypotheses for each source (R rows of ids); none of them hangs on the others."""
    forbidden = () if wanted.replace_unknown else (UNKNOWN,)
    rules = Rules(END, END, forbidden, wanted.no_repeat)
    width = wanted.beam or wanted.best
    found: Found = [[] for _ in range(len(sources))]
    vocabulary = len(model.output.bias)

    def read(rows: NDArray[np.int64]) -> None:
        poll()
        source, lengths = padded(sources.take(rows))
        limits = usual_limits(lengths)
        if wanted.max_tokens is not None:
            limits = torch.full_like(lengths, wanted.max_tokens)
        streams = [numbers[row] for row in rows.tolist()]
        batch = [part.to(runtime.device) for part in (source, lengths, limits)]
        own = _searched(model, batch, rules, streams, wanted, poll)
        for row, hypotheses in zip(rows.tolist(), own, strict=True):
            found[row] = hypotheses

    runtime.each(list(batches(sources.lengths, width, vocabulary)), read)
    return found


def batches(lengths: NDArray[np.int64], width: int, vocabulary: int) -> Iterator[NDArray[np.int64]]:
    """Rows of like length, so many that what `width` hypotheses of each need is bounded."""
    order = np.argsort(lengths, kind="stable")[::-1]  # the longest first: the largest memory
    most = min(max(min(ROWS, LOGITS // vocabulary) // width, 1), SOURCES)
    at = 0
    while at < len(order):
        longest = int(lengths[order[at]])
        size = max(min(most, TOKENS // max(longest, 1)), 1)
        yield order[at : at + size]
        at += size


def _searched(
    model: Network,
    batch: list[Tensor],
    rules: Rules,
    numbers: Sequence[int],
    wanted: Searching,
    poll: Poll,
) -> Found:
    """Of one batch: sources (B, S), their lengths (B,), limits (B,)."""
    source, lengths, limits = batch
    penalty = wanted.length_penalty or 0.0
    if wanted.beam is not None and not wanted.greedy:
        return beam_search(
            model,
            source,
            lengths,
            rules,
            beam=wanted.beam,
            best=wanted.best,
            penalty=penalty,
            limits=limits,
            poll=poll,
        )
    choose: Choose = greedy
    count = wanted.best
    if wanted.temperature is not None:
        source, lengths, limits = (part.repeat_interleave(count, 0) for part in batch)
        streams = [[wanted.seed or 0, number, at] for number in numbers for at in range(count)]
        choose = drawing(streams, wanted.temperature)
    found = walk(model, source, lengths, rules, choose, penalty=penalty, limits=limits, poll=poll)
    return [found[at : at + count] for at in range(0, len(found), count)]


def drawing(streams: Sequence[Sequence[int]], temperature: float) -> Choose:
    """A choice by chance: each row of the batch draws from a stream of its own."""
    generators = [np.random.default_rng(stream) for stream in streams]
    ahead: list[NDArray[np.float64]] = []  # (B,) each, for the steps to come

    def choose(logprobs: Tensor, places: Tensor) -> Tensor:
        if not ahead:
            ahead.extend(np.stack([one.random(AHEAD) for one in generators]).T)
        numbers = ahead.pop(0)[places.cpu().numpy()]
        ids = draw(tempered(logprobs, temperature), numbers)
        return torch.from_numpy(ids).to(logprobs.device)

    return choose


Look = NDArray[np.float32]  # (T, S) of one output


def _looks(
    model: Network,
    sources: Sequences,
    found: Found,
    wanted: Searching,
    runtime: Runtime,
    poll: Poll,
) -> dict[int, dict[int, Look]]:
    """What outputs looked at, by source and by their place: those of which it will be asked."""
    pairs = [
        (row, place)
        for row, own in enumerate(found)
        for place, one in enumerate(own)
        if (wanted.attention and not place) or UNKNOWN in one.ids
    ]
    looks: dict[int, dict[int, Look]] = {}
    if not pairs:
        return looks
    rows = np.array([row for row, _ in pairs], np.int64)
    lengths = sources.lengths[rows]
    for some in batches(lengths, 1, len(model.output.bias)):
        poll()
        source, sizes = padded(sources.take(rows[some]))
        outputs = [found[row][place].ids for row, place in (pairs[one] for one in some.tolist())]
        seen = attended(
            model, source.to(runtime.device), sizes.to(runtime.device), outputs, END
        ).cpu()
        for one, ids, look in zip(some.tolist(), outputs, seen.numpy(), strict=True):
            row, place = pairs[one]
            looks.setdefault(row, {})[place] = look[: len(ids), : lengths[one]].copy()
    return looks


@dataclass(frozen=True)
class _Reading:
    """One source, and how ids become its answer."""

    source: Side
    target: Side
    text: str
    wanted: Searching

    def answer(self, found: Sequence[Hypothesis], looks: dict[int, Look]) -> Translated:
        """The outputs as texts; what is unknown, as the source word that was looked at."""
        outputs = [
            Written(self._joined(one.ids, looks.get(place)), round(one.score, DECIMALS))
            for place, one in enumerate(found)
        ]
        read, best = self.source.reader.tokens(self.text), found[0]
        look = looks.get(0) if self.wanted.attention else None
        return Translated(
            outputs, read, self._tokens(best.ids, looks.get(0)), look, 0.0, ended=best.ended
        )

    def _joined(self, ids: tuple[int, ...], look: Look | None) -> str:
        if UNKNOWN not in ids:
            return self.target.text(ids)
        return self.target.reader.tokenizer.join(self._tokens(ids, look))

    def _tokens(self, ids: tuple[int, ...], look: Look | None) -> list[str]:
        tokens = self.target.vocab.decode(ids)
        if UNKNOWN in ids and look is not None:
            words = self._words()
            for place, (one, row) in enumerate(zip(ids, look, strict=True)):
                if one == UNKNOWN:
                    tokens[place] = words[int(row[: len(words)].argmax())]
        return tokens

    def _words(self) -> list[str]:
        """The source's tokens as they stand in it, where that is known."""
        tokens = self.source.reader.tokens(self.text)
        spans = self.source.reader.tokenizer.spans(self.text)
        if len(spans) != len(tokens):  # letters in their parts, or features behind
            return tokens
        return [self.text[start:end] for start, end in spans]
