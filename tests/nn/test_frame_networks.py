"""A network that labels every step: differences, padding, and the cost of a change."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from seqcli.nn.frames import FrameTagger, differences
from seqcli.nn.recurrent import Recurrent


def network(change_cost: float = 0.0) -> FrameTagger:
    torch.manual_seed(1)
    made = FrameTagger(
        Recurrent(2 * 3 * 3, (4,), bidirectional=True),
        3,
        spans=(1, 2),
        pace=torch.tensor([[1.0, 2.0], [0.5, 1.0]]),
        window=3,
        change_cost=change_cost,
    )
    for weight in made.parameters():
        torch.nn.init.normal_(weight, 0, 0.7)
    return made.eval()


def test_differences_end_with_the_row() -> None:
    x = torch.tensor([[[1.0], [2.0], [4.0], [8.0]], [[1.0], [3.0], [0.0], [0.0]]])
    found = differences(x, torch.tensor([4, 2]), 1).squeeze(2)
    assert found.tolist() == [[1, 3, 6, 4], [2, 2, 0, 0]]
    assert differences(x[:1], None, 3).squeeze(2).tolist() == [[7, 7, 7, 7]]
    none = differences(torch.zeros(1, 4, 2), torch.tensor([0]), 2)
    assert none.abs().sum() == 0


def test_padding_and_neighbors_change_no_score() -> None:
    model, rows = network(), [torch.randn(n, 2) for n in (5, 9, 1)]
    wide = torch.zeros(3, 12, 2)
    for place, row in enumerate(rows):
        wide[place, : len(row)] = row
    together = model(wide, torch.tensor([5, 9, 1]))
    for place, row in enumerate(rows):
        alone = model(row[None], None)[0]
        torch.testing.assert_close(together[place, : len(row)], alone)


def best(scores: Tensor, cost: float) -> list[int]:
    """The best path by trying all."""
    steps, labels = scores.shape
    paths: list[tuple[int, ...]] = list(itertools.product(range(labels), repeat=steps))

    def worth(path: tuple[int, ...]) -> float:
        kept = sum(float(scores[step, label]) for step, label in enumerate(path))
        return kept - cost * sum(one != two for one, two in itertools.pairwise(path))

    return list(max((worth(path), path) for path in paths)[1])


@pytest.mark.parametrize("cost", [0.0, 0.7, 3.0])
def test_answers_are_the_best_path(cost: float) -> None:
    model = network(cost)
    scores = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(4))
    found = model.answers(scores, None)
    assert found.tolist() == [best(row, cost) for row in scores]
    probs = model.probabilities(scores, None)
    torch.testing.assert_close(probs.sum(2), torch.ones(2, 6))
    if not cost:
        torch.testing.assert_close(probs, scores.softmax(2))
