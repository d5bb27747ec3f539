"""First weights from another model: what goes by token, by label, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqcli.errors import ModelFileError, TrainingError
from seqcli.modelfile import storage
from seqcli.runs.transfer import transfer


class FakeKind:
    def __init__(self, vocabulary: list[str], labels: list[str] | None = None) -> None:
        self.vocabulary, self.labels = vocabulary, labels

    def describe(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "labels": self.labels}


class LanguageModel(nn.Module):
    """As the real one: embedding, something recurrent, output by token."""

    def __init__(self, tokens: int, inside: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, 3)
        self.inside = nn.Linear(3, inside)
        self.output = nn.Linear(3, tokens)
        for weight in self.parameters():
            nn.init.zeros_(weight)


def saved(path: Path, vocabulary: list[str], **more: Any) -> dict[str, Tensor]:
    model = LanguageModel(len(vocabulary))
    for weight in model.parameters():
        nn.init.uniform_(weight, 1, 2)
    told = {
        "config": {"kind": "classifier"},
        "data": {"path": "", "sha256": ""},
        "vocabulary": vocabulary,
        **more,
    }
    storage.save(path, told, dict(model.state_dict()))
    return dict(model.state_dict())


def test_output_rows_go_by_token_as_embedding_rows_do(tmp_path: Path) -> None:
    """Vocabularies of one size: copied by place, every word would become another."""
    old = saved(tmp_path / "m.pt", ["a", "b", "c"])
    model = LanguageModel(3)
    said = transfer(tmp_path / "m.pt", FakeKind(["c", "x", "a"]), model)  # type: ignore[arg-type]
    assert said == f"5 of 5 tensors start from {tmp_path / 'm.pt'}"
    for name in ("embedding.weight", "output.weight", "output.bias"):
        new = model.state_dict()[name]
        assert new[0].equal(old[name][2])
        assert new[2].equal(old[name][0])
        assert not new[1].any()
    assert model.inside.weight.equal(old["inside.weight"])


def test_other_shapes_stay_as_they_start(tmp_path: Path) -> None:
    saved(tmp_path / "m.pt", ["a", "b", "c"])
    model = LanguageModel(2, inside=7)
    said = transfer(tmp_path / "m.pt", FakeKind(["a", "z"]), model)  # type: ignore[arg-type]
    assert said.startswith("3 of 5")
    assert not model.inside.weight.any()


def test_nothing_in_common_is_an_error(tmp_path: Path) -> None:
    saved(tmp_path / "m.pt", ["a", "b", "c"])
    model = LanguageModel(2, inside=7)
    with pytest.raises(TrainingError, match="none of its weights fit"):
        transfer(tmp_path / "m.pt", FakeKind(["y", "z"]), model)  # type: ignore[arg-type]
    assert all(not weight.any() for weight in model.parameters())


def test_a_run_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.run").mkdir()
    storage.save(tmp_path / "m.run" / "last.pt", {"state": {}}, {"x": torch.zeros(1)})
    with pytest.raises(ModelFileError, match="the state of a run") as caught:
        transfer(tmp_path / "m.run" / "last.pt", FakeKind([]), LanguageModel(1))  # type: ignore[arg-type]
    assert caught.value.hint == f"give {tmp_path / 'm.pt'}"
