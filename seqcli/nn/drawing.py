"""One token a row, drawn from logits; the random numbers are an argument."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 64  # of the two-stage search for a drawn token
WITHIN = np.arange(BLOCK)
FEW = 3  # rows searched one by one
LOWEST, HIGHEST = 1e-30, 1e30  # of temperature and penalty: float32 holds no more extreme ones

Numbers = NDArray[np.float64]
Ids = NDArray[np.int64]


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Logits (B, V) at a temperature, the likeliest at 0: no extreme one makes NaN of them."""
    shifted = logits - logits.amax(1, keepdim=True)
    return shifted.div_(min(max(temperature, LOWEST), HIGHEST))


def draw(logits: Tensor, numbers: Numbers) -> Ids:
    """One id a row from softmax(logits): (B, V) and uniform numbers (B,) in [0, 1) -> (B,)."""
    return weighted((logits - logits.amax(1, keepdim=True)).exp_(), numbers)[0]


def weighted(weights: Tensor, numbers: Numbers) -> tuple[Ids, Numbers, Numbers]:
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
