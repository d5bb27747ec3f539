"""How training a language model grows with its hidden size and its vocabulary.

Two LSTM layers at PTB small's batch and steps (20 × 20), embedding as wide as the layers, beside
the textbook loop: words a second in turn, and peak memory, a process for each.
The softmax is the whole one at every size: the perplexity that is reported is exact.
"""

from __future__ import annotations

from collections.abc import Iterator

from ptb import commands
from rows import Row, afresh, rates, tell

HIDDEN = (128, 256, 512, 1024)
VOCABULARIES = (10_000, 20_000, 50_000, 100_000)
ROUNDS = 3
WINDOW = 20 * 20  # words of an update


def point(name: str, hidden: int, vocabulary: int) -> Iterator[Row]:
    """Speed and memory of one size, in rounds of about half a second."""
    updates = min(40, max(2, 400_000_000 // (hidden * (vocabulary + 16 * hidden))))
    taken, memory = afresh(commands("small", updates, hidden, vocabulary), ROUNDS)
    yield Row(f"training, {name}", "words/s", rates(WINDOW * updates, taken))
    yield Row(f"peak memory of training, {name}", "MB", memory, more=False)


def measure() -> Iterator[Row]:
    """Hidden size, then vocabulary."""
    for hidden in HIDDEN:
        yield from point(f"hidden {hidden:,}", hidden, 10_000)
    for vocabulary in VOCABULARIES:
        yield from point(f"vocabulary {vocabulary:,}", 200, vocabulary)


if __name__ == "__main__":
    tell(measure)
