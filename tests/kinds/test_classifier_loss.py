"""The classifier's objective and figures, against NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcli import kinds
from seqcli.data.batching import TextBatch
from seqcli.data.labeled import Examples
from seqcli.data.padded import Padded
from seqcli.kinds.classifier.kind import Classifier
from seqcli.machine.device import Runtime
from seqcli.nn.models import TextClassifier
from seqcli.text.sequences import Sequences
from seqcli.text.vocab import Vocab
from seqcli.training.evaluation import evaluate
from seqcli.training.loop import Evaluated, fit
from seqcli.training.optim import Updater
from seqcli.training.state import TrainState

CPU = Runtime(torch.device("cpu"), "fp32", 1)
COUNTS = (6, 3, 1)
LABELS = np.array([0, 0, 1, 2, 0, 1, 0])
Array = NDArray[np.float64]


def classifier(model: dict[str, Any] | None = None, **train: Any) -> Classifier:
    sizes = {"embed": 4, "hidden": [3], "embed_scale": 1.0, **(model or {})}
    table = {"kind": "classifier", "model": sizes, "train": {"precision": "fp32", **train}}
    labels = ("a", "b", "c")[: 2 if sizes.get("head") == "sigmoid" else 3]
    vocab = Vocab(["<unk>", *"uvwxyz"])
    config: Any = kinds.read(table)
    return Classifier(config, vocab, labels, COUNTS[: len(labels)])


def network(kind: Classifier) -> TextClassifier:
    built = kind.build(torch.Generator().manual_seed(3))
    assert isinstance(built, TextClassifier)
    for name, weight in built.named_parameters():
        if name.startswith("wide"):
            torch.nn.init.uniform_(weight, -1, 1, generator=torch.Generator().manual_seed(4))
    return built


def batch(features: bool = False, labels: Array = LABELS) -> TextBatch:
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 7, (len(labels), 5), generator=draw, dtype=torch.int32)
    bags = None
    if features:
        buckets = torch.randint(0, 8, (2 * len(labels),), generator=draw)
        bags = (buckets, torch.arange(0, len(buckets), 2), torch.ones(len(buckets)))
    return TextBatch(Padded(ids), torch.as_tensor(labels), bags)


def both_paths(model: TextClassifier, seen: TextBatch) -> tuple[Array, Array]:
    """The logits of the recurrent path and of the wide one."""
    deep, wide = model.paths(seen.text.values, None, seen.features)
    assert wide is not None
    return deep.detach().numpy(), wide.detach().numpy()


def softmax(logits: Array) -> Array:
    power = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(power / power.sum(1, keepdims=True))


def objective(shares: Array, labels: Array, smoothing: float, weights: Array | None) -> float:
    """Cross-entropy with (1 - s) on the true label and s spread over all; weighted mean."""
    wanted = np.full(shares.shape, smoothing / shares.shape[1])
    wanted[np.arange(len(labels)), labels] += 1 - smoothing
    each = -(wanted * np.log(shares)).sum(1)
    weight = np.ones(len(labels)) if weights is None else weights[labels]
    return float((each * weight).sum() / weight.sum())


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("power", [None, 0.0, 0.5, 1.0, 2.0])
def test_smoothing_and_class_weights_equal_the_formula(
    smoothing: float, power: float | None
) -> None:
    weighted: dict[str, Any] = {}
    if power is not None:
        weighted = {"class_weight": "balanced", "class_weight_power": power}
    kind = classifier(label_smoothing=smoothing, **weighted)
    model = network(kind).eval()
    seen = batch()
    found = kind.loss(model, seen, None, CPU)
    shares = model(seen.text.values, None).exp().detach().numpy().astype(np.float64)
    weights = None if power is None else (10 / (3 * np.array(COUNTS))) ** power
    expected = objective(shares, LABELS, smoothing, weights)
    assert found.objective.item() == pytest.approx(expected, rel=1e-5)
    # what is reported is the plain loss, whatever is trained
    plain = objective(shares, LABELS, 0.0, None)
    assert found.total.item() == pytest.approx(plain * len(LABELS), rel=1e-5)
    assert found.count == len(LABELS)
    assert found.correct.item() == (shares.argmax(1) == LABELS).sum()
    assert not found.total.requires_grad


def test_smoothing_of_a_sigmoid_head_spreads_over_its_two_labels() -> None:
    labels = np.array([0, 1, 1, 0])
    kind = classifier({"head": "sigmoid"}, label_smoothing=0.2, class_weight="balanced")
    model = network(kind).eval()
    seen = batch(labels=labels)
    found = kind.loss(model, seen, None, CPU)
    shares = model(seen.text.values, None).exp().detach().numpy().astype(np.float64)
    assert shares.shape == (4, 2)
    weights = 9 / (2 * np.array(COUNTS[:2]))
    expected = objective(shares, labels, 0.2, weights)
    assert found.objective.item() == pytest.approx(expected, rel=1e-5)


WIDE = {"wide_words": [1], "wide_buckets": 8}


def test_with_a_wide_share_each_path_is_trained_by_itself() -> None:
    kind = classifier({**WIDE, "wide_share": 0.3})
    model = network(kind).eval()
    seen = batch(features=True)
    deep, wide = both_paths(model, seen)
    found = kind.loss(model, seen, None, CPU)
    apart = objective(softmax(deep), LABELS, 0, None) + objective(softmax(wide), LABELS, 0, None)
    assert found.objective.item() == pytest.approx(apart, rel=1e-5)
    mean = softmax(0.7 * deep + 0.3 * wide)
    assert found.total.item() == pytest.approx(7 * objective(mean, LABELS, 0, None), rel=1e-5)
    assert found.correct.item() == (mean.argmax(1) == LABELS).sum()
    # the gradient of a path does not know the other
    found.objective.backward()  # type: ignore[no-untyped-call]
    table = model.wide.table.grad if model.wide is not None else None
    assert table is not None
    alone = softmax(wide)
    alone[np.arange(7), LABELS] -= 1
    sums = np.zeros((8, 3))
    assert seen.features is not None
    buckets = seen.features[0].numpy()
    np.add.at(sums, buckets, np.repeat(alone / 7, 2, axis=0))
    np.testing.assert_allclose(table.numpy(), sums, atol=1e-6)


def test_without_a_share_the_logits_are_added_and_trained_together() -> None:
    kind = classifier(WIDE)
    model = network(kind).eval()
    seen = batch(features=True)
    deep, wide = both_paths(model, seen)
    found = kind.loss(model, seen, None, CPU)
    expected = objective(softmax(deep + wide), LABELS, 0, None)
    assert found.objective.item() == pytest.approx(expected, rel=1e-5)
    assert found.total.item() == pytest.approx(7 * expected, rel=1e-5)


@pytest.mark.parametrize("options", [{}, WIDE, {**WIDE, "wide_share": 0.3}, {"head": "sigmoid"}])
def test_a_prior_moves_the_answer_and_not_what_is_trained(options: dict[str, Any]) -> None:
    labels = LABELS.clip(max=1) if "head" in options else LABELS
    seen = batch(features="wide_words" in options, labels=labels)
    plain, moved = (classifier({**options, "prior_power": power}) for power in (0.0, 0.7))
    model, other = network(plain).eval(), network(moved).eval()
    found, its = (kind.loss(net, seen, None, CPU) for kind, net in ((plain, model), (moved, other)))
    assert its.objective.item() == pytest.approx(found.objective.item(), rel=1e-6)
    answers = model(seen.text.values, None, seen.features).exp().detach().numpy()
    shares = answers / np.array(COUNTS[: answers.shape[1]]) ** 0.7
    shares /= shares.sum(1, keepdims=True)
    told = other(seen.text.values, None, seen.features).exp().detach().numpy()
    np.testing.assert_allclose(told, shares, rtol=1e-4)
    assert its.total.item() == pytest.approx(-np.log(shares[np.arange(7), labels]).sum(), rel=1e-4)
    assert not [name for name in other.state_dict() if "shift" in name]


def test_a_prior_of_a_label_that_was_never_trained_is_finite() -> None:
    kind = replace(classifier({"prior_power": 1.0}), label_counts=(6, 4, 0))
    model = network(kind).eval()
    assert torch.isfinite(model(batch().text.values, None)).all()


def examples(rows: int) -> Examples:
    draw = np.random.default_rng(2)
    lengths = draw.integers(1, 9, rows)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    tokens = Sequences(draw.integers(0, 7, offsets[-1]).astype(np.int32), offsets)
    return Examples(tokens, draw.integers(0, 3, rows), None, np.arange(rows))


@pytest.mark.parametrize("draw", ["shuffle", "label"])
def test_a_rate_of_nothing_makes_the_running_figures_those_of_the_split(draw: str) -> None:
    """37 rows in batches of 8: the mean over examples is not the mean over batches."""
    kind = classifier(lr=1e-30, batch_size=8, epochs=1, draw=draw)
    data = examples(37)
    state = TrainState(model=network(kind), updater=Updater(network(kind), kind.config.train))
    *steps, last = fit(kind, {"train": data, "valid": data}, state, kind.config.train, CPU)
    assert isinstance(last, Evaluated)
    assert last.valid is not None
    assert len(steps) == 5
    assert last.valid["count"] == state.units == 37
    if draw == "shuffle":
        assert last.train["loss"] == pytest.approx(last.valid["loss"], rel=1e-5)
        assert last.train["accuracy"] == pytest.approx(last.valid["accuracy"])
        assert state.tokens == len(data.tokens.ids)


def test_draws_are_the_length_of_an_epoch() -> None:
    kind = classifier(batch_size=8, epochs=2, draw="label", draws=20)
    state = TrainState(model=network(kind), updater=Updater(network(kind), kind.config.train))
    events = list(fit(kind, {"train": examples(37)}, state, kind.config.train, CPU))
    assert [isinstance(event, Evaluated) for event in events] == [False, False, False, True] * 2
    assert state.units == 40


def test_figures_do_not_depend_on_the_order_of_the_rows() -> None:
    kind = classifier()
    model = network(kind).eval()
    data = examples(37)
    turned = np.arange(37)[::-1]
    other = Examples(data.tokens.take(turned), data.labels[turned], None, turned)
    mine, its = (evaluate(kind.figures, model, part, CPU, lambda: None) for part in (data, other))
    assert mine.pop("loss") == pytest.approx(its.pop("loss"), rel=1e-5)
    assert mine == its
