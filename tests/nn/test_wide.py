"""The n-gram table started at naive Bayes is NB-SVM's linear model, trained by gradient descent."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcli.kinds.classifier.spec import Train
from seqcli.nn.wide import BIAS_RATE, NAIVE_SHARE, Wide
from seqcli.text.ngrams import naive_bayes
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
