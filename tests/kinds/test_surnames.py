"""The surname task: its preset is the published network and its training, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seqcli.errors import ConfigError
from seqcli.kinds.classifier.kind import Classifier
from seqcli.kinds.contract import Prepared
from seqcli.machine.device import Runtime
from seqcli.nn.cells import RNN
from seqcli.nn.direction import Direction
from seqcli.nn.models import TextClassifier
from seqcli.tasks import taskfile
from seqcli.training.loop import fit
from seqcli.training.state import TrainState

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;'"
CPU = Runtime(torch.device("cpu"), "fp32", 1)


def published(folder: Path) -> tuple[Prepared, Classifier]:
    task = taskfile.resolve("names", "rnn")
    config: Any = task.config
    path = taskfile.sample_path(task.about.sample)
    prepared = Classifier.prepare(config, path, folder, lambda: None)
    assert isinstance(prepared.kind, Classifier)
    return prepared, prepared.kind


class Textbook(nn.Module):
    """h = ReLU(W [x, h] + b) letter by letter, then a linear layer on the last h."""

    def __init__(self, letters: int, units: int, labels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(letters + units, units)
        self.output = nn.Linear(units, labels)
        self.letters, self.units = letters, units

    def forward(self, ids: list[int]) -> torch.Tensor:
        h = torch.zeros(self.units)
        for place in ids:
            letter = torch.zeros(self.letters)
            letter[place] = 1
            h = torch.relu(self.hidden(torch.cat((letter, h))))
        found: torch.Tensor = self.output(h).log_softmax(0)
        return found


def textbook(model: TextClassifier) -> Textbook:
    (direction,) = (part for part in model.modules() if isinstance(part, Direction))
    cell = direction.cell
    assert isinstance(cell, RNN)
    assert cell.bias is not None
    twin = Textbook(57, 128, len(model.dense.output.bias))
    with torch.no_grad():
        twin.hidden.weight.copy_(torch.cat((cell.weight_ih, cell.weight_hh), 1))
        twin.hidden.bias.copy_(cell.bias)
        twin.output.load_state_dict(model.dense.output.state_dict())
    return twin


def test_the_published_network_has_26_130_parameters() -> None:
    task = taskfile.resolve("names", "rnn")
    expected = task.expected
    assert expected.vocabulary == len(ALPHABET) == 57
    table = Classifier.spec.count(task.config.model, expected.sizes)
    assert table.total == 26_130


def test_the_alphabet_is_fixed_and_what_is_not_in_it_is_dropped(tmp_path: Path) -> None:
    _, kind = published(tmp_path)
    assert kind.vocab.to_list() == list(ALPHABET)
    assert kind.config.data.strip_accents
    assert kind.vocab.encode("O'B-ri9én").tolist() == [ALPHABET.index(c) for c in "O'Brin"]


def test_an_epoch_is_a_thousand_single_names_label_first(tmp_path: Path) -> None:
    prepared, kind = published(tmp_path)
    train = kind.config.train
    assert train.epochs * train.draws == 100_000
    batches = kind.batches(prepared.splits["train"], 1)
    assert len(batches) == 1000
    drawn = [batches[place].labels.tolist() for place in range(1000)]
    assert {len(labels) for labels in drawn} == {1}
    counts = np.bincount(np.concatenate(drawn), minlength=len(kind.labels))
    assert abs(counts - 1000 / len(counts)).max() < 45  # 4 deviations


def test_draws_without_a_drawn_label_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"train\.draws"):
        taskfile.resolve("names", "rnn", {"train": {"draw": "shuffle"}})


def test_each_step_is_the_published_one(tmp_path: Path) -> None:
    prepared, kind = published(tmp_path)
    model = kind.build(torch.Generator().manual_seed(1))
    assert isinstance(model, TextClassifier)
    twin = textbook(model)
    train = kind.config.train
    batches = kind.batches(prepared.splits["train"], 1)
    state = TrainState.fresh(model, train)
    loss = 0.0
    for place, _ in zip(range(30), fit(kind, prepared.splits, state, train, CPU), strict=False):
        batch = batches[place]
        told = -twin(batch.text.values[0].tolist())[int(batch.labels)]
        loss += told.item()
        twin.zero_grad()
        told.backward()
        with torch.no_grad():
            for weight in twin.parameters():
                if weight.grad is not None:
                    weight.sub_(0.005 * weight.grad)
        assert state.sums[0].item() == pytest.approx(loss, rel=1e-5)
    after = textbook(model)
    for mine, its in zip(after.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-6)
