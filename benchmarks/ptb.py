"""Words a second of seqcli's training step beside the textbook loop, in turn.

The textbook loop: nn.Embedding, nn.LSTM, nn.Linear, cross_entropy, clip_grad_norm_, SGD, float32.
Same text, columns, steps, dropout and threads; a process for each, as users have it. Text: Penn
Treebank, else the bundled sample with a vocabulary of 10,000 all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from rows import OURS, REAL, Row, afresh, answer, rates, real, tell, worker
from torch import nn
from torch.nn import functional as F

from seqcli.data.corpus import load_corpus
from seqcli.interrupts import interrupts
from seqcli.kinds.language_model.kind import LanguageModel, Text
from seqcli.machine.device import keep_freed_memory, set_threads, training_runtime
from seqcli.readers import discover
from seqcli.settings.config import Config
from seqcli.tasks.taskfile import resolve, sample_path
from seqcli.text.vocab import Vocab
from seqcli.training.checkpoint import parameters
from seqcli.training.loop import fit
from seqcli.training.state import TrainState

VOCABULARY = 10_000
TEXTBOOK = "textbook PyTorch loop"
PRESETS = {"small": (60, 2.6), "medium": (10, 2.2)}  # updates a round, target


class Textbook(nn.Module):
    """word_language_model, as every tutorial has it."""

    def __init__(self, vocabulary: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.lstm = nn.LSTM(hidden, hidden, layers, dropout=dropout, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids, state):
        outputs, state = self.lstm(self.dropout(self.embedding(ids)), state)
        return self.output(self.dropout(outputs)), state


def textbook_steps(config: Config, vocabulary: int, columns) -> Iterator[float]:
    """One update at each `next`."""
    sizes = config.model.sizes
    model = Textbook(vocabulary, sizes[0], len(sizes), config.model.dropout)
    optimizer = torch.optim.SGD(model.parameters(), lr=config.train.lr)
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


def seqcli_steps(config: Config, vocabulary: int, text: Text, threads: int | None) -> Iterator:
    """The events of `fit`, one update at each `next`."""
    kind = LanguageModel(config, Vocab([f"w{i}" for i in range(vocabulary)]))
    model = kind.build(torch.Generator().manual_seed(1))
    runtime = training_runtime(
        "cpu",
        threads,
        "auto",
        bfloat16_helps=True,
        multiply_adds=1 << 30,
        rows=config.train.batch_size,
        numbers=parameters(model),
    )
    state = TrainState.fresh(model, config.train)
    return fit(kind, {"train": text}, state, config.train, runtime, poll=interrupts.poll)


def program(
    name: str, config: Config, vocabulary: int, ids: np.ndarray, threads: int | None = None
) -> Iterator:
    """One of the two, an update at each `next`; seqcli as `seqcli train` sets itself up."""
    text = Text(ids, 0.0)
    if name == TEXTBOOK:
        set_threads(threads)
        return textbook_steps(config, vocabulary, LanguageModel(config, Vocab([])).batches(text, 1))
    keep_freed_memory()
    return seqcli_steps(config, vocabulary, text, threads)


def commands(preset: str, *sizes: int) -> dict[str, list[object]]:
    """A worker for each program; each trains so many updates whenever it is asked."""
    return {name: worker(__file__, name, preset, *sizes) for name in (OURS, TEXTBOOK)}


def work(name: str, preset: str, updates: str, *sizes: str) -> None:
    """In the worker. With hidden size and vocabulary: these, over words drawn by Zipf's law."""
    config = resolve("ptb", preset).config
    if sizes:
        hidden, vocabulary = map(int, sizes)
        model = replace(config.model, hidden=(hidden, hidden), embed=hidden)
        steps = program(name, replace(config, model=model), vocabulary, zipf(vocabulary))
    else:
        steps = program(name, config, VOCABULARY, stream())
    answer(lambda: [next(steps) for _ in range(int(updates))])


def stream() -> np.ndarray:
    """The training text's ids."""
    data = resolve("ptb").config.data
    path = real("ptb") if REAL else sample_path("words")
    return load_corpus(discover(path, data, ("text",)), data, None, lambda: None).streams["train"]


def zipf(vocabulary: int) -> np.ndarray:
    """Ids by Zipf's law, as words come."""
    ranks = 1 / np.arange(1, vocabulary + 1)
    draw = np.random.default_rng(1)
    return draw.choice(vocabulary, 200_000, p=ranks / ranks.sum()).astype(np.int32)


def measure() -> Iterator[Row]:
    """Small and medium: words a second, and memory."""
    for preset, (updates, target) in PRESETS.items():
        config = resolve("ptb", preset).config
        name = f"PTB {preset} (LSTM {config.model.sizes[0]} × {len(config.model.sizes)})"
        words = config.train.batch_size * config.train.steps * updates
        taken, memory = afresh(commands(preset, updates))
        yield Row(f"training {name}", "words/s", rates(words, taken), target=target)
        yield Row(f"peak memory of training {name}", "MB", memory, more=False)


if __name__ == "__main__":
    tell(measure, work)
