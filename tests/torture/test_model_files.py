"""Every broken or hostile model file is refused in one line; nothing in it is run."""

from __future__ import annotations

import random
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pytest
import tiny_language
from tiny_models import write_model

from seqcli.errors import ModelFileError
from seqcli.modelfile import filecheck, storage
from torture.checks import one_error
from torture.conftest import Tally
from torture.forkserver import Server
from torture.hostile import ESCAPE, OWNED
from torture.hostile_contents import CORPUS

SECONDS = 2.0  # of processor time
MEMORY = 700 << 20
# Faults in the numbers themselves, or between them and the settings, are seen once torch is there.
NEED_TORCH = (
    "a number changed",
    "a name with escapes",
    "a tensor of another",
    "a tensor too",
    "a vocabulary of nothing",
    "huge sizes",
    "a weight",
    "no tensors",
    "other sizes",
    "weights that",
)
SAMPLE: tuple[str, ...] = (
    "empty",
    "a folder",
    "a pipe",
    "another tool's weights",
    "a pickle that runs a command",
)
SAMPLE += ("a bomb of zeros", "a tensor without end", "weights that are NaN", "a newer format")
SAMPLE += ("keys whose hash takes forever", "a record twice", "huge sizes", "a kind with escapes")


def refused(server: Server, place: Path, *args: str) -> None:
    """Assert that the command refuses its file, and how."""
    ended = server.run([*args], place)
    one_error(ended, 1)
    assert ended.cpu < SECONDS + ("torch" in ended.modules) * importing(server), ended
    assert ended.memory < MEMORY, ended
    assert not (place / OWNED).exists()


@cache
def importing(server: Server) -> float:
    """Processor time of a command that takes torch and does nearly nothing with it."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder) / "sound.pt")
        ended = server.run(["classify", "--model", "sound.pt", "x"], Path(folder))
    assert ended.code == 0
    return ended.cpu


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_refused(name: str, place: Path, light: Server, tally: Tally) -> None:
    CORPUS[name](write_model(place / "good.pt"), place / "bad.pt")
    refused(light, place, "classify", "--model", "bad.pt", "some text")
    tally("model files: hostile or broken", lost=False)


COMMANDS = {
    "classify": ("classify", "--model", "bad.pt", "some text"),
    "eval": ("eval", "--model", "bad.pt"),
    "sample": ("sample", "--model", "bad.pt"),
    "params": ("params", "--model", "bad.pt"),
    "info": ("info", "--model", "bad.pt"),
    "train": ("train", "--task", "spam", "--out", "new.pt", "--init-from", "bad.pt"),
}
# `params` and `info` read the description alone; `train` takes what fits: other sizes are no fault.
NOT_PARAMS = (*NEED_TORCH, "other sizes", "huge sizes")
STATE = "a run's state"  # it describes a model, whose weights are looked for
SIZES = ("other sizes", "huge sizes", "labels too", "a tensor of another shape", "a tensor too")


@pytest.mark.torture
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", CORPUS)
def test_every_command_refuses_every_file(
    name: str, command: str, place: Path, light: Server, tally: Tally
) -> None:
    if command in ("params", "info") and name.startswith(NOT_PARAMS):
        pytest.skip("the description is sound")
    if command in ("params", "info") and name == STATE:
        pytest.skip("a run's state says what its model is")
    if command == "train" and name.startswith(SIZES):
        pytest.skip("first weights are taken as far as they fit")
    CORPUS[name](write_model(place / "good.pt"), place / "bad.pt")
    refused(light, place, *COMMANDS[command])
    tally("model files: hostile or broken", lost=False)


@pytest.mark.torture
@pytest.mark.parametrize("name", CORPUS)
def test_files_are_refused_before_torch_is_there(name: str, place: Path, light: Server) -> None:
    CORPUS[name](write_model(place / "good.pt"), place / "bad.pt")
    ended = light.run(["classify", "--model", "bad.pt", "some text"], place)
    needs = name.startswith(NEED_TORCH) or name == STATE
    assert ended.modules <= {"torch", "numpy"} if needs else not ended.modules


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 100


def same(path: Path, expected: storage.ModelFile) -> bool:
    """False where the file is refused; whatever else is read must be what was written."""
    try:
        found = storage.load(path)
    except ModelFileError:
        return False
    assert found.description == expected.description
    assert found.tensors.keys() == expected.tensors.keys()
    assert all(found.tensors[name].equal(tensor) for name, tensor in expected.tensors.items())
    return True


def models(place: Path) -> list[Path]:
    """A classifier and a language model."""
    return [
        write_model(place / "classifier.pt"),
        tiny_language.write(place / "language.pt", *tiny_language.tiny()),
    ]


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.torture)])
def test_cut_short_at_every_percent(place: Path, step: int, tally: Tally) -> None:
    for path in models(place):
        whole = path.read_bytes()
        for percent in range(0, 100, step):
            (place / "cut.pt").write_bytes(whole[: len(whole) * percent // 100])
            with pytest.raises(ModelFileError):
                storage.load(place / "cut.pt")
            tally("model files: cut short", lost=False)


@pytest.mark.parametrize("times", [2, pytest.param(200, marks=pytest.mark.torture)])
def test_one_bit_flipped_in_every_record(place: Path, times: int, tally: Tally) -> None:
    draw = random.Random(times)
    for path in models(place):
        whole, expected = path.read_bytes(), storage.load(path)
        with zipfile.ZipFile(path) as archive:
            inside = [(r.header_offset, r.filename, r.file_size) for r in archive.infolist()]
            ends = [*(offset for offset, *_ in inside[1:]), archive.start_dir]
        for (start, name, size), end in zip(inside, ends, strict=True):
            content = whole.index(name.encode(), start) + len(name)
            if size:
                at = whole.find(whole_of(path, name), content, end)
                for _ in range(times):  # in what the record holds: always refused
                    assert not flipped(place, whole, draw.randrange(at, at + size), draw, expected)
                    tally("model files: one bit flipped", lost=False)
        for _ in range(times * 5):  # anywhere: refused, or read as it was written
            flipped(place, whole, draw.randrange(len(whole)), draw, expected)
            tally("model files: one bit flipped", lost=False)


def whole_of(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def flipped(
    place: Path, whole: bytes, at: int, draw: random.Random, expected: storage.ModelFile
) -> bool:
    """Whether the file with a bit of byte `at` flipped is read at all."""
    content = bytearray(whole)
    content[at] ^= 1 << draw.randrange(8)
    (place / "flipped.pt").write_bytes(content)
    return same(place / "flipped.pt", expected)


def test_errors_name_the_fault(place: Path) -> None:
    good = write_model(place / "good.pt")
    CORPUS["a newer format"](good, place / "new.pt")
    newer = filecheck.FORMAT + 1
    with pytest.raises(ModelFileError, match=f"format {newer}, this seqcli reads up to") as caught:
        filecheck.describe(place / "new.pt")
    assert "update seqcli" in caught.value.hint


def test_a_file_s_name_cannot_steer_the_terminal(place: Path, light: Server) -> None:
    ended = light.run(["classify", "--model", f"{ESCAPE}.pt", "x"], place)
    one_error(ended, 1)
    assert "\x1b" not in ended.err


def test_a_file_that_may_not_be_read(place: Path, light: Server) -> None:
    path = write_model(place / "good.pt")
    path.chmod(0o200)
    ended = light.run(["classify", "--model", "good.pt", "x"], place, plain=True)
    one_error(ended, 1)
    assert "permission denied" in ended.err
