"""The network of a tagger of numbers, from its settings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator

from seqcli.kinds.networks import recurrent, start
from seqcli.kinds.tagger.frames.spec import Model
from seqcli.nn.frames import FrameTagger


def frame_tagger(
    model: Model,
    inputs: int,
    labels: int,
    pace: Sequence[Sequence[float]],
    generator: Generator | None,
) -> FrameTagger:
    """A tagger with its first weights, for `inputs` numbers a step; pace: see FrameTagger."""
    spans = model.differences
    numbers = inputs * (1 + len(spans)) * model.window
    network = FrameTagger(
        recurrent(model, numbers, model.output_dropout),
        labels,
        spans=spans,
        pace=torch.tensor(pace, dtype=torch.float32).reshape(len(spans), inputs),
        window=model.window,
        noise=model.noise,
        change_cost=model.change_cost,
    )
    if generator is not None:
        start(network, model, network.output, generator)
    return network
