"""One token a row, drawn from logits; the random numbers are an argument."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.answers.options import Options

BLOCK = 64  # of the two-stage search for a drawn token
WITHIN = np.arange(BLOCK)
FEW = 3  # rows searched one by one
LOWEST, HIGHEST = 1e-30, 1e30  # of temperature and penalty: float32 holds no more extreme ones

Numbers = NDArray[np.float64]
Ids = NDArray[np.int64]


def choose(
    logits: Tensor, seen: Tensor | None, options: Options, numbers: Numbers
) -> tuple[Ids, Numbers, Numbers]:
    """From (B, V) and uniform numbers (B,): an id a row, its logit, and log(sum(exp(logits))).

    Each (B,). The sum is that at temperature 1, without any restriction.
    """
    if options.plain:
        return _own(logits, numbers)
    scale = logits.logsumexp(1).cpu().numpy()
    wanted = logits
    if seen is not None:
        wanted = penalized(logits, seen, options.repetition_penalty)
    if options.greedy:
        ids = wanted.argmax(1).cpu().numpy()
    else:
        warmed = tempered(wanted, options.temperature)
        ids = draw(restricted(warmed, options.top_k, options.top_p), numbers)
    chosen = logits.gather(1, torch.from_numpy(ids).to(logits.device)[:, None])[:, 0]
    return ids, chosen.cpu().numpy(), scale


def penalized(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits of tokens already seen are divided by `penalty` if positive, else multiplied.

    Keskar et al. 2019 (CTRL). logits (B, V), seen (B, V) -> (B, V).
    """
    penalty = min(max(penalty, LOWEST), HIGHEST)
    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, lowered, logits)


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Logits (B, V) at a temperature, the likeliest at 0: no extreme one makes NaN of them."""
    shifted = logits - logits.amax(1, keepdim=True)
    return shifted.div_(min(max(temperature, LOWEST), HIGHEST))


def restricted(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """Minus infinity for all but the k likeliest, and but the fewest that hold probability p.

    Top-p is nucleus sampling (Holtzman et al. 2020), after top-k; the likeliest always stays, and
    of equal ones the lower ids. 0 and 1.0 are no limits. (B, V) -> (B, V).
    """
    limited = 0 < top_k < logits.shape[1]
    if not limited and top_p >= 1.0:
        return logits
    if limited:
        ranked = logits.topk(top_k, dim=1).values
    else:
        ranked = logits.sort(dim=1, descending=True).values
    sizes = torch.full_like(ranked[:, :1], ranked.shape[1], dtype=torch.int64)
    if top_p < 1.0:
        shares = ranked.cpu().softmax(1, dtype=torch.float64)  # some devices have no float64
        before = shares.cumsum(1) - shares
        enough = top_p * (1 - 1e-9)  # ten tenths must not become eleven by rounding
        sizes = (before < enough).sum(1, keepdim=True).clamp(min=1).to(logits.device)
    least = ranked.gather(1, sizes - 1)
    equal = logits == least
    room = sizes - (logits > least).sum(1, keepdim=True)
    drop = logits < least
    if (equal.sum(1, keepdim=True) > room).any():
        drop |= equal & (equal.cumsum(1) > room)
    return logits.masked_fill(drop, -torch.inf)


def draw(logits: Tensor, numbers: Numbers) -> Ids:
    """One id a row from softmax(logits): (B, V) and uniform numbers (B,) in [0, 1) -> (B,)."""
    return _found((logits - logits.amax(1, keepdim=True)).exp_(), numbers)[0]


def _own(logits: Tensor, numbers: Numbers) -> tuple[Ids, Numbers, Numbers]:
    """`choose` from the model's own distribution: one pass of exp serves all."""
    ids, weights, totals = _found(logits.exp(), numbers)
    if all(LOWEST < total < math.inf for total in totals.tolist()):
        return ids, np.log(weights), np.log(totals)
    most = logits.amax(1, keepdim=True)  # out of float32's range: rare, so not done first
    ids, weights, totals = _found((logits - most).exp_(), numbers)
    taken_off = most.cpu().numpy()[:, 0]
    return ids, np.log(weights) + taken_off, np.log(totals) + taken_off


def _found(weights: Tensor, numbers: Numbers) -> tuple[Ids, Numbers, Numbers]:
    """Ids (B,) drawn in proportion to weights (B, V), the weight of each, and each row's sum.

    By the inverse of the distribution function.
    """
    return (_found_by_rows if len(numbers) <= FEW else _found_by_blocks)(weights, numbers)


def _found_by_rows(weights: Tensor, numbers: Numbers) -> tuple[Ids, Numbers, Numbers]:
    """Few rows: with few operations, since the weights have just driven their code from the cache.

    Half of a step of one text is such operations; each costs three times what it does alone.
    """
    sums, each = weights.cumsum(1).cpu().numpy(), weights.cpu().numpy()
    ids = [_place(row, number) for row, number in zip(sums, numbers.tolist(), strict=True)]
    taken = [row[place] for row, place in zip(each, ids, strict=True)]
    return np.array(ids), np.array(taken), sums[:, -1]


def _place(sums: NDArray[np.float32], number: float) -> int:
    """Where running sums (V,) first exceed `number` of their end, or else where they reach it."""
    total = sums[-1].item()
    place = int(sums.searchsorted(np.float32(number * total), "right"))
    return place if place < len(sums) else int(sums.searchsorted(np.float32(total)))


@np.errstate(invalid="ignore")  # sums may be infinite
def _found_by_blocks(weights: Tensor, numbers: Numbers) -> tuple[Ids, Numbers, Numbers]:
    """Many rows: in two stages, a block, then a token in it.

    Sums of blocks are cheaper than the running sum over all of V, and more exact in float32. What
    is left to do is small, and numpy takes half of torch's time for small things.
    """
    size, rows = weights.shape[1], np.arange(len(weights))
    whole = size - size % BLOCK
    parts = weights[:, :whole].reshape(len(rows), -1, BLOCK).sum(2)
    if whole < size:
        parts = torch.cat([parts, weights[:, whole:].sum(1, keepdim=True)], 1)
    sums = parts.cpu().numpy().cumsum(1, dtype=np.float64)  # (B, V / BLOCK)
    target = numbers * sums[:, -1]
    place = _first_above(sums, target)
    target -= np.where(place > 0, sums[rows, place - 1], 0.0)
    tokens = place[:, None] * BLOCK + WITHIN
    inside = torch.from_numpy(np.minimum(tokens, size - 1)).to(weights.device)
    block = weights.gather(1, inside).cpu().numpy() * (tokens < size)
    offset = _first_above(block.cumsum(1, dtype=np.float64), target)
    return tokens[rows, offset], block[rows, offset], sums[:, -1]


def _first_above(sums: Numbers, target: Numbers) -> Ids:
    """Where running sums (B, N) first exceed targets (B,), or else where they end rising."""
    end = (sums < sums[:, -1:]).sum(1)
    first: Ids = np.minimum((sums <= target[:, None]).sum(1), end)
    return first
