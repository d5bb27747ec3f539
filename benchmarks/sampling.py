"""Tokens a second of seqcli's sampling beside the textbook loop, in turn, in one process.

The textbook loop: nn.Embedding, nn.LSTM, nn.Linear, log_softmax, exp, torch.multinomial,
one text, float32, an unknown word drawn again.
Same sizes (PTB, 10,000 words), same threads, random weights. seqcli draws one text, then 64, in the
precision that `seqcli sample` chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from rows import OURS, Row, in_turn, seconds, tell
from torch import nn

from seqcli.device import choose_precision, keep_freed_memory, set_threads
from seqcli.drawing import Options
from seqcli.kinds import networks
from seqcli.nn.stepping import bfloat16_pays
from seqcli.sampling import Specials, generate
from seqcli.taskfile import resolve

VOCABULARY, TEXTS, UNKNOWN = 10_000, 64, 0
TEXTBOOK = "textbook loop, one text"
TARGETS = {1: 3.0, TEXTS: 40.0}
ROUNDS = 9  # a short row on a noisy machine


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


def runs(preset: str, tokens: int) -> tuple[dict[int, Callable[[], float]], Callable[[], float]]:
    """Tokens a second of seqcli by how many texts at once, and of the textbook loop."""
    model = resolve("ptb", preset).config.model
    textbook = Textbook(model.sizes[0], len(model.sizes)).eval()
    network = networks.language_model(model, VOCABULARY, torch.Generator().manual_seed(1)).eval()
    options, specials = Options(max_tokens=tokens), Specials(UNKNOWN, None)

    def ours(count: int) -> float:
        half = choose_precision("auto", torch.device("cpu"), bfloat16_pays(network, count))
        write = generate(network, [1], specials, options, seed=1, count=count, half=half == "bf16")
        return tokens * count / seconds(lambda: list(write))

    return (
        {count: lambda count=count: ours(count) for count in TARGETS},
        lambda: tokens / seconds(lambda: textbook.write(tokens)),
    )


def measure() -> Iterator[Row]:
    """Networks of PTB small and medium."""
    keep_freed_memory()  # as `seqcli sample` does; helps the textbook loop too
    threads = set_threads(None)
    for preset, tokens in (("small", 200), ("medium", 100)):
        ours, textbook = runs(preset, tokens)
        found = in_turn({**{str(count): run for count, run in ours.items()}, "": textbook}, ROUNDS)
        for count, target in TARGETS.items():
            values = {OURS: found[str(count)], TEXTBOOK: found[""]}
            name = f"sampling PTB {preset}, {count} at once"
            yield Row(name, "words/s", values, target=target, note=f"{threads} threads")


if __name__ == "__main__":
    tell(measure)
