"""Sound: wav files become log-mel frames, a recording a file.

Read are PCM of 8, 16, 24 and 32 bit, floats of 32 and 64 bit, each also as WAVE_FORMAT_EXTENSIBLE,
any number of speakers' channels (mixed down to their mean), RIFF and RF64.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.readers.lines import BROKEN, COMPRESSED, plain_name, unreadable
from seqcli.readers.mel import MelFrames
from seqcli.readers.record import Piece
from seqcli.readers.recording import Recording, Wanted, numbered
from seqcli.readers.resampling import resampled
from seqcli.settings.sections import Series

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
PACKED = {2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "IMA ADPCM", 0x55: "MP3"}
PCM_WIDTHS, FLOAT_WIDTHS = (8, 16, 24, 32), (32, 64)
UNSAID = (0, 0x7FFFFFFF, 0xFFFFFFFF)  # sizes of what was written to a pipe, whose end was unknown
SLOWEST, FASTEST = 1_000, 768_000  # samples a second
MOST_SPEAKERS = 256
BLOCK = 1 << 20  # samples converted at a time
CONVERT = "ffmpeg -i FILE -c:a pcm_s16le NEW.wav writes one that is read"
CUT = "copy or record it again; or take it out of the folder"

Samples = NDArray[np.float32]


class Sound(NamedTuple):
    """A recording: samples (N,) between -1 and 1, `rate` of them a second."""

    samples: Samples
    rate: int


class _Format(NamedTuple):
    """What a `fmt ` chunk says."""

    code: int  # PCM or FLOAT
    speakers: int
    rate: int
    bits: int

    @property
    def frame(self) -> int:
        """Bytes of one sample of all speakers."""
        return self.speakers * self.bits // 8


def wav(piece: Piece, data: Series, wanted: Wanted) -> Iterator[Recording]:
    """The log-mel frames of a wav file. Errors: DataError; ConfigError for the settings."""
    if wanted.each and wanted.label:
        problem = "a label for every step expected, a sound has none"
        raise DataError(piece.path, 0, problem, "labels stand in a table beside its numbers")
    frames = MelFrames.of(data)
    sound = read_sound(piece.path)
    values = frames(resampled(sound.samples, sound.rate, frames.rate))
    name = Path(plain_name(piece.path)).stem
    yield Recording(values, numbered(frames.bands), str(piece.path), 0, name, piece.label)


def read_sound(path: Path) -> Sound:
    """The samples of a wav file, of several speakers' channels their mean.

    Errors: DataError for a file that is none, is cut, or packs its samples.
    """
    packed: Any = COMPRESSED.get(path.suffix.lower())
    try:
        with packed(path, "rb") if packed else open(path, "rb") as file:
            content = file.read()
    except BROKEN as error:
        raise unreadable(path, 0, error) from None
    except MemoryError:
        raise DataError(
            path, 0, "a recording that fits memory expected, this one does not"
        ) from None
    form, start, size = _chunks(path, content)
    return Sound(_samples(path, content, form, start, size), form.rate)


def _chunks(path: Path, content: bytes) -> tuple[_Format, int, int]:
    """The format, and where the samples begin and how many bytes they are."""
    head = content[:12]
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        found = "an empty file" if not content else f"{content[:4]!r} at its beginning"
        if head[:4] == b"RIFX":
            found = "one with the other byte order (RIFX)"
        raise DataError(path, 0, f"a wav file (RIFF, WAVE) expected, {found} found", CONVERT)
    form: _Format | None = None
    at, true_size = 12, None
    while at + 8 <= len(content):
        name, size = content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]
        start = at + 8
        if name == b"ds64" and size >= 16 and start + 16 <= len(content):
            true_size = struct.unpack_from("<Q", content, start + 8)[0]
        elif name == b"fmt ":
            form = _format(path, content[start : start + size])
        elif name == b"data":
            if form is None:
                raise DataError(path, 0, "a fmt chunk before the samples expected, none found")
            return form, start, _size(path, content, form, start, size, true_size)
        at = start + size + size % 2  # chunks begin at even places
    what = "samples" if form is not None else "a fmt chunk and samples"
    raise DataError(path, 0, f"{what} expected, the file ends before them", CUT)


def _format(path: Path, chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise DataError(path, 0, f"a fmt chunk of 16 bytes expected, {len(chunk)} found", CUT)
    code, speakers, rate, _, align, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack_from("<H", chunk, 24)[0]  # the GUID begins with the plain code
    widths = {PCM: PCM_WIDTHS, FLOAT: FLOAT_WIDTHS}.get(code)
    if widths is None:
        found = PACKED.get(code, f"the format {code:#x}")
        raise DataError(path, 0, f"plain samples (PCM or float) expected, {found} found", CONVERT)
    if bits not in widths:
        listed = ", ".join(map(str, widths))
        raise DataError(path, 0, f"samples of {listed} bit expected, of {bits} found", CONVERT)
    if not 1 <= speakers <= MOST_SPEAKERS:
        raise DataError(path, 0, f"1 to {MOST_SPEAKERS} channels expected, {speakers} found")
    if not SLOWEST <= rate <= FASTEST:
        problem = f"{SLOWEST:,} to {FASTEST:,} samples a second expected, {rate:,} found"
        raise DataError(path, 0, problem)
    form = _Format(code, speakers, rate, bits)
    if align != form.frame:
        problem = f"{form.frame} bytes a step expected, as channels and bits say, {align} found"
        raise DataError(path, 0, problem, CONVERT)
    return form


def _size(
    path: Path, content: bytes, form: _Format, start: int, told: int, true_size: int | None
) -> int:
    """How many bytes of samples there are. Errors: DataError where the file is cut."""
    there = len(content) - start
    size = true_size if told == 0xFFFFFFFF and true_size is not None else told
    if size in UNSAID and true_size is None:
        size = there
    if size > there:
        problem = f"{size:,} bytes of samples expected, as its header says, {there:,} found"
        raise DataError(path, 0, problem, CUT)
    if size % form.frame:
        problem = f"whole samples of {form.frame} bytes expected, {size:,} bytes found"
        raise DataError(path, 0, problem, CUT)
    return size


def _samples(path: Path, content: bytes, form: _Format, start: int, size: int) -> Samples:
    count = size // form.frame
    found = np.empty(count, np.float32)
    for at in range(0, count, BLOCK):
        steps = min(BLOCK, count - at)
        view = memoryview(content)[start + at * form.frame :][: steps * form.frame]
        found[at : at + steps] = _scaled(view, form).reshape(steps, form.speakers).mean(1)
    if not np.isfinite(found).all():
        at = int((~np.isfinite(found)).argmax())
        raise DataError(path, 0, f"finite samples expected, {found[at]} found at sample {at + 1:,}")
    return found


def _scaled(view: memoryview, form: _Format) -> NDArray[Any]:
    """The samples of all speakers, between -1 and 1 where they are whole numbers."""
    if form.code == FLOAT:
        return np.frombuffer(view, "<f4" if form.bits == 32 else "<f8")
    if form.bits == 8:  # alone without a sign
        return (np.frombuffer(view, np.uint8).astype(np.float32) - 128) / 128
    if form.bits == 24:
        parts = np.frombuffer(view, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(parts), 4), np.uint8)
        wide[:, 1:] = parts  # the low byte of 32 bit is 0
        return wide.view("<i4").ravel() / np.float64(1 << 31)
    kind, full = ("<i2", 1 << 15) if form.bits == 16 else ("<i4", 1 << 31)
    return np.frombuffer(view, kind) / np.float64(full)
