"""Drawing texts from a language model, token by token; the random numbers are an argument.

The unknown word's probability is removed before every draw, which is the same as drawing again
until it is not drawn. The end mark takes part in the draw and ends the text; it is outside of the
repetition penalty, and so is what the program itself put before a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from seqcli.answers.drawing import choose
from seqcli.answers.options import Options
from seqcli.nn.cells import State
from seqcli.nn.drawing import Numbers
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
    """Ids that are not like others; None where the vocabulary has no such row.

    start: what an empty prompt is read as, the program's own: it is not said, and not in the text.
    starts: where there is none, how often each id began a text that was trained on.
    carries: whether what follows an end mark knows of what stands before it.
    """

    unknown: int | None = None
    end: int | None = None
    start: int | None = None
    starts: Mapping[int, int] = field(default_factory=dict)
    carries: bool = True


def generate(
    model: LanguageModel,
    prompt: list[int],
    specials: Specials,
    options: Options,
    *,
    seed: int,
    count: int,
    first: int = 0,
    half: bool = False,
    poll: Callable[[], None] = lambda: None,
    tell: Callable[[int], None] | None = None,
) -> Iterator[Drawn]:
    """`count` texts that go on from `prompt`, in order; the model in eval mode.

    Text i, counted from `first`, takes its random numbers from the stream (seed, i). `half`:
    products in bfloat16. `tell` hears every token of a single text as soon as it is drawn, but not
    the end mark that closes it.
    """
    with torch.inference_mode():
        begun = _Begun.of(model, prompt, specials, poll)
        stepper = Stepper(model, half=half, without=specials.unknown)
    end = first + count
    for start in range(first, end, TOGETHER):
        texts = [
            _Text(np.random.default_rng([seed, row]), specials.end, options.lines, tell)
            for row in range(start, min(start + TOGETHER, end))
        ]
        with torch.inference_mode():
            batch = begun.spread(texts, penalty=options.repetition_penalty != 1.0)
            _together(model, stepper, batch, options, specials.carries, poll)
        for text in texts:  # outside of inference mode, which would hold for the caller too
            yield text.drawn()


@dataclass(frozen=True)
class _Begun:
    """What all texts have in common: of the next token logits (1, V), or outputs (1, H) and state.

    said (1, V): which tokens the prompt holds; marks are not said.
    """

    said: Tensor
    end: int | None
    logits: Tensor | None = None
    outputs: Tensor | None = None
    state: tuple[State, ...] = ()
    nodes: Tensor | None = None  # (1, N - 1), where n-grams stand beside the network

    @classmethod
    def of(
        cls, model: LanguageModel, prompt: list[int], specials: Specials, poll: Callable[[], None]
    ) -> _Begun:
        """The prompt read, or the start in its place; or neither: texts begin as others did."""
        bias = model.output.bias
        said = torch.zeros_like(bias, dtype=torch.bool)
        said[prompt] = True
        if specials.end is not None:
            said[specials.end] = False
        read = [specials.start] if not prompt and specials.start is not None else prompt
        nodes = None if model.grams is None else model.grams.nowhere(1)
        if not read:
            logits = _starting(specials, bias)[None]
            return cls(said[None], specials.end, logits=logits, nodes=nodes)
        ids = torch.tensor([read], device=bias.device)
        outputs, state = model(ids[:, :READ], None)
        for start in range(READ, len(read), READ):
            poll()
            outputs, state = model(ids[:, start : start + READ], state)
        if model.grams is not None and nodes is not None:
            for token in ids[:, -model.grams.orders :].unbind(1):
                nodes = model.grams.read(token, nodes)
        return cls(said[None], specials.end, outputs=outputs[:, -1], state=state, nodes=nodes)

    def spread(self, texts: list[_Text], *, penalty: bool) -> _Batch:
        """A row for each text."""

        def rows(value: Tensor | None) -> Tensor | None:
            return None if value is None else value.repeat(len(texts), 1)

        state = tuple(tuple(part.repeat(len(texts), 1) for part in layer) for layer in self.state)
        said = rows(self.said) if penalty else None
        logits, outputs, nodes = rows(self.logits), rows(self.outputs), rows(self.nodes)
        return _Batch(texts, self.end, said, logits, outputs, state, nodes)


def _starting(specials: Specials, bias: Tensor) -> Tensor:
    """Logits (V,) of a text's first token; all alike where the model file does not say."""
    logits = torch.full_like(bias, -torch.inf if specials.starts else 0.0)
    for token, times in specials.starts.items():
        logits[token] = math.log(times)
    if specials.unknown is not None:
        logits[specials.unknown] = -torch.inf
    return logits


@dataclass
class _Batch:
    """Texts under way side by side: a row each of all that is known of them."""

    texts: list[_Text]
    end: int | None
    said: Tensor | None  # (B, V), what is penalized; None without a penalty
    logits: Tensor | None  # (B, V) of the first token, where nothing was read before it: or else
    outputs: Tensor | None  # (B, H) of the stack
    state: tuple[State, ...]
    nodes: Tensor | None = None  # (B, N - 1) of the n-grams beside the network
    numbers: Numbers = field(default_factory=lambda: np.empty((0, 0)))  # (B, AHEAD), the next ones

    def take_numbers(self) -> None:
        """Random numbers for the next AHEAD tokens, each row's from its own stream.

        In one array: 64 streams asked for a number each would drive the logits out of the cache.
        """
        self.numbers = np.stack([text.stream.random(AHEAD) for text in self.texts])

    def next_logits(self, stepper: Stepper) -> Tensor:
        """Of the next token, (B, V)."""
        if self.outputs is not None:
            logits = stepper.logits(self.outputs)
            return logits if self.nodes is None else stepper.joined(logits, self.nodes)
        if self.logits is None:
            raise ValueError("neither outputs nor logits")
        return self.logits

    def say(self, ids: Tensor) -> None:
        """Tokens (B,) are said from now on; an end mark is none."""
        if self.said is not None:
            self.said.scatter_(1, ids[:, None], True)
            if self.end is not None:
                self.said[:, self.end] = False

    def forget(self, ids: Tensor) -> None:
        """Rows whose token of ids (B,) is an end mark begin anew, from the zero state."""
        kept = ids.ne(-1 if self.end is None else self.end)[:, None]
        self.state = tuple(tuple(part * kept for part in layer) for layer in self.state)

    def only(self, rows: list[int]) -> _Batch:
        """These rows, the whole of each; the others have ended."""

        def kept(value: Tensor | None) -> Tensor | None:
            return None if value is None else value[rows]

        state = tuple(tuple(part[rows] for part in layer) for layer in self.state)
        texts = [self.texts[row] for row in rows]
        said, outputs, nodes = kept(self.said), kept(self.outputs), kept(self.nodes)
        return _Batch(texts, self.end, said, None, outputs, state, nodes, self.numbers[rows])


def _together(
    model: LanguageModel,
    stepper: Stepper,
    batch: _Batch,
    options: Options,
    carries: bool,
    poll: Callable[[], None],
) -> None:
    """Draw the texts side by side; those that end leave the batch."""
    for step in range(options.max_tokens):
        poll()
        if step % AHEAD == 0:
            batch.take_numbers()
        outputs = batch.outputs
        logits = batch.next_logits(stepper)
        numbers = batch.numbers[:, step % AHEAD]
        found, chosen, scale = choose(logits, batch.said, options, numbers)
        ids = torch.from_numpy(found).to(logits.device)
        if stepper.half and outputs is not None and batch.nodes is None:
            chosen = stepper.logit(outputs, ids).cpu().numpy()
        logprobs = (chosen - scale).tolist()
        for text, token, logprob in zip(batch.texts, found.tolist(), logprobs, strict=True):
            text.add(token, logprob)
        going = [row for row, text in enumerate(batch.texts) if not text.ended]
        if not going or step + 1 == options.max_tokens:
            return
        batch.say(ids)
        if len(going) < len(batch.texts):
            batch, ids = batch.only(going), ids[going]
        if not carries and options.lines > 1:
            batch.forget(ids)
        if outputs is None:  # the first token is the first that is read
            every, batch.state = model(ids[:, None], None)
            batch.outputs = every[:, -1]
        else:
            batch.outputs, batch.state = stepper.advance(ids, batch.state)
        if stepper.grams is not None and batch.nodes is not None:
            batch.nodes = stepper.grams.read(ids, batch.nodes)


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
