"""How the learning rate moves over a run."""

from __future__ import annotations

import math

from seqcli.settings.sections import Training


def rate_factor(train: Training, progress: float, epoch: int, falls: int) -> float:
    """What multiplies the learning rate: `progress` in [0, 1] of the run, `epoch` from 1.

    step (Zaremba et al. 2014): decay ** max(epoch - full_rate_epochs, 0); linear and cosine end at
    0; plateau: decay ** falls. Warm-up rises linearly over the first share of the run.
    """
    if train.schedule == "step":
        factor = train.decay ** max(epoch - train.full_rate_epochs, 0)
    elif train.schedule == "linear":
        factor = 1 - progress
    elif train.schedule == "cosine":
        factor = (1 + math.cos(math.pi * progress)) / 2
    elif train.schedule == "plateau":
        factor = train.decay**falls
    else:
        factor = 1.0
    if progress < train.warmup:
        factor *= max(progress / train.warmup, 1e-3)
    return max(factor, 0.0)
