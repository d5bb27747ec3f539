"""Searches on a scripted decoder: beside all paths, one by one, and what may not be written."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_decoder import Scripted
from torch import Tensor

from seqcli.nn.beam import beam_search
from seqcli.nn.search import Hypothesis, Rules, attended, repeating, usual_limits
from seqcli.nn.walk import greedy, walk

BEGIN, END = 1, 1
RULES = Rules(begin=BEGIN, end=END)
SOURCES = [[3, 1, 4, 1, 5], [9, 2], [6, 5, 3, 5], [8], [9, 7, 9], [3, 2, 3, 8, 4, 6]]


def padded(sources: list[list[int]]) -> tuple[Tensor, Tensor]:
    width = max(map(len, sources))
    rows = [[*row, *[0] * (width - len(row))] for row in sources]
    return torch.tensor(rows), torch.tensor(list(map(len, sources)))


def beams(
    model: Scripted,
    sources: list[list[int]] = SOURCES,
    *,
    beam: int = 3,
    best: int | None = None,
    penalty: float = 1.0,
    limit: int = 12,
    rules: Rules = RULES,
) -> list[list[Hypothesis]]:
    source, lengths = padded(sources)
    limits = torch.full_like(lengths, limit)
    best = beam if best is None else best
    return beam_search(
        model, source, lengths, rules, beam=beam, best=best, penalty=penalty, limits=limits
    )


def greedily(
    model: Scripted, sources: list[list[int]] = SOURCES, limit: int = 12, rules: Rules = RULES
) -> list[Hypothesis]:
    source, lengths = padded(sources)
    limits = torch.full_like(lengths, limit)
    return walk(model, source, lengths, rules, greedy, penalty=1.0, limits=limits)


def same(found: list[Hypothesis], wanted: list[Hypothesis]) -> None:
    assert [one.ids for one in found] == [one.ids for one in wanted]
    assert [one.ended for one in found] == [one.ended for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-5)
        assert one.logprob == pytest.approx(other.logprob, abs=1e-5)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_beam_of_all_paths_finds_the_best_of_all(seed: int, penalty: float) -> None:
    model = Scripted.drawn(4, seed)
    limit, best = 4, 6
    found = beams(model, beam=4 ** (limit + 1), best=best, penalty=penalty, limit=limit)
    for source, own in zip(SOURCES, found, strict=True):
        every = model.exhaustive(source, BEGIN, END, limit, penalty)[:best]
        assert [one.ids for one in own] == [one.ids for one in every]
        assert [one.score for one in own] == pytest.approx([one.score for one in every], abs=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 9), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_one_by_one_equals_all_together(seed: int, beam: int, limit: int, no_repeat: int) -> None:
    model = Scripted.drawn(7, seed)
    rules = Rules(begin=BEGIN, end=END, forbidden=(0,), no_repeat=no_repeat)
    together = beams(model, beam=beam, limit=limit, rules=rules)
    for source, own in zip(SOURCES, together, strict=True):
        (alone,) = beams(model, [source], beam=beam, limit=limit, rules=rules)
        same(own, alone)
    walked = greedily(model, limit=limit, rules=rules)
    for source, one in zip(SOURCES, walked, strict=True):
        same([one], greedily(model, [source], limit=limit, rules=rules))


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_of_one_is_greedy(seed: int) -> None:
    model = Scripted.drawn(9, seed)
    rules = Rules(begin=BEGIN, end=END, forbidden=(0, 4), no_repeat=2)
    found = [one for (one,) in beams(model, beam=1, rules=rules)]
    same(found, greedily(model, rules=rules))


@pytest.mark.parametrize("seed", range(4))
def test_a_score_is_the_models_own(seed: int) -> None:
    model = Scripted.drawn(6, seed)
    rules = Rules(begin=BEGIN, end=END, forbidden=(0,), no_repeat=2)
    for source, own in zip(SOURCES, beams(model, penalty=0.7, rules=rules), strict=True):
        assert [one.score for one in own] == sorted((one.score for one in own), reverse=True)
        assert len({one.ids for one in own}) == len(own)
        for one in own:
            ids = [*one.ids, END]
            assert one.logprob == pytest.approx(model.logprob(source, ids, BEGIN), abs=1e-4)
            assert one.score == pytest.approx(one.logprob / len(ids) ** 0.7, abs=1e-4)


def test_what_is_finished_leaves_the_batch() -> None:
    model = Scripted.drawn(5, 1)
    model.table[:, END] += 2
    alone = 0
    for source in SOURCES:
        before = model.rows
        beams(model, [source], limit=40)
        alone += model.rows - before
    before = model.rows
    beams(model, limit=40)
    assert model.rows - before == alone


def test_what_comes_to_its_limit_is_ended_there() -> None:
    model = Scripted.drawn(6, 3)
    model.table[:, END] = -50
    for own in beams(model, beam=4, limit=4):
        assert len(own) == 4
        assert all(len(one.ids) == 4 and not one.ended and one.score < -9 for one in own)
    assert [len(one.ids) for one in greedily(model, limit=4)] == [4] * len(SOURCES)
    assert not any(one.ended for one in greedily(model, limit=4))
    model.table[:, END] = 50  # what would have ended there is not cut
    assert all(one.ended and not one.ids for one in greedily(model, limit=1))
    assert all(own[0].ended and not own[0].ids for own in beams(model, limit=1))


def test_a_broken_model_has_no_score_and_no_crash() -> None:
    for value in (math.nan, math.inf, -math.inf):
        model = Scripted(torch.full((1009, 5), value))
        found = [*greedily(model, limit=3), *(one for own in beams(model, limit=3) for one in own)]
        assert all(math.isnan(one.score) for one in found)


def test_each_source_has_its_own_limit() -> None:
    model = Scripted.drawn(6, 3)
    model.table[:, END] = -1e4
    source, lengths = padded(SOURCES)
    found = beam_search(
        model, source, lengths, RULES, beam=2, best=2, penalty=1.0, limits=lengths + 1
    )
    assert [len(own[0].ids) for own in found] == [len(row) + 1 for row in SOURCES]
    assert usual_limits(lengths).tolist() == [2 * len(row) + 50 for row in SOURCES]


def test_forbidden_tokens_and_repeats_are_not_written() -> None:
    for size in (1, 2, 3):
        model = Scripted.drawn(5, size)
        model.table[:, 0] += 9
        model.table[:, END] -= 3
        rules = Rules(begin=BEGIN, end=END, forbidden=(0,), no_repeat=size)
        every = [one for own in beams(model, limit=30, rules=rules) for one in own]
        for one in [*every, *greedily(model, limit=30, rules=rules)]:
            assert 0 not in one.ids
            grams = [one.ids[at : at + size] for at in range(len(one.ids) - size + 1)]
            assert len(set(grams)) == len(grams)


def test_repeating_names_what_would_stand_twice() -> None:
    written = torch.tensor([[5, 6, 7, 5, 6], [1, 2, 3, 4, 5], [8, 8, 8, 8, 8]])
    rows, ids = repeating(written, 3)
    assert list(zip(rows.tolist(), ids.tolist(), strict=True)) == [(0, 7), (2, 8), (2, 8), (2, 8)]
    assert [part.tolist() for part in repeating(written[:, :1], 3)] == [[], []]
    assert repeating(written[:1], 1)[1].tolist() == [5, 6, 7, 5, 6]


def test_ties_go_to_the_earlier_hypothesis_and_the_lower_id() -> None:
    model = Scripted(torch.zeros(1009, 4))
    (own,) = beams(model, [[2]], beam=4, limit=3, penalty=1.0)
    assert [one.ids for one in own] == [(), (0,), (0, 0), (0, 0, 0)]
    assert all(one.score == pytest.approx(-math.log(4)) for one in own)


def test_attention_of_given_outputs_is_what_the_steps_looked_at() -> None:
    model = Scripted.drawn(6, 5)
    source, lengths = padded(SOURCES[:2])
    looks = attended(model, source, lengths, [(2, 3, 4), (5,)], BEGIN)
    assert looks.shape == (2, 3, 4)
    memory, state = model.encode(source, lengths)
    first = model.step(torch.tensor([BEGIN, BEGIN]), state, memory)
    second = model.step(torch.tensor([2, 5]), first.state, memory)
    assert torch.equal(looks[:, 0], first.attention)
    assert torch.equal(looks[0, 1], second.attention[0])
    assert attended(model, source, lengths, [(), ()], BEGIN).shape == (2, 0, source.shape[1])
