"""An n-gram model counted in a text: interpolated, modified Kneser-Ney (Chen & Goodman 1999).

    p(w | h) = (c(hw) - D) / c(h) + g(h) p(w | h less its first token)

The longest n-grams count how often they were seen, shorter ones behind how many different tokens;
D is one of three discounts by how large the count is, g(h) c(h) what they took off behind h. Below
the single token stands the uniform distribution.

All n-grams are one trie. Node 0 is the empty context; node k > 0 is the n-gram whose last token
follows the context of another node, and keys[k - 1] = that node * V + the token, rising. So one
binary search finds what follows any context, and what follows one stands side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Counted:
    """What `count` found: see the module for the trie of K nodes but the first.

    sizes: nodes of each order from 2 on; own (K + 2,): (c - D) / c(h) of each as a token after its
    context; rest (K + 2,): g of each as a context, 1 where nothing followed. The last of both, of
    no node, are those of an n-gram that was never seen.
    """

    sizes: tuple[int, ...]
    keys: NDArray[np.int64]
    own: NDArray[np.float32]
    rest: NDArray[np.float32]


def count(ids: NDArray[np.integer[Any]], vocabulary: int, order: int) -> Counted:
    """The n-grams of a text's ids, up to `order` tokens, less where the text is shorter."""
    text = np.asarray(ids).astype(np.int64)
    keys = [np.arange(vocabulary, dtype=np.int64)]  # every token, seen or not, so that K >= V
    counts = [np.bincount(text, minlength=vocabulary)]
    nodes, known = text + 1, vocabulary + 1  # of the n-gram that begins at each place
    for n in range(2, min(order, len(text)) + 1):
        found, first, inverse, times = np.unique(
            nodes[: len(text) - n + 1] * vocabulary + text[n - 1 :],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        lower = nodes[first + 1] - (known - len(keys[-1]))  # what each is less its first token
        counts[-1] = np.bincount(lower, minlength=len(keys[-1]))
        keys.append(found)
        counts.append(times)
        nodes, known = inverse + known, known + len(found)
    own, rest = np.zeros(known + 1), np.ones(known + 1)
    begin = 1
    for level, times in zip(keys, counts, strict=True):
        parents = level // vocabulary
        taken = np.array([0.0, *discounts(times)])[np.minimum(times, 3)]
        totals = np.bincount(parents, weights=times, minlength=known + 1)
        off = np.bincount(parents, weights=taken, minlength=known + 1)
        own[begin : begin + len(level)] = (times - taken) / np.maximum(totals[parents], 1)
        seen = totals > 0
        rest[seen] = off[seen] / totals[seen]
        begin += len(level)
    sizes = tuple(len(level) for level in keys[1:])
    return Counted(sizes, np.concatenate(keys), own.astype(np.float32), rest.astype(np.float32))


def discounts(counts: NDArray[np.int64]) -> tuple[float, float, float]:
    """D of n-grams counted once, twice and oftener; where one of them is none, that of Ney for all.

    Without a discount a context would give nothing to what it has not seen.
    """
    n1, n2, n3, n4 = (int((counts == number).sum()) for number in (1, 2, 3, 4))
    ney = n1 / (n1 + 2 * n2) if n1 else 0.5
    if not (n1 and n2 and n3 and n4):
        return ney, ney, ney
    found = (1 - 2 * ney * n2 / n1, 2 - 3 * ney * n3 / n2, 3 - 4 * ney * n4 / n3)
    one, two, more = (
        min(value, at) if value > 0 else ney for value, at in zip(found, (1, 2, 3), strict=True)
    )
    return one, two, more
