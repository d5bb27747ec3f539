"""Wav files of every width, and what is wrong with others."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqcli.errors import ConfigError, DataError
from seqcli.readers.mel import MelFrames
from seqcli.readers.record import Piece
from seqcli.readers.recording import Wanted
from seqcli.readers.resampling import resampled
from seqcli.readers.series_source import discover_series
from seqcli.readers.wav import read_sound, wav
from seqcli.settings.sections import Series

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(800) / 8000)


def packed(samples: NDArray[Any], bits: int, code: int) -> bytes:
    """Samples (N, speakers) between -1 and 1 as a file holds them."""
    flat = samples.ravel()
    if code == 3:
        return flat.astype("<f4" if bits == 32 else "<f8").tobytes()
    if bits == 8:
        return (np.round(flat * 128) + 128).clip(0, 255).astype(np.uint8).tobytes()
    whole = np.round(flat * 2.0 ** (bits - 1)).clip(-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)
    wide = whole.astype("<i8").view(np.uint8).reshape(-1, 8)
    return wide[:, : bits // 8].tobytes()


def written(
    path: Path,
    samples: NDArray[Any],
    *,
    bits: int = 16,
    code: int = 1,
    rate: int = 8000,
    extensible: bool = False,
    told: int | None = None,
    before: bytes = b"",
    keep: int | None = None,
) -> Path:
    """A wav file; told: bytes of samples as its header says; keep: bytes of the whole that stay."""
    table = samples if samples.ndim == 2 else samples[:, None]
    speakers = table.shape[1]
    body = packed(table, bits, code)
    align = speakers * bits // 8
    form = struct.pack("<HHIIHH", code, speakers, rate, rate * align, align, bits)
    if extensible:
        form = struct.pack("<HHIIHH", 0xFFFE, speakers, rate, rate * align, align, bits)
        guid = struct.pack("<H", code) + bytes.fromhex("000000001000800000aa00389b71")
        form += struct.pack("<HHI", 22, bits, 0) + guid
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(body) if told is None else told) + body
    content = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
    content = content[:keep]
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(("bits", "code"), [(8, 1), (16, 1), (24, 1), (32, 1), (32, 3), (64, 3)])
def test_every_width_gives_the_samples(
    bits: int, code: int, extensible: bool, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.wav", TONE, bits=bits, code=code, extensible=extensible)
    sound = read_sound(path)
    assert sound.rate == 8000
    assert sound.samples.dtype == np.dtype(np.float32)
    within = 2.0 ** -(bits - 1) if code == 1 else 1e-7
    np.testing.assert_allclose(sound.samples, TONE, rtol=0, atol=max(within, 1e-7))


def test_speakers_are_mixed_to_their_mean(tmp_path: Path) -> None:
    both = np.stack([TONE, -TONE, TONE], 1)
    found = read_sound(written(tmp_path / "a.wav", both)).samples
    np.testing.assert_allclose(found, TONE / 3, rtol=0, atol=1e-4)


def test_compressed_files_and_other_chunks_are_read(tmp_path: Path) -> None:
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # chunks begin at even places
    path = written(tmp_path / "a.wav.gz", TONE, before=odd)
    np.testing.assert_allclose(read_sound(path).samples, TONE, rtol=0, atol=1e-4)


@pytest.mark.parametrize("told", [0, 0xFFFFFFFF])
def test_what_was_written_to_a_pipe_is_read_to_its_end(told: int, tmp_path: Path) -> None:
    assert len(read_sound(written(tmp_path / "a.wav", TONE, told=told)).samples) == 800


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"told": 4000}, "4,000 bytes of samples expected, as its header says, 1,600 found"),
        ({"told": 1599}, "whole samples of 2 bytes expected, 1,599 bytes found"),
        ({"keep": 30}, "a fmt chunk of 16 bytes expected, 10 found"),
        ({"keep": 36}, "samples expected, the file ends before them"),
        ({"code": 7}, r"plain samples \(PCM or float\) expected, mu-law found"),
        ({"rate": 40}, "1,000 to 768,000 samples a second expected, 40 found"),
    ],
)
def test_a_broken_file_is_named(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = written(tmp_path / "cut.wav", TONE, **given)
    with pytest.raises(DataError, match=said) as caught:
        read_sound(path)
    assert caught.value.path == path


@pytest.mark.parametrize("content", [b"", b"hello, I am text\n", b"RIFX1234WAVE"])
def test_what_is_no_wav_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    with pytest.raises(DataError, match="a wav file"):
        read_sound(path)


def test_samples_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    bad = np.array([0.0, np.nan, 0.1])
    with pytest.raises(DataError, match="finite samples expected, nan found at sample 2"):
        read_sound(written(tmp_path / "a.wav", bad, bits=32, code=3))


@pytest.mark.parametrize(("count", "frames"), [(0, 0), (1, 1), (79, 1), (80, 2), (800, 11)])
def test_a_frame_for_every_step(count: int, frames: int, tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", TONE[:count])
    (found,) = wav(Piece(path, "yes"), Series(sample_rate=8000), Wanted())
    assert found.values.shape == (frames, 40)
    assert (found.name, found.label, found.path) == ("a", "yes", str(path))
    assert np.isfinite(found.values).all()


def test_every_rate_gives_the_same_frames(tmp_path: Path) -> None:
    """A tone of 440 Hz at 8 to 96 kHz: the loudest band is the same, as loud within 1 %."""
    found = {}
    for rate in (8000, 11025, 22050, 44100, 48000, 96000):
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate)
        path = written(tmp_path / f"{rate}.wav", tone, rate=rate)
        (record,) = wav(Piece(path), Series(sample_rate=8000), Wanted())
        found[rate] = record.values[10:-10]
    for frames in found.values():
        assert (frames.argmax(1) == found[8000].argmax(1)).all()
        np.testing.assert_allclose(frames.max(1), found[8000].max(1), rtol=0.01)


def test_resampling_keeps_a_tone_and_folds_none_back() -> None:
    seconds = np.arange(44100) / 44100
    low = np.sin(2 * np.pi * 1000 * seconds).astype(np.float32)
    high = np.sin(2 * np.pi * 5000 * seconds).astype(np.float32)
    kept = resampled(low, 44100, 8000)
    assert len(kept) == 8000
    expected = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    np.testing.assert_allclose(kept[200:-200], expected[200:-200], atol=1e-3)
    assert np.abs(resampled(high, 44100, 8000)[200:-200]).max() < 1e-3
    assert resampled(low, 44100, 44100) is low


def test_labels_come_from_names_and_folders(tmp_path: Path) -> None:
    (tmp_path / "no").mkdir()
    written(tmp_path / "yes_ada_1.wav", TONE)
    written(tmp_path / "no" / "x.wav", TONE)
    pattern = r"^([a-z]+)_[^_]+_[0-9]+\.wav"
    source = discover_series(tmp_path, Series(label_pattern=pattern))
    assert {one.name: one.label for one in source.records()} == {"yes_ada_1": "yes", "x": "no"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mel_low": 5000.0}, "rising, up to half of data.sample_rate"),
        ({"mel_high": 9000.0}, "rising, up to half of data.sample_rate"),
        ({"mel_bands": 200}, "bands lie between two frequencies"),
    ],
)
def test_bands_that_cannot_be(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        MelFrames.of(Series(sample_rate=8000, **given))
