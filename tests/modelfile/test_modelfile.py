"""The one-file model: the same bytes for the same model, readable by anybody, checked before."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import write_model

from seqcli.answers.loading import load_model
from seqcli.errors import ModelFileError
from seqcli.modelfile import filecheck, storage

TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "long": torch.tensor([2**40]),
    "double": torch.tensor(0.1, dtype=torch.float64),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "none": torch.zeros(0, 4),
}


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    described = {"text": "é\u2028\n", "list": [1, None, True, 0.1], "nested": {"a": {}}}
    storage.save(tmp_path / "m.pt", described, TENSORS)
    loaded = storage.load(tmp_path / "m.pt")
    assert loaded.description == {"format": 2, **described}
    assert filecheck.describe(tmp_path / "m.pt") == loaded.description
    assert loaded.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert loaded.tensors[name].equal(tensor)
        assert loaded.tensors[name].dtype == tensor.dtype


def test_equal_models_are_equal_files_whatever_they_are_called(tmp_path: Path) -> None:
    for name in ("one.pt", "another name.pt"):
        storage.save(tmp_path / name, {"a": 1}, TENSORS)
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "another name.pt").read_bytes()


def test_a_slice_saves_only_itself(tmp_path: Path) -> None:
    storage.save(tmp_path / "m.pt", {}, {"row": torch.zeros(1000, 1000)[3:4]})
    assert (tmp_path / "m.pt").stat().st_size < 20_000


def test_anybody_can_open_it(tmp_path: Path) -> None:
    storage.save(tmp_path / "m.pt", {"a": 1}, TENSORS)
    content = torch.load(tmp_path / "m.pt", weights_only=True)
    assert json.loads(content["description"]) == {"format": 2, "a": 1}
    assert content["tensors"]["a"].equal(TENSORS["a"])


def test_every_flipped_bit_and_every_cut_is_found(tmp_path: Path) -> None:
    """All that the file says is read back as it was, or the file is refused."""
    whole = write_model(tmp_path / "m.pt").read_bytes()
    expected = storage.load(tmp_path / "m.pt")
    draw, refused = random.Random(3), 0
    for _ in range(150):
        content = bytearray(whole)
        content[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        (tmp_path / "b.pt").write_bytes(content)
        refused += not _same(tmp_path / "b.pt", expected)
    assert refused > 50
    for _ in range(30):
        (tmp_path / "b.pt").write_bytes(whole[: draw.randrange(len(whole))])
        with pytest.raises(ModelFileError):
            storage.load(tmp_path / "b.pt")


def _same(path: Path, expected: storage.ModelFile) -> bool:
    """False where it is refused."""
    try:
        found = storage.load(path)
    except ModelFileError:
        return False
    assert found.description == expected.description
    assert all(found.tensors[name].equal(tensor) for name, tensor in expected.tensors.items())
    return True


def rebuilt(path: Path, change: dict[str, Any], compress: int = zipfile.ZIP_STORED) -> Path:
    """The model file with records replaced (None: left out) or added."""
    write_model(path)
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    records |= change
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, content in records.items():
            if content is not None:
                archive.writestr(name, content)
    return path


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("executed",))


def test_what_no_model_needs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.pt"
    described = json.dumps({"format": 1}).encode()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"archive/data.pkl": pickle.dumps(Evil(), protocol=2)}, "names code"),
        ({"archive/data.pkl": pickle.dumps(bytearray(9), protocol=5)}, "which no model needs"),
        ({"archive/data.pkl": b"\x80\x02."}, "no table"),
        ({"archive/data.pkl": None}, "one data.pkl"),
        ({"archive/more.pkl": b"x"}, "one data.pkl"),
        ({filecheck.DESCRIPTION: None}, "not a seqcli model file"),
        ({filecheck.DESCRIPTION: b"[]"}, "names no format"),
        ({filecheck.DESCRIPTION: b"{"}, "not JSON"),
        ({filecheck.DESCRIPTION: b'{"format": 3}'}, "format 3, this seqcli reads up to 2"),
        ({filecheck.DESCRIPTION: b'{"format": 0}'}, "does not exist"),
        ({filecheck.DESCRIPTION: described}, "two descriptions differ"),
    ]
    for change, words in cases:
        with pytest.raises(ModelFileError, match=words):
            storage.load(rebuilt(path, change))
    with pytest.raises(ModelFileError, match="compressed"):
        storage.load(rebuilt(path, {}, zipfile.ZIP_DEFLATED))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"a": torch.zeros(1).expand(10**9)}, "as large as its storage"),
        ({"a": torch.eye(3).to_sparse()}, "code|dense"),
        ([1], "EMPTY_LIST"),
        ({"a": 1}, "something else"),
    ],
)
def test_tensors_that_are_no_plain_tensors(tmp_path: Path, tensors: Any, words: str) -> None:
    text = json.dumps({"format": 1})
    buffer = io.BytesIO()
    torch.save({"format": 1, "description": text, "tensors": tensors}, buffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(filecheck.DESCRIPTION, text)
    (tmp_path / "m.pt").write_bytes(buffer.getvalue())
    with pytest.raises(ModelFileError, match=words):
        storage.load(tmp_path / "m.pt")


def test_settings_that_do_not_fit_the_tensors(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.pt")
    file = storage.load(path)
    huge = json.loads(json.dumps(file.description))
    huge["config"]["model"]["hidden"] = [1 << 20]  # compared before memory is taken
    storage.save(path, huge, file.tensors)
    with pytest.raises(ModelFileError, match="disagree"):
        load_model(path, device="cpu", threads=1)
    for broken in ({"labels": None}, {"vocabulary": None}, {"label_counts": 5}):
        learned = {**file.description["learned"], **broken}
        storage.save(path, {**file.description, "learned": learned}, file.tensors)
        with pytest.raises(ModelFileError):
            load_model(path, device="cpu", threads=1)
    for part in ("config", "learned", "data"):
        storage.save(path, {**file.description, part: 3}, file.tensors)
        with pytest.raises(ModelFileError):
            load_model(path, device="cpu", threads=1)
