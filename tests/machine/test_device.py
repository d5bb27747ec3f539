"""Devices, threads and precision: as asked for, or what suits the model."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from seqcli.errors import ConfigError, TrainingError
from seqcli.machine.device import (
    choose_device,
    choose_precision,
    float32_products,
    set_threads,
    training_runtime,
)


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
    monkeypatch.setattr("seqcli.machine.device._probe", lambda device: False)
    assert choose_precision("auto", cpu, True) == "fp32"
    with pytest.raises(TrainingError, match="bf16"):
        choose_precision("bf16", cpu, True)


def test_without_bfloat16_it_is_refused_before_any_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the probe's LSTM would run: the products of single steps would not."""
    cpu = torch.device("cpu")
    monkeypatch.setattr("seqcli.machine.device._probe", lambda device: True)
    monkeypatch.setattr("seqcli.machine.device.cpu_has_bfloat16", lambda: False)
    assert choose_precision("auto", cpu, True) == "fp32"
    with pytest.raises(TrainingError, match="no bf16 on this machine's cpu"):
        choose_precision("bf16", cpu, True)


def test_avx2_alone_is_no_bfloat16() -> None:
    """oneDNN told to use no more than AVX2 stands for a processor that has no more."""
    ask = "from seqcli.machine.device import cpu_has_bfloat16; print(cpu_has_bfloat16())"
    limits = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    command = [sys.executable, "-c", ask]
    env = {**os.environ, **limits}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_float32_on_a_gpu_is_said_both_ways() -> None:
    """No GPU is needed to say it."""
    matmul: Any = torch.backends.cuda.matmul
    rnn: Any = torch.backends.cudnn.rnn
    before = matmul.fp32_precision, rnn.fp32_precision
    try:
        for exact, expected in ((False, "tf32"), (True, "ieee")):
            float32_products(torch.device("cuda"), exact=exact)
            assert (matmul.fp32_precision, rnn.fp32_precision) == (expected, expected)
        float32_products(torch.device("cpu"), exact=False)
        assert matmul.fp32_precision == "ieee"
    finally:
        matmul.fp32_precision, rnn.fp32_precision = before


SMAPS, HUGE = Path("/proc/self/smaps"), Path("/sys/kernel/mm/transparent_hugepage")
KEEPS = """
import re, resource, torch
from seqcli.machine.device import keep_freed_memory

def resident():
    return sum(map(int, re.findall("Rss: *([0-9]+) kB", open("/proc/self/smaps").read())))

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

before = resident()
keep_freed_memory()
print(resident() - before)
torch.ones(16 << 20)
first = faults()
torch.ones(16 << 20)
print(faults() - first)
print(len(re.findall("VmFlags:.* hg ", open("/proc/self/smaps").read())))
"""


@pytest.mark.skipif(not SMAPS.exists(), reason="needs Linux's smaps")
def test_freed_memory_is_kept_and_huge_pages_are_asked_for() -> None:
    """A second tensor takes the first one's memory, and nothing is taken before it is used."""
    done = subprocess.run([sys.executable, "-c", KEEPS], capture_output=True, text=True, check=True)
    taken, faults, huge = map(int, done.stdout.split())
    assert taken < 1024
    assert faults < 100
    assert huge == HUGE.exists()  # a kernel may be built without them
