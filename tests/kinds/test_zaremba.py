"""S3, the PTB language model of Zaremba et al. 2014: sizes, settings, objective, first steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny_language import fill, tiny
from torch.nn import functional as F

from seqcli.data.batching import Columns
from seqcli.kinds.language_model.kind import LanguageModel, Text
from seqcli.kinds.language_model.network import language_model
from seqcli.machine.device import Runtime
from seqcli.nn.cells import LSTM
from seqcli.nn.direction import Direction
from seqcli.nn.models import LanguageModel as Network
from seqcli.tasks.taskfile import resolve
from seqcli.training.optim import Updater
from seqcli.training.schedule import rate_factor

CPU = Runtime(torch.device("cpu"), "fp32", 1)
SIZES = {"small": 4_651_600, "medium": 19_775_200, "large": 66_022_000, "test": 50_040}


def stream(size: int, vocabulary: int = 12) -> np.ndarray:
    return (np.arange(size) * 7 % 31 % vocabulary).astype(np.uint8)


def test_windows_of_the_real_sizes() -> None:
    """929,589 tokens in 20 columns: 2,323 windows of 20, 1,327 of 35."""
    ids = np.zeros(929_589, np.uint16)
    assert len(Columns(ids, 20, 20)) == (929_589 // 20 - 1) // 20 == 2323
    assert len(Columns(ids, 20, 35)) == 1327


def test_the_objective() -> None:
    """Summed over time and averaged over the batch (S3), or else the mean of both."""
    window = Columns(stream(60), 4, 5)[0]
    summed, network = tiny(train={"batch_size": 4, "steps": 5, "time_sum": True})
    meant, _ = tiny(train={"batch_size": 4, "steps": 5})
    with torch.no_grad():
        outputs, _ = network(window.ids, None)
        logits = network.output(outputs)
    each = F.cross_entropy(logits.flatten(0, 1), window.targets.flatten(), reduction="none")
    each = each.view(4, 5)
    loss = summed.loss(network, window, None, CPU)
    assert loss.objective.item() == pytest.approx(each.sum(1).mean().item(), rel=1e-5)
    assert loss.total.item() == pytest.approx(each.sum().item(), rel=1e-5)
    mean = meant.loss(network, window, None, CPU)
    assert mean.objective.item() == pytest.approx(each.mean().item(), rel=1e-5)
    loss.objective.backward()  # type: ignore[no-untyped-call]
    by_hand = network.output.weight.grad
    assert by_hand is not None
    again = by_hand.clone()
    network.zero_grad()
    mean.objective.backward()  # type: ignore[no-untyped-call]
    assert network.output.weight.grad is not None
    assert torch.allclose(network.output.weight.grad * 5, again, atol=1e-6)


@pytest.mark.parametrize(("preset", "parameters"), SIZES.items())
def test_published_sizes(preset: str, parameters: int) -> None:
    config = resolve("ptb", preset).config
    with torch.device("meta"):
        network = language_model(config.model, 10_000, None)
    assert sum(weight.numel() for weight in network.parameters()) == parameters


@pytest.mark.parametrize(
    ("preset", "scale", "keep", "steps", "clip", "full", "decay", "epochs"),
    [
        ("small", 0.1, 1.0, 20, 5, 4, 0.5, 13),
        ("medium", 0.05, 0.5, 35, 5, 6, 0.8, 39),
        ("large", 0.04, 0.35, 35, 10, 14, 1 / 1.15, 55),
        ("test", 0.1, 1.0, 2, 1, 1, 0.5, 1),
    ],
)
def test_published_settings(
    preset: str,
    scale: float,
    keep: float,
    steps: int,
    clip: float,
    full: int,
    decay: float,
    epochs: int,
) -> None:
    config: Any = resolve("ptb", preset).config
    model, train = config.model, config.train
    assert (model.init, model.init_scale) == ("uniform", scale)
    assert model.dropout == model.output_dropout == pytest.approx(1 - keep)
    assert (model.recurrent_dropout, model.unit_forget_bias, model.tied) == (0, False, False)
    assert (train.steps, train.clip, train.epochs, train.batch_size) == (steps, clip, epochs, 20)
    assert (train.optimizer, train.lr, train.time_sum) == ("sgd", 1.0, True)
    assert (train.momentum, train.weight_decay, train.warmup) == (0, 0, 0)
    for epoch in range(1, epochs + 1):
        wanted = decay ** max(epoch - full, 0)
        assert rate_factor(train, epoch / epochs, epoch, 0) == pytest.approx(wanted)


def test_first_weights() -> None:
    """Uniform in ± init, recurrent biases 0 (the forget gate's too), one bias a gate."""
    config = resolve("ptb", "small").config
    network = language_model(config.model, 500, torch.Generator().manual_seed(1))
    cells = [module for module in network.modules() if isinstance(module, LSTM)]
    assert len(cells) == 2
    for cell in cells:
        assert {name for name, _ in cell.named_parameters()} == {"weight_ih", "weight_hh", "bias"}
        assert cell.bias is not None
        assert cell.bias.shape == (4 * 200,)
        assert not cell.bias.any()
    drawn = [cell.weight_ih for cell in cells] + [cell.weight_hh for cell in cells]
    for weight in (*drawn, network.embedding.weight, network.output.weight, network.output.bias):
        assert weight.abs().max() <= 0.1
        assert weight.abs().max() > 0.098
        assert abs(weight.mean().item()) < 0.2 / weight.numel() ** 0.5


def test_where_dropout_sits(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the embedding's output, between layers and on the last output; never on the state."""
    _, network = tiny(model={"dropout": 0.5, "output_dropout": 0.5, "layers": 2})
    seen: list[torch.Tensor] = []
    run = Direction.forward

    def spy(self: Direction, x: torch.Tensor, *rest: Any) -> Any:
        seen.append(x)
        return run(self, x, *rest)

    monkeypatch.setattr(Direction, "forward", spy)
    ids = torch.arange(12).repeat(8, 1)
    network.train()
    outputs, state = network(ids, None)
    embedded, between = seen
    full = network.embedding(ids)
    for dropped, kept in ((embedded, full), (between, None), (outputs, None)):
        zeros = dropped == 0
        assert 0.4 < zeros.float().mean() < 0.6
        if kept is not None:
            assert torch.allclose(dropped[~zeros], kept[~zeros] * 2)
    assert all((part != 0).all() for layer in state for part in layer)
    network.eval()
    assert (network(ids, None)[0] != 0).all()


def golden() -> tuple[LanguageModel, Network]:
    """S3's smallest network over ten words, weights by formula, no random stream."""
    overrides: dict[str, Any] = {
        "train": {"batch_size": 4, "steps": 3},
        "model": {"embed": 2, "hidden": [2]},
    }
    config: Any = resolve("ptb", "test", overrides).config
    network = language_model(config.model, 10, None)
    fill(network, 0.1)
    return LanguageModel(config, tiny()[0].vocab), network


def test_golden_first_steps() -> None:
    """Nats a word of two updates, as a plain float64 loop has them."""
    kind, network = golden()
    updater = Updater(network, kind.config.train)
    ids = stream(40, 10)
    windows, state = kind.batches(Text(ids, 0.0), 1), None
    found = []
    for index in range(2):
        loss = kind.loss(network, windows[index], state, CPU)
        loss.objective.backward()  # type: ignore[no-untyped-call]
        updater.set_rate(1.0)
        updater.step(updater.norm())
        state = loss.state
        found.append(loss.total.item() / loss.count)
    assert found == pytest.approx(by_hand(ids), rel=1e-5)
    assert found == pytest.approx([2.305612, 2.323915], abs=2e-6)


def by_hand(ids: np.ndarray) -> list[float]:
    """The same two updates with torch.nn's LSTM, Linear and clip_grad_norm_, in float64."""
    _, network = golden()
    lstm = torch.nn.LSTM(2, 2, batch_first=True).double()
    embedding = torch.nn.Embedding(10, 2).double()
    output = torch.nn.Linear(2, 10).double()
    cell = next(module for module in network.modules() if isinstance(module, LSTM))
    with torch.no_grad():
        lstm.get_parameter("weight_ih_l0").copy_(cell.weight_ih)
        lstm.get_parameter("weight_hh_l0").copy_(cell.weight_hh)
        assert cell.bias is not None
        lstm.get_parameter("bias_ih_l0").copy_(cell.bias)
        lstm.get_parameter("bias_hh_l0").zero_()
        embedding.weight.copy_(network.embedding.weight)
        output.weight.copy_(network.output.weight)
        output.bias.copy_(network.output.bias)
    lstm.get_parameter("bias_hh_l0").requires_grad_(False)
    parts = (embedding, lstm, output)
    weights = [weight for part in parts for weight in part.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=1.0)
    grid = torch.from_numpy(ids.reshape(4, 10).astype(np.int64))
    state, found = None, []
    for start in (0, 3):
        outputs, state = lstm(embedding(grid[:, start : start + 3]), state)
        logits = output(outputs)
        loss = F.cross_entropy(logits.flatten(0, 1), grid[:, start + 1 : start + 4].flatten())
        optimizer.zero_grad()
        (loss * 3).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        state = tuple(part.detach() for part in state)
        found.append(loss.item())
    return found
