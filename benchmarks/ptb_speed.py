"""Words a second of seqcli's training step beside the textbook loop, in turn, in one process.

    python benchmarks/ptb_speed.py small medium

The textbook loop: nn.Embedding, nn.LSTM, nn.Linear, cross_entropy, clip_grad_norm_, SGD, float32.
Same text, columns, steps, dropout and threads. Text: $SEQCLI_DATA/ptb, else the bundled sample
with a vocabulary of 10,000 all the same.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from seqcli.corpus import load_corpus
from seqcli.device import Runtime, choose_precision, keep_freed_memory, set_threads
from seqcli.interrupts import interrupts
from seqcli.kinds.language_model import LanguageModel, Text
from seqcli.optim import Updater
from seqcli.readers.plain_text import text_source
from seqcli.taskfile import resolve, sample_path
from seqcli.training import TrainState, fit
from seqcli.vocab import Vocab

VOCABULARY = 10_000


class Textbook(nn.Module):
    """word_language_model, as every tutorial has it."""

    def __init__(self, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, hidden)
        self.lstm = nn.LSTM(hidden, hidden, layers, dropout=dropout, batch_first=True)
        self.output = nn.Linear(hidden, VOCABULARY)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids, state):
        outputs, state = self.lstm(self.dropout(self.embedding(ids)), state)
        return self.output(self.dropout(outputs)), state


def textbook_steps(config, columns):
    """A generator: one update at each `next`."""
    model = Textbook(config.model.sizes[0], len(config.model.sizes), config.model.dropout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    state = None
    while True:
        for index in range(len(columns)):
            window = columns[index]
            optimizer.zero_grad()
            if state is not None:
                state = tuple(part.detach() for part in state)
            logits, state = model(window.ids, state)
            loss = F.cross_entropy(logits.flatten(0, 1), window.targets.flatten())
            (loss * config.train.steps).backward()
            nn.utils.clip_grad_norm_(model.parameters(), config.train.clip)
            optimizer.step()
            yield loss.item()


def seqcli_steps(config, text, runtime):
    """The events of `fit`, one update at each `next`."""
    kind = LanguageModel(config, Vocab([f"w{i}" for i in range(VOCABULARY)]))
    model = kind.build(torch.Generator().manual_seed(1))
    state = TrainState(model, Updater(model, config.train))
    return fit(kind, {"train": text}, state, config.train, runtime, poll=interrupts.poll)


def stream() -> np.ndarray:
    data = resolve("ptb").config.data
    root = os.environ.get("SEQCLI_DATA")
    path = Path(root) / "ptb" if root else sample_path("words")
    print(f"text: {path}")
    return load_corpus(text_source(path, data), data, None, lambda: None).streams["train"]


def measure(preset: str, ids: np.ndarray, rounds: int, updates: int) -> None:
    config = resolve("ptb", preset).config
    threads = set_threads(None)
    precision = choose_precision("auto", torch.device("cpu"), True)
    text = Text(ids, 0.0)
    kind = LanguageModel(config, Vocab([]))
    ours = seqcli_steps(config, text, Runtime(torch.device("cpu"), precision, threads))
    runs = {"textbook": textbook_steps(config, kind.batches(text, 1)), "seqcli": ours}
    words = config.train.batch_size * config.train.steps * updates
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, steps in runs.items():
            begun = time.perf_counter()
            for _ in range(updates):
                next(steps)
            if turn:  # the first warms up
                speeds[name].append(words / (time.perf_counter() - begun))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    ratios = [b / a for a, b in zip(speeds["textbook"], speeds["seqcli"], strict=True)]
    print(f"{preset}: {threads} threads, {precision}, {rounds} rounds of {updates} updates")
    for name, median in medians.items():
        low, high = min(speeds[name]), max(speeds[name])
        print(f"  {name:9} {median:9,.0f} words/s  ({low:,.0f} to {high:,.0f})")
    print(f"  ratio     {statistics.median(ratios):9.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    if "--keep" in sys.argv:  # glibc keeps freed memory: helps the textbook loop too
        keep_freed_memory()
    ids = stream()
    for name in [arg for arg in sys.argv[1:] if not arg.startswith("-")] or ["small", "medium"]:
        measure(name, ids, *((5, 20) if name == "small" else (5, 4)))
