"""The translator's network: whole targets equal single steps, and neither padding nor company
changes a row."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.nn.attention import attention
from seqcli.nn.cells import CELLS
from seqcli.nn.recurrent import Recurrent
from seqcli.nn.translation import Bridge, Translator

ROWS, WRITTEN, SIZE = 11, 7, 6
SOURCE = torch.tensor([[3, 4, 5, 1, 0], [9, 1, 0, 0, 0], [2, 2, 8, 10, 1]])
LENGTHS = torch.tensor([4, 2, 5])
TARGET = torch.tensor([[1, 2, 3, 4], [1, 5, 0, 0], [1, 6, 6, 2]])


def network(
    cell: str = "lstm",
    kind: str = "general",
    *,
    feed: bool = False,
    shared: bool = True,
    tied: bool = True,
    layers: tuple[int, ...] = (5, 4),
    rate: float = 0.0,
) -> Translator:
    source = nn.Embedding(ROWS, SIZE)
    target = source if shared else nn.Embedding(WRITTEN, SIZE)
    encoder = Recurrent(SIZE, (4, 4), cell=cell, bidirectional=True, merge="sum", dropout=rate)
    decoder = Recurrent(SIZE * (2 if feed else 1), layers, cell=cell, dropout=rate)
    model = Translator(
        source,
        target,
        encoder,
        Bridge(encoder.width, layers, CELLS[cell].states),
        decoder,
        attention(kind, decoder.width, encoder.width),
        outputs=WRITTEN,
        tied=tied,
        feed=feed,
        output_dropout=rate,
        word_dropout=rate,
    )
    draw = torch.Generator().manual_seed(5)
    for weight in model.parameters():
        nn.init.uniform_(weight, -0.7, 0.7, generator=draw)
    return model


def whole(model: Translator) -> tuple[Tensor, Tensor]:
    """Logits (B, T, V) of all steps at once, and the weights of the attention."""
    memory, state = model.encode(SOURCE, LENGTHS)
    outputs, weights = model.outputs(TARGET, state, memory)
    return F.linear(outputs, model.output_weight, model.output.bias), weights


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", ["dot", "general", "additive"])
@pytest.mark.parametrize("feed", [False, True])
def test_single_steps_equal_the_whole_target(cell: str, kind: str, feed: bool) -> None:
    model = network(cell, kind, feed=feed).eval()
    logits, weights = whole(model)
    memory, state = model.encode(SOURCE, LENGTHS)
    for t in range(TARGET.shape[1]):
        step = model.step(TARGET[:, t], state, memory)
        torch.testing.assert_close(step.logits, logits[:, t], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(step.attention, weights[:, t], atol=1e-5, rtol=1e-5)
        state = step.state


@pytest.mark.parametrize("feed", [False, True])
def test_a_row_s_result_is_its_own(feed: bool) -> None:
    model = network(feed=feed).eval()
    together, _ = whole(model)
    for row in range(len(SOURCE)):
        size = int(LENGTHS[row])
        memory, state = model.encode(SOURCE[row : row + 1, :size], LENGTHS[row : row + 1])
        alone, _ = model.outputs(TARGET[row : row + 1], state, memory)
        logits = F.linear(alone, model.output_weight, model.output.bias)
        torch.testing.assert_close(logits[0], together[row], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("feed", [False, True])
def test_rows_are_taken_with_all_that_is_theirs(feed: bool) -> None:
    model = network(feed=feed).eval()
    memory, state = model.encode(SOURCE, LENGTHS)
    state = model.step(TARGET[:, 0], state, memory).state
    rows = torch.tensor([2, 0, 0])
    taken = model.step(TARGET[rows, 1], state.take(rows), memory.take(rows))
    every = model.step(TARGET[:, 1], state, memory)
    torch.testing.assert_close(taken.logits, every.logits[rows])
    torch.testing.assert_close(taken.attention, every.attention[rows])


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_torch_s_over_real_steps(shared: bool, tied: bool, smoothing: float) -> None:
    model = network(shared=shared, tied=tied).eval()
    targets, lengths = torch.tensor([[2, 3, 1, 0], [6, 1, 0, 0], [4, 4, 4, 1]]), [3, 2, 4]
    memory, state = model.encode(SOURCE, LENGTHS)
    outputs, _ = model.outputs(TARGET, state, memory)
    objective, total = model.loss(
        outputs, targets, torch.tensor(lengths), scale=0.5, smoothing=smoothing
    )
    gradients = torch.autograd.grad(objective, list(model.parameters()))
    logits, _ = whole(model)
    real = [(row, t) for row, length in enumerate(lengths) for t in range(length)]
    picked = torch.stack([logits[place] for place in real])
    wanted = torch.stack([targets[place] for place in real])
    plain = F.cross_entropy(picked, wanted, reduction="sum")
    smooth = F.cross_entropy(picked, wanted, reduction="sum", label_smoothing=smoothing) * 0.5
    torch.testing.assert_close(total, plain.detach(), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(objective, smooth, atol=1e-4, rtol=1e-5)
    expected = torch.autograd.grad(smooth, list(model.parameters()))
    for found, own in zip(gradients, expected, strict=True):
        torch.testing.assert_close(found, own, atol=1e-4, rtol=1e-4)


def test_in_training_words_and_outputs_are_dropped() -> None:
    model = network(rate=0.5).train()
    seen = {tuple(whole(model)[0].flatten().tolist()) for _ in range(4)}
    assert len(seen) == 4
    model.eval()
    torch.testing.assert_close(whole(model)[0], whole(model)[0])


@pytest.mark.parametrize(("shared", "tied"), list(itertools.product([False, True], repeat=2)))
def test_what_is_shared_is_there_once(shared: bool, tied: bool) -> None:
    model = network(shared=shared, tied=tied)
    count = sum(weight.numel() for weight in model.parameters())
    own = sum(weight.numel() for weight in network(shared=True, tied=True).parameters())
    assert count == own + (0 if shared else WRITTEN * SIZE) + (0 if tied else WRITTEN * SIZE)
