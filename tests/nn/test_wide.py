"""The n-gram table started at naive Bayes is NB-SVM's linear model, trained by gradient descent."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcli.kinds.classifier.spec import Train
from seqcli.nn.wide import BIAS_RATE, NAIVE_SHARE, Wide
from seqcli.text.ngrams import SMOOTHING, START, Ngrams, naive_bayes, rarity, smoothed_bayes
from seqcli.text.sequences import Chosen, Sequences
from seqcli.training.optim import Updater

ROWS = Sequences(np.array([0, 2, 0, 1, 2, 3], np.int32), np.array([0, 2, 3, 5, 6], np.int64))
LABELS = np.array([0, 0, 1, 1])


def test_scores_are_log_ratios_with_one_count_more() -> None:
    scores = naive_bayes(Chosen(ROWS, np.arange(len(ROWS))), LABELS, 2, 5)
    # label 0 has buckets 0 twice and 2 once, label 1 has 1, 2 and 3 once; 5 buckets in all
    zero = np.log(np.array([3, 1, 2, 1]) / 8)
    one = np.log(np.array([1, 2, 2, 2]) / 8)
    np.testing.assert_allclose(scores[:4, 1] - scores[:4, 0], one - zero, rtol=1e-6)
    np.testing.assert_allclose(scores.sum(1), 0, atol=1e-6)
    assert (scores[4] == 0).all()  # no text has it


@pytest.mark.parametrize("outputs", [1, 2])
def test_descent_on_the_table_is_descent_on_scaled_features(outputs: int) -> None:
    scores = torch.from_numpy(naive_bayes(Chosen(ROWS, np.arange(len(ROWS))), LABELS, 2, 5))
    ratio = scores[:, 1] - scores[:, 0]
    wide = Wide(5, outputs, rated=True)
    wide.start(scores)
    updater = Updater(
        torch.nn.ModuleDict({"grams": wide, "deep": torch.nn.Linear(1, 1)}),
        Train(optimizer="adam", wide_lr=0.5, wide_momentum=0.0),
    )
    bag = (torch.tensor([0, 1, 3]), torch.tensor([0]), torch.tensor([0.5, 0.25, 1.0]))
    scaled = torch.full((5,), NAIVE_SHARE, requires_grad=True)  # the weights of NB-SVM
    features = torch.tensor([0.5, 0.25, 0.0, 1.0, 0.0]) * ratio
    bias = 0.0
    for _ in range(3):
        logits = wide(*bag)[0]
        mine = logits[0] if outputs == 1 else logits[1] - logits[0]
        theirs = features @ scaled + bias
        assert float(mine.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)
        torch.autograd.backward(torch.nn.functional.softplus(-mine))
        (slope,) = torch.autograd.grad(torch.nn.functional.softplus(-theirs), [scaled])
        updater.step(None)
        with torch.no_grad():
            scaled -= 0.5 * slope
            bias -= 0.5 * BIAS_RATE * outputs * -float(torch.sigmoid(-theirs))


def test_a_table_without_rates_is_as_before() -> None:
    wide = Wide(5, 2)
    assert wide.rates is None
    assert list(wide.state_dict()) == ["table", "bias"]
    assert not wide.table.any()


def test_rarity_is_the_inverse_document_frequency() -> None:
    """By hand; what no text has does not count."""
    found = rarity(Chosen(ROWS, np.arange(len(ROWS))), 5)
    texts = np.array([2, 1, 2, 1])  # of four
    np.testing.assert_allclose(found[:4], 1 + np.log(5 / (1 + texts)), rtol=1e-6)
    assert found[4] == 0
    assert not rarity(Chosen(ROWS, np.arange(0)), 5).any()


def test_weighed_ngrams_of_each_part_are_a_vector_of_length_1() -> None:
    """As scikit-learn's TfidfVectorizer makes them; what does not count is left out."""
    factors = torch.tensor([2.0, 1.0, 0.0, 3.0, 0.0, 4.0])
    wide = Wide(6, 2, weighed_from=3)
    wide.weigh(factors)
    with torch.no_grad():
        wide.table.copy_(torch.arange(12.0).reshape(6, 2))
        wide.bias.copy_(torch.tensor([0.5, -0.5]))
    bags = [[0, 1, 2, 3, 5], [2, 4], [], [1, 5]]
    starts = torch.tensor([0, 5, 7, 7])
    ids = torch.tensor([bucket for bag in bags for bucket in bag])
    found = wide(ids, starts, torch.ones(len(ids)))
    for bag, answer in zip(bags, found, strict=True):
        expected = wide.bias.clone()
        for part in (range(3), range(3, 6)):
            own = [bucket for bucket in bag if bucket in part and factors[bucket]]
            length = factors[own].norm()
            for bucket in own:
                expected += wide.table[bucket] * factors[bucket] / length
        torch.testing.assert_close(answer, expected)


def test_smoothed_scores_are_shares_of_a_labels_texts() -> None:
    """By hand: shares drawn towards that of all texts; START above the mean for the own label."""
    grams = Ngrams((1,), (), 5)
    labels = np.array([0, 0, 0, 1])
    scores = smoothed_bayes(Chosen(ROWS, np.arange(len(ROWS))), labels, 2, grams)
    texts = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]])
    counts = np.stack([texts[labels == label].sum(0) for label in (0, 1)], 1)
    shares = (counts + SMOOTHING * texts.mean(0)[:, None]) / (np.array([3, 1]) + SMOOTHING)
    expected = np.log(shares) - np.log(shares).mean(1, keepdims=True)
    answers = texts / np.sqrt(texts.sum(1, keepdims=True)) @ expected
    np.testing.assert_allclose(
        scores[:4], expected * START / 2 / answers[np.arange(4), labels].mean(), rtol=1e-5
    )
    assert (scores[4] == 0).all()  # no text has it
    # seen once, with the common label alone: it speaks for that label all the same
    assert scores[1, 0] > scores[1, 1]


@pytest.mark.parametrize("outputs", [1, 2])
def test_what_a_table_is_told_is_added_to_answers_alone(outputs: int) -> None:
    scores = torch.tensor([[0.5, -0.5], [0.0, 0.0], [-1.0, 1.0]])
    wide = Wide(3, outputs, told=True)
    wide.start(scores)
    bag = (torch.tensor([0, 2]), torch.tensor([0]), torch.tensor([1.0, 0.5]))
    assert not wide(*bag).any()
    expected = scores[0] + scores[2] / 2
    expected = expected if outputs == 2 else expected[1:] - expected[:1]
    assert wide.eval()(*bag)[0].tolist() == expected.tolist()
