"""Tokens a second of seqcli's sampling beside the textbook loop, in turn, in one process.

    python benchmarks/sampling_speed.py small medium

The textbook loop: nn.Embedding, nn.LSTM, nn.Linear, log_softmax, exp, torch.multinomial,
one text, float32, an unknown word drawn again.
Same sizes (PTB, 10,000 words), same threads, random weights. seqcli draws one text, then 64, in
float32 and in the precision that `seqcli sample` chooses.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from seqcli.device import choose_precision, keep_freed_memory, set_threads
from seqcli.drawing import Options
from seqcli.kinds import networks
from seqcli.nn.stepping import bfloat16_pays
from seqcli.sampling import Specials, generate
from seqcli.taskfile import resolve

VOCABULARY = 10_000
TEXTS = 64
UNKNOWN = 0
CPU = torch.device("cpu")


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


def seconds(work: Callable[[], object], tokens: int) -> float:
    """For one token."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) / tokens


def measure(preset: str, rounds: int, tokens: int, threads: int) -> None:
    model = resolve("ptb", preset).config.model
    textbook = Textbook(model.sizes[0], len(model.sizes)).eval()
    draw = torch.Generator().manual_seed(1)
    network = networks.language_model(model, VOCABULARY, draw).eval()
    options, specials = Options(max_tokens=tokens), Specials(UNKNOWN, None)

    def ours(count: int, precision: str) -> None:
        half = precision == "bf16"
        list(generate(network, [1], specials, options, seed=1, count=count, half=half))

    runs: dict[str, tuple[Callable[[], object], int]] = {
        "textbook": (lambda: textbook.write(tokens), tokens)
    }
    for count in (1, TEXTS):
        auto = choose_precision("auto", CPU, bfloat16_pays(network, count))
        for precision in ("fp32", "bf16"):
            name = f"{count} at once, {precision}" + (" (auto)" if precision == auto else "")
            runs[name] = partial(ours, count, precision), tokens * count
    found: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        times = [seconds(work, count) for work, count in runs.values()]
        if turn:  # the first warms up
            for name, value in zip(found, times, strict=True):
                found[name].append(value)
    print(f"{preset}: {threads} threads, {rounds} rounds of {tokens} tokens a text")
    for name, values in found.items():
        ratios = [a / b for a, b in zip(found["textbook"], values, strict=True)]
        print(
            f"  {name:23} {1 / statistics.median(values):9,.0f} tokens/s"
            f"  ratio {statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            f"  best {min(values) * 1e3:.3f} ms"
        )


if __name__ == "__main__":
    keep_freed_memory()  # as `seqcli sample` does; helps the textbook loop too
    arguments = [argument for argument in sys.argv[1:] if not argument.isdigit()]
    asked = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    threads = set_threads(asked[0] if asked else None)
    for name in arguments or ["small", "medium"]:
        measure(name, *((9, 200) if name == "small" else (5, 100)), threads)
