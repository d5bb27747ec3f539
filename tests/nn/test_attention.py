"""Attention against its formulas, written out in NumPy; and what it must not look at."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcli.errors import ConfigError
from seqcli.kinds.translator.spec import ATTENTIONS as NAMES
from seqcli.nn.attention import ATTENTIONS, Attention, attention

Numbers = NDArray[np.float64]


def made(name: str, queries: int = 5, memory: int = 5) -> Attention:
    module = attention(name, queries, memory).double()
    draw = torch.Generator().manual_seed(3)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, generator=draw)
    return module


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).double()


def by_hand(name: str, module: Attention, query: Numbers, values: Numbers) -> Numbers:
    """Scores of one query (Q,) on the values (S, M)."""
    weights = {key: value.detach().numpy() for key, value in module.state_dict().items()}
    if name == "dot":
        return np.array([query @ value for value in values])
    if name == "general":
        return np.array([query @ (weights["key.weight"] @ value) for value in values])
    own = weights["query.weight"] @ query
    keys = [weights["key.weight"] @ value + weights["key.bias"] for value in values]
    return np.array([weights["score.weight"][0] @ np.tanh(own + key) for key in keys])


@pytest.mark.parametrize("name", ATTENTIONS)
def test_weights_and_contexts_are_the_formula_s(name: str) -> None:
    memory = 5 if name == "dot" else 7
    module, queries, values = made(name, 5, memory), random(3, 4, 5), random(3, 6, memory)
    lengths = torch.tensor([6, 1, 4])
    contexts, weights = module(queries, values, module.keys(values), lengths)
    for row, length in enumerate(lengths.tolist()):
        real = values[row, :length].numpy()
        for step in range(4):
            scores = by_hand(name, module, queries[row, step].numpy(), real)
            wanted = np.exp(scores - scores.max())
            wanted /= wanted.sum()
            found = weights[row, step].detach().numpy()
            np.testing.assert_allclose(found[:length], wanted, atol=1e-6)
            assert not found[length:].any()
            np.testing.assert_allclose(
                contexts[row, step].detach().numpy(), wanted @ real, atol=1e-5
            )


@pytest.mark.parametrize("name", ATTENTIONS)
def test_padding_is_never_looked_at(name: str) -> None:
    module, queries, values = made(name), random(2, 3, 5), random(2, 6, 5)
    lengths = torch.tensor([4, 6])
    before = module(queries, values, module.keys(values), lengths)[0]
    values[0, 4:] = 1e6
    after = module(queries, values, module.keys(values), lengths)[0]
    torch.testing.assert_close(after, before)


def test_no_lengths_are_all_lengths_and_nothing_to_look_at_is_zeros() -> None:
    module, queries, values = made("general"), random(2, 3, 5), random(2, 6, 5)
    keys = module.keys(values)
    whole, every = (
        module(queries, values, keys, None),
        module(queries, values, keys, torch.tensor([6, 6])),
    )
    torch.testing.assert_close(whole, every)
    none, weights = module(queries, values, keys, torch.tensor([0, 6]))
    assert not none[0].any()
    assert not weights[0].any()
    none.sum().backward()
    assert all(bool(weight.grad.isfinite().all()) for weight in module.parameters())  # type: ignore[union-attr]


def test_names() -> None:
    assert tuple(ATTENTIONS) == NAMES
    with pytest.raises(ConfigError, match="attention"):
        attention("none", 3, 3)
    with pytest.raises(ValueError, match="dot attention of 3 on 4"):
        attention("dot", 3, 4)
