"""One path through each output: the likeliest token at every step, or one that is drawn."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqcli.nn.search import Decodes, Hypothesis, Memory, Results, Rules, State, Trail, normalized

# Log-probabilities (A, V) of what may follow, places (A,) in the batch -> ids (A,).
Choose = Callable[[Tensor, Tensor], Tensor]


def greedy(logprobs: Tensor, places: Tensor) -> Tensor:
    """The likeliest token, of equal ones that with the lowest id."""
    return logprobs.argmax(1)


def walk(
    model: Decodes[Memory, State],
    source: Tensor,
    lengths: Tensor,
    rules: Rules,
    choose: Choose,
    *,
    penalty: float,
    limits: Tensor,
    poll: Callable[[], None] = lambda: None,
) -> list[Hypothesis]:
    """A hypothesis for each source (B, S), as `choose` says; those that ended leave the batch.

    lengths (B,) of the sources; penalty: A of the score; limits (B,): most tokens, 1 or more, after
    which the end mark alone may follow.
    """
    memory, state = model.encode(source, lengths)
    places = torch.arange(len(source), device=source.device)
    ids, on_trail = torch.full_like(places, rules.begin), places
    logprobs = torch.zeros(len(source), device=source.device)
    written = rules.history(len(source), source.device)
    results, trail = Results.none(len(source), 1, source.device), Trail()
    for step in range(int(limits.max()) + 1):
        poll()
        found = model.step(ids, state, memory)
        every, natural = rules.apply(found.logits, written, limits[places] == step)
        ids, state = choose(every, places), found.state
        logprobs = logprobs + every.gather(1, ids[:, None]).squeeze(1)
        ends = ids == rules.end
        if ends.any():
            scores = normalized(logprobs, step + 1, penalty)
            sizes = torch.full_like(ids, step)
            parts = (scores, logprobs, sizes, on_trail, natural)
            results.add(places[ends], Results(*(part[ends, None] for part in parts)))
            if ends.all():
                break
        trail.add(ids, on_trail)
        on_trail = (~ends).nonzero().squeeze(1)
        if ends.any():
            ids, places, logprobs = ids[on_trail], places[on_trail], logprobs[on_trail]
            state, memory = state.take(on_trail), memory.take(on_trail)
            written = None if written is None else written[on_trail]
        if written is not None:
            written = torch.cat([written, ids[:, None]], 1)
    return [one for (one,) in results.hypotheses(trail)]
