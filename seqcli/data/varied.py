"""Recordings varied while they are trained on: slower or faster, higher or lower, louder or softer.

Every epoch sees another version of each. What is drawn follows from (seed, epoch, batch) alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcli.data.frames import Floats, Frames


@dataclass(frozen=True)
class Variation:
    """How far versions may lie from a recording; all 0: they are the recording.

    tempo: 0.2 is up to 1.2 times as fast or as slow; shift: channels up or down, for channels that
    are neighboring bands of pitch; level: added to all scaled numbers alike; blank: the widest
    stretches of channels and, as a share, of steps that are set to 0 (Park et al. 2019).
    channels: how many of the numbers of a step these are, from the first.
    """

    tempo: float
    shift: float
    level: float
    blank_channels: int
    blank_steps: float
    channels: int

    @property
    def none(self) -> bool:
        """Whether nothing is varied."""
        return not (
            self.tempo or self.shift or self.level or self.blank_channels or self.blank_steps
        )

    def drawn(self, rows: int, random: np.random.Generator) -> NDArray[np.float64]:
        """What makes a version of each of R rows, (R, 7)."""
        return random.random((rows, 7))

    def __call__(self, frames: Frames, drawn: NDArray[np.float64]) -> Frames:
        """A version of each row."""
        rows = [self._version(frames.row(at), one) for at, one in enumerate(drawn)]
        return Frames.of(rows, frames.channels)

    def _version(self, row: Floats, drawn: NDArray[np.float64]) -> Floats:
        signed = 2 * drawn - 1
        steps, own = len(row), row
        if self.tempo and steps > 1:
            factor = (1 + self.tempo) ** signed[0]
            own = between(own, np.linspace(0, steps - 1, max(round(steps / factor), 1)))
        first, rest = own[:, : self.channels], own[:, self.channels :]
        if self.shift:
            first = between(first.T, np.arange(self.channels) + self.shift * signed[1]).T
        first = first + np.float32(self.level * signed[2])
        if self.blank_channels:
            _blank(first.T, min(self.blank_channels, self.channels), drawn[3:5])
        if self.blank_steps:
            _blank(first, int(self.blank_steps * len(first)), drawn[5:7])
        return np.concatenate((first, rest), axis=1)


def between(rows: Floats, places: NDArray[np.float64]) -> Floats:
    """Rows (T, C) at places (P,) between them -> (P, C); past an end the row there."""
    inside = np.clip(places, 0, len(rows) - 1)
    below = np.minimum(inside.astype(np.int64), max(len(rows) - 2, 0))
    above = np.minimum(below + 1, len(rows) - 1)
    share = (inside - below).astype(np.float32)[:, None]
    found: Floats = rows[below] * (1 - share) + rows[above] * share
    return found


def _blank(rows: Floats, widest: int, drawn: NDArray[np.float64]) -> None:
    """Set a stretch of rows, up to `widest` of them, to 0."""
    width = int(drawn[0] * (widest + 1))
    start = int(drawn[1] * (len(rows) - width + 1))
    rows[start : start + width] = 0
