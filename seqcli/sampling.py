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
AHEAD = 256  # random numbers taken from a stream at a time
BLOCK = 64  # of the two-stage search for a drawn token
ENDED, LENGTH = "end", "length"


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
    single text as soon as it is drawn.
    """
    device = model.output.weight.device
    with torch.inference_mode():
        read = torch.tensor([prompt], device=device)
        first, state = model.logits(read, None)
        for start in range(0, count, TOGETHER):
            rows = range(start, min(start + TOGETHER, count))
            streams = [np.random.default_rng([seed, row]) for row in rows]
            logits = first.expand(len(rows), -1)
            spread = tuple(
                tuple(part.expand(len(rows), -1).contiguous() for part in layer) for layer in state
            )
            yield from _together(
                model, logits, spread, streams, prompt, specials, options, poll, tell
            )


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
    texts = [_Text(specials.end, options.lines) for _ in streams]
    active = np.arange(len(texts))
    seen = _seen(logits, prompt) if options.repetition_penalty != 1.0 else None
    for step in range(options.max_tokens):
        poll()
        if step % AHEAD == 0:
            numbers = np.stack([stream.random(AHEAD) for stream in streams])
        if specials.unknown is not None:
            logits = logits.clone()
            logits[:, specials.unknown] = -torch.inf
        ids = _choose(logits, seen, options, numbers[active, step % AHEAD])
        picked = logits.gather(1, ids[:, None])[:, 0] - logits.logsumexp(1)
        for row, token, logprob in zip(active, ids.tolist(), picked.tolist(), strict=True):
            texts[row].add(token, logprob)
            if tell is not None:
                tell(token)
        going = [place for place, row in enumerate(active) if not texts[row].ended]
        if not going or step + 1 == options.max_tokens:
            break
        if seen is not None:
            seen[torch.arange(len(ids)), ids] = True
        if len(going) < len(active):
            keep = torch.tensor(going, device=logits.device)
            active, ids = active[going], ids[keep]
            state = tuple(tuple(part[keep] for part in layer) for layer in state)
            seen = None if seen is None else seen[keep]
        logits, state = model.logits(ids[:, None], state)
    return [text.drawn() for text in texts]


class _Text:
    """A text under way."""

    def __init__(self, end: int | None, lines: int) -> None:
        self.end, self.lines = end, lines
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

    def drawn(self) -> Drawn:
        return Drawn(tuple(self.ids), self.logprob, ENDED if self.ended else LENGTH)


def _seen(logits: Tensor, prompt: list[int]) -> Tensor:
    seen = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device)
    seen[:, prompt] = True
    return seen


def _choose(
    logits: Tensor, seen: Tensor | None, options: Options, numbers: NDArray[np.float64]
) -> Tensor:
    """One id a row of (B, V) from the uniform numbers (B,)."""
    if seen is not None:
        logits = penalized(logits, seen, options.repetition_penalty)
    if options.greedy:
        return logits.argmax(1)
    # The likeliest at 0 first: no temperature, however small, makes infinities of it.
    scaled = (logits - logits.amax(1, keepdim=True)) / options.temperature
    kept = restricted(scaled, options.top_k, options.top_p)
    return draw(kept, torch.from_numpy(numbers).to(logits.device, torch.float32))


def penalized(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits of tokens already seen are divided by `penalty` if positive, else multiplied.

    Keskar et al. 2019 (CTRL). logits (B, V), seen (B, V) -> (B, V).
    """
    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, lowered, logits)


def restricted(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """Minus infinity for all but the k likeliest, and but the fewest that hold probability p.

    Top-p is nucleus sampling (Holtzman et al. 2020), after top-k; the likeliest always stays, and
    of equal ones the lower ids. (B, V) -> (B, V).
    """
    if not (0 < top_k < logits.shape[1]) and top_p >= 1.0:
        return logits
    ranked, order = logits.sort(stable=True, dim=1, descending=True)
    drop = torch.zeros_like(ranked, dtype=torch.bool)
    if top_k:
        drop[:, top_k:] = True
    if top_p < 1.0:
        shares = ranked.masked_fill(drop, -torch.inf).softmax(1, dtype=torch.float64)
        before = shares.cumsum(1) - shares
        drop |= before >= top_p
        drop[:, 0] = False
    return logits.masked_fill(drop.gather(1, order.argsort(1)), -torch.inf)


def draw(logits: Tensor, numbers: Tensor) -> Tensor:
    """One id a row from softmax(logits): (B, V) and uniform numbers (B,) in [0, 1) -> (B,).

    The inverse of the distribution function, found in two stages (a block, then a token in it):
    sums of blocks are cheaper than the running sum over all of V, and more exact in float32.
    """
    batch, size = logits.shape
    weights = (logits - logits.amax(1, keepdim=True)).exp()
    short = -size % BLOCK
    blocks = torch.nn.functional.pad(weights, (0, short)).view(batch, -1, BLOCK)
    sums = blocks.sum(2, dtype=torch.float64).cumsum(1)  # (B, V / BLOCK)
    target = (numbers.double() * sums[:, -1])[:, None]
    place = (sums <= target).sum(1).clamp(max=sums.shape[1] - 1)
    rows = torch.arange(batch, device=logits.device)
    before = torch.where(place > 0, sums[rows, (place - 1).clamp(min=0)], 0.0)
    inside = blocks[rows, place].double().cumsum(1)  # (B, BLOCK)
    offset = (inside <= target - before[:, None]).sum(1).clamp(max=BLOCK - 1)
    ids = place * BLOCK + offset
    # Rounding may end on a token without probability: take the likeliest instead.
    impossible = weights[rows, ids.clamp(max=size - 1)] == 0
    return torch.where(impossible | (ids >= size), logits.argmax(1), ids)
