"""What a language model says of a text, window by window: losses, summed or token by token."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seqcli.data.batching import Columns, Window
from seqcli.kinds.contract import Poll
from seqcli.machine.device import Runtime
from seqcli.nn.models import LanguageModel as Network


def losses(model: nn.Module, windows: Columns, poll: Poll) -> tuple[list[float], list[int]]:
    """The loss of each window, summed over its tokens, and their number."""
    assert isinstance(model, Network)
    sums, counts, nodes = list[float](), list[int](), None
    for window, outputs in _read(model, windows, poll):
        loss, nodes = model.answered(outputs, window.ids, window.targets, nodes)
        sums.append(loss.item())
        counts.append(window.tokens)
    return sums, counts


def apart(model: Network, windows: Columns, poll: Poll) -> tuple[Tensor, Tensor]:
    """-log p of each token, by the network and by the n-grams beside it: (N,) each."""
    assert model.grams is not None
    none, nodes = torch.empty(0, dtype=torch.float64), None
    found = [(none, none)]
    for window, outputs in _read(model, windows, poll):
        own, counted, nodes = model.apart(model.grams, outputs, window.ids, window.targets, nodes)
        found.append((own, counted))
    own, counted = map(torch.cat, zip(*found, strict=True))
    return own, counted


def _read(model: Network, windows: Columns, poll: Poll) -> Iterator[tuple[Window, Tensor]]:
    """Each window, and the stack's outputs for it; the state is carried."""
    device, state = model.output.weight.device, None
    for index in range(len(windows)):
        poll()
        window = windows[index].to(device)
        outputs, state = model(window.ids, state)
        yield window, outputs


def threads(windows: Columns, runtime: Runtime) -> int:
    """How many threads share columns."""
    return min(runtime.team.size if runtime.team else 1, windows.own)
