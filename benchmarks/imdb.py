"""Training sequences a second at the published IMDB shape, beside Keras and a PyTorch script.

128 rows of 80 words from a vocabulary of 10,000, embedding 100, two layers of 64, dense 64,
dropout, RMSprop, all of them trained; float32 but for seqcli's LSTM, which chooses bfloat16. Each
runs in processes of its own, one a round, with all cores, and waits while the others train.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import peers
import torch
from rows import OURS, Row, afresh, answer, rates, skip, tell, worker
from torch import nn
from torch.nn import functional as F

from seqcli.data.labeled import Examples
from seqcli.kinds.classifier.kind import Classifier
from seqcli.machine.device import keep_freed_memory, training_runtime
from seqcli.tasks.taskfile import resolve
from seqcli.text.sequences import Sequences
from seqcli.text.vocab import Vocab
from seqcli.training.checkpoint import parameters
from seqcli.training.loop import Stepped, fit
from seqcli.training.state import TrainState

BATCH, TIME, VOCABULARY, UPDATES = 128, 80, 10_000, 20
KERAS, TEXTBOOK = "Keras on TensorFlow", "textbook PyTorch loop"
TARGETS = {"lstm": 1.8, "rnn": 1.0, "gru": 1.0}
LAYERS = {"lstm": nn.LSTM, "rnn": nn.RNN, "gru": nn.GRU}


class Textbook(nn.Module):
    """The same network of torch's own layers."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 100)
        self.layers = LAYERS[cell](100, 64, 2, dropout=0.5, batch_first=True)
        self.dense, self.output = nn.Linear(64, 64), nn.Linear(64, 1)

    def forward(self, ids):
        outputs, _ = self.layers(F.dropout(self.embedding(ids), 0.5))
        return self.output(F.dropout(F.relu(self.dense(outputs[:, -1])), 0.5))[:, 0]


def textbook_steps(cell: str, split: Examples) -> Iterator[float]:
    """One update at each `next`."""
    model = Textbook(cell)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)
    ids = torch.from_numpy(split.tokens.ids.reshape(-1, TIME))
    labels = torch.from_numpy(np.asarray(split.labels)).float()
    while True:
        for rows in torch.arange(len(ids)).split(BATCH):
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(ids[rows]), labels[rows])
            loss.backward()
            optimizer.step()
            yield loss.item()


def examples() -> Examples:
    """As many rows as a round trains on, of one length."""
    draw = np.random.default_rng(1)
    rows = BATCH * UPDATES
    tokens = Sequences(
        draw.integers(2, VOCABULARY, rows * TIME).astype(np.int32), np.arange(rows + 1) * TIME
    )
    return Examples(tokens, draw.integers(0, 2, rows), None, np.arange(rows))


def seqcli_steps(cell: str, split: Examples) -> Iterator[Stepped]:
    """One update at each `next`, as `seqcli train` sets itself up."""
    config = resolve("imdb", "gru" if cell == "gru" else "lstm").config
    model = replace(config.model, cell=cell, unit_forget_bias=cell == "lstm")
    config = replace(config, model=model, train=replace(config.train, epochs=10_000))
    words = Vocab([f"w{i}" for i in range(VOCABULARY)])
    kind = Classifier(config, words, ("neg", "pos"), (1000, 1000))
    keep_freed_memory()
    network = kind.build(torch.Generator().manual_seed(1))
    runtime = training_runtime(
        "cpu",
        None,
        "auto",
        bfloat16_helps=cell == "lstm",
        multiply_adds=1 << 30,
        rows=BATCH,
        numbers=parameters(network),
    )
    state = TrainState.fresh(network, config.train)
    events = fit(kind, {"train": split}, state, config.train, runtime)
    return (event for event in events if isinstance(event, Stepped))


def work(program: str, cell: str) -> None:
    """In the worker."""
    make = seqcli_steps if program == OURS else textbook_steps
    steps = make(cell, examples())
    answer(lambda: [next(steps) for _ in range(UPDATES)])


def measure() -> Iterator[Row]:
    """The three kinds of layer."""
    peers.install()
    for cell, target in TARGETS.items():
        commands = {OURS: worker(__file__, OURS, cell)}
        if peers.has("keras"):
            sizes = (BATCH, TIME, VOCABULARY, UPDATES)
            commands[KERAS] = peers.script("keras_steps.py", cell, *sizes)
        else:
            skip(KERAS, "not installed")
        commands[TEXTBOOK] = worker(__file__, TEXTBOOK, cell)
        taken, _ = afresh(commands)
        name = f"training IMDB's {cell.upper()} (64 × 2, {BATCH} × {TIME})"
        target = target if KERAS in commands else 0
        speed = rates(BATCH * UPDATES, taken)
        yield Row(name, "sequences/s", speed, target=target or None)


if __name__ == "__main__":
    tell(measure, work)
