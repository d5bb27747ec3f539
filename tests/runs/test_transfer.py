"""First weights from another model: what goes by token, by label, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_language import tiny
from tiny_language import write as write_language
from tiny_models import write_model
from torch import Tensor, nn

from seqcli.answers.loading import load_model
from seqcli.errors import ModelFileError, TrainingError
from seqcli.kinds.classifier.kind import Classifier
from seqcli.modelfile import storage
from seqcli.runs.transfer import transfer

WIDE: dict[str, Any] = {"wide_words": [1, 2], "wide_buckets": 64}


def source(path: Path, tokens: list[str], **options: Any) -> dict[str, Tensor]:
    """A language model's file, and its weights."""
    kind, network = tiny(tokens, **options)
    write_language(path, kind, network)
    return dict(network.state_dict())


def blank(network: nn.Module) -> nn.Module:
    for weight in network.parameters():
        nn.init.zeros_(weight)
    return network


def test_output_rows_go_by_token_as_embedding_rows_do(tmp_path: Path) -> None:
    """Vocabularies of one size: copied by place, every word would become another."""
    old = source(tmp_path / "m.pt", ["a", "b", "c"])
    kind, network = tiny(["c", "x", "a"])
    said = transfer(tmp_path / "m.pt", kind, blank(network))
    count = len(list(network.parameters()))
    assert said == f"{count} of {count} tensors start from {tmp_path / 'm.pt'} " + (
        "(2 of 3 tokens are there)"
    )
    for name in ("embedding.weight", "output.weight", "output.bias"):
        new = network.state_dict()[name]
        assert new[0].equal(old[name][2])
        assert new[2].equal(old[name][0])
        assert not new[1].any()
    name = "recurrent.layers.1.0.cell.weight_hh"
    assert network.state_dict()[name].equal(old[name])


def test_one_hot_tokens_are_columns_of_the_first_layer(tmp_path: Path) -> None:
    one_hot = {"embed": 0, "layers": 1}
    old = source(tmp_path / "m.pt", ["a", "b", "c"], model=one_hot)
    kind, network = tiny(["b", "z"], model=one_hot)
    transfer(tmp_path / "m.pt", kind, blank(network))
    name = "recurrent.layers.0.0.cell.weight_ih"
    assert network.state_dict()[name][:, 0].equal(old[name][:, 1])
    assert not network.state_dict()[name][:, 1].any()


def test_other_shapes_stay_as_they_start(tmp_path: Path) -> None:
    source(tmp_path / "m.pt", ["a", "b", "c"])
    kind, network = tiny(["a", "z"], model={"hidden": [7]})
    assert "2 of " in transfer(tmp_path / "m.pt", kind, blank(network))
    assert not network.state_dict()["recurrent.layers.0.0.cell.weight_ih"].any()


def test_nothing_in_common_is_an_error(tmp_path: Path) -> None:
    source(tmp_path / "m.pt", ["a", "b", "c"])
    kind, network = tiny(["y", "z"], model={"hidden": [7]})
    with pytest.raises(TrainingError, match="none of its weights fit"):
        transfer(tmp_path / "m.pt", kind, blank(network))
    assert all(not weight.any() for weight in network.parameters())


@pytest.mark.parametrize(
    ("model", "labels", "taken"),
    [
        (WIDE, ("ham", "spam"), True),
        ({**WIDE, "wide_words": [1, 3]}, ("ham", "spam"), False),
        ({**WIDE, "wide_words": [1], "wide_characters": [2]}, ("ham", "spam"), False),
        (WIDE, ("spam", "ham"), False),
    ],
)
def test_n_grams_are_taken_only_where_they_are_the_same(
    tmp_path: Path, model: dict[str, Any], labels: tuple[str, ...], taken: bool
) -> None:
    """A table of the same shape whose rows stand for others would be noise."""
    write_model(tmp_path / "from.pt", ("ham", "spam"), model=WIDE)
    loaded = load_model(write_model(tmp_path / "to.pt", labels, model=model), threads=1)
    assert isinstance(loaded.kind, Classifier)
    network = blank(loaded.model)
    transfer(tmp_path / "from.pt", loaded.kind, network)
    assert bool(network.state_dict()["wide.table"].any()) is taken
    assert bool(network.state_dict()["dense.output.weight"].any()) is (labels == ("ham", "spam"))
    assert network.state_dict()["embedding.weight"].any()


def test_a_broken_state_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.run").mkdir()
    storage.save(tmp_path / "m.run" / "last.pt", {"state": {}}, {"x": torch.zeros(1)})
    kind, network = tiny()
    with pytest.raises(ModelFileError, match="not the state of a run"):
        transfer(tmp_path / "m.run" / "last.pt", kind, network)
