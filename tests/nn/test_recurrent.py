"""Stacks over whole sequences: against one cell a step and a row, and against torch's layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seqcli.nn.cells import CELLS, State
from seqcli.nn.ragged import length_mask
from seqcli.nn.recurrent import MERGES, Encoded, Recurrent, merge_directions

torch.set_num_threads(1)

FAST = [
    ("rnn", {}),
    ("rnn", {"activation": "relu"}),
    ("lstm", {}),
    ("gru", {}),
    ("lstm", {"bias": False}),
    ("gru", {"bias": False}),
    ("rnn", {"bias": False}),
]
SLOW = [
    ("gru", {"reset_after": False}),
    ("lstm", {"recurrent_activation": "hard_sigmoid"}),
    ("lstm", {"activation": "relu"}),
    ("rnn", {"activation": "linear"}),
]
RAGGED = (6, 3, 0, 1)


def filled(module: nn.Module, seed: int = 0) -> Any:
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(-0.6, 0.6, generator=draw)
    return module


def stack(cell: str, sizes: tuple[int, ...] = (5, 3), **options: Any) -> Recurrent:
    return filled(Recurrent(4, sizes, cell=cell, **options).double())


def batch(lengths: tuple[int, ...] = RAGGED, seed: int = 1) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(len(lengths), max(lengths), 4, generator=draw, dtype=torch.float64)
    return x, torch.tensor(lengths)


def some_state(model: Recurrent, rows: int) -> tuple[State, ...]:
    draw = torch.Generator().manual_seed(5)
    return tuple(
        tuple(
            torch.randn(rows, way.cell.hidden, generator=draw, dtype=torch.float64) * 0.5
            for way in layer
            for _ in range(way.cell.states)
        )
        for layer in model.layers
    )


def by_hand(model: Recurrent, x: Tensor, lengths: Tensor, state: Any = None) -> Encoded:
    """Each row alone, one cell a step, without padding."""
    time, rows = x.shape[1], []
    for row, length in enumerate(lengths.tolist()):
        steps, finals = x[row, :length], []
        for number, layer in enumerate(model.layers):
            outputs, ends, final = [], [], []
            for place, way in enumerate(layer):
                cell: Any = way.cell
                current = tuple(part[:1] for part in cell.zero_state(1))
                if state is not None:
                    own = state[number][place * cell.states : (place + 1) * cell.states]
                    current = tuple(part[row : row + 1] for part in own)
                end, seen = torch.zeros(1, cell.hidden, dtype=x.dtype), []
                for step in steps.flip(0) if way.backwards else steps:
                    end, current = cell(step[None], current)
                    seen.append(end[0])
                seen = seen[::-1] if way.backwards else seen
                outputs.append(torch.stack(seen) if seen else x.new_zeros(0, cell.hidden))
                ends.append(end[0])
                final += current
            last_layer = number + 1 == len(model.layers)
            how = "concat" if model.merge == "none" and not last_layer else model.merge
            steps, last = merge_directions(outputs, how), merge_directions(ends, how)
            finals.append(final)
        padding = steps.new_zeros(time - length, *steps.shape[1:])
        rows.append((torch.cat([steps, padding]), last, finals))
    states = tuple(
        tuple(torch.cat([row[2][n][k] for row in rows]) for k in range(len(rows[0][2][n])))
        for n in range(len(model.layers))
    )
    return Encoded(torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows]), states)


def same(mine: Encoded, expected: Encoded, states: bool = True) -> None:
    torch.testing.assert_close(mine.outputs, expected.outputs)
    torch.testing.assert_close(mine.last, expected.last)
    if states:
        assert len(mine.state) == len(expected.state)
        for layer, other in zip(mine.state, expected.state, strict=True):
            for part, its in zip(layer, other, strict=True):
                torch.testing.assert_close(part, its)


def gradients(model: nn.Module, x: Tensor, encoded: Encoded) -> list[Tensor]:
    """Of a sum in which every number has a weight of its own."""
    parts = [encoded.outputs, encoded.last, *(part for layer in encoded.state for part in layer)]
    total = sum((part * torch.arange(part.numel()).cos().view_as(part)).sum() for part in parts)
    return list(torch.autograd.grad(total, [x, *model.parameters()]))  # type: ignore[arg-type]


@pytest.mark.parametrize("need_state", [False, True])
@pytest.mark.parametrize("ways", ["forward", "backward", "both"])
@pytest.mark.parametrize(("cell", "options"), FAST + SLOW)
def test_a_stack_equals_its_cells_row_by_row(
    cell: str, options: dict[str, Any], ways: str, need_state: bool
) -> None:
    model = stack(cell, bidirectional=ways == "both", backwards=ways == "backward", **options)
    x, lengths = batch()
    state = some_state(model, len(x))
    for given_state in (None, state):
        mine = model(x, lengths, given_state, need_state=need_state)
        same(mine, by_hand(model, x, lengths, given_state), need_state)
        full = torch.full_like(lengths, x.shape[1])
        mine = model(x, None, given_state, need_state=need_state)
        same(mine, by_hand(model, x, full, given_state), need_state)
        assert (mine.state == ()) is not need_state


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("cell", CELLS)
def test_merge_modes(cell: str, merge: str) -> None:
    model = stack(cell, (5, 3, 2), bidirectional=True, merge=merge)
    x, lengths = batch()
    mine = model(x, lengths, need_state=True)
    same(mine, by_hand(model, x, lengths))
    joined = {"none": (2, 2), "concat": (4,)}.get(merge, (2,))
    assert mine.outputs.shape == (4, 6, *joined)
    assert mine.last.shape == (4, *joined)
    assert model.width == (4 if merge in ("concat", "none") else 2)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("cell", "options"), FAST)
def test_gradients_equal_those_of_the_cells_row_by_row(
    cell: str, options: dict[str, Any], ragged: bool
) -> None:
    model = stack(cell, bidirectional=True, **options)
    x, lengths = batch()
    x.requires_grad_()
    state = some_state(model, len(x))
    ends = lengths if ragged else torch.full_like(lengths, x.shape[1])
    found = gradients(model, x, model(x, lengths if ragged else None, state, need_state=True))
    wanted = gradients(model, x, by_hand(model, x, ends, state))
    for mine, its in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, its)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_right(cell: str) -> None:
    model = filled(Recurrent(2, (3,), cell=cell, bidirectional=True).double())
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([3, 2])
    assert torch.autograd.gradcheck(
        lambda x, *_: (*(found := model(x, lengths, need_state=True))[:2], *found.state[0]),
        (x, *model.parameters()),
    )


@pytest.mark.parametrize("cell", CELLS)
def test_one_step(cell: str) -> None:
    model = stack(cell, bidirectional=True)
    x, lengths = batch((1, 0, 1))
    same(model(x, lengths, need_state=True), by_hand(model, x, lengths))
    same(model(x, None, need_state=True), by_hand(model, x, torch.ones(3, dtype=torch.int64)))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("need_state", [False, True])
def test_empty_rows_give_zeros_and_keep_their_state(cell: str, need_state: bool) -> None:
    model = stack(cell)
    x, lengths = batch()
    state = some_state(model, len(x))
    found = model(x, lengths, state, need_state=need_state)
    assert not found.outputs[2].any()
    assert not found.last[2].any()
    if need_state:
        for layer, first in zip(found.state, state, strict=True):
            for part, start in zip(layer, first, strict=True):
                assert torch.equal(part[2], start[2])


@pytest.mark.parametrize(("cell", "options"), FAST + SLOW)
@pytest.mark.parametrize("window", [1, 2, 5])
def test_window_by_window_is_the_whole(cell: str, options: dict[str, Any], window: int) -> None:
    model = stack(cell, **options)
    x, _ = batch((10, 10, 10))
    whole = model(x, need_state=True)
    state, outputs = None, []
    for at in range(0, 10, window):
        piece = model(x[:, at : at + window], None, state, need_state=True)
        outputs.append(piece.outputs)
        state = piece.state
    same(Encoded(torch.cat(outputs, 1), piece.last, state), whole)


@settings(max_examples=40, deadline=None)
@given(
    cell=st.sampled_from([*CELLS]),
    bidirectional=st.booleans(),
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=5),
    extra=st.integers(0, 4),
    data=st.data(),
)
def test_padding_and_company_never_change_a_row(
    cell: str, bidirectional: bool, lengths: list[int], extra: int, data: st.DataObject
) -> None:
    model = stack(cell, bidirectional=bidirectional)
    time = max(max(lengths), 1)
    x, _ = batch((time + extra,) * len(lengths))
    ends = torch.tensor(lengths)
    found = model(x, ends)
    assert not found.outputs[~length_mask(ends, time + extra)].any()
    order = data.draw(st.permutations(range(len(lengths))))
    noise = torch.where(length_mask(ends, time + extra)[:, :, None], x, torch.randn_like(x) * 50)
    other = model(noise[order], ends[order])
    torch.testing.assert_close(other.outputs, found.outputs[order])
    torch.testing.assert_close(other.last, found.last[order])
    for row, length in enumerate(lengths):
        if length:
            alone = model(x[row : row + 1, :length])
            torch.testing.assert_close(alone.outputs[0], found.outputs[row, :length])
            torch.testing.assert_close(alone.last[0], found.last[row])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_unbounded_activation_does_not_overflow_in_the_padding(bidirectional: bool) -> None:
    model = Recurrent(2, (4,), cell="rnn", activation="relu", bidirectional=bidirectional)
    for weight in model.parameters():
        nn.init.constant_(weight, 0.9)  # h grows 3.6 times a step: infinite long before step 200
    model(torch.ones(2, 200, 2), torch.tensor([3, 3])).last.sum().backward()
    for weight in model.parameters():
        assert weight.grad is not None
        assert weight.grad.isfinite().all()
