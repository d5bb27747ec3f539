"""A run that is saved, closed and gone on with is the run that was never stopped, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scripted_kind import Here
from torch import Tensor, nn

from seqcli.kinds.classifier.spec import SPEC, Train
from seqcli.kinds.contract import Figures, Loss
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.modelfile import storage
from seqcli.nn.recurrent import Recurrent
from seqcli.training import checkpoint
from seqcli.training.checkpoint import pack, parameters, unpack
from seqcli.training.loop import Evaluated, Event, fit
from seqcli.training.state import TrainState

torch.set_num_threads(1)

CPU = Runtime(torch.device("cpu"), "fp32", 1)
VOCABULARY, COLUMNS, STEPS, WINDOWS = 7, 3, 4, 5


class Network(nn.Module):
    """A small language model with dropout everywhere."""

    def __init__(self, seed: int, cell: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 4)
        self.recurrent = Recurrent(
            4, (5, 3), cell=cell, dropout=0.3, output_dropout=0.2, recurrent_dropout=0.1
        )
        self.output = nn.Linear(3, VOCABULARY)
        draw = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in self.parameters():
                weight.uniform_(-0.5, 0.5, generator=draw)


class Window:
    """Tokens and the ones after them."""

    def __init__(self, ids: Tensor) -> None:
        self.ids, self.targets = ids[:, :-1], ids[:, 1:]
        self.tokens, self.share = self.ids.numel(), 1.0

    def to(self, device: torch.device) -> Window:
        return self


class FakeKind:
    """What training asks of a kind, on windows of random tokens; it carries the state."""

    spec = replace(SPEC, metric="loss")

    def __init__(self) -> None:
        self.seen: list[bool] = []

    def batches(self, split: Tensor, epoch: int, ranks: Ranks = ALONE) -> Here:
        width = STEPS + 1
        return Here(Window(split.roll(epoch)[:, at : at + width]) for at in range(0, 20, STEPS))

    def loss(self, model: Network, batch: Window, state: Any, runtime: Runtime) -> Loss:
        self.seen.append(state is not None)
        encoded = model.recurrent(model.embedding(batch.ids), None, state, need_state=True)
        logits = model.output(encoded.outputs).flatten(0, 1)
        total = nn.functional.cross_entropy(logits, batch.targets.flatten(), reduction="sum")
        carried = tuple(tuple(part.detach() for part in layer) for layer in encoded.state)
        count = batch.tokens
        right = (logits.argmax(1) == batch.targets.flatten()).sum()
        return Loss(total / count, total.detach(), count, right, carried)

    def running(self, total: float, count: int, correct: float) -> Figures:
        return {"loss": total / max(count, 1), "accuracy": correct / max(count, 1)}

    def validation(self, model: Network, split: Tensor, runtime: Runtime, poll: Any) -> Figures:
        return self.figures(model, split, runtime, poll)

    def figures(self, model: Network, split: Tensor, runtime: Runtime, poll: Any) -> Figures:
        encoded = model.recurrent(model.embedding(split[:, :-1]))
        logits = model.output(encoded.outputs).flatten(0, 1)
        return {"loss": nn.functional.cross_entropy(logits, split[:, 1:].flatten()).item()}


def data() -> dict[str, Any]:
    draw = torch.Generator().manual_seed(4)
    return {
        "train": torch.randint(0, VOCABULARY, (COLUMNS, 21), generator=draw),
        "valid": torch.randint(0, VOCABULARY, (2, 9), generator=draw),
    }


def fresh(train: Train, cell: str, seed: int = 1) -> TrainState:
    model = Network(seed, cell)
    torch.manual_seed(seed)
    return TrainState.fresh(model, train)


def go(state: TrainState, train: Train, kind: Any, events: int | None = None) -> list[Event]:
    """At most `events` further events of the run."""
    seen: list[Event] = []
    for event in fit(kind, data(), state, train, CPU, clock=lambda: 0.0):
        seen.append(event)
        if len(seen) == events:
            break
    return seen


def through_a_file(state: TrainState, path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    values, tensors = pack(state)
    storage.save(path, {"training": values}, tensors)
    loaded = storage.load(path)
    return loaded.description["training"], loaded.tensors


RUNS = [
    ("lstm", Train(optimizer="adam", lr=0.05, epochs=3, clip=0.5)),
    ("gru", Train(optimizer="adamw", lr=0.05, epochs=3, weight_decay=0.1)),
    ("rnn", Train(optimizer="rmsprop", lr=0.01, epochs=3, mean_square=1.0, momentum=0.5)),
    ("lstm", Train(optimizer="rmsprop", lr=0.01, epochs=3, schedule="cosine", warmup=0.2)),
    ("lstm", Train(optimizer="sgd", lr=0.5, epochs=3, momentum=0.9)),
    ("lstm", Train(optimizer="adamw", lr=0.05, epochs=3, average=0.4)),
    ("lstm", Train(optimizer="sgd", lr=0.5, epochs=3, clip=1.0, schedule="plateau")),
]


@pytest.mark.parametrize("stop", [1, 3, 5, 6, 8])  # 5: before validation; 6: between two epochs
@pytest.mark.parametrize(("cell", "train"), RUNS)
def test_a_resumed_run_is_the_same_run(cell: str, train: Train, stop: int, tmp_path: Path) -> None:
    whole, kind = fresh(train, cell), FakeKind()
    events = go(whole, train, kind)
    assert len(events) == 3 * (WINDOWS + 1)
    assert [event for event in events if isinstance(event, Evaluated)][-1].valid is not None

    first, second = fresh(train, cell), FakeKind()
    before = go(first, train, second, stop)
    values, tensors = through_a_file(first, tmp_path / "last.pt")
    again = fresh(train, cell, seed=99)  # other weights, another random state
    unpack(values, tensors, again)
    torch.testing.assert_close(again.carried, first.carried, rtol=0, atol=0)
    after = go(again, train, second)

    assert before + after == events
    assert second.seen == kind.seen == [False, True, True, True, True] * 3
    equal(pack(again), pack(whole))


def equal(mine: tuple[Any, dict[str, Tensor]], its: tuple[Any, dict[str, Tensor]]) -> None:
    assert mine[0] == its[0]
    assert mine[1].keys() == its[1].keys()
    for name, value in its[1].items():
        assert torch.equal(mine[1][name], value), name
        assert mine[1][name].dtype == value.dtype, name


@pytest.mark.parametrize(("cell", "train"), RUNS)
def test_a_checkpoint_holds_everything(cell: str, train: Train, tmp_path: Path) -> None:
    state = fresh(train, cell)
    go(state, train, FakeKind(), 8)  # in the middle of the second epoch
    assert state.best is not None
    values, tensors = through_a_file(state, tmp_path / "last.pt")
    packed = pack(state)
    assert values == packed[0]
    other = fresh(train, cell, seed=5)
    unpack(values, tensors, other)
    equal(pack(other), packed)
    assert other.best is not None
    assert other.best.figures == state.best.figures
    states = 2 if cell == "lstm" else 1
    assert sum(name.startswith("carried.") for name in tensors) == 2 * states


def test_a_fresh_run_can_be_saved(tmp_path: Path) -> None:
    train = RUNS[0][1]
    state = fresh(train, "lstm")
    other = fresh(train, "lstm", seed=5)
    unpack(*through_a_file(state, tmp_path / "last.pt"), other)
    equal(pack(other), pack(state))
    assert other.carried is None
    assert other.best is None


def test_another_shape_of_model_is_refused(tmp_path: Path) -> None:
    train = RUNS[0][1]
    state = fresh(train, "lstm")
    go(state, train, FakeKind(), 2)
    saved = through_a_file(state, tmp_path / "last.pt")
    with pytest.raises((KeyError, RuntimeError, ValueError)):
        unpack(*saved, fresh(train, "gru"))


def test_parameters_counts_all_weights() -> None:
    model = nn.Linear(3, 4)
    model.weight.requires_grad_(False)
    assert parameters(model) == 16


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_gpu_s_own_generator_is_saved_and_restored(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout draws from it; no GPU is needed to see that it is asked."""
    device, held = torch.device(name), [torch.tensor([1, 2, 3], dtype=torch.uint8)]
    module = getattr(torch, name)
    monkeypatch.setattr(module, "get_rng_state", lambda *device: held[0])
    monkeypatch.setattr(module, "set_rng_state", lambda state, *device: held.insert(0, state))
    saved = checkpoint._own_random(device)
    assert saved is not None
    held[0] = saved + 1
    tensors = {"random": torch.get_rng_state(), f"{name}_random": saved}
    checkpoint._set_random(tensors, device, 0, 5)
    assert held[0] is saved
    checkpoint._set_random({"random": tensors["random"]}, device, 0, 5)  # saved on a CPU
    assert len(held) == 2
    assert checkpoint._own_random(torch.device("cpu")) is None
