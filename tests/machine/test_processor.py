"""What the processor offers, and what the environment leaves of it."""

from __future__ import annotations

import pytest
import torch

from seqcli.machine import processor
from seqcli.machine.device import choose_precision
from seqcli.machine.processor import kind, limits, multiplies_bfloat16

LEVELS = ("avx2", "avx512", "avx512_bf16", "amx_tile")


@pytest.fixture
def reaching(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A processor that has bfloat16 without AMX, and an environment that limits nothing."""
    for variable, _ in processor.LIMITS.values():
        monkeypatch.delenv(variable, raising=False)
    for level in LEVELS:
        monkeypatch.setattr(torch.cpu, f"_is_{level}_supported", lambda has=level != LEVELS[3]: has)
    return monkeypatch


def test_a_processor_is_named_by_its_best_instructions(reaching: pytest.MonkeyPatch) -> None:
    assert (kind(), limits(), multiplies_bfloat16()) == ("AVX-512 bf16", {}, True)
    reaching.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert kind() == "AMX bf16"
    for level in LEVELS[1:]:
        reaching.setattr(torch.cpu, f"_is_{level}_supported", lambda: False)
    assert (kind(), multiplies_bfloat16()) == ("AVX2", False)
    reaching.setattr(torch.cpu, "_is_avx2_supported", lambda: False)
    reaching.setattr("platform.machine", lambda: "aarch64")
    reaching.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # which says nothing there
    assert (kind(), limits(), multiplies_bfloat16()) == ("aarch64", {}, True)


@pytest.mark.parametrize(
    ("onednn", "aten", "expected", "half"),
    [
        ("AVX2", "avx2", "AVX-512 bf16, oneDNN and ATen limited to AVX2", False),
        ("avx512_core_vnni", None, "AVX-512 bf16, oneDNN limited to AVX-512", False),
        (
            "AVX2_VNNI",
            "default",
            "AVX-512 bf16, oneDNN limited to AVX2, ATen limited to SSE4.1",
            False,
        ),
        (None, "avx2", "AVX-512 bf16, ATen limited to AVX2", True),
        ("AVX512_CORE_AMX", "avx512", "AVX-512 bf16", True),  # more than there is
        ("no such word", None, "AVX-512 bf16", True),
    ],
)
def test_what_holds_a_library_below_it_is_said(
    reaching: pytest.MonkeyPatch, onednn: str | None, aten: str | None, expected: str, half: bool
) -> None:
    for variable, value in (("ONEDNN_MAX_CPU_ISA", onednn), ("ATEN_CPU_CAPABILITY", aten)):
        if value is not None:
            reaching.setenv(variable, value)
    assert (kind(), multiplies_bfloat16()) == (expected, half)


def test_auto_takes_bfloat16_only_where_there_are_instructions_for_it(
    reaching: pytest.MonkeyPatch,
) -> None:
    """On AVX-512 without them oneDNN computes it all the same: asked for it is given."""
    cpu = torch.device("cpu")
    reaching.setattr("seqcli.machine.device.cpu_has_bfloat16", lambda: True)
    reaching.setattr("seqcli.machine.device._probe", lambda device: True)
    assert choose_precision("auto", cpu, True) == "bf16"
    reaching.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert choose_precision("auto", cpu, True) == "fp32"
    assert choose_precision("bf16", cpu, True) == "bf16"
