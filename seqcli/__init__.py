"""Train, evaluate, sample from and classify with recurrent networks, at the shell."""

from __future__ import annotations

from typing import Any

from seqcli.errors import SeqcliError as SeqcliError

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`seqcli.load`, imported only when asked for: torch takes a second."""
    if name == "load":
        from seqcli.api import load

        return load
    raise AttributeError(f"module 'seqcli' has no attribute {name!r}")
