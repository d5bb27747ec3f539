"""Log-mel frames equal the formula written out, and librosa's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqcli.readers.mel import MelFrames, hertz_of, mel_of
from seqcli.settings.sections import Series

Floats = NDArray[np.float64]


def noise(count: int) -> NDArray[np.float32]:
    draw = np.random.default_rng(3)
    return (0.1 * draw.standard_normal(count) * np.linspace(0, 1, count)).astype(np.float32)


def slow_frame(samples: Floats, center: int, frames: MelFrames) -> Floats:
    """One frame, every sum written out."""
    size, window = frames.size, frames.window
    inside = np.zeros(size)
    for place in range(window):
        at = center - window // 2 + place
        if 0 <= at < len(samples):
            hann = 0.5 - 0.5 * np.cos(2 * np.pi * place / window)
            inside[place] = samples[at] * hann
    power = list[float]()
    for bin_ in range(size // 2 + 1):
        turn = np.exp(-2j * np.pi * bin_ * np.arange(size) / size)
        power.append(abs((inside * turn).sum()) ** 2)
    lowest, highest = mel_of(np.array([frames.low, frames.high])).tolist()
    edges = np.linspace(lowest, highest, frames.bands + 2)
    hertz = hertz_of(edges)
    found = []
    for band in range(frames.bands):
        low, middle, high = hertz[band : band + 3]
        total = 0.0
        for bin_, strength in enumerate(power):
            hz = bin_ * frames.rate / size
            rise, fall = (hz - low) / (middle - low), (high - hz) / (high - middle)
            total += max(min(rise, fall), 0.0) * 2 / (high - low) * strength
        found.append(np.log(max(total, frames.floor)))
    return np.array(found)


def test_frames_equal_the_formula() -> None:
    frames = MelFrames.of(Series(sample_rate=8000, frame_length=20, mel_bands=12, mel_low=100))
    samples = noise(700)
    found = frames(samples)
    assert found.shape == (1 + 700 // 80, 12)
    for place in (0, 1, 4, 8):
        slow = slow_frame(samples.astype(np.float64), place * 80, frames)
        np.testing.assert_allclose(found[place], slow, rtol=1e-6, atol=1e-6)


def test_silence_lies_at_the_floor() -> None:
    frames = MelFrames.of(Series(mel_floor=1e-6))
    np.testing.assert_array_equal(frames(np.zeros(500, np.float32)), np.log(1e-6))


def test_mel_is_linear_to_1000_hertz_and_turned_back() -> None:
    np.testing.assert_allclose(mel_of(np.array([0.0, 500.0, 1000.0, 6400.0])), [0, 7.5, 15, 42])
    hertz = np.geomspace(10, 20_000, 50)
    np.testing.assert_allclose(hertz_of(mel_of(hertz)), hertz)


@pytest.mark.slow
@pytest.mark.parametrize("given", [{}, {"sample_rate": 8000, "mel_bands": 24, "mel_low": 0.0}])
def test_frames_are_librosas(given: dict[str, Any]) -> None:
    librosa = pytest.importorskip("librosa", reason="librosa is not installed")
    frames = MelFrames.of(Series(**given))
    samples = noise(frames.rate)
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=frames.rate,
        n_fft=frames.size,
        win_length=frames.window,
        hop_length=frames.hop,
        center=True,
        pad_mode="constant",
        n_mels=frames.bands,
        fmin=frames.low,
        fmax=frames.high,
    )
    expected = np.log(np.maximum(power, frames.floor)).T
    np.testing.assert_allclose(frames(samples), expected, atol=1e-3)
