"""Devices, threads and precision: as asked for, or what suits the model."""

import pytest
import torch

from seqcli.device import choose_device, choose_precision, set_threads, training_runtime
from seqcli.errors import ConfigError, TrainingError


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:12345", "CPU"])
def test_a_device_has_a_known_name(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown device"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there() -> None:
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(TrainingError, match="no cuda:3 device"):
        choose_device("cuda:3")


def runtime(threads: int | None, multiply_adds: int) -> int:
    return training_runtime(
        "cpu", threads, "fp32", bfloat16_helps=True, multiply_adds=multiply_adds
    ).threads


def test_small_steps_are_not_shared_out() -> None:
    cores = set_threads(None)
    assert runtime(None, 2_000_000) == 1
    assert runtime(None, 50_000_000) == cores
    assert runtime(3, 2_000_000) == 3
    assert torch.get_num_threads() == 3


def test_precision_falls_back_only_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert choose_precision("fp32", cpu, True) == "fp32"
    assert choose_precision("auto", cpu, False) == "fp32"
    monkeypatch.setattr("seqcli.device._probe", lambda device: False)
    assert choose_precision("auto", cpu, True) == "fp32"
    with pytest.raises(TrainingError, match="bf16"):
        choose_precision("bf16", cpu, True)
