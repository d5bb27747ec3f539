"""An n-gram language model with modified Kneser-Ney smoothing (Chen & Goodman 1999, interpolated).

The longest n-grams count how often they were seen, shorter ones behind how many different tokens:
p(w | h) = (c(hw) - D(c)) / c(h) + (what was taken off) / c(h) * p(w | h less its first token).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """The n-grams of one length: their counts; of each context the sum and what is taken off."""

    counts: Mapping[str, int]
    discounts: tuple[float, float, float]  # of n-grams counted once, twice, oftener
    contexts: Mapping[str, tuple[int, float]]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Level:
        """The level of these counts."""
        cut = discounts(counts.values())
        sums: dict[str, list[float]] = {}
        for gram, count in counts.items():
            of = sums.setdefault(gram[:-1], [0, 0.0])
            of[0] += count
            of[1] += cut[min(count, 3) - 1]
        return cls(counts, cut, {key: (int(all_), off) for key, (all_, off) in sums.items()})

    def probability(self, gram: str, lower: float) -> float:
        """p(last token | those before it), `lower` being that of the next shorter context."""
        found = self.contexts.get(gram[:-1])
        if found is None:
            return lower
        total, taken = found
        count = self.counts.get(gram, 0)
        own = count - self.discounts[min(count, 3) - 1] if count else 0.0
        return (own + taken * lower) / total


def discounts(counts: Iterable[int]) -> tuple[float, float, float]:
    """D1, D2 and D3+ of Chen & Goodman; where one of them is none, that of Ney, or a half.

    Without a discount a context would give no token that it has not seen.
    """
    of = Counter(count for count in counts if count <= 4)
    n1, n2, n3, n4 = (of[number] for number in (1, 2, 3, 4))
    ney = n1 / (n1 + 2 * n2) if n1 else 0.5
    if not (n1 and n2 and n3 and n4):
        return ney, ney, ney
    found = (1 - 2 * ney * n2 / n1, 2 - 3 * ney * n3 / n2, 3 - 4 * ney * n4 / n3)
    one, two, more = (
        min(value, at) if value > 0 else ney for value, at in zip(found, (1, 2, 3), strict=True)
    )
    return one, two, more


def losses(train: str, valid: str, longest: int) -> dict[int, float]:
    """Nats a token of `valid`, its first one left out, by the order 1 to `longest` of the model.

    A token is a character of the two texts; those of `valid` are all in `train`.
    """
    seen = [
        Counter(train[at : at + n] for at in range(len(train) - n + 1))
        for n in range(1, longest + 2)
    ]
    behind = [Level.of(Counter(gram[1:] for gram in longer)) for longer in seen[1:]]
    whole = [Level.of(counts) for counts in seen[:longest]]
    totals, uniform = [0.0] * longest, 1 / len(seen[0])
    for at in range(1, len(valid)):
        lower = uniform
        for n in range(1, longest + 1):
            if at + 1 < n:  # the text has no longer context yet
                totals[n - 1] -= math.log(lower)
                continue
            gram = valid[at + 1 - n : at + 1]
            totals[n - 1] -= math.log(whole[n - 1].probability(gram, lower))
            lower = behind[n - 1].probability(gram, lower)
    return {n + 1: total / max(len(valid) - 1, 1) for n, total in enumerate(totals)}
