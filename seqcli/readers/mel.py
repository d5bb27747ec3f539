"""Log-mel frames of sound: how loud each band of pitch is, a hundred times a second.

A frame is centered at every `step`; of its samples under a periodic Hann window the power spectrum
is summed in triangles that lie evenly on the mel scale (Slaney 1998: linear to 1,000 Hz,
logarithmic above; each triangle of area 1 over Hz), and its natural logarithm is taken, of `floor`
at least. With the same sizes these are librosa's numbers (`feature.melspectrogram`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seqcli.errors import ConfigError
from seqcli.settings.sections import Sound

BLOCK = 1 << 12  # frames worked on at a time
LINEAR = 200 / 3  # Hz a mel below BREAK
BREAK = 1000.0  # Hz
STEP = np.log(6.4) / 27  # of the logarithm, a mel above

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MelFrames:
    """How samples, `rate` a second, become frames; window, hop and size (of the FFT) in samples."""

    rate: int
    window: int
    hop: int
    size: int
    bands: int
    low: float
    high: float
    floor: float

    @classmethod
    def of(cls, sound: Sound) -> MelFrames:
        """From the settings. Errors: ConfigError for bands outside what the rate can hold."""
        rate, high = sound.sample_rate, sound.mel_high or sound.sample_rate / 2
        if not sound.mel_low < high <= rate / 2:
            raise ConfigError(
                f"data.mel_low and data.mel_high: rising, up to half of data.sample_rate "
                f"({rate / 2:g}) expected, {sound.mel_low:g} and {high:g} found"
            )
        window = max(round(sound.frame_length * rate / 1000), 2)
        hop = max(round(sound.frame_step * rate / 1000), 1)
        size = 1 << (window - 1).bit_length()
        found = cls(rate, window, hop, size, sound.mel_bands, sound.mel_low, high, sound.mel_floor)
        empty = int((_bank(rate, size, found.bands, found.low, high).sum(1) == 0).sum())
        if empty:
            raise ConfigError(
                f"data.mel_bands = {found.bands}: {empty} bands lie between two frequencies of a "
                f"frame of {sound.frame_length:g} ms",
                "fewer bands, or a longer data.frame_length",
            )
        return found

    def __call__(self, samples: NDArray[np.float32]) -> Floats:
        """Samples (N,) -> (1 + N // hop, bands), the first frame centered at sample 0.

        What lies outside of the recording is silence. No samples: no frames.
        """
        if not len(samples):
            return np.empty((0, self.bands))
        count = 1 + len(samples) // self.hop
        before = self.window // 2
        padded = np.pad(samples, (before, self.window))
        windows = sliding_window_view(padded, self.window)[:: self.hop][:count]
        bank = _bank(self.rate, self.size, self.bands, self.low, self.high).T
        shape = _hann(self.window)
        found = np.empty((count, self.bands))
        for at in range(0, count, BLOCK):
            spectrum = np.fft.rfft(windows[at : at + BLOCK] * shape, self.size)
            power = spectrum.real**2 + spectrum.imag**2
            found[at : at + BLOCK] = np.log(np.maximum(power @ bank, self.floor))
        return found


def mel_of(hertz: Floats) -> Floats:
    """Hz -> mel, as Slaney's Auditory Toolbox has it."""
    above = BREAK / LINEAR + np.log(np.maximum(hertz, BREAK) / BREAK) / STEP
    return np.where(hertz < BREAK, hertz / LINEAR, above)


def hertz_of(mel: Floats) -> Floats:
    """The inverse of `mel_of`."""
    edge = BREAK / LINEAR
    above = BREAK * np.exp(STEP * (np.maximum(mel, edge) - edge))
    return np.where(mel < edge, mel * LINEAR, above)


def _hann(size: int) -> Floats:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


@lru_cache(maxsize=8)
def _bank(rate: int, size: int, bands: int, low: float, high: float) -> Floats:
    """The triangles, (bands, 1 + size // 2): of band b between neighbors b - 1 and b + 1."""
    ends = mel_of(np.array([low, high]))
    edges = hertz_of(np.linspace(ends[0], ends[1], bands + 2))
    hertz = np.arange(1 + size // 2) * (rate / size)
    rise = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    triangles: Floats = np.maximum(np.minimum(rise, fall), 0) * area[:, None]
    return triangles
