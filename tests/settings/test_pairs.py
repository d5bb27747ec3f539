"""No setting makes another void in silence: both do something beside each other, or are refused."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import job

from seqcli import kinds
from seqcli.errors import ConfigError
from seqcli.interrupts import interrupts
from seqcli.kinds import contract
from seqcli.machine.device import Runtime
from seqcli.training.evaluation import evaluate
from seqcli.training.loop import fit
from seqcli.training.state import TrainState

CPU = Runtime(torch.device("cpu"), "fp32", 1)
PLAIN = {
    "train.schedule": "constant",
    "train.lr": 0.05,
    "train.epochs": 4,
    "model.dropout": 0.0,
    "model.output_dropout": 0.0,
}
WIDE = {"model.wide_words": [1], "model.wide_buckets": 64}
LABEL = {"train.draw": "label"}
# Each setting at another value than in PLAIN, with what it needs to do anything by itself.
SETTINGS: dict[str, dict[str, Any]] = {
    "epochs": {"train.epochs": 3},
    "max_steps": {"train.max_steps": 7},
    "batch_size": {"train.batch_size": 6},
    "buckets": {"train.buckets": 1},
    "momentum": {"train.momentum": 0.5, "train.optimizer": "sgd"},
    "beta1": {"train.beta1": 0.5},
    "rho": {"train.rho": 0.5, "train.optimizer": "rmsprop"},
    "weight_decay": {"train.weight_decay": 0.3, "train.optimizer": "sgd"},
    "clip": {"train.clip": 0.02, "train.optimizer": "sgd"},
    "linear": {"train.schedule": "linear"},
    "decay": {"train.schedule": "step", "train.decay": 0.1},
    "full_rate": {"train.schedule": "step", "train.full_rate_epochs": 1},
    "plateau": {"train.schedule": "plateau", "train.lr": 1.0, "train.epochs": 9},
    "warmup": {"train.warmup": 0.4},
    "average": {"train.average": 0.5},
    "patience": {"train.patience": 1, "train.epochs": 30, "train.lr": 0.5},
    "class_weight": {"train.class_weight": "balanced"},
    "smoothing": {"train.label_smoothing": 0.2},
    "draw": LABEL,
    "draws": {**LABEL, "train.draws": 20},
    "merge": {"model.bidirectional": True, "model.merge": "sum"},
    "backwards": {"model.backwards": True},
    "dropout": {"model.dropout": 0.4},
    "recurrent_dropout": {"model.recurrent_dropout": 0.4},
    "word_dropout": {"model.word_dropout": 0.4},
    "mask": {"model.dropout": 0.4, "model.dropout_mask": "sequence"},
    "attention": {"model.read_out": ["attention"]},
    "dense_dropout": {"model.dense": [4], "model.dense_dropout": 0.4},
    "sigmoid": {"model.head": "sigmoid"},
    "prior_power": {"model.prior_power": 0.7},
    "init": {"model.init": "glorot"},
    "output_bias": {"model.output_bias": 0.3},
    "gru": {"model.cell": "gru"},
    "rnn": {"model.cell": "rnn"},
    "reset_after": {"model.cell": "gru", "model.reset_after": False},
    "bias": {"model.bias": False},
    "unit_forget_bias": {"model.unit_forget_bias": True},
    "activation": {"model.activation": "relu"},
    "gates": {"model.recurrent_activation": "hard_sigmoid"},
    "wide_share": {**WIDE, "model.wide_share": 0.5},
    "naive_bayes": {**WIDE, "model.wide_init": "naive-bayes"},
    "smoothed_bayes": {**WIDE, "model.wide_init": "smoothed-bayes"},
    "wide_idf": {**WIDE, "model.wide_idf": True},
    "wide_within": {**WIDE, "model.wide_characters": [3], "model.wide_within": True},
    "wide_momentum": {**WIDE, "train.wide_momentum": 0.1},
    "keep": {"data.max_tokens": 3, "data.keep": "last"},
    "min_count": {"data.min_count": 6},
    "lowercase": {"data.lowercase": True},
    "drop": {"data.repeats": "drop"},
    "split_seed": {"data.split_seed": 9},
    "seed": {"train.seed": 3},
}
# By what they are: an end that comes later, a constant of another optimizer.
KNOWN = {
    ("epochs", "max_steps"),
    *(("beta1", other) for other in ("momentum", "rho", "weight_decay", "clip")),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Uneven labels, upper case, and texts that are there twice."""
    folder, draw = tmp_path_factory.mktemp("pairs"), random.Random(1)
    words = [
        "the",
        "a",
        "you",
        "at",
        "now",
        "see",
        "six",
        "call",
        "later",
        "home",
        "we",
        "meet",
        "The",
        "Now",
    ]
    lines = []
    for row in range(48):
        label, own = ("spam", ["win", "prize"]) if row % 3 == 0 else ("ham", ["dinner", "mum"])
        text = [*draw.choices(words, k=draw.randint(2, 6)), own[row % 2], str(row % 11)]
        lines.append(f"{label}\t{' '.join(text)}\n")
    (folder / "data.tsv").write_text("".join(lines + lines[:4]))
    return folder


def outcome(place: Path, given: dict[str, Any]) -> Any:
    """All that a training shows: sizes, each update's rate, each epoch's figures, the scores."""
    overrides: dict[str, dict[str, Any]] = {}
    for name, value in (PLAIN | given).items():
        section, key = name.split(".")
        overrides.setdefault(section, {})[key] = value
    try:
        asked = job(place, overrides=overrides)
        config = asked.task.config
        kinds.trainable(config)
        prepared = contract.load(kinds.spec_of(config)).prepare(
            config, asked.data, place, interrupts.poll
        )
    except ConfigError as error:
        return error.message
    kind, splits, train = prepared.kind, prepared.splits, config.train
    torch.manual_seed(train.seed)
    model = kind.build(torch.Generator().manual_seed(train.seed))
    state = TrainState.fresh(model, train)
    events = list(fit(kind, splits, state, train, CPU, clock=lambda: 0.0))
    scores = evaluate(kind.figures, model, splits["test"], CPU, interrupts.poll)
    return prepared.sizes, events, scores


def void(place: Path, pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of `pairs` those whose first setting does nothing beside the second, and is not refused."""
    found, alone = set(), dict[str, Any]()
    for one, other in pairs:
        first, second = SETTINGS[one], SETTINGS[other]
        if any(second.get(name, value) != value for name, value in first.items()):
            continue  # the same setting with two values
        if first.items() <= second.items():
            continue
        if other not in alone:
            alone[other] = outcome(place, second)
        if outcome(place, first | second) == alone[other]:
            found.add((one, other))
    return found


def test_each_setting_does_something_by_itself(place: Path) -> None:
    plain = outcome(place, {})
    for name, given in SETTINGS.items():
        found = outcome(place, given)
        assert not isinstance(found, str), found
        assert found != plain, name


@pytest.mark.parametrize("share", [0.03, pytest.param(1.0, marks=pytest.mark.torture)])
def test_no_setting_makes_another_void_in_silence(place: Path, share: float) -> None:
    pairs = list(itertools.permutations(SETTINGS, 2))
    chosen = random.Random(5).sample(pairs, round(share * len(pairs)))
    assert void(place, chosen) <= KNOWN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("prior_power", "draw"),
        ("class_weight", "draw"),
        ("buckets", "draw"),
        ("backwards", "merge"),
        ("unit_forget_bias", "gru"),
        ("unit_forget_bias", "bias"),
        ("gates", "rnn"),
    ],
)
def test_pairs_that_are_refused(place: Path, one: str, other: str) -> None:
    assert isinstance(outcome(place, SETTINGS[one] | SETTINGS[other]), str)
