"""Which instructions the processor has, and how much of them the libraries below PyTorch may use.

They decide which path a product takes, so a precision is chosen by them and a figure is of them.
"""

from __future__ import annotations

import os
import platform

import torch

LADDER = ("SSE4.1", "AVX", "AVX2", "AVX-512", "AVX-512 bf16", "AMX bf16")  # each has those before
# What oneDNN and ATen read at their first product, and the rung that each word holds them to.
LIMITS = {
    "oneDNN": (
        "ONEDNN_MAX_CPU_ISA",
        {
            "SSE41": "SSE4.1",
            "AVX": "AVX",
            "AVX2": "AVX2",
            "AVX2_VNNI": "AVX2",
            "AVX2_VNNI_2": "AVX2",
            "AVX512_CORE": "AVX-512",
            "AVX512_CORE_VNNI": "AVX-512",
            "AVX512_CORE_BF16": "AVX-512 bf16",
            "AVX512_CORE_FP16": "AVX-512 bf16",
        },
    ),
    "ATen": ("ATEN_CPU_CAPABILITY", {"DEFAULT": "SSE4.1", "AVX2": "AVX2"}),
}


def instructions() -> str:
    """The highest rung of LADDER that this processor reaches; its architecture if it is no x86."""
    reached = {
        "AMX bf16": torch.cpu._is_amx_tile_supported(),
        "AVX-512 bf16": torch.cpu._is_avx512_bf16_supported(),
        "AVX-512": torch.cpu._is_avx512_supported(),
        "AVX2": torch.cpu._is_avx2_supported(),
    }
    return next((name for name, there in reached.items() if there), platform.machine())


def limits() -> dict[str, str]:
    """Libraries that the environment holds below what the processor has, and the rung of each."""
    found = instructions()
    if found not in LADDER:
        return {}
    held = {}
    for library, (variable, rungs) in LIMITS.items():
        rung = rungs.get(os.environ.get(variable, "").upper(), found)
        if LADDER.index(rung) < LADDER.index(found):
            held[library] = rung
    return held


def multiplies_bfloat16() -> bool:
    """Whether oneDNN finds instructions for bfloat16 products.

    It computes them on AVX-512 without such instructions too, at 0.4 of float32's rate. Of
    processors that are no x86 only oneDNN's own word is known.
    """
    rung = limits().get("oneDNN", instructions())
    return rung not in LADDER or LADDER.index(rung) >= LADDER.index("AVX-512 bf16")


def kind() -> str:
    """What decides the path of a product, in words: "AVX-512 bf16, oneDNN limited to AVX2"."""
    held: dict[str, list[str]] = {}
    for library, rung in limits().items():
        held.setdefault(rung, []).append(library)
    said = [f"{' and '.join(names)} limited to {rung}" for rung, names in held.items()]
    return ", ".join([instructions(), *said])
