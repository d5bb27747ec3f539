"""Beam search over all sources of a batch at once: at every step the K likeliest beginnings go on.

An ending that is among the K likeliest continuations of its source is kept aside, and K more
beginnings go on without it; a source is done with K of them (first come, first served: Kasai et
al. 2022), or as soon as no beginning can pass the worst result that is asked for: log p only falls,
so that log p / (its limit)^A bounds what may come of it. So K = 1 is greedy, and a K that holds all
paths finds the best of all. What is done leaves the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple

import torch
from torch import Tensor

from seqcli.nn.search import (
    Decodes,
    Hypothesis,
    Memory,
    Results,
    Rules,
    State,
    Trail,
    normalized,
)


@dataclass
class _Live(Generic[Memory, State]):
    """What goes on: A sources with K hypotheses each, row by row.

    sources (A,): their places in the batch; logprobs (A, K), minus infinity for one that is none;
    ids (A K,) their last tokens; written (A K, T), None where no rule asks; on_trail (A K,): where
    each stands on the trail.
    """

    sources: Tensor
    logprobs: Tensor
    ids: Tensor
    written: Tensor | None
    on_trail: Tensor
    state: State
    memory: Memory


class _Candidates(NamedTuple):
    """Continuations (A, M) of each source, the likeliest first."""

    logprobs: Tensor
    rows: Tensor  # that they continue
    tokens: Tensor
    natural: Tensor  # an ending here is not one that the limit forces

    def pick(self, order: Tensor) -> _Candidates:
        """Those at the places (A, K)."""
        return _Candidates(*(part.gather(1, order) for part in self))


def beam_search(
    model: Decodes[Memory, State],
    source: Tensor,
    lengths: Tensor,
    rules: Rules,
    *,
    beam: int,
    best: int,
    penalty: float,
    limits: Tensor,
    poll: Callable[[], None] = lambda: None,
) -> list[list[Hypothesis]]:
    """At most `best` (at most `beam`) hypotheses of each source (B, S), the best first.

    lengths (B,) of the sources; penalty: A of the score; limits (B,): most tokens, 1 or more, after
    which the end mark alone may follow.
    """
    live = _begun(model, source, lengths, rules)
    results, trail = Results.none(len(source), best, source.device), Trail()
    endings = torch.zeros(len(source), dtype=torch.int64, device=source.device)
    for step in range(int(limits.max()) + 1):
        poll()
        found = model.step(live.ids, live.state, live.memory)
        own = limits[live.sources]
        likely = _likely(found.logits, live, rules, beam, own == step)
        endings += _keep_endings(likely, live, results, rules.end, beam, step, penalty)
        chosen = _going_on(likely, rules.end, beam)
        bound = chosen.logprobs[:, 0] / (own + 1) ** penalty
        done = (endings[live.sources] >= beam) | (own == step)
        done |= bound <= results.scores[live.sources, -1]
        if done.all():
            break
        trail.add(chosen.tokens.flatten(), live.on_trail[chosen.rows.flatten()])
        live = _next(live, found.state, chosen, ~done)
    return results.hypotheses(trail)


def _begun(
    model: Decodes[Memory, State], source: Tensor, lengths: Tensor, rules: Rules
) -> _Live[Memory, State]:
    """One hypothesis a source, nothing written."""
    memory, state = model.encode(source, lengths)
    count = len(source)
    rows = torch.arange(count, device=source.device)
    return _Live(
        sources=rows,
        logprobs=torch.zeros(count, 1, device=source.device),
        ids=torch.full_like(rows, rules.begin),
        written=rules.history(count, source.device),
        on_trail=torch.zeros_like(rows),
        state=state,
        memory=memory,
    )


def _likely(
    logits: Tensor, live: _Live[Memory, State], rules: Rules, beam: int, at_limit: Tensor
) -> _Candidates:
    """The 2 K likeliest continuations of each source, of logits (A K, V).

    A hypothesis may have one ending, so that K others are among its K + 1 likeliest; `at_limit`
    (A,): sources whose hypotheses must end. Equal ones stand in the order of their hypotheses, then
    of their ids.
    """
    sources, width = live.logprobs.shape
    at_limit = at_limit.repeat_interleave(width)
    logprobs, natural = rules.apply(logits, live.written, at_limit)
    likely = logprobs.topk(min(beam + 1, logits.shape[1]), dim=1, sorted=False)
    tokens, order = likely.indices.sort(dim=1)
    joined = (live.logprobs.view(-1, 1) + likely.values.gather(1, order)).view(sources, -1)
    every = joined.sort(dim=1, descending=True, stable=True)
    places = every.indices[:, : 2 * beam]
    first = torch.arange(sources, device=logits.device)[:, None] * width
    rows = first + places.div(tokens.shape[1], rounding_mode="floor")
    tokens = tokens.view(sources, -1).gather(1, places)
    return _Candidates(every.values[:, : 2 * beam], rows, tokens, natural[rows])


def _keep_endings(
    likely: _Candidates,
    live: _Live[Memory, State],
    results: Results,
    end: int,
    beam: int,
    step: int,
    penalty: float,
) -> Tensor:
    """Endings among the K likeliest become results; how many, by source of the batch (B,)."""
    first = _Candidates(*(part[:, :beam] for part in likely))
    kept = (first.tokens == end) & (first.logprobs != -torch.inf)
    counts = torch.zeros(len(results.scores), dtype=torch.int64, device=kept.device)
    if kept.any():
        logprobs = first.logprobs.masked_fill(~kept, -torch.inf)
        rows = live.on_trail[first.rows]
        scores = normalized(logprobs, step + 1, penalty)
        new = Results(scores, logprobs, torch.full_like(rows, step), rows, first.natural)
        results.add(live.sources, new)
        counts[live.sources] = kept.sum(1)
    return counts


def _going_on(likely: _Candidates, end: int, beam: int) -> _Candidates:
    """The K likeliest that are no endings (A, K)."""
    ends = likely.tokens == end
    chosen = likely.pick(ends.byte().sort(dim=1, stable=True).indices[:, :beam])
    return chosen._replace(logprobs=chosen.logprobs.masked_fill(chosen.tokens == end, -torch.inf))


def _next(
    live: _Live[Memory, State], state: State, chosen: _Candidates, going: Tensor
) -> _Live[Memory, State]:
    """The chosen hypotheses of the sources that go on (A,); `state` after this step."""
    width = chosen.tokens.shape[1]
    places = torch.arange(chosen.tokens.numel(), device=going.device).view(-1, width)
    rows, ids = chosen.rows[going].flatten(), chosen.tokens[going].flatten()
    written = live.written
    if written is not None:
        written = torch.cat([written[rows], ids[:, None]], 1)
    memory = live.memory if going.all() else live.memory.take(going.nonzero().squeeze(1))
    return _Live(
        sources=live.sources[going],
        logprobs=chosen.logprobs[going],
        ids=ids,
        written=written,
        on_trail=places[going].flatten(),
        state=state.take(rows),
        memory=memory,
    )
