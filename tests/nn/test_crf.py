"""The chain against enumeration of all paths, and what must not change an answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from seqcli.nn import crf
from seqcli.nn.crf import Allowed, Chain, LinearChain, Spans

LENGTHS = (4, 2, 1, 0, 4)


def drawn(tags: int, seed: int = 0, size: float = 1.0) -> tuple[Tensor, Tensor, Chain]:
    """Emissions (B, T, C), lengths (B,) and a chain, all float64; padding is NaN-free rubbish."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return size * torch.randn(*shape, generator=g, dtype=torch.float64)

    chain = Chain(normal(tags, tags), normal(tags), normal(tags))
    return normal(len(LENGTHS), max(LENGTHS), tags), torch.tensor(LENGTHS), chain


def paths(emissions: Tensor, length: int, chain: Chain) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Each path of one row and its score."""
    for tags in itertools.product(range(emissions.shape[1]), repeat=length):
        score = emissions.new_zeros(())
        if tags:
            score = chain.start[tags[0]] + chain.end[tags[-1]]
            score = score + sum(emissions[t, tag] for t, tag in enumerate(tags))
            for before, tag in itertools.pairwise(tags):
                score = score + chain.transitions[before, tag]
        yield tags, score


def partition(emissions: Tensor, length: int, chain: Chain) -> Tensor:
    return torch.stack([score for _, score in paths(emissions, length, chain)]).logsumexp(0)


def ones_where(tags: int, forbidden: list[tuple[int, int]]) -> Allowed:
    table = torch.ones(tags, tags, dtype=torch.bool)
    for pair in forbidden:
        table[pair] = False
    return Allowed(table, torch.ones(tags).bool(), torch.ones(tags).bool())


@pytest.mark.parametrize("tags", [1, 2, 3])
@pytest.mark.parametrize("size", [1.0, 30.0, 900.0])  # the last goes through logsumexp
def test_partition_likelihood_marginals_and_best_path_equal_enumeration(
    tags: int, size: float
) -> None:
    emissions, lengths, chain = drawn(tags, size=size)
    totals = crf.log_partition(emissions, lengths, chain)
    found = crf.marginals(emissions, lengths, chain)
    best, scores = crf.viterbi(emissions, lengths, chain)
    for row, length in enumerate(LENGTHS):
        total = partition(emissions[row], length, chain)
        torch.testing.assert_close(totals[row], total, rtol=1e-12, atol=1e-10)
        expected = torch.zeros_like(emissions[row])
        top = max(paths(emissions[row], length, chain), key=lambda path: path[1].item())
        for path, score in paths(emissions[row], length, chain):
            for t, tag in enumerate(path):
                expected[t, tag] += (score - total).exp()
        torch.testing.assert_close(found[row], expected, rtol=1e-9, atol=1e-12)
        assert best[row].tolist() == [*top[0], *[0] * (max(LENGTHS) - length)]
        torch.testing.assert_close(scores[row], top[1])
        tags_row = best[row : row + 1]
        own = crf.log_likelihood(emissions[row : row + 1], tags_row, lengths[row : row + 1], chain)
        torch.testing.assert_close(own[0], top[1] - total, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("ragged", [True, False])
def test_gradients(ragged: bool) -> None:
    emissions, lengths, chain = drawn(3)
    tags = torch.tensor([[0, 2, 1, 1]]).expand(len(LENGTHS), -1)

    def loss(*parts: Tensor) -> Tensor:
        return crf.log_likelihood(parts[0], tags, lengths if ragged else None, Chain(*parts[1:]))

    parts = [part.requires_grad_() for part in (emissions, *chain)]
    assert torch.autograd.gradcheck(loss, parts)


def test_both_ways_to_the_sum_agree() -> None:
    emissions, lengths, chain = drawn(5, size=3.0)
    parts = [part.requires_grad_() for part in (emissions, *chain)]
    fast = crf.log_partition(emissions, lengths, chain)
    slow = crf._log_partition_wide(emissions, lengths, chain)
    torch.testing.assert_close(fast, slow)
    weights = torch.arange(1.0, 6.0, dtype=torch.float64)
    one, other = (torch.autograd.grad((total * weights).sum(), parts) for total in (fast, slow))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("size", [1.0, 900.0])
def test_marginals_are_the_gradient_of_the_sum(size: float) -> None:
    emissions, lengths, chain = drawn(4, 5, size)
    emissions.requires_grad_()
    total = crf.log_partition(emissions, lengths, chain).sum()
    (gradient,) = torch.autograd.grad(total, emissions)
    with torch.inference_mode():  # as answers are given
        found = crf.marginals(emissions.clone(), lengths, chain)
    assert found.allclose(gradient, atol=1e-12)


def test_padding_and_the_order_of_rows_change_nothing() -> None:
    emissions, lengths, chain = drawn(3)
    rubbish = emissions.clone()
    for row, length in enumerate(LENGTHS):
        rubbish[row, length:] = float("nan") if row % 2 else 1e30
    longer = torch.cat([rubbish, torch.full_like(rubbish, float("inf"))], 1)
    order = torch.tensor([3, 1, 4, 0, 2])
    for change in (rubbish, longer):
        totals = crf.log_partition(change[order], lengths[order], chain)
        torch.testing.assert_close(totals, crf.log_partition(emissions, lengths, chain)[order])
        best = crf.viterbi(change[order], lengths[order], chain)[0][:, : emissions.shape[1]]
        assert torch.equal(best, crf.viterbi(emissions, lengths, chain)[0][order])
        found = crf.marginals(change[order], lengths[order], chain)[:, : emissions.shape[1]]
        torch.testing.assert_close(found, crf.marginals(emissions, lengths, chain)[order])


def test_rows_alone_equal_rows_together() -> None:
    emissions, lengths, chain = drawn(4)
    together = crf.log_partition(emissions, lengths, chain)
    for row, length in enumerate(LENGTHS):
        alone = crf.log_partition(emissions[row : row + 1, :length], None, chain)
        torch.testing.assert_close(alone[0], together[row])


@pytest.mark.parametrize("size", [1.0, 900.0])
def test_forbidden_steps_are_never_taken_nor_trained(size: float) -> None:
    emissions, lengths, _ = drawn(3, size=size)
    model = LinearChain(3, ones_where(3, [(0, 1), (2, 1)])).double()
    emissions.requires_grad_()
    loss, rows = model.loss(emissions, torch.zeros(emissions.shape[:2]).long(), lengths)
    assert rows == 4
    loss.backward()  # type: ignore[no-untyped-call]
    for grad in (emissions.grad, model.transitions.grad, model.start.grad, model.end.grad):
        assert grad is not None
        assert grad.isfinite().all()
    assert model.transitions.grad is not None
    assert model.transitions.grad[0, 1] == model.transitions.grad[2, 1] == 0
    best = model.decode(emissions, lengths)
    for row, length in zip(best.tolist(), LENGTHS, strict=True):
        assert not {(0, 1), (2, 1)} & set(itertools.pairwise(row[:length]))
    allowed = Chain(*(part.detach() for part in model.chain()))
    for row, length in enumerate(LENGTHS):
        total = partition(emissions[row].detach(), length, allowed)
        torch.testing.assert_close(crf.log_partition(emissions, lengths, allowed)[row], total)


def test_forbidden_gold_tags_give_a_finite_loss() -> None:
    model = LinearChain(2, ones_where(2, [(0, 1)]))
    loss, _ = model.loss(torch.zeros(1, 2, 2), torch.tensor([[0, 1]]), None)
    assert 9_000 < loss.item() < 11_000
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_row_without_any_allowed_path_is_finite_too() -> None:
    model = LinearChain(2, ones_where(2, [(a, b) for a in range(2) for b in range(2)]))
    emissions = torch.zeros(1, 3, 2, requires_grad=True)
    loss, _ = model.loss(emissions, torch.zeros(1, 3).long(), None)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert emissions.grad is not None
    assert emissions.grad.isfinite().all()


def test_bfloat16_is_summed_in_float32() -> None:
    emissions, lengths, chain = drawn(3)
    low = emissions.bfloat16()
    narrow = Chain(*(part.float() for part in chain))
    total = crf.log_partition(low, lengths, narrow)
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, crf.log_partition(low.float(), lengths, narrow))
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(crf.log_partition(low, lengths, narrow), total)
        assert crf.viterbi(low, lengths, narrow)[1].dtype == torch.float32


def test_a_long_row_is_exact() -> None:
    """5,000 steps: a sum without rescaling would overflow after some hundreds."""
    chain = Chain(torch.zeros(3, 3), torch.zeros(3), torch.zeros(3))
    total = crf.log_partition(torch.zeros(1, 5000, 3), None, chain)
    torch.testing.assert_close(total, 5000 * torch.tensor([3.0]).log())


def test_no_time_and_no_rows() -> None:
    _, _, chain = drawn(3)
    for shape in ((2, 0, 3), (0, 4, 3), (0, 0, 3)):
        empty = torch.zeros(shape, dtype=torch.float64)
        assert crf.log_partition(empty, None, chain).tolist() == [0.0] * shape[0]
        assert crf.viterbi(empty, None, chain)[0].shape == shape[:2]
        assert crf.marginals(empty, None, chain).shape == shape


@pytest.mark.parametrize("size", [1.0, 900.0])
@pytest.mark.parametrize("closed", [True, False])
def test_probability_of_a_span_equals_enumeration(size: float, closed: bool) -> None:
    emissions, lengths, chain = drawn(3, size=size)
    asked = [(0, 0, [1]), (0, 1, [2, 1]), (0, 2, [0, 0]), (1, 0, [1, 1]), (2, 0, [2]), (4, 3, [0])]
    tags = torch.tensor([[*own, 7, 7][:3] for _, _, own in asked])  # 7: past the span
    following = torch.tensor([[True, True, False]] * len(asked)) if closed else None
    spans = Spans(
        torch.tensor([row for row, _, _ in asked]),
        torch.tensor([start for _, start, _ in asked]),
        tags,
        torch.tensor([len(own) for _, _, own in asked]),
        following,
    )
    found = crf.span_log_probability(emissions, lengths, chain, spans)
    for number, (row, start, own) in enumerate(asked):
        length, end = LENGTHS[row], start + len(own)
        having = [
            score
            for path, score in paths(emissions[row], length, chain)
            if list(path[start:end]) == own and not (closed and end < length and path[end] == 2)
        ]
        expected = torch.stack(having).logsumexp(0) - partition(emissions[row], length, chain)
        torch.testing.assert_close(found[number], expected.clamp(max=0), rtol=1e-9, atol=1e-9)
