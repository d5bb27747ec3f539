"""Training and translating beside a textbook PyTorch loop, in turn, on one thread.

The textbook loop is that of every tutorial: packed nn.LSTM both ways, a decoder step by step in
Python with dot attention, cross_entropy over padded targets, Adam; outputs greedily, 80 sources at
a time, until the last one ends. Same network, sizes, pairs and subwords; to translate both have the
weights that seqcli trained for a few hundred updates, so that they write the same. seqcli's time
has cutting and joining of subwords in it, the textbook's has not. Data: Multi30k, else the bundled
captions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import OURS, REAL, SEQCLI, Row, afresh, answer, rates, real, run, tell, worker
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import seqcli
from seqcli.answers.loading import load_model
from seqcli.interrupts import interrupts
from seqcli.kinds.translator.batches import Split, gather, padded
from seqcli.kinds.translator.kind import Translator
from seqcli.kinds.translator.sides import END
from seqcli.machine.device import keep_freed_memory, set_threads, training_runtime
from seqcli.tasks.taskfile import resolve, sample_path
from seqcli.training.loop import fit
from seqcli.training.optim import Updater
from seqcli.training.state import TrainState

TEXTBOOK = "textbook PyTorch loop"
BATCH = 80
UPDATES = 8  # of a round
STEPS = 600 if REAL else 200  # before there is something to translate with
SOURCES = 320  # of a round
MOST = 50  # tokens of an output beyond twice its source's, as seqcli has it


class Textbook(nn.Module):
    """Encoder both ways, summed; bridge; decoder; dot attention; tied embedding."""

    def __init__(self, rows: int, outputs: int, size: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(rows, size)
        self.encoder = nn.LSTM(size, size, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(size, 2 * size)
        self.decoder = nn.LSTM(size, size, batch_first=True)
        self.combine = nn.Linear(2 * size, size)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.dropout = nn.Dropout(dropout)

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Any]:
        """Outputs (B, S, H), which of them are padding (B, S), the decoder's first state."""
        embedded = self.dropout(self.embedding(source))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        found, (last, _) = self.encoder(packed)
        outputs = pad_packed_sequence(found, batch_first=True)[0]
        memory = self.dropout(sum(outputs.chunk(2, 2)))
        h, c = torch.tanh(self.bridge(last.sum(0))).chunk(2, 1)
        padding = torch.arange(memory.shape[1]) >= lengths[:, None]
        return memory, padding, (h[None].contiguous(), c[None].contiguous())

    def step(self, ids: Tensor, state: Any, memory: Tensor, padding: Tensor) -> tuple[Tensor, Any]:
        """Logits (B, V) of what follows ids (B,)."""
        output, state = self.decoder(self.dropout(self.embedding(ids[:, None])), state)
        scores = (output @ memory.mT).masked_fill(padding[:, None, :], -torch.inf)
        context = scores.softmax(2) @ memory
        joined = torch.tanh(self.combine(torch.cat([output, context], 2)))
        weight = self.embedding.weight[: len(self.bias)]
        return F.linear(self.dropout(joined)[:, 0], weight, self.bias), state

    def loss(self, source: Tensor, lengths: Tensor, before: Tensor, target: Tensor) -> Tensor:
        """Teacher forcing, step by step; -1 is padding."""
        memory, padding, state = self.encode(source, lengths)
        every = []
        for ids in before.unbind(1):
            logits, state = self.step(ids, state, memory, padding)
            every.append(logits)
        flat = torch.stack(every, 1).flatten(0, 1)
        return F.cross_entropy(flat, target.flatten(), ignore_index=-1, label_smoothing=0.1)

    @torch.inference_mode()
    def greedy(self, source: Tensor, lengths: Tensor) -> Tensor:
        """Ids (B, T), until all have ended."""
        memory, padding, state = self.encode(source, lengths)
        ids, ended, every = torch.full_like(lengths, END), torch.zeros(len(source)) > 0, []
        for _ in range(2 * int(lengths.max()) + MOST):
            logits, state = self.step(ids, state, memory, padding)
            logits[:, 0] = -torch.inf  # the unknown word
            ids = logits.argmax(1)
            every.append(ids)
            ended |= ids == END
            if ended.all():
                break
        return torch.stack(every, 1)

    def take(self, weights: dict[str, Tensor]) -> None:
        """seqcli's weights."""
        own = {"embedding.weight": weights["source.weight"], "bias": weights["output.bias"]}
        for name in ("bridge.weight", "bridge.bias"):
            own[name] = weights[name.replace("bridge", "bridge.linear")]
        own |= {name: weights[name] for name in ("combine.weight", "combine.bias")}
        for stack, ways in (("encoder", ("", "_reverse")), ("decoder", ("",))):
            for way, end in enumerate(ways):
                cell = f"{stack}.layers.0.{way}.cell"
                own[f"{stack}.weight_ih_l0{end}"] = weights[f"{cell}.weight_ih"]
                own[f"{stack}.weight_hh_l0{end}"] = weights[f"{cell}.weight_hh"]
                own[f"{stack}.bias_ih_l0{end}"] = weights[f"{cell}.bias"]
                own[f"{stack}.bias_hh_l0{end}"] = torch.zeros_like(weights[f"{cell}.bias"])
        self.load_state_dict(own)


def place() -> Path:
    """Where the pairs are."""
    return real("multi30k-en-de") if REAL else sample_path(resolve("translate").about.sample)


def prepared() -> tuple[Translator, Split]:
    """The task's translator, and the pairs of a round."""
    config = resolve("translate").config
    with tempfile.TemporaryDirectory() as scratch:
        found = Translator.prepare(config, place(), Path(scratch), interrupts.poll)
    assert isinstance(found.kind, Translator)
    train = found.splits["train"]
    draw = np.random.default_rng(1).choice(len(train), UPDATES * BATCH, replace=False)
    return found.kind, train.take(draw)


def textbook(kind: Translator) -> Textbook:
    """One of the same size."""
    model, sides = kind.config.model, kind.sides
    sizes = len(sides.source.vocab), len(sides.target.vocab)
    return Textbook(*sizes, model.embed, model.dropout)


def textbook_rounds(kind: Translator, split: Split) -> Iterator[None]:
    """All pairs once at each `next`."""
    set_threads(1)
    model = textbook(kind).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=kind.config.train.lr)
    draw = np.random.default_rng(1)
    while True:
        for rows in np.split(draw.permutation(len(split)), UPDATES):
            batch = gather(split, rows)
            steps = torch.arange(batch.target.shape[1])
            target = batch.target.masked_fill(steps >= batch.target_lengths[:, None], -1)
            optimizer.zero_grad()
            model.loss(batch.source, batch.source_lengths, batch.before, target).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        yield


def seqcli_rounds(kind: Translator, split: Split) -> Iterator[None]:
    """The same, as `seqcli train --threads 1` does it."""
    keep_freed_memory()
    runtime = training_runtime(
        "cpu", 1, "auto", bfloat16_helps=kind.bfloat16_helps, multiply_adds=1 << 30
    )
    model = kind.build(torch.Generator().manual_seed(1))
    state = TrainState(model=model, updater=Updater(model, kind.config.train))
    events = fit(kind, {"train": split}, state, kind.config.train, runtime, poll=interrupts.poll)
    while True:
        for _ in range(UPDATES):
            next(events)
        yield


def sources() -> list[str]:
    """Texts of the test part."""
    kind, _ = prepared()
    return list(kind.load_split(place(), "test", interrupts.poll).texts.sources)[:SOURCES]


def work(name: str, model: str = "") -> None:
    """In the worker: train, or with a model file translate."""
    if not model:
        rounds = (textbook_rounds if name == TEXTBOOK else seqcli_rounds)(*prepared())
        answer(lambda: next(rounds))
        return
    texts = sources()
    keep_freed_memory()
    if name != TEXTBOOK:
        translator = seqcli.load(model, threads=1)
        beam = 5 if name.endswith("5") else 1
        answer(lambda: translator.translate(texts, beam=beam))
        return
    loaded = load_model(Path(model), threads=1)
    assert isinstance(loaded.kind, Translator)
    book = textbook(loaded.kind).eval()
    book.take(loaded.model.state_dict())
    ids = loaded.kind.source.encode(texts)
    parts = np.split(np.arange(len(texts)), range(BATCH, len(texts), BATCH))
    answer(lambda: [book.greedy(*padded(ids.take(rows))) for rows in parts])


def measure() -> Iterator[Row]:
    """Target tokens a second of training; sentences a second of translating."""
    _, split = prepared()
    tokens = int(split.targets.lengths.sum())
    taken, memory = afresh({name: worker(__file__, name) for name in (OURS, TEXTBOOK)})
    data = "Multi30k" if REAL else "bundled captions"
    yield Row(f"training on {data}", "target tokens/s", rates(tokens, taken), target=2.0)
    yield Row(f"peak memory of training on {data}", "MB", memory, more=False)
    with tempfile.TemporaryDirectory() as folder:
        train = f"train --task translate --seed 1 --quiet --threads 1 --max-steps {STEPS} --data"
        run([*SEQCLI, *train.split(), place(), "--out", "model.pt"], folder)
        names = (OURS, f"{OURS}, beam 5", TEXTBOOK)
        model = Path(folder) / "model.pt"
        taken, _ = afresh({name: worker(__file__, name, model) for name in names})
    yield Row(
        f"translating {data}, greedy",
        "sentences/s",
        rates(len(sources()), taken),
        target=2.0,
        note=f"after {STEPS} updates; one thread",
    )


if __name__ == "__main__":
    tell(measure, work)
