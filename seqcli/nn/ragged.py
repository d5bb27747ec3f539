"""Rows of a padded batch: what is real, where each ends, and reading it from its own end."""

from __future__ import annotations

import torch
from torch import Tensor


def length_mask(lengths: Tensor, time: int) -> Tensor:
    """(B,) -> (B, T), True at real tokens."""
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def flip(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each row of (B, T, E) within its length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    batch, time = x.shape[:2]
    t = torch.arange(time, device=x.device)
    source = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    rows = source + torch.arange(batch, device=x.device)[:, None] * time
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)


def filled(x: Tensor, places: Tensor, value: float) -> Tensor:
    """(B, T, …) with `value` at `places` (B, T).

    In place on the CPU where no gradient is asked for: of texts sorted by length few places are
    padding, and a copy costs a twentieth of an LSTM's time.
    """
    if torch.is_grad_enabled() or x.device.type != "cpu" or not x.is_contiguous():
        return x.masked_fill(places.view(*places.shape, *[1] * (x.dim() - 2)), value)
    x.flatten(0, 1).index_fill_(0, places.flatten().nonzero()[:, 0], value)
    return x


def at_length(outputs: Tensor, lengths: Tensor, fallback: Tensor) -> Tensor:
    """(B, T, H) -> (B, H) at each row's true last step; an empty row keeps `fallback`'s row."""
    index = (lengths - 1).clamp(min=0)
    last = outputs[torch.arange(outputs.shape[0], device=outputs.device), index]
    return torch.where((lengths > 0)[:, None], last, fallback.to(last.dtype))
