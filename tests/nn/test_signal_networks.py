"""Windows of steps, and a network that reads them: against loops, and padding is invisible."""

from __future__ import annotations

import pytest
import tiny_signals
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli import kinds
from seqcli.data.padded import Padded
from seqcli.nn.signals import SignalClassifier, windows
from seqcli.settings.counting import Sizes


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 2),
)
def test_windows_are_what_a_loop_gives(
    lengths: list[int], size: int, stride: int, channels: int
) -> None:
    longest = max(max(lengths), 1)
    x = torch.zeros(len(lengths), longest, channels)
    for row, length in enumerate(lengths):
        x[row, :length] = torch.randn(length, channels)
    found, left = windows(x, torch.tensor(lengths), size, stride)
    assert found.shape == (len(lengths), -(-longest // stride), size * channels)
    assert left is not None
    for row, length in enumerate(lengths):
        count = -(-length // stride)
        assert left[row] == count
        for place in range(count):
            begin = place * stride - (size - 1) // 2
            steps = range(begin, begin + size)
            rows = [x[row, t] if 0 <= t < length else torch.zeros(channels) for t in steps]
            assert found[row, place].equal(torch.cat(rows))
        assert not found[row, count:].any()
    if len(set(lengths)) == 1 and lengths[0]:
        alone, none = windows(x, None, size, stride)
        assert none is None
        assert alone.equal(found)


@pytest.mark.parametrize("model", [{}, {"window": 1, "stride": 1}, {"head": "sigmoid"}])
def test_padding_and_company_change_no_answer(model: dict[str, object]) -> None:
    _, network = tiny_signals.tiny(model=dict(model))
    rows = [torch.randn(length, 2) for length in (1, 7, 12, 0)]
    together = torch.zeros(4, 16, 2)
    for number, row in enumerate(rows):
        together[number, : len(row)] = row
    found = network(together, torch.tensor([1, 7, 12, 0]))
    assert found.exp().sum(1).tolist() == pytest.approx([1] * 4, abs=1e-5)
    for number, row in enumerate(rows[:3]):
        torch.testing.assert_close(network(row[None], None)[0], found[number])


def test_noise_is_of_training_and_of_real_steps_alone() -> None:
    _, network = tiny_signals.tiny(model={"noise": 1.0})
    assert isinstance(network, SignalClassifier)
    values, lengths = torch.zeros(1, 6, 2), torch.tensor([4])
    still = network.logits(values, lengths)
    assert network.logits(values, lengths).equal(still)
    network.train()
    torch.manual_seed(1)
    once = network.logits(values, lengths)
    torch.manual_seed(1)
    longer = network.logits(torch.zeros(1, 6, 2), lengths)
    assert once.equal(longer)
    assert not once.equal(still)


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"cell": "lstm", "hidden": [4, 3], "merge": "sum", "dense": [7]},
        {"cell": "rnn", "read_out": ["last", "attention"], "window": 1, "stride": 1},
        {"head": "sigmoid", "bidirectional": False},
    ],
)
@pytest.mark.parametrize("mask", [False, True])
def test_what_is_counted_is_what_is_built(model: dict[str, object], mask: bool) -> None:
    kind, network = tiny_signals.tiny(model=model, data={"mask_channels": mask})
    spec = kinds.spec_of(kind.config)
    sizes = spec.sizes(kind.learned())
    assert sizes == Sizes(inputs=4 if mask else 2, outputs=2)
    table = spec.count(kind.config.model, sizes)
    assert table.total == sum(one.numel() for one in network.parameters())


def test_a_batch_is_padded_with_zeros() -> None:
    frames = torch.arange(10.0).reshape(5, 2).numpy()
    padded = Padded.of_frames(frames, torch.tensor([0, 2, 5]).numpy())
    assert padded.lengths is not None
    assert padded.lengths.tolist() == [2, 3]
    assert padded.values[0, 2:].abs().sum() == 0
