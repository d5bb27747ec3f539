"""How weights start: ranges, orthogonality, biases, and that a seed decides all of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from seqcli.errors import ConfigError
from seqcli.kinds.classifier.network import text_classifier
from seqcli.kinds.classifier.spec import Model
from seqcli.nn.cells import CELLS
from seqcli.nn.init import SCHEMES, start_cells, start_linear, start_normal

torch.set_num_threads(1)

E, H = 24, 32


def started(cell: str, scheme: str, forget: bool = False, seed: int = 0, **options: Any) -> Any:
    module = CELLS[cell](E, H, **options)
    with torch.no_grad():
        for weight in module.parameters():
            weight.fill_(math.nan)  # whatever was there before
    start_cells(nn.Sequential(module), scheme, 0.07, forget, Generator().manual_seed(seed))
    return module


def spans(weight: Tensor, bound: float) -> None:
    """Uniform in ± bound, as far as its extremes and its deviation show."""
    assert weight.abs().max() <= bound
    edge = 0.9 if weight.numel() > 500 else 0.6
    assert weight.max() > edge * bound
    assert weight.min() < -edge * bound
    if weight.numel() > 500:
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)


BOUNDS = {
    "glorot": lambda gates: math.sqrt(6 / (E + H + gates * H)),
    "torch": lambda gates: 1 / math.sqrt(H),
    "linear": lambda gates: 1 / math.sqrt(E + H),
    "uniform": lambda gates: 0.07,
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_ranges(cell: str, scheme: str) -> None:
    module = started(cell, scheme)
    biases = [weight for name, weight in module.named_parameters() if "bias" in name]
    assert len(biases) == (2 if cell == "gru" else 1)
    if scheme == "keras":
        spans(module.weight_ih, math.sqrt(6 / (E + module.gates * H)))
        columns = module.weight_hh.T @ module.weight_hh
        torch.testing.assert_close(columns, torch.eye(H), atol=1e-5, rtol=0)
    else:
        bound = BOUNDS[scheme](module.gates)
        spans(module.weight_ih, bound)
        spans(module.weight_hh, bound)
    for bias in biases:
        if scheme in ("torch", "linear"):
            spans(bias, BOUNDS[scheme](module.gates))
        else:
            assert not bias.any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_forget_gate_starts_one_higher(scheme: str) -> None:
    plain, forget = started("lstm", scheme), started("lstm", scheme, True)
    difference = (forget.bias - plain.bias).view(4, H)
    expected = torch.zeros(4, H)
    expected[1] = 1
    torch.testing.assert_close(difference, expected)
    assert torch.equal(plain.weight_hh, forget.weight_hh)
    started("lstm", scheme, True, bias=False)
    assert torch.equal(started("gru", scheme, True).bias, started("gru", scheme).bias)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_dense_layers_go_with_the_cells(scheme: str) -> None:
    layer = nn.Linear(40, 30)
    start_linear(layer, scheme, 0.07, Generator().manual_seed(0))
    if scheme in ("keras", "glorot"):
        spans(layer.weight, math.sqrt(6 / 70))
        assert not layer.bias.any()
    else:
        bound = 0.07 if scheme == "uniform" else 1 / math.sqrt(40)
        spans(layer.weight, bound)
        assert layer.bias.abs().max() <= bound
        assert layer.bias.abs().max() > 0.7 * bound


def test_a_normal_start() -> None:
    layer = nn.Linear(40, 30)
    bias = layer.bias.clone()
    start_normal(layer, 0.1, Generator().manual_seed(0))
    assert layer.weight.std().item() == pytest.approx(0.1, rel=0.1)
    assert torch.equal(layer.bias, bias)


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown init 'kears'"):
        started("rnn", "kears")


def build(seed: int = 0, **options: Any) -> Any:
    return text_classifier(Model(**options), 90, (1,) * 3, Generator().manual_seed(seed))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_seed_decides_every_weight(scheme: str) -> None:
    options: dict[str, Any] = {
        "init": scheme,
        "read_out": ("attention", "max"),
        "dense": (7,),
        "bidirectional": True,
        "wide_words": (1,),
        "wide_buckets": 8,
    }
    torch.manual_seed(1)
    one = build(**options).state_dict()
    torch.manual_seed(2)
    same, other = build(**options).state_dict(), build(1, **options).state_dict()
    assert one.keys() == same.keys()
    for name in one:
        assert torch.equal(one[name], same[name]), name
        assert one[name].isfinite().all(), name
        if "bias" not in name and name != "wide.table":
            assert not torch.equal(one[name], other[name]), name


def test_uniform_covers_embedding_and_output_bias() -> None:
    """Zaremba et al. 2014 (reference.md S3)."""
    model = build(init="uniform", init_scale=0.03, embed=40, hidden=(20,), embed_scale=0.9)
    spans(model.embedding.weight, 0.03)
    spans(model.dense.output.weight, 0.03)
    assert 0 < model.dense.output.bias.abs().max() <= 0.03
    assert not model.recurrent.layers[0][0].cell.bias.any()


def test_the_start_of_the_spam_model() -> None:
    """reference.md S1: embedding ± 1, output normal with deviation 0.1, bias 0.1."""
    model = build(embed_scale=1.0, embed=50, hidden=(10,), output_scale=0.1, output_bias=0.1)
    spans(model.embedding.weight, 1.0)
    assert model.dense.output.weight.std().item() == pytest.approx(0.1, rel=0.4)
    assert model.dense.output.bias.tolist() == pytest.approx([0.1] * 3)
