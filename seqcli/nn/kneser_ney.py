"""Counted n-grams beside a language model, read along with its tokens.

A network reads far and shares what it learns between like contexts, counts know at once what was
said after a rare one: the mean of their answers is better than either (Mikolov et al. 2011), of
little text by far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from seqcli.text.kneser_ney import Counted

SMALLEST = 1e-30  # a probability that float32 still holds
SHARE = 0.3  # of the n-grams where nothing says better
FAR = 500.0  # nats: exp of it is no infinity in float64
DIGITS = 3  # of a fitted share: what is beyond is noise
LEAST = 0.1**DIGITS  # of either part


def mixed(own: Tensor, counted: Tensor, share: float) -> Tensor:
    """-log((1 - share) p + share q) from -log p and -log q, of any equal shapes."""
    return -torch.logaddexp(math.log1p(-share) - own, math.log(share) - counted)


def fitted(own: Tensor, counted: Tensor, totals: Callable[[float], Sequence[float]]) -> float:
    """The share at which `mixed` is least in sum: deleted interpolation (Jelinek & Mercer 1980).

    own, counted (N,): -log p of tokens that neither model has seen; `totals` adds a number over
    all ranks. The sum is convex in the share: its least is where the slope's sign turns.
    """
    low, high = 0.0, 1.0
    ratio = (own - counted).clamp(max=FAR).exp()  # q / p
    while high - low > LEAST / 2:
        share = (low + high) / 2
        gain = ((ratio - 1) / (1 + share * (ratio - 1))).sum().item()
        low, high = (share, high) if totals(gain)[0] > 0 else (low, share)
    return _inside(round((low + high) / 2, DIGITS))


def _inside(share: float) -> float:
    return min(max(share, LEAST), 1 - LEAST)


class KneserNey(nn.Module):
    """`text.kneser_ney`'s trie as buffers of a network, read by nodes as cells are by their state.

    The nodes of a context (N - 1,) are those of its last token, its last two, …: the node of one
    that was never seen is K + 1.
    """

    keys: Tensor
    own: Tensor
    rest: Tensor
    share: Tensor

    def __init__(self, vocabulary: int, sizes: Sequence[int], share: float = SHARE) -> None:
        """Room for what was counted: `sizes` of the orders from 2 on; `share` of the answer."""
        super().__init__()
        self.vocabulary, self.orders = vocabulary, len(sizes) + 1
        known = vocabulary + sum(sizes)
        self.register_buffer("keys", torch.zeros(known, dtype=torch.int64))
        self.register_buffer("own", torch.zeros(known + 2))
        self.register_buffer("rest", torch.ones(known + 2))
        self.register_buffer("share", torch.tensor(share))

    @property
    def part(self) -> float:
        """The share of the answer, above 0 and below 1 whatever a file says."""
        return _inside(self.share.item())

    def fill(self, counted: Counted) -> None:
        """Take over what was counted, of the same sizes."""
        for name in ("keys", "own", "rest"):
            getattr(self, name).copy_(torch.from_numpy(getattr(counted, name)))

    def nowhere(self, rows: int) -> Tensor:
        """The nodes (B, N - 1) of rows that have read nothing."""
        return self.keys.new_full((rows, self.orders - 1), len(self.keys) + 1)

    def _children(self, nodes: Tensor, tokens: Tensor) -> Tensor:
        """The nodes of contexts with a token more, of equal shapes."""
        wanted = nodes * self.vocabulary + tokens
        places = torch.searchsorted(self.keys, wanted)
        found = self.keys[places.clamp(max=len(self.keys) - 1)] == wanted
        return torch.where(found, places + 1, len(self.keys) + 1)

    def read(self, ids: Tensor, nodes: Tensor) -> Tensor:
        """The nodes (B, N - 1) after one more token a row, ids (B,)."""
        if self.orders == 1:
            return nodes
        longer = self._children(nodes[:, :-1], ids[:, None].expand(-1, self.orders - 2))
        return torch.cat([ids[:, None] + 1, longer], 1)

    def _walk(self, ids: Tensor, nodes: Tensor) -> Tensor:
        """The nodes (B, T, N - 1) after each of ids (B, T)."""
        levels = [ids + 1] if self.orders > 1 else []
        for level in range(1, self.orders - 1):
            before = torch.cat([nodes[:, level - 1, None], levels[-1][:, :-1]], 1)
            levels.append(self._children(before, ids))
        return torch.stack(levels, 2) if levels else nodes[:, None].expand(-1, ids.shape[1], -1)

    def probabilities(self, ids: Tensor, targets: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Of the targets (B, T) that follow each of ids (B, T), (B, T); and the nodes after ids."""
        walked = self._walk(ids, nodes)
        found = self.own[targets + 1] + self._uniform
        for contexts in walked.unbind(2):
            found = self.own[self._children(contexts, targets)] + self.rest[contexts] * found
        return found.clamp_min(SMALLEST), walked[:, -1]

    def distribution(self, nodes: Tensor) -> Tensor:
        """Of the next token, (B, V), after contexts with these nodes (B, N - 1).

        Each order's part is what all longer ones leave of it: the order of the sums is free.
        """
        rows, size = len(nodes), self.vocabulary
        left = self.rest[nodes].flip(1).cumprod(1).flip(1)  # (B, N - 1): by this one and longer
        part = torch.cat([left, left.new_ones(rows, 1)], 1)
        found = part[:, :1] * (self.own[1 : size + 1] + self._uniform)
        begin = torch.searchsorted(self.keys, (nodes * size).flatten())
        lengths = torch.searchsorted(self.keys, ((nodes + 1) * size).flatten()) - begin
        which = torch.repeat_interleave(lengths)  # row * (N - 1) + order, of each child
        places = torch.arange(len(which), device=which.device)
        places += (begin - lengths.cumsum(0) + lengths)[which]
        tokens = self.keys[places] - nodes.flatten()[which] * size
        shares = self.own[places + 1] * part[:, 1:].flatten()[which]
        at = which.div(max(self.orders - 1, 1), rounding_mode="floor") * size + tokens
        return found.flatten().index_add_(0, at, shares).view(rows, size).clamp_min_(SMALLEST)

    @property
    def _uniform(self) -> Tensor:
        """What every token has by itself."""
        return self.rest[0] / self.vocabulary
