"""The same seed and files give the same model bytes; every format ever written can be read."""

from __future__ import annotations

import getpass
import socket
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import tiny_language
import torch
from tiny_models import write_model

from seqcli import api
from seqcli.answers.loading import load_model
from seqcli.modelfile import filecheck, storage
from torture.conftest import Tally
from torture.forkserver import Server
from torture.runs_hurt import KINDS, Left, prepare, whole

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
QUIET = {"pictures": False}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_whatever_stands_around(
    kind: str, place: Path, heavy: Server, tally: Tally
) -> None:
    """Another name, another time, other variables, a folder that holds other things."""
    command = prepare(place, kind)
    first = whole(heavy, place, command, faults=QUIET)
    (place / "other folder").mkdir()
    (place / "other.txt").write_text("noise")
    env = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "USER": "somebody", "HOSTNAME": "elsewhere"}
    for number in range(3):
        out = f"other folder/{number}.pt"
        ended = heavy.run([*command, "--out", out], place, faults=QUIET, env=env)
        assert ended.code == 0, ended
        Left.of(place / out, ended.out).same_as(first)
        tally("reproducible: the same seed, the same bytes", lost=False)


@pytest.mark.torture
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_whatever_the_hash_seed(
    kind: str, place: Path, heavy: Server, tally: Tally
) -> None:
    """The order of Python's sets differs from process to process."""
    command = prepare(place, kind)
    first = whole(heavy, place, command, faults=QUIET)
    for seed in ("1", "2", "3"):
        with Server(PYTHONHASHSEED=seed) as other:
            whole(other, place, (*command, "--force"), faults=QUIET).same_as(first)
        tally("reproducible: the same seed, the same bytes", lost=False)


def test_a_model_tells_neither_time_nor_place_nor_person(place: Path, heavy: Server) -> None:
    """But the path of its data, which `eval` needs."""
    command = prepare(place, "classifier")
    whole(heavy, place, command, faults=QUIET)
    content = (place / "whole.pt").read_bytes()
    described = filecheck.describe(place / "whole.pt")
    for private in (socket.gethostname(), getpass.getuser(), "whole.pt", ".tmp"):
        inside = content.replace(str(place / "data.txt").encode(), b"")
        assert len(private) < 4 or private.encode() not in inside, private
    now = datetime.now().astimezone()
    assert str(now.year).encode() not in content.replace(str(place).encode(), b"")
    assert str(int(time.time()))[:5].encode() not in content
    assert described["data"]["path"] == str(place / "data.txt")


# --- formats


def test_every_format_is_kept() -> None:
    """A tiny file of each kind for each format there ever was; a new format adds its own."""
    for number in range(1, filecheck.FORMAT + 1):
        for kind in ("classifier", "language-model"):
            described = filecheck.describe(GOLDEN / f"format-{number}-{kind}.pt")
            assert described["format"] == number
            assert described["config"]["kind"] == kind


def test_format_1_answers_as_it_did(tally: Tally) -> None:
    model = api.load(GOLDEN / "format-1-classifier.pt", device="cpu", threads=1)
    answers = model.classify(["win a prize now", "see you at six", ""])
    assert list(answers["label"]) == ["spam", "ham", "ham"]
    np.testing.assert_allclose(answers["prob"], [0.5584, 0.4580, 0.5263], atol=2e-4)
    loaded = load_model(GOLDEN / "format-1-language-model.pt", device="cpu", threads=1)
    tokens = torch.tensor([[2, 3, 4, 5]])
    with torch.inference_mode():
        outputs, _ = loaded.model(tokens, None)
        total = loaded.model.loss(outputs, tokens)[1].item()  # type: ignore[operator]
    assert total == pytest.approx(11.972, abs=1e-3)
    tally("reproducible: older formats", lost=False)


def test_anybody_can_open_a_model(place: Path) -> None:
    """`torch.load(weights_only=True)` reads what we write; nothing else is needed."""
    paths = [
        write_model(place / "c.pt"),
        tiny_language.write(place / "l.pt", *tiny_language.tiny()),
        *GOLDEN.glob("*.pt"),
    ]
    for path in paths:
        content = torch.load(path, weights_only=True)
        ours = storage.load(path)
        assert content["tensors"].keys() == ours.tensors.keys()
        for name, tensor in content["tensors"].items():
            assert tensor.equal(ours.tensors[name])
            assert tensor.dtype == ours.tensors[name].dtype


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, 4).t(),
        torch.arange(20.0)[3:9],
        torch.ones(()),
        torch.zeros(0, 7),
        torch.zeros(2, 0, 3),
        torch.ones(1).expand(5),
        torch.ones(2, 3, 1, 1),
        torch.arange(3, dtype=torch.uint8),
        torch.ones(2, dtype=torch.bfloat16),
        torch.tensor([float("nan"), float("inf")]),
    ],
)
def test_any_dense_tensor_comes_back(tensor: torch.Tensor, tmp_path: Path) -> None:
    storage.save(tmp_path / "m.pt", {}, {"x": tensor})
    found = storage.load(tmp_path / "m.pt").tensors["x"]
    assert found.dtype == tensor.dtype
    assert torch.equal(found.nan_to_num(7.0), tensor.nan_to_num(7.0))
