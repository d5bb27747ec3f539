"""Training sequences a second at the published IMDB shape, beside Keras on TensorFlow, in turn.

    python benchmarks/imdb_speed.py [lstm rnn gru]

128 rows of 80 words from a vocabulary of 10,000, embedding 100, two layers of 64, dense 64,
dropout, RMSprop, all of them trained. Keras runs in a process of its own (.venv-peers, or
$SEQCLI_PEERS) and waits while seqcli trains; both have all cores.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from seqcli.device import training_runtime
from seqcli.kinds.classifier import Classifier
from seqcli.labeled import Examples
from seqcli.optim import Updater
from seqcli.sequences import Sequences
from seqcli.taskfile import resolve
from seqcli.training import Stepped, TrainState, fit
from seqcli.vocab import Vocab

ROOT = Path(__file__).resolve().parents[1]
PEERS = os.environ.get("SEQCLI_PEERS", str(ROOT / ".venv-peers" / "bin" / "python"))
BATCH, TIME, VOCABULARY = 128, 80, 10_000
ROUNDS, UPDATES = 5, 20


class Keras:
    """A process that trains UPDATES batches whenever it is asked, and says how long it took."""

    def __init__(self, cell: str) -> None:
        script = Path(__file__).with_name("peers") / "keras_imdb.py"
        self.process = subprocess.Popen(
            [PEERS, script, cell, str(BATCH), str(TIME), str(VOCABULARY), str(UPDATES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def seconds(self) -> float:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def steps(cell: str):
    """The events of `fit`, one update at each `next`."""
    config = resolve("imdb", "gru" if cell == "gru" else "lstm").config
    model = replace(config.model, cell=cell, unit_forget_bias=cell == "lstm")
    config = replace(config, model=model, train=replace(config.train, epochs=10_000))
    kind = Classifier(
        config, Vocab([f"w{i}" for i in range(VOCABULARY)]), ("neg", "pos"), (1000, 1000)
    )
    draw = np.random.default_rng(1)
    rows = BATCH * UPDATES
    tokens = Sequences(
        draw.integers(2, VOCABULARY, rows * TIME).astype(np.int32), np.arange(rows + 1) * TIME
    )
    split = Examples(tokens, draw.integers(0, 2, rows), None, np.arange(rows))
    runtime = training_runtime(
        "cpu", None, "auto", bfloat16_helps=cell == "lstm", multiply_adds=1 << 30
    )
    print(f"{cell}: {runtime.threads} threads, {runtime.precision}")
    network = kind.build(torch.Generator().manual_seed(1))
    state = TrainState(network, Updater(network, config.train))
    events = fit(kind, {"train": split}, state, config.train, runtime)
    return (event for event in events if isinstance(event, Stepped))


def measure(cell: str) -> None:
    ours, keras = steps(cell), Keras(cell)
    speeds: dict[str, list[float]] = {"Keras": [], "seqcli": []}
    for turn in range(ROUNDS + 1):
        begun = time.perf_counter()
        for _ in range(UPDATES):
            next(ours)
        taken = {"seqcli": time.perf_counter() - begun, "Keras": keras.seconds()}
        if turn:  # the first warms up
            for name, seconds in taken.items():
                speeds[name].append(BATCH * UPDATES / seconds)
    keras.process.kill()
    for name, values in speeds.items():
        low, high = min(values), max(values)
        print(
            f"  {name:7} {statistics.median(values):7,.0f} sequences/s  ({low:,.0f} to {high:,.0f})"
        )
    ratios = [b / a for a, b in zip(speeds["Keras"], speeds["seqcli"], strict=True)]
    print(f"  ratio   {statistics.median(ratios):7.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    for name in sys.argv[1:] or ["lstm", "rnn", "gru"]:
        measure(name)
