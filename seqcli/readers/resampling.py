"""Samples brought to another rate: a windowed sinc, one filter for each phase.

Smith (1984), "Digital audio resampling": each new sample is a sum over the old ones around it,
weighted by sin(x) / x under a Kaiser window. Where the rate falls the filter's edge falls with it,
so that no tone above half the new rate comes back as another.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

ZEROS = 24  # zeros of the sinc on each side
BETA = 9.0  # of the Kaiser window: what is folded back lies 90 dB lower
EDGE = 0.94  # of half the lower rate: the filter falls from there
LARGEST = 1000  # phases; 44,100 to 16,000 has 160


def resampled(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Samples (N,) of `rate` a second -> (ceil(N * wanted / rate),), `wanted` a second.

    The ratio is the nearest one of whole numbers up to LARGEST: off by 1e-5 at most.
    """
    ratio = Fraction(wanted, rate).limit_denominator(LARGEST)
    if rate == wanted or ratio == 1 or not len(samples):
        return samples
    up, down = ratio.numerator, ratio.denominator
    filters = _filters(up, down)
    taps = filters.shape[1]
    count = -(-len(samples) * up // down)
    places = np.arange(count) * down  # of new samples, in up-ths of an old one
    before = taps // 2 - 1
    padded = np.concatenate([np.zeros(before, np.float32), samples, np.zeros(taps + 1, np.float32)])
    windows = sliding_window_view(padded, taps)
    found = np.empty(count, np.float32)
    for phase in range(min(up, count)):
        own = slice(phase, None, up)  # these lie at one distance from an old sample
        first = places[own] // up
        step = first[1] - first[0] if len(first) > 1 else 1
        rows = windows[first[0] : first[-1] + 1 : step]
        found[own] = rows @ filters[places[phase] % up]
    return found


@lru_cache(maxsize=8)
def _filters(up: int, down: int) -> NDArray[np.float32]:
    """(up, taps): row p weighs the old samples around a place p / up after one of them."""
    edge = EDGE * min(1.0, up / down)
    half = int(np.ceil(ZEROS / edge))
    offsets = np.arange(-half + 1, half + 1) - np.arange(up)[:, None] / up
    inside = np.clip(1 - (offsets / half) ** 2, 0, None)
    weights = edge * np.sinc(edge * offsets) * np.i0(BETA * np.sqrt(inside)) / np.i0(BETA)
    summed: NDArray[np.float64] = weights / weights.sum(1, keepdims=True)  # constants stay
    return summed.astype(np.float32)
