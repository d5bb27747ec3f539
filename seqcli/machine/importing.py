"""PyTorch for a command that answers and ends: imported without what only compilers ask for.

A third of the time of `import torch` goes into `torch._meta_registrations`: shapes of operations,
written in Python, for tensors without data. `torch.compile`, export and fake tensors ask for them;
the networks here run without. Programs that use `seqcli.load` import PyTorch whole.
"""

from __future__ import annotations

import gc
import sys
from types import ModuleType

LEFT_OUT = "torch._meta_registrations"


def import_torch() -> None:
    """Import PyTorch; where it is imported already, nothing is done.

    What is left out can be imported afterwards, as any module.
    """
    if "torch" in sys.modules:
        return
    empty = ModuleType(LEFT_OUT)
    sys.modules[LEFT_OUT] = empty
    collects = gc.isenabled()
    gc.disable()  # nothing of it is garbage, and looking for some takes an eighth of the time
    try:
        import torch
    finally:
        gc.freeze()  # nor will any of it be, whenever more is imported
        if collects:
            gc.enable()
        if sys.modules.get(LEFT_OUT) is empty:
            del sys.modules[LEFT_OUT]
    if getattr(torch, "_meta_registrations", None) is empty:
        del torch._meta_registrations
