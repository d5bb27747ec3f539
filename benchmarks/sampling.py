"""Tokens a second of seqcli's sampling beside the textbook loop, in turn.

The textbook loop: nn.Embedding, nn.LSTM, nn.Linear, log_softmax, exp, torch.multinomial,
one text, float32, an unknown word drawn again.
Same sizes (PTB, 10,000 words), same threads, random weights. seqcli draws one text, then 64, in the
precision that `seqcli sample` chooses. New processes for every round. The textbook loop is as users
have it: at medium, where memory is handed back and taken anew for every word, seqcli's allocator
settings make it three times as fast (put these before the command to see it:
MALLOC_TRIM_THRESHOLD_=2147483647 MALLOC_MMAP_THRESHOLD_=1073741824).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from rows import OURS, Row, afresh, answer, rates, tell, worker
from torch import nn

from seqcli.answers.options import Options
from seqcli.answers.sampling import Specials, generate
from seqcli.kinds.language_model.network import language_model
from seqcli.machine.device import choose_precision, keep_freed_memory, set_threads
from seqcli.nn.stepping import bfloat16_pays
from seqcli.tasks.taskfile import resolve

VOCABULARY, TEXTS, UNKNOWN = 10_000, 64, 0
TEXTBOOK = "textbook loop, one text"
TARGETS = {1: 3.0, TEXTS: 40.0}
TOKENS = {"small": 400, "medium": 200}


class Textbook(nn.Module):
    """word_language_model's generate.py, as every tutorial has it."""

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, hidden)
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, VOCABULARY)

    @torch.no_grad()
    def write(self, tokens: int) -> None:
        token, state = torch.tensor([[1]]), None
        for _ in range(tokens):
            outputs, state = self.lstm(self.embedding(token), state)
            weights = self.output(outputs[0, 0]).log_softmax(0).div(1.0).exp()
            word = torch.multinomial(weights, 1)
            while word.item() == UNKNOWN:  # drawn again
                word = torch.multinomial(weights, 1)
            token.fill_(word.item())


def seqcli_writes(preset: str, tokens: int, count: int) -> Callable[[], object]:
    """Writes so many texts of so many tokens, as `seqcli sample` sets itself up."""
    keep_freed_memory()
    model = resolve("ptb", preset).config.model
    network = language_model(model, VOCABULARY, torch.Generator().manual_seed(1)).eval()
    options, specials = Options(max_tokens=tokens), Specials(UNKNOWN, None)
    half = choose_precision("auto", torch.device("cpu"), bfloat16_pays(network, count)) == "bf16"
    return lambda: list(generate(network, [1], specials, options, seed=1, count=count, half=half))


def textbook_writes(preset: str, tokens: int) -> Callable[[], object]:
    """Writes one text of so many tokens."""
    model = resolve("ptb", preset).config.model
    textbook = Textbook(model.sizes[0], len(model.sizes)).eval()
    return lambda: textbook.write(tokens)


def work(program: str, preset: str, tokens: str, count: str) -> None:
    """In the worker."""
    set_threads(None)
    if program == OURS:
        answer(seqcli_writes(preset, int(tokens), int(count)))
    else:
        answer(textbook_writes(preset, int(tokens)))


def measure() -> Iterator[Row]:
    """Networks of PTB small and medium."""
    for preset, tokens in TOKENS.items():
        for count, target in TARGETS.items():
            programs = (OURS, TEXTBOOK)
            commands = {name: worker(__file__, name, preset, tokens, count) for name in programs}
            taken, _ = afresh(commands)
            speed = rates(tokens, taken)
            speed[OURS] = [value * count for value in speed[OURS]]
            yield Row(f"sampling PTB {preset}, {count} at once", "words/s", speed, target=target)


if __name__ == "__main__":
    tell(measure, work)
