"""Numbers made comparable: each channel less its center, by its width, both learned in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.settings.sections import BY_RECORDING

LIMIT = 1e6  # widths from the center beyond which a number is read as this: no infinity comes in
LEAST = 1e-30  # a width below it is that of a constant channel
SAMPLE = 1 << 24  # steps that median and quartiles are taken of

Channels = NDArray[np.float64]  # (C,)


@dataclass(frozen=True, eq=False)
class Scaler:
    """(x - center) / width, channel by channel; missing numbers become 0, the center.

    by_recording: center and width are the recording's own instead, and with `together` the same for
    all of its channels, so that what they are beside each other stays. mask: C more channels say
    which numbers are there, 1, and which not, 0.
    """

    center: Channels
    width: Channels
    by_recording: bool = False
    mask: bool = False
    together: bool = False

    @property
    def outputs(self) -> int:
        """Channels of what it gives."""
        return len(self.center) * (2 if self.mask else 1)

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Numbers (T, C), NaN where missing -> (T, outputs), all finite and within ± LIMIT."""
        there = ~np.isnan(values)
        center, width = self.center, self.width
        if self.by_recording:
            center, width = self._own([values])
        scaled = np.clip((values - center) / width, -LIMIT, LIMIT)
        known: NDArray[np.float32] = np.where(there, scaled, 0.0).astype(np.float32)
        if not self.mask:
            return known
        return np.concatenate((known, there.astype(np.float32)), axis=1)

    def of_recording(self, blocks: Iterable[NDArray[np.float64]]) -> Scaler:
        """The scaler for the parts of one recording, of which `blocks` (T, C) are all."""
        if not self.by_recording:
            return self
        center, width = self._own(blocks)
        return replace(self, center=center, width=width, by_recording=False)

    def _own(self, blocks: Iterable[NDArray[np.float64]]) -> tuple[Channels, Channels]:
        """Center and width of a recording in blocks (T, C)."""
        channels = len(self.center)
        if not self.together:
            return _moments(blocks, channels)
        center, width = _moments((block.reshape(-1, 1) for block in blocks), 1)
        return np.repeat(center, channels), np.repeat(width, channels)

    def cut(self, values: NDArray[np.float64]) -> int:
        """How many numbers lie beyond LIMIT."""
        if self.by_recording:
            return 0
        return int((np.abs(values - self.center) > LIMIT * self.width).sum())

    def learned(self) -> dict[str, Any]:
        """As JSON values."""
        return {"center": self.center.tolist(), "width": self.width.tolist()}

    @classmethod
    def restore(cls, learned: dict[str, Any], how: str, *, mask: bool) -> Scaler:
        """From what `learned` gave, and the settings."""
        center, width = np.array(learned["center"]), np.array(learned["width"])
        return cls(center, width, how in BY_RECORDING, mask, how == "whole")


def moments(values: NDArray[np.float64]) -> tuple[Channels, Channels]:
    """Mean and deviation of each channel of (N, C) without missing numbers; 0 and 1 without any."""
    return _moments([values], values.shape[1])


def fit(
    how: str, blocks: Callable[[], Iterable[NDArray[np.float64]]], channels: int, *, mask: bool
) -> Scaler:
    """A scaler for the training split; `blocks`: its steps (N, C), a block at a time, every time.

    how: "standard", "robust" (median, and 0.7413 times the distance of the quartiles, which is the
    deviation of what is normal), "recording", "whole" or "none". A constant channel is only moved.
    """
    center, width = np.zeros(channels), np.ones(channels)
    if how == "standard":
        center, width = _moments(blocks(), channels)
    elif how == "robust":
        center, width = _quartiles(blocks, channels)
    return Scaler(center, width, how in BY_RECORDING, mask, how == "whole")


def _moments(blocks: Iterable[NDArray[np.float64]], channels: int) -> tuple[Channels, Channels]:
    """Chan, Golub and LeVeque 1979: means and squares of blocks joined, without cancellation."""
    count, mean, square = np.zeros(channels), np.zeros(channels), np.zeros(channels)
    for block in blocks:
        there = ~np.isnan(block)
        n = there.sum(0)
        own = np.where(there, block, 0.0).sum(0) / np.maximum(n, 1)
        apart = np.where(there, block - own, 0.0)
        total, delta = np.maximum(count + n, 1), own - mean
        square += (apart**2).sum(0) + delta**2 * count * n / total
        mean += delta * n / total
        count += n
    return mean, _width(np.sqrt(square / np.maximum(count, 1)), mean)


def _quartiles(
    blocks: Callable[[], Iterable[NDArray[np.float64]]], channels: int
) -> tuple[Channels, Channels]:
    """Of at most SAMPLE steps, evenly spaced."""
    steps = sum(map(len, blocks()))
    every = max(1, -(-steps // SAMPLE))
    center, width = np.zeros(channels), _moments(blocks(), channels)[1]
    for channel in range(channels):
        column = np.concatenate([block[::every, channel] for block in blocks()])
        column = column[~np.isnan(column)]
        if len(column):
            low, center[channel], high = np.quantile(column, (0.25, 0.5, 0.75))
            if high > low:  # else more than half are equal: the deviation stays
                width[channel] = 0.7413 * (high - low)
    return center, _width(width, center)


def _width(width: Channels, center: Channels) -> Channels:
    """1 for a constant channel, whose deviation may be the rounding of its mean."""
    constant = width <= np.maximum(LEAST, 1e-12 * np.abs(center))
    return np.where(constant, 1.0, width)
