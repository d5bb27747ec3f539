"""Drawing texts from a language model, token by token; the random numbers are an argument.

The unknown word's probability is removed before every draw, which is the same as drawing again
until it is not drawn. The end mark takes part in the draw and ends the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqcli.answers.drawing import Options, choose
from seqcli.nn.cells import State
from seqcli.nn.models import LanguageModel
from seqcli.nn.stepping import Stepper

TOGETHER = 64  # texts drawn at once: a product with 64 rows costs little more than with one
READ = 4096  # tokens of the prompt read at a time: bounded memory
AHEAD = 256  # random numbers taken from a stream at a time
ENDED, LENGTH = "end", "length"


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
    half: bool = False,
    poll: Callable[[], None] = lambda: None,
    tell: Callable[[int], None] | None = None,
) -> Iterator[Drawn]:
    """`count` texts that go on from `prompt` (at least one id), in order; the model in eval mode.

    Text i takes its random numbers from the stream (seed, i). `half`: products in bfloat16. `tell`
    hears every token of a single text as soon as it is drawn, but not the end mark that closes it.
    """
    with torch.inference_mode():
        first, state = _read(model, prompt, poll)
        stepper = Stepper(model, half=half, without=specials.unknown)
    for start in range(0, count, TOGETHER):
        texts = [
            _Text(np.random.default_rng([seed, row]), specials.end, options.lines, tell)
            for row in range(start, min(start + TOGETHER, count))
        ]
        with torch.inference_mode():
            spread = tuple(tuple(part.repeat(len(texts), 1) for part in layer) for layer in state)
            outputs = first.repeat(len(texts), 1)
            _together(stepper, outputs, spread, texts, prompt, options, poll)
        for text in texts:  # outside of inference mode, which would hold for the caller too
            yield text.drawn()


def _read(
    model: LanguageModel, prompt: list[int], poll: Callable[[], None]
) -> tuple[Tensor, tuple[State, ...]]:
    """The stack's outputs (1, H) after the prompt, and the state."""
    ids = torch.tensor([prompt], device=model.output.weight.device)
    outputs, state = model(ids[:, :READ], None)
    for start in range(READ, len(prompt), READ):
        poll()
        outputs, state = model(ids[:, start : start + READ], state)
    return outputs[:, -1], state


def _together(
    stepper: Stepper,
    outputs: Tensor,
    state: tuple[State, ...],
    texts: list[_Text],
    prompt: list[int],
    options: Options,
    poll: Callable[[], None],
) -> None:
    """Draw the texts side by side; those that end leave the batch."""
    seen = None
    for step in range(options.max_tokens):
        poll()
        if step % AHEAD == 0:
            numbers = np.stack([text.stream.random(AHEAD) for text in texts])
        logits = stepper.logits(outputs)
        if seen is None and options.repetition_penalty != 1.0:
            seen = _seen(logits, prompt)
        ids, chosen, scale = choose(logits, seen, options, numbers[:, step % AHEAD])
        read = torch.from_numpy(ids).to(logits.device)
        if stepper.half:
            chosen = stepper.logit(outputs, read).cpu().numpy()
        logprobs = chosen - scale
        for text, token, logprob in zip(texts, ids.tolist(), logprobs.tolist(), strict=True):
            text.add(token, logprob)
        going = [place for place, text in enumerate(texts) if not text.ended]
        if not going or step + 1 == options.max_tokens:
            break
        if seen is not None:
            seen.scatter_(1, read[:, None], True)
        if len(going) < len(texts):
            keep = torch.tensor(going, device=logits.device)
            texts, numbers, read = [texts[place] for place in going], numbers[going], read[keep]
            state = tuple(tuple(part[keep] for part in layer) for layer in state)
            seen = None if seen is None else seen[keep]
        outputs, state = stepper.advance(read, state)


class _Text:
    """A text under way, and where its random numbers come from."""

    def __init__(
        self,
        stream: np.random.Generator,
        end: int | None,
        lines: int,
        tell: Callable[[int], None] | None,
    ) -> None:
        self.stream, self.end, self.lines, self.tell = stream, end, lines, tell
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
