"""What the machine allows, beside what seqcli takes.

Training: the matrix products of an update at the measured rate of large ones, and one pass over the
weights (gradient written and read, weight read and written, float32) at the measured bandwidth.
Sampling one text: the same products of one row by themselves, in a loop, from warm caches.
What is left is the recurrence, in small steps that wait for each other, and element-wise work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import ptb
import sampling
import torch
from rows import OURS, ROUNDS, Row, afresh, in_turn, seconds, skip, tell

from seqcli.machine.device import (
    choose_precision,
    cpu_has_bfloat16,
    keep_freed_memory,
    set_threads,
)
from seqcli.nn.stepping import LARGE, Product
from seqcli.settings.config import Config
from seqcli.tasks.taskfile import resolve

SIDE, COPIED = 2048, 256 << 20  # of a square matrix; bytes
TOKENS = 100


def products(side: int = SIDE) -> dict[str, float]:
    """Multiply-adds a second of square products, by precision.

    Where oneDNN has no bfloat16 a single large one takes minutes.
    """
    found = {"fp32": rate(torch.float32, side)}
    if cpu_has_bfloat16():
        found["bf16"] = rate(torch.bfloat16, side)
    else:
        skip("matrix products, bf16", "oneDNN has none on this processor, or may not use them")
    return found


def rate(dtype: torch.dtype, side: int) -> float:
    """Multiply-adds a second of a square product."""
    left, right = torch.randn(2, side, side).to(dtype).unbind()
    return side**3 / least(lambda: left @ right)


def bandwidth() -> float:
    """Bytes a second, read and written, of a copy that no cache holds."""
    source = torch.zeros(COPIED, dtype=torch.uint8)
    target = torch.empty_like(source)
    return 2 * COPIED / least(lambda: target.copy_(source))


def least(work: Callable[[], object]) -> float:
    """Seconds of the fastest of a few."""
    return min(seconds(work) for _ in range(2 * ROUNDS))


def matrices(config: Config) -> list[tuple[int, int]]:
    """(outputs, inputs) of every product that a token takes."""
    widths = [config.model.embed, *config.model.sizes]
    layers = [(4 * size, inputs + size) for inputs, size in pairwise(widths)]
    return [*layers, (ptb.VOCABULARY, widths[-1])]


def update(preset: str, fastest: float, copies: float) -> Row:
    """Milliseconds of an update, and its floors."""
    config = resolve("ptb", preset).config
    updates, _ = ptb.PRESETS[preset]
    taken, _ = afresh({OURS: ptb.commands(preset, updates)[OURS]})
    weights = sum(rows * columns for rows, columns in matrices(config))
    tokens = config.train.batch_size * config.train.steps
    values = {
        OURS: [value / updates * 1e3 for value in taken[OURS]],
        "matrix products at the measured rate": [3e3 * weights * tokens / fastest] * ROUNDS,
        "one pass over weights and gradients": [16e3 * weights / copies] * ROUNDS,
    }
    return Row(f"floor of an update, PTB {preset}", "ms", values, more=False, reference=True)


def token(preset: str) -> Row:
    """Milliseconds of one text's next word, and of its products alone."""
    write = sampling.seqcli_writes(preset, TOKENS, 1)
    sizes = matrices(resolve("ptb", preset).config)
    large = sum(rows * columns for rows, columns in sizes) >= LARGE
    half = choose_precision("auto", torch.device("cpu"), large) == "bf16"
    weights = [Product(torch.randn(rows, columns), None, half) for rows, columns in sizes]
    inputs = [torch.randn(1, columns) for _, columns in sizes]

    @torch.inference_mode()
    def alone() -> None:
        for _ in range(TOKENS):
            for product, x in zip(weights, inputs, strict=True):
                product(x)

    runs = {
        OURS: lambda: seconds(write) / TOKENS * 1e3,
        "its products alone": lambda: seconds(alone) / TOKENS * 1e3,
    }
    name = f"floor of sampling a word, PTB {preset}"
    return Row(name, "ms", in_turn(runs), more=False, reference=True)


def measure() -> Iterator[Row]:
    """The machine, then training and sampling."""
    keep_freed_memory()
    set_threads(None)
    rates = products()
    for name, found in rates.items():
        yield Row(f"matrix products, {name}", "GFLOP/s", {"torch": [2e-9 * found]})
    copies = bandwidth()
    yield Row("memory, read and written", "GB/s", {"torch": [copies / 1e9]})
    fastest = rates[choose_precision("auto", torch.device("cpu"), True)]
    for preset in ptb.PRESETS:
        yield update(preset, fastest, copies)
    for preset in ptb.PRESETS:
        yield token(preset)


if __name__ == "__main__":
    tell(measure)
