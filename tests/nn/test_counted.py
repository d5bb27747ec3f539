"""n-grams beside a network: probabilities, whole distributions, and the walk through them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from seqcli.nn.kneser_ney import KneserNey
from seqcli.text.kneser_ney import count

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SAID = "abracadabra, a cat and a bad cab; a dab and a crab. the end of it all, "
TRAIN = SAID * 2 + "abba cadabra."
TEXT = "a cab and a crab, the abra of it. cad abba; lla"
LETTERS = sorted(set(TRAIN))


def ids(text: str) -> torch.Tensor:
    return torch.tensor([LETTERS.index(letter) for letter in text])


def model(order: int, vocabulary: int = len(LETTERS)) -> KneserNey:
    counted = count(ids(TRAIN).numpy(), vocabulary, order)
    found = KneserNey(vocabulary, counted.sizes)
    found.fill(counted)
    return found


@pytest.mark.parametrize("order", [1, 2, 3, 6, 10])
def test_it_is_the_model_of_dictionaries(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that benchmarks compare with, written from the paper with other structures."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from peers.kneser_ney import losses

    grams, text = model(order), ids(TEXT)[None]
    found, _ = grams.probabilities(text[:, :-1], text[:, 1:], grams.nowhere(1))
    loss = -found.double().log().mean().item()
    assert loss == pytest.approx(losses(TRAIN, TEXT, order)[order], abs=1e-5)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_steps_give_the_same_and_sum_to_one(order: int) -> None:
    grams = model(order, len(LETTERS) + 2)  # two tokens were never seen
    text = torch.stack([ids(TEXT), ids(TEXT).flip(0)])
    nodes, rows = grams.nowhere(2), []
    for token in text[:, :-1].unbind(1):
        nodes = grams.read(token, nodes)
        rows.append(grams.distribution(nodes))
    every = torch.stack(rows, 1)
    assert every.shape == (2, len(TEXT) - 1, len(LETTERS) + 2)
    torch.testing.assert_close(every.sum(2), torch.ones(2, len(TEXT) - 1))
    assert (every > 0).all()
    whole, after = grams.probabilities(text[:, :-1], text[:, 1:], grams.nowhere(2))
    torch.testing.assert_close(every.gather(2, text[:, 1:, None])[..., 0], whole)
    assert torch.equal(after, nodes)


@pytest.mark.parametrize("cut", [1, 2, 3, 20])
def test_windows_go_on_where_the_last_one_ended(cut: int) -> None:
    grams, text = model(5), ids(TEXT)[None]
    whole, end = grams.probabilities(text[:, :-1], text[:, 1:], grams.nowhere(1))
    nodes, parts = grams.nowhere(1), []
    for start in range(0, len(TEXT) - 1, cut):
        part = slice(start, min(start + cut, len(TEXT) - 1))
        following = text[:, 1:][:, part]
        found, nodes = grams.probabilities(text[:, :-1][:, part], following, nodes)
        parts.append(found)
    assert torch.equal(torch.cat(parts, 1), whole)
    assert torch.equal(nodes, end)


def test_rows_do_not_depend_on_one_another() -> None:
    grams, generator = model(4), torch.Generator().manual_seed(1)
    nodes = grams.nowhere(40)
    for _ in range(5):
        nodes = grams.read(torch.randint(len(LETTERS), (40,), generator=generator), nodes)
    every = grams.distribution(nodes)
    for row in range(40):
        assert torch.equal(grams.distribution(nodes[row, None]), every[row, None])


def test_nothing_was_read_or_nothing_is_known() -> None:
    """Then single tokens count, by how many different ones stand before them."""
    grams, single = model(4), model(2)
    alone = grams.distribution(grams.nowhere(3))
    torch.testing.assert_close(alone, single.distribution(single.nowhere(3)))
    unseen = grams.read(torch.tensor([LETTERS.index(";")]), grams.nowhere(1))
    for letter in ";;;":
        unseen = grams.read(ids(letter), unseen)
    assert grams.distribution(unseen).argmax() == LETTERS.index(" ")
    assert not math.isnan(float(grams.distribution(unseen).sum()))
    assert np.isclose(float(grams.distribution(unseen).sum()), 1)
