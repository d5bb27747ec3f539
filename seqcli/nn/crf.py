"""Linear-chain conditional random field: one score a path of tags, exact sums over all paths.

score(y) = start[y_1] + sum_t emissions[t, y_t] + sum_t transitions[y_(t-1), y_t] + end[y_T], and
p(y) = exp(score(y)) / Z (Lafferty et al. 2001). Sums over paths are products with the matrix
exp(transitions), rescaled at every step (Rabiner 1989) in float64, where a tag may lie 700 nats
below the best one before it is lost; scores that spread wider go through `logsumexp`. The gradient
of log Z is the marginals, from a backward pass written by hand: autograd through the steps takes
several times as long.

Letters: B rows, T time, C tags, N spans, K tags of a span. `lengths` (B,) or None (all rows T
long); whatever stands past a row's length has no part in anything. A row of length 0 has one path,
the empty one, of score 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

FORBIDDEN = -1e4  # finite, so that no gradient is NaN; exp of it is 0 in any precision
SPREAD = 600.0  # nats between tags that float64 holds apart, with room to 700
TINY = 1e-300


class Chain(NamedTuple):
    """Scores between neighbors: `transitions` (C, C) from row to column, `start` and `end` (C,)."""

    transitions: Tensor
    start: Tensor
    end: Tensor


class Allowed(NamedTuple):
    """Which tags may follow which, True where one may: as `Chain`."""

    transitions: Tensor
    start: Tensor
    end: Tensor


class LinearChain(nn.Module):
    """The trained scores between neighboring tags, with what a scheme forbids held down."""

    transitions_allowed: Tensor | None
    start_allowed: Tensor | None
    end_allowed: Tensor | None

    def __init__(self, tags: int, allowed: Allowed | None = None) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(tags, tags))
        self.start = nn.Parameter(torch.zeros(tags))
        self.end = nn.Parameter(torch.zeros(tags))
        for name in Allowed._fields:
            mask = None if allowed is None else getattr(allowed, name).bool()
            self.register_buffer(f"{name}_allowed", mask, persistent=False)

    def chain(self) -> Chain:
        """The scores in use: what is forbidden stands at FORBIDDEN and is never trained."""
        scores = []
        for name in Chain._fields:
            score, mask = getattr(self, name), getattr(self, f"{name}_allowed")
            scores.append(score if mask is None else score.masked_fill(~mask, FORBIDDEN))
        return Chain(*scores)

    def loss(self, emissions: Tensor, tags: Tensor, lengths: Tensor | None) -> tuple[Tensor, int]:
        """emissions (B, T, C), tags (B, T) -> sum over rows of -log p(tags), number of rows
        that have tokens.

        Tags that are forbidden where they stand give a finite loss of about 10,000 each: repair
        them first.
        """
        rows = len(emissions) if lengths is None else int((lengths > 0).sum())
        return -log_likelihood(emissions, tags, lengths, self.chain()).sum(), rows

    def decode(self, emissions: Tensor, lengths: Tensor | None) -> Tensor:
        """emissions (B, T, C) -> the likeliest path of each row, (B, T), 0 past its length."""
        return viterbi(emissions, lengths, self.chain())[0]

    def marginals(self, emissions: Tensor, lengths: Tensor | None) -> Tensor:
        """emissions (B, T, C) -> p(tag at t), (B, T, C), zeros past a row's length."""
        return marginals(emissions, lengths, self.chain())


def log_likelihood(emissions: Tensor, tags: Tensor, lengths: Tensor | None, chain: Chain) -> Tensor:
    """emissions (B, T, C), tags (B, T) -> log p(tags) of each row, (B,)."""
    score = path_score(emissions, tags, lengths, chain)
    return score - log_partition(emissions, lengths, chain)


def path_score(emissions: Tensor, tags: Tensor, lengths: Tensor | None, chain: Chain) -> Tensor:
    """emissions (B, T, C), tags (B, T) -> the score of each row's path, (B,), float32 or wider."""
    emissions, chain = _raised(emissions, chain)
    batch, time, _ = emissions.shape
    if time == 0:
        return emissions.new_zeros(batch)
    lengths = _lengths(emissions, lengths)
    real = torch.arange(time, device=emissions.device) < lengths[:, None]  # (B, T)
    tags = tags.masked_fill(~real, 0)
    parts = emissions.gather(2, tags[:, :, None]).squeeze(2)
    steps = chain.transitions[tags[:, :-1], tags[:, 1:]]
    parts = torch.cat([parts[:, :1], parts[:, 1:] + steps], 1)
    final = tags.gather(1, (lengths - 1).clamp(min=0)[:, None]).squeeze(1)
    ends = (chain.start[tags[:, 0]] + chain.end[final]).masked_fill(lengths == 0, 0)
    return parts.masked_fill(~real, 0).sum(1) + ends


def log_partition(emissions: Tensor, lengths: Tensor | None, chain: Chain) -> Tensor:
    """emissions (B, T, C) -> log of the sum of exp(score) over all paths of each row, (B,)."""
    emissions, chain = _raised(emissions, chain)
    lengths = _lengths(emissions, lengths)
    if emissions.shape[1] == 0:
        return emissions.new_zeros(len(emissions))
    if _narrow(emissions, lengths, chain):
        total: Tensor = _LogPartition.apply(emissions, lengths, *chain)  # type: ignore[no-untyped-call]
        if not bool(total.isinf().any()):  # else some row has no allowed path
            return total
    return _log_partition_wide(emissions, lengths, chain)


def marginals(emissions: Tensor, lengths: Tensor | None, chain: Chain) -> Tensor:
    """emissions (B, T, C) -> p(tag at t), (B, T, C), zeros past a row's length."""
    with torch.no_grad():
        emissions, chain = _raised(emissions.detach(), chain)
        lengths = _lengths(emissions, lengths)
        if emissions.shape[1] == 0:
            return torch.zeros_like(emissions)
        if _narrow(emissions, lengths, chain):
            double = Chain(*(scores.double() for scores in chain))
            steps, scale, alpha, total, exp = _forward(emissions, lengths, double)
            if not bool(total.isinf().any()):  # else some row has no allowed path
                beta, _ = _backward(steps, scale, alpha, lengths, exp)
                real = torch.arange(steps.shape[1], device=steps.device) < lengths[:, None]
                return (alpha * beta).mul_(real[:, :, None]).to(emissions.dtype)
    return _marginals_wide(emissions, lengths, chain)


def viterbi(emissions: Tensor, lengths: Tensor | None, chain: Chain) -> tuple[Tensor, Tensor]:
    """emissions (B, T, C) -> the best path of each row (B, T), 0 past its length; its score (B,).

    Of equal paths the one with the lower tags, compared from the end.
    """
    with torch.no_grad():
        emissions, chain = _raised(emissions, chain)
        batch, time, _ = emissions.shape
        paths = torch.zeros(batch, time, dtype=torch.int64, device=emissions.device)
        if time == 0 or batch == 0:
            return paths, emissions.new_zeros(batch)
        lengths = _lengths(emissions, lengths)
        into = chain.transitions.T.contiguous()  # (C, C) to, from
        best = emissions[:, 0] + chain.start
        bests = [best]  # (B, C) each: the best score of a path that ends in the tag
        for t in range(1, time):
            best = (best[:, None, :] + into).amax(2) + emissions[:, t]
            bests.append(best)
        last = torch.stack(bests, 1)[torch.arange(batch), (lengths - 1).clamp(min=0)]
        score, tag = (last + chain.end).max(1)
        # Where a path came from is asked again on the way back, for one tag a row: half the time
        # of keeping the places of all maxima.
        for t in range(time - 1, -1, -1):
            if t + 1 < time:
                before = (bests[t] + into[tag]).argmax(1)
                tag = torch.where(t + 1 < lengths, before, tag)
            paths[:, t] = tag
        real = torch.arange(time, device=emissions.device) < lengths[:, None]
        return paths.masked_fill(~real, 0), score.masked_fill(lengths == 0, 0)


class Spans(NamedTuple):
    """N stretches of tags whose probability is asked: from `starts[n]` of row `rows[n]` on."""

    rows: Tensor  # (N,)
    starts: Tensor  # (N,)
    tags: Tensor  # (N, K), anything past a span's length
    lengths: Tensor  # (N,), 1 or more
    following: Tensor | None = None  # (N, C), True where the tag may come next; None: any may


def span_log_probability(
    emissions: Tensor, lengths: Tensor | None, chain: Chain, spans: Spans
) -> Tensor:
    """emissions (B, T, C) -> log of the probability that each span's tags stand there, (N,).

    With `following` also that the tag after the span, if the row goes on, is one of these: in BIO
    a name ends where no I of its type follows. No gradient. A probability of 0 gives -inf.
    """
    with torch.no_grad():
        emissions, chain = _raised(emissions, chain)
        lengths = _lengths(emissions, lengths)
        double = Chain(*(scores.double() for scores in chain))
        if not _narrow(emissions, lengths, chain):
            return _span_wide(emissions.double(), lengths, double, spans)
        steps, scale, alpha, _, exp = _forward(emissions, lengths, double)
        beta, _ = _backward(steps, scale, alpha, lengths, exp)
        longest = spans.tags.shape[1]
        offsets = torch.arange(longest, device=emissions.device)
        inside = offsets < spans.lengths[:, None]  # (N, K)
        places = (spans.starts[:, None] + offsets).clamp(max=emissions.shape[1] - 1)
        rows, tags = spans.rows[:, None], spans.tags.masked_fill(~inside, 0)
        result = alpha[spans.rows, spans.starts, tags[:, 0]].log()
        moves = exp.transitions[tags[:, :-1], tags[:, 1:]].log()
        ratios = (steps[rows, places, tags] / scale[rows, places]).log()[:, 1:]
        result += (moves + ratios).masked_fill(~inside[:, 1:], 0).sum(1)
        final = spans.starts + spans.lengths - 1
        tag = tags.gather(1, (spans.lengths - 1)[:, None]).squeeze(1)
        rest = beta[spans.rows, final, tag]
        if spans.following is not None:
            after = (final + 1).clamp(max=emissions.shape[1] - 1)
            ahead = steps[spans.rows, after] * beta[spans.rows, after] * spans.following
            ahead = (ahead * exp.transitions[tag]).sum(1) / scale[spans.rows, after]
            rest = torch.where(final + 1 < lengths[spans.rows], ahead, rest)
        return (result + rest.log()).to(emissions.dtype).clamp(max=0)


class _LogPartition(torch.autograd.Function):
    """log Z (B,) from emissions (B, T, C), lengths (B,) and the scores of a chain."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        lengths: Tensor,
        transitions: Tensor,
        start: Tensor,
        end: Tensor,
    ) -> Tensor:
        """Keeps what the way back needs: all float64."""
        chain = Chain(transitions.double(), start.double(), end.double())
        steps, scale, alpha, total, exp = _forward(emissions, lengths, chain)
        ctx.save_for_backward(steps, scale, alpha, lengths, *exp)
        ctx.dtypes = (emissions.dtype, transitions.dtype)
        return total.to(emissions.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        """Expected counts under the chain, each row's times its gradient."""
        steps, scale, alpha, lengths, *parts = ctx.saved_tensors
        exp = Chain(*parts)
        beta, final = _backward(steps, scale, alpha, lengths, exp)
        real = torch.arange(steps.shape[1], device=steps.device) < lengths[:, None]
        weight = d_total.double()[:, None] * real  # (B, T)
        states = alpha * beta * weight[:, :, None]
        arriving = steps * beta * (weight / scale)[:, :, None]
        pairs = alpha[:, :-1].flatten(0, 1).T @ arriving[:, 1:].flatten(0, 1)
        kind, other = ctx.dtypes
        rows = torch.arange(len(steps), device=steps.device)
        ends = alpha[rows, (lengths - 1).clamp(min=0)] * final * weight[:, :1]
        d_chain = (pairs * exp.transitions, states[:, 0].sum(0), ends.sum(0))
        return states.to(kind), None, *(part.to(other) for part in d_chain)


def _forward(
    emissions: Tensor, lengths: Tensor, chain: Chain
) -> tuple[Tensor, Tensor, Tensor, Tensor, Chain]:
    """-> exp of emissions (B, T, C), scales (B, T), alpha (B, T, C), log Z (B,), exp of the chain.

    alpha[b, t] is p(tag at t | emissions up to t). Emissions and chain are shifted so that each
    one's largest exp is 1.
    """
    time = emissions.shape[1]
    real = torch.arange(time, device=emissions.device) < lengths[:, None]
    steps = emissions.double().masked_fill(~real[:, :, None], 0)
    peaks = steps.amax(2, keepdim=True)
    steps = (steps - peaks).exp_()
    tops = Chain(*(scores.amax() for scores in chain))
    exp = Chain(*((scores - top).exp() for scores, top in zip(chain, tops, strict=True)))
    alpha, scale = torch.empty_like(steps), steps.new_empty(len(steps), time)
    now = exp.start * steps[:, 0]
    for t in range(time):
        if t:
            now = (now @ exp.transitions).mul_(steps[:, t])
        # a sum of 0 comes where a row has ended, or where no path is allowed
        total = now.sum(1, keepdim=True).clamp_(min=TINY)
        now = now / total
        alpha[:, t], scale[:, t] = now, total[:, 0]
    rows = torch.arange(len(steps), device=steps.device)
    ending = alpha[rows, (lengths - 1).clamp(min=0)] @ exp.end
    moves = (lengths - 1).clamp(min=0) * tops.transitions
    logs = ((scale.log() + peaks.squeeze(2)) * real).sum(1)
    partition = logs + ending.log() + moves + tops.start + tops.end
    return steps, scale, alpha, partition.masked_fill(lengths == 0, 0), exp


def _backward(
    steps: Tensor, scale: Tensor, alpha: Tensor, lengths: Tensor, exp: Chain
) -> tuple[Tensor, Tensor]:
    """-> beta (B, T, C), with alpha * beta the marginals, and its value at a row's end (B, C)."""
    rows = torch.arange(len(steps), device=steps.device)
    ending = alpha[rows, (lengths - 1).clamp(min=0)] @ exp.end
    final = exp.end / ending.clamp(min=TINY)[:, None]  # (B, C)
    beta = torch.empty_like(steps)
    ratios = steps / scale[:, :, None]
    back = exp.transitions.T.contiguous()
    ended = (torch.arange(steps.shape[1], device=steps.device)[:, None] >= lengths - 1)[:, :, None]
    now = final
    for t in range(steps.shape[1] - 1, -1, -1):
        if t + 1 < steps.shape[1]:
            now = torch.where(ended[t], final, (now * ratios[:, t + 1]) @ back)
        beta[:, t] = now
    return beta, final


def _narrow(emissions: Tensor, lengths: Tensor, chain: Chain) -> bool:
    """Whether float64 holds all tags apart; NaN counts as narrow, and comes out as NaN."""
    with torch.no_grad():
        real = torch.arange(emissions.shape[1], device=emissions.device) < lengths[:, None]
        spread = ((emissions.amax(2) - emissions.amin(2)) * real).amax() if len(real) else 0.0
        widest = [torch.as_tensor(spread)]
        for scores in chain:
            free = scores[scores > FORBIDDEN]
            widest.append(free.amax() - free.amin() if len(free) else scores.new_tensor(0.0))
        return not bool(torch.stack([w.to(emissions) for w in widest]).sum() > SPREAD)


def _log_partition_wide(emissions: Tensor, lengths: Tensor, chain: Chain) -> Tensor:
    """`log_partition` for scores of any size, by autograd through the steps."""
    now = emissions[:, 0] + chain.start
    for t in range(1, emissions.shape[1]):
        moved = (now[:, :, None] + chain.transitions).logsumexp(1) + emissions[:, t]
        now = torch.where((t < lengths)[:, None], moved, now)
    return (now + chain.end).logsumexp(1).masked_fill(lengths == 0, 0)


def _marginals_wide(emissions: Tensor, lengths: Tensor, chain: Chain) -> Tensor:
    """`marginals` for scores of any size: the gradient of log Z."""
    with torch.inference_mode(False), torch.enable_grad():
        emissions = emissions.clone().requires_grad_()
        chain = Chain(*(scores.detach().clone() for scores in chain))
        total = _log_partition_wide(emissions, lengths.clone(), chain).sum()
        (found,) = torch.autograd.grad(total, emissions)
    return found


def _span_wide(emissions: Tensor, lengths: Tensor, chain: Chain, spans: Spans) -> Tensor:
    """`span_log_probability` for scores of any size: each span in a copy of its row."""
    rows = emissions[spans.rows].clone()  # (N, T, C)
    own = lengths[spans.rows]
    free = log_partition(rows, own, chain)
    for k in range(spans.tags.shape[1]):
        inside = (k < spans.lengths).nonzero().squeeze(1)
        place, tag = spans.starts[inside] + k, spans.tags[inside, k]
        held = rows[inside, place, tag]
        rows[inside, place] = -torch.inf
        rows[inside, place, tag] = held
    if spans.following is not None:
        after = spans.starts + spans.lengths
        goes_on = (after < own).nonzero().squeeze(1)
        place, closed = after[goes_on], ~spans.following[goes_on]
        rows[goes_on, place] = rows[goes_on, place].masked_fill(closed, -torch.inf)
    return _log_partition_wide(rows, own, chain) - free


def _lengths(emissions: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is not None:
        return lengths.to(emissions.device)
    return torch.full((len(emissions),), emissions.shape[1], device=emissions.device)


def _at_least_float32(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32


def _raised(emissions: Tensor, chain: Chain) -> tuple[Tensor, Chain]:
    """All in float32, or in float64 where the emissions are."""
    dtype = _at_least_float32(emissions.dtype)
    return emissions.to(dtype), Chain(*(scores.to(dtype) for scores in chain))


__all__ = [
    "FORBIDDEN",
    "Allowed",
    "Chain",
    "LinearChain",
    "Spans",
    "log_likelihood",
    "log_partition",
    "marginals",
    "path_score",
    "span_log_probability",
    "viterbi",
]
