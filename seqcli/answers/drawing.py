"""One token a row, chosen from logits as the options say."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from seqcli.answers.options import Options
from seqcli.nn.drawing import HIGHEST, LOWEST, Ids, Numbers, draw, tempered, weighted


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


def _own(logits: Tensor, numbers: Numbers) -> tuple[Ids, Numbers, Numbers]:
    """`choose` from the model's own distribution: one pass of exp serves all."""
    ids, weights, totals = weighted(logits.exp(), numbers)
    if all(LOWEST < total < math.inf for total in totals.tolist()):
        return ids, np.log(weights), np.log(totals)
    most = logits.amax(1, keepdim=True)  # out of float32's range: rare, so not done first
    ids, weights, totals = weighted((logits - most).exp_(), numbers)
    taken_off = most.cpu().numpy()[:, 0]
    return ids, np.log(weights) + taken_off, np.log(totals) + taken_off
