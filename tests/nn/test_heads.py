"""Read-outs, dense head, log-probabilities, and whole classifiers: padding is invisible."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.nn import ragged
from seqcli.nn.cells import CELLS
from seqcli.nn.heads import READ_OUTS, Dense, OneHot, ReadOut, log_probabilities
from seqcli.nn.models import TextClassifier
from seqcli.nn.recurrent import Encoded, Recurrent
from seqcli.nn.wide import Wide

torch.set_num_threads(1)

SETS = [names for n in (1, 2, 4) for names in itertools.combinations(READ_OUTS, n)]


def filled(module: nn.Module, seed: int = 0) -> Any:
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(-0.6, 0.6, generator=draw)
    return module


def encoded(lengths: list[int], time: int, width: int = 3) -> Encoded:
    draw = torch.Generator().manual_seed(1)
    outputs = torch.randn(len(lengths), time, width, generator=draw) - 2  # a maximum is below 0
    for row, length in enumerate(lengths):
        outputs[row, length:] = 0
    return Encoded(outputs, torch.randn(len(lengths), width, generator=draw), ())


@pytest.mark.parametrize("names", SETS)
def test_read_outs_equal_their_formulas(names: tuple[str, ...]) -> None:
    lengths = [5, 2, 0, 1]
    seen = encoded(lengths, 5)
    read_out = filled(ReadOut(names, 3))
    found = read_out(seen, torch.tensor(lengths))
    assert found.shape == (4, read_out.width) == (4, 3 * len(names))
    for row, length in enumerate(lengths):
        steps = seen.outputs[row, :length]
        parts = []
        for name in names:
            if name == "last":
                parts.append(seen.last[row])
            elif not length:
                parts.append(torch.zeros(3))
            elif name == "mean":
                parts.append(steps.mean(0))
            elif name == "max":
                parts.append(steps.max(0).values)
            else:
                scores = torch.tanh(steps @ read_out.score.weight.T + read_out.score.bias)
                parts.append((scores @ read_out.query).softmax(0) @ steps)
        torch.testing.assert_close(found[row], torch.cat(parts))


@pytest.mark.parametrize("names", SETS)
def test_no_lengths_means_full_lengths(names: tuple[str, ...]) -> None:
    read_out = filled(ReadOut(names, 3))
    seen = encoded([4, 4], 4)
    torch.testing.assert_close(read_out(seen, None), read_out(seen, torch.tensor([4, 4])))


def test_read_out_gradients_are_finite_for_empty_rows() -> None:
    read_out = filled(ReadOut(READ_OUTS, 3))
    seen = encoded([4, 2, 0], 5)
    seen.outputs.requires_grad_()
    read_out(seen, torch.tensor([4, 2, 0])).square().sum().backward()
    gradient = seen.outputs.grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert not gradient[2].any()


def test_one_hot_is_the_identity() -> None:
    layer = OneHot(5)
    ids = torch.tensor([[0, 4, 2]], dtype=torch.int32)
    assert torch.equal(layer(ids), F.one_hot(ids.long(), 5).float())
    assert not layer.state_dict()
    assert not list(layer.parameters())


def test_dense_layers() -> None:
    dense = filled(Dense(4, (3, 2), 5, 0.5)).eval()
    x = torch.randn(6, 4)
    expected = x
    for layer in dense.hidden:
        expected = torch.relu(expected @ layer.weight.T + layer.bias)
    torch.testing.assert_close(dense(x), expected @ dense.output.weight.T + dense.output.bias)
    dense.train()
    assert not torch.allclose(dense(x), dense(x))
    assert torch.allclose(filled(Dense(4, (), 2, 0.9))(x), filled(Dense(4, (), 2, 0.0))(x))


def test_heads_hand_on_log_probabilities() -> None:
    logits = torch.tensor([[-200.0], [0.0], [3.0], [200.0]])
    found = log_probabilities(logits, "sigmoid")
    assert found.isfinite().all()
    torch.testing.assert_close(found.exp().sum(1), torch.ones(4))
    torch.testing.assert_close(found[:, 1].exp(), torch.sigmoid(logits[:, 0]))
    two = torch.cat([torch.zeros(4, 1), logits], 1)
    torch.testing.assert_close(log_probabilities(two, "softmax"), found)
    many = torch.randn(3, 7, dtype=torch.bfloat16)
    soft = log_probabilities(many, "softmax")
    assert soft.dtype == torch.float32
    torch.testing.assert_close(soft.exp().sum(1), torch.ones(3))


def test_the_wide_part_sums_weighted_rows() -> None:
    wide = filled(Wide(6, 2))
    buckets = torch.tensor([1, 5, 1, 0])
    weights = torch.tensor([0.5, 2.0, 1.0, 3.0])
    found = wide(buckets, torch.tensor([0, 2, 2]), weights)
    table, bias = wide.table, wide.bias
    sums = [0.5 * table[1] + 2 * table[5], torch.zeros(2), table[1] + 3 * table[0]]
    expected = [row + bias for row in sums]
    torch.testing.assert_close(found, torch.stack(expected))
    assert not Wide(6, 2).table.any()


def classifier(names: tuple[str, ...], cell: str = "lstm", **options: Any) -> TextClassifier:
    wide = Wide(8, 3) if options.pop("wide", False) else None
    stack = Recurrent(4, (5, 3), cell=cell, bidirectional=options.pop("two", True))
    read_out = ReadOut(names, stack.width)
    dense = Dense(read_out.width, (6,), 3, 0.0)
    model = TextClassifier(
        nn.Embedding(11, 4), stack, read_out, dense, head="softmax", wide=wide, **options
    )
    return filled(model).double()  # type: ignore[no-any-return]


@settings(max_examples=60, deadline=None)
@given(
    names=st.sampled_from(SETS),
    cell=st.sampled_from([*CELLS]),
    two=st.booleans(),
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    extra=st.integers(0, 5),
    data=st.data(),
)
def test_padding_and_company_never_change_an_answer(
    names: tuple[str, ...],
    cell: str,
    two: bool,
    lengths: list[int],
    extra: int,
    data: st.DataObject,
) -> None:
    model = classifier(names, cell, two=two)
    time = max(*lengths, 1) + extra
    ids = torch.randint(0, 11, (len(lengths), time), generator=torch.Generator().manual_seed(1))
    ends = torch.tensor(lengths)
    found = model(ids, ends)
    order = data.draw(st.permutations(range(len(lengths))))
    other = ids.clone()
    for row, length in enumerate(lengths):
        other[row, length:] = data.draw(st.integers(0, 10))
    torch.testing.assert_close(model(other[order], ends[order]), found[order])
    for row, length in enumerate(lengths):
        if length:
            alone = model(ids[row : row + 1, :length].int(), None)
            torch.testing.assert_close(alone[0], found[row])


def test_an_empty_text_has_finite_gradients() -> None:
    model = classifier(READ_OUTS)
    model(torch.zeros(2, 8, dtype=torch.int32), torch.tensor([0, 0])).sum().backward()
    for weight in model.parameters():
        assert weight.grad is None or weight.grad.isfinite().all()


def test_wide_logits_are_added() -> None:
    model = classifier(("last",), wide=True)
    ids, ends = torch.zeros(2, 3, dtype=torch.int32), torch.tensor([3, 1])
    features = (torch.tensor([1, 2, 3]), torch.tensor([0, 2]), torch.ones(3).double())
    assert model.wide is not None
    plain, both = model(ids, ends), model(ids, ends, features)
    torch.testing.assert_close(
        both, F.log_softmax(plain + model.wide(*features), 1).float(), check_dtype=False
    )


def test_word_dropout_hides_whole_tokens_in_training_alone() -> None:
    model = classifier(("last",), word_dropout=0.5)
    seen: list[Tensor] = []
    model.recurrent.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    ids = torch.arange(11).repeat(20, 1)
    torch.manual_seed(0)
    model(ids, None)
    whole = model.embedding(ids)
    hidden = (seen[0] == 0).all(2)
    assert 60 < hidden.sum() < 160
    assert torch.equal(seen[0][~hidden], whole[~hidden])
    model.eval()
    model(ids, None)
    assert torch.equal(seen[1], whole)


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 2, 5), (1, 1, 3)])
def test_places_are_filled_alike_in_place_and_in_a_copy(shape: tuple[int, ...]) -> None:
    x = torch.arange(math.prod(shape), dtype=torch.float32).view(shape)
    places = torch.arange(shape[0] * shape[1]).view(shape[:2]) % 3 == 1
    copied = ragged.filled(x, places, -7.0)
    assert (copied[places] == -7).all()
    assert copied[~places].equal(x[~places])
    assert copied is not x
    with torch.no_grad():
        turned = ragged.filled(x.transpose(0, 1).contiguous().transpose(0, 1), places, -7.0)
        there = ragged.filled(x, places, -7.0)
    assert there is x
    assert there.equal(copied)
    assert turned.equal(copied)


@pytest.mark.parametrize("name", ["mean", "max", "attention"])
def test_a_read_out_without_gradients_leaves_its_input_as_it_was(name: str) -> None:
    torch.manual_seed(0)
    head, lengths = ReadOut((name,), 4), torch.tensor([3, 0, 5])
    for weight in head.parameters():
        torch.nn.init.normal_(weight)
    outputs = torch.randn(3, 5, 4) * (torch.arange(5) < lengths[:, None])[:, :, None]
    kept = outputs.clone()
    encoded = Encoded(outputs, outputs[:, -1], ())
    trained = head(encoded, lengths)
    with torch.no_grad():
        assert head(encoded, lengths).equal(trained)
    assert outputs.equal(kept)
