"""Drawing texts from a language model, token by token; the random numbers are an argument.

The unknown word's probability is removed before every draw, which is the same as drawing again
until it is not drawn. The end mark takes part in the draw and ends the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.nn.cells import State
from seqcli.nn.models import LanguageModel

TOGETHER = 64  # texts drawn at once: a product with 64 rows costs little more than with one
READ = 4096  # tokens of the prompt read at a time: bounded memory
AHEAD = 256  # random numbers taken from a stream at a time
BLOCK = 64  # of the two-stage search for a drawn token
WITHIN = np.arange(BLOCK)
LOWEST, HIGHEST = 1e-30, 1e30  # of temperature and penalty: float32 holds no more extreme ones
ENDED, LENGTH = "end", "length"

Numbers = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Options:
    """How to draw. `greedy` takes the likeliest token; 0 and 1.0 switch top_k and top_p off."""

    temperature: float = 1.0
    greedy: bool = False
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_tokens: int = 100
    lines: int = 1  # end marks after which a text ends

    @property
    def plain(self) -> bool:
        """Whether to draw from the model's own distribution."""
        limited = self.top_k or self.top_p < 1.0 or self.repetition_penalty != 1.0
        return self.temperature == 1.0 and not self.greedy and not limited


@dataclass(frozen=True)
class Drawn:
    """One text: its ids (an end mark that closed it is not among them) and how it ended.

    `logprob` is the natural logarithm of its probability at temperature 1, the unknown word
    removed, end marks included.
    """

    ids: tuple[int, ...]
    logprob: float
    stopped: str


@dataclass(frozen=True)
class Specials:
    """Ids that are not like others; None where the vocabulary has no such row."""

    unknown: int | None
    end: int | None


def generate(
    model: LanguageModel,
    prompt: list[int],
    specials: Specials,
    options: Options,
    *,
    seed: int,
    count: int,
    poll: Callable[[], None] = lambda: None,
    tell: Callable[[int], None] | None = None,
) -> Iterator[Drawn]:
    """`count` texts that go on from `prompt` (at least one id), in order; the model in eval mode.

    Text i takes its random numbers from the stream (seed, i). `tell` hears every token of a
    single text as soon as it is drawn, but not the end mark that closes it.
    """
    with torch.inference_mode():
        first, state = _read(model, prompt, poll)
    for start in range(0, count, TOGETHER):
        rows = range(start, min(start + TOGETHER, count))
        streams = [np.random.default_rng([seed, row]) for row in rows]
        with torch.inference_mode():
            spread = tuple(tuple(part.repeat(len(rows), 1) for part in layer) for layer in state)
            logits = first.repeat(len(rows), 1)
            drawn = _together(model, logits, spread, streams, prompt, specials, options, poll, tell)
        yield from drawn  # outside of inference mode, which would hold for the caller too


def _read(
    model: LanguageModel, prompt: list[int], poll: Callable[[], None]
) -> tuple[Tensor, tuple[State, ...]]:
    """Logits (1, V) after the prompt, and the state."""
    ids = torch.tensor([prompt], device=model.output.weight.device)
    logits, state = model.logits(ids[:, :READ], None)
    for start in range(READ, len(prompt), READ):
        poll()
        logits, state = model.logits(ids[:, start : start + READ], state)
    return logits, state


def _together(
    model: LanguageModel,
    logits: Tensor,
    state: tuple[State, ...],
    streams: list[np.random.Generator],
    prompt: list[int],
    specials: Specials,
    options: Options,
    poll: Callable[[], None],
    tell: Callable[[int], None] | None,
) -> list[Drawn]:
    """Draw len(streams) texts side by side; those that end leave the batch."""
    texts = [_Text(specials.end, options.lines, tell) for _ in streams]
    active = np.arange(len(texts))
    seen = _seen(logits, prompt) if options.repetition_penalty != 1.0 else None
    for step in range(options.max_tokens):
        poll()
        if step % AHEAD == 0:
            numbers = np.stack([stream.random(AHEAD) for stream in streams])
        if specials.unknown is not None:
            logits[:, specials.unknown] = -torch.inf
        ids, logprobs = _choose(logits, seen, options, numbers[active, step % AHEAD])
        for row, token, logprob in zip(active, ids.tolist(), logprobs.tolist(), strict=True):
            texts[row].add(token, logprob)
        going = [place for place, row in enumerate(active) if not texts[row].ended]
        if not going or step + 1 == options.max_tokens:
            break
        read = torch.from_numpy(ids).to(logits.device)
        if seen is not None:
            seen.scatter_(1, read[:, None], True)
        if len(going) < len(active):
            keep = torch.tensor(going, device=logits.device)
            active, read = active[going], read[keep]
            state = tuple(tuple(part[keep] for part in layer) for layer in state)
            seen = None if seen is None else seen[keep]
        logits, state = model.step(read, state)
    return [text.drawn() for text in texts]


class _Text:
    """A text under way."""

    def __init__(self, end: int | None, lines: int, tell: Callable[[int], None] | None) -> None:
        self.end, self.lines, self.tell = end, lines, tell
        self.ids: list[int] = []
        self.logprob = 0.0
        self.ended = False

    def add(self, token: int, logprob: float) -> None:
        self.logprob += logprob
        if token == self.end:
            self.lines -= 1
            self.ended = self.lines == 0
        if not self.ended:
            self.ids.append(token)
            if self.tell is not None:
                self.tell(token)

    def drawn(self) -> Drawn:
        return Drawn(tuple(self.ids), self.logprob, ENDED if self.ended else LENGTH)


def _seen(logits: Tensor, prompt: list[int]) -> Tensor:
    seen = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device)
    seen[:, prompt] = True
    return seen


def _choose(
    logits: Tensor, seen: Tensor | None, options: Options, numbers: Numbers
) -> tuple[Ids, Numbers]:
    """From (B, V) and uniform numbers (B,): an id a row (B,), and its log-probability (B,).

    The log-probability is that at temperature 1, without any restriction. Changes `logits`.
    """
    if options.plain:  # one pass of exp serves both
        ids, shares = _found(_weights_(logits), numbers)
        return ids, np.log(shares)
    wanted = logits
    if seen is not None:
        wanted = penalized(logits, seen, options.repetition_penalty)
    if options.greedy:
        ids = wanted.argmax(1).cpu().numpy()
    else:
        warmed = tempered(wanted, options.temperature)
        ids = draw(restricted(warmed, options.top_k, options.top_p), numbers)
    chosen = logits.gather(1, torch.from_numpy(ids).to(logits.device)[:, None])[:, 0]
    return ids, (chosen - logits.logsumexp(1)).cpu().numpy()


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
    return _found(_weights_(logits.clone()), numbers)[0]


def _weights_(logits: Tensor) -> Tensor:
    """exp(logits), the likeliest 1, in the memory of `logits`: a new block of it costs more."""
    return logits.sub_(logits.amax(1, keepdim=True)).exp_()


def _found(weights: Tensor, numbers: Numbers) -> tuple[Ids, Numbers]:
    """Ids (B,) drawn in proportion to weights (B, V), and the share that each has of its row.

    The inverse of the distribution function, found in two stages (a block, then a token in it):
    sums of blocks are cheaper than the running sum over all of V, and more exact in float32. What
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
    return tokens[rows, offset], block[rows, offset] / sums[:, -1]


def _first_above(sums: Numbers, target: Numbers) -> Ids:
    """Where running sums (B, N) first exceed targets (B,), or else where they end rising."""
    end = (sums < sums[:, -1:]).sum(1)
    first: Ids = np.minimum((sums <= target[:, None]).sum(1), end)
    return first
