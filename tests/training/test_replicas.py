"""An update that threads share out is the update of one; and the same bits every time."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_language import tiny
from tiny_runs import job

from seqcli import kinds
from seqcli.errors import DataError
from seqcli.kinds import contract
from seqcli.kinds.language_model.kind import Text
from seqcli.machine.device import Runtime, training_runtime
from seqcli.machine.team import COPIES, Team, members
from seqcli.settings.sections import Training
from seqcli.training.checkpoint import pack, unpack
from seqcli.training.evaluation import evaluate
from seqcli.training.loop import fit
from seqcli.training.optim import Updater
from seqcli.training.replicas import Replicas
from seqcli.training.state import TrainState

CPU = Runtime(torch.device("cpu"), "fp32", 1)


@pytest.fixture
def team() -> Team:
    return Team(2, 1)


def language() -> tuple[Any, Any]:
    """With words enough for threads to share the output layer by vocabulary."""
    settings = {"batch_size": 4, "steps": 5, "optimizer": "sgd", "clip": 5.0, "lr": 0.5}
    words = [f"w{number}" for number in range(200)]
    kind, _ = tiny(words, train=settings | {"epochs": 2}, model={"dropout": 0.3})
    return kind, Text(np.arange(403, dtype=np.int64) * 7 % len(kind.vocab), 0.0)


def classifier(tmp_path: Path, **model: Any) -> tuple[Any, Any]:
    wide = {"wide_words": [1, 2], "wide_buckets": 512} | model
    asked = job(tmp_path, overrides={"model": wide, "train": {"batch_size": 7}})
    prepare = contract.load(kinds.spec_of(asked.task.config)).prepare
    found = prepare(asked.task.config, asked.data, tmp_path, lambda: None)
    return found.kind, found.splits["train"]


def begun(kind: Any) -> TrainState:
    torch.manual_seed(3)
    return TrainState.fresh(kind.build(torch.Generator().manual_seed(1)), kind.config.train)


def gradients(kind: Any, split: Any, runtime: Runtime, count: int) -> tuple[list[Any], Any]:
    """Of the first batches, all added up; and what the last of them came to."""
    state = begun(kind)
    replicas = Replicas(kind, state.model, state.updater, runtime)
    batches, carried = replicas.batches(split, 1), None
    replicas.train()
    every: dict[int, torch.Tensor] = {}
    for index in range(count):
        done = replicas.gradients(batches, index, carried)
        carried = done.carried
        for number, weight in enumerate(state.model.parameters()):
            if weight.grad is not None:
                own = weight.grad.to_dense().double()
                every[number] = every[number] + own if number in every else own
                weight.grad = None
    return list(every.values()), done


@pytest.mark.parametrize("what", ["language", "classifier"])
def test_gradients_of_a_team_are_those_of_one(what: str, tmp_path: Path, team: Team) -> None:
    """Batches of 7 texts: the parts are not equal, and the last one has a single text."""
    if what == "language":
        kind, split = language()
        model = replace(kind.config.model, dropout=0.0)
        kind = replace(kind, config=replace(kind.config, model=model))
    else:
        kind, split = classifier(tmp_path, dropout=0.0, output_dropout=0.0)
    count = len(kind.batches(split, 1))
    one, alone = gradients(kind, split, CPU, count)
    two, shared = gradients(kind, split, replace(CPU, threads=2, team=team), count)
    for mine, theirs in zip(one, two, strict=True):
        torch.testing.assert_close(theirs, mine, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(shared.total, alone.total)
    assert shared.correct == alone.correct
    assert (shared.predictions, shared.tokens) == (alone.predictions, alone.tokens)
    if what == "language":
        for mine, theirs in zip(alone.carried[0], shared.carried[0], strict=True):
            torch.testing.assert_close(theirs, mine)


def trained(runtime: Runtime, stop: int | None = None) -> dict[str, torch.Tensor]:
    """Weights after two epochs with dropout; `stop`: saved and taken up again after that update."""
    kind, split = language()
    state = begun(kind)
    events = fit(kind, {"train": split, "valid": split}, state, kind.config.train, runtime)
    for number, _ in enumerate(events, 1):
        if number == stop:
            values, tensors = pack(state)
            state = begun(kind)
            unpack(values, tensors, state)
            torch.rand(5)
            unpack(values, tensors, state)
            list(fit(kind, {"train": split, "valid": split}, state, kind.config.train, runtime))
            break
    return {name: value.clone() for name, value in state.model.state_dict().items()}


def test_the_same_bits_every_time_and_after_a_stop(team: Team) -> None:
    runtime = replace(CPU, threads=2, team=team)
    first = trained(runtime)
    for again in (trained(runtime), trained(runtime, stop=7)):
        assert all(torch.equal(first[name], again[name]) for name in first)
    one = trained(CPU)
    assert not all(torch.equal(first[name], one[name]) for name in first)  # other masks


def test_a_team_reads_a_split_as_one_does(tmp_path: Path, team: Team) -> None:
    for kind, split in (language(), classifier(tmp_path)):
        state = begun(kind)
        two = replace(CPU, threads=2, team=team)
        ours = evaluate(kind.validation, state.model, split, two, lambda: None)
        theirs = evaluate(kind.validation, state.model, split, CPU, lambda: None)
        assert ours.keys() == theirs.keys()
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-6)


def test_weights_are_shared_and_gradients_are_not(team: Team) -> None:
    kind, _ = language()
    state = begun(kind)
    replicas = Replicas(kind, state.model, state.updater, replace(CPU, threads=2, team=team))
    model, twin = replicas._models
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert mine is not theirs
        assert mine.data_ptr() == theirs.data_ptr()
    with torch.no_grad():
        next(model.parameters()).fill_(3.0)
    assert bool((next(twin.parameters()) == 3.0).all())


class Scaled(torch.nn.Module):
    """y = s x, where s is a single number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(2.0))


def test_a_weight_may_be_a_single_number(team: Team) -> None:
    class Kind:
        def loss(self, model: Any, batch: Any, state: Any, runtime: Runtime) -> contract.Loss:
            total = (model.scale * batch.points).sum()
            return contract.Loss(total, total.detach(), len(batch.points), torch.zeros(()))

    class Batch(SimpleNamespace):
        def to(self, device: torch.device) -> Batch:
            return self

    network = Scaled()
    updater = Updater(network, Training(optimizer="adam"))
    kind: Any = Kind()
    replicas = Replicas(kind, network, updater, replace(CPU, threads=2, team=team))
    parts: list[Any] = [
        [Batch(points=torch.tensor(own), share=0.5, tokens=2)] for own in ([1.0, 2.0], [4.0, 8.0])
    ]
    done = replicas.gradients(parts, 0, None)
    assert done.total == 30.0
    assert network.scale.grad == 15.0


def test_an_error_of_one_thread_is_told_and_the_team_goes_on(team: Team) -> None:
    def fails(item: int) -> int:
        if item == 5:
            raise DataError(Path("data.tsv"), 3, "broken")
        done.append(item)
        return item

    done: list[int] = []
    with pytest.raises(DataError, match="broken"):
        team.each(range(10_000), fails)
    assert len(done) < 10_000  # the other thread went no further
    assert team.each(range(5), fails) == [0, 1, 2, 3, 4]


def test_each_is_computed_as_the_caller_computes(team: Team) -> None:
    def told(item: int) -> tuple[bool, bool, torch.dtype]:
        product = torch.ones(2, 2) @ torch.ones(2, 2)
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled(), product.dtype

    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert set(team.each(range(20), told)) == {(True, False, torch.bfloat16)}
    with torch.no_grad():
        assert set(team.each(range(20), told)) == {(False, False, torch.float32)}
    assert set(team.each(range(20), told)) == {(False, True, torch.float32)}


def test_several_callers_take_turns(team: Team) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda at: team.each(range(at), lambda item: item), range(40)))
    assert found == [list(range(at)) for at in range(40)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_process_forked_off_gets_threads_of_its_own(team: Team) -> None:
    assert team.each(range(9), lambda item: item) == list(range(9))
    child = os.fork()
    if not child:
        found = team.each(range(9), lambda item: item)
        os._exit(0 if found == list(range(9)) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_member_s_operations_stay_in_its_thread() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        meeting = threading.Barrier(3)

        def place(number: int) -> tuple[int, int]:
            meeting.wait()  # all are there
            return threading.get_ident(), torch.get_num_threads()

        found = Team(3, 1).run(place)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert len({ident for ident, _ in found}) == 3
    assert [inside for _, inside in found] == [1, 1, 1]


@pytest.mark.parametrize(
    ("threads", "rows", "numbers", "expected"),
    [
        (1, 64, 1000, 1),
        (2, 20, 5_000_000, 2),
        (3, 20, 5_000_000, 2),  # parts are equal
        (16, 20, 5_000_000, 2),  # parts of 10 rows
        (8, 64, 5_000_000, 8),
        (2, 15, 1000, 1),
        (8, 4, 1000, 1),
        (4, 64, COPIES // 2, 2),  # gradients have to fit
        (4, 64, COPIES + 1, 1),
    ],
)
def test_how_many_share(threads: int, rows: int, numbers: int, expected: int) -> None:
    assert members(threads, rows, numbers) == expected


def test_threads_left_over_work_inside_operations() -> None:
    before = torch.get_num_threads()
    try:
        four, one = (
            training_runtime(
                "cpu", count, "fp32", bfloat16_helps=False, multiply_adds=1, rows=20, numbers=9
            )
            for count in (4, 1)
        )
        assert four.team is not None
        assert (four.team.size, four.team.inside) == (2, 2)
        assert one.team is None
    finally:
        torch.set_num_threads(before)
