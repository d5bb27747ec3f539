"""A translator: what it holds, what it learns of its data, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_translators
import torch
from tiny_runs import write_pairs

from seqcli import kinds
from seqcli.errors import ConfigError, DataError
from seqcli.kinds.translator.batches import gather
from seqcli.kinds.translator.kind import Translator
from seqcli.kinds.translator.scoring import questions
from seqcli.kinds.translator.sides import END, UNKNOWN
from seqcli.kinds.translator.spec import SPEC
from seqcli.machine.device import Runtime
from seqcli.nn.translation import Translator as Network
from seqcli.settings.counting import Sizes
from seqcli.settings.searching import Searching

RUNTIME = Runtime(torch.device("cpu"), "fp32", 1)
COLUMNS = {"source": "1", "target": "2", "tokenizer": "spaces"}


def nothing() -> None:
    """Nobody waits for a signal here."""


def prepare(path: Path, model: dict[str, Any] | None = None, **data: Any) -> Any:
    sizes = {**tiny_translators.SIZES, **(model or {})}
    table = {"kind": "translator", "data": {**COLUMNS, **data}, "model": sizes}
    config: Any = kinds.read(table)
    return Translator.prepare(config, path, path.parent, nothing)


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"attention": "additive", "input_feeding": True, "tied": False},
        {"attention": "dot", "merge": "sum", "decoder": [7, 5], "shared": True},
        {"cell": "gru", "hidden": [4, 3], "decoder": [], "bidirectional": False, "bias": False},
        {"cell": "rnn", "attention": "dot", "decoder": [10], "shared": True, "tied": False},
    ],
    ids=str,
)
def test_what_is_built_is_what_is_counted(model: dict[str, Any]) -> None:
    kind, network = tiny_translators.tiny(model=model)
    table = SPEC.count(kind.config.model, SPEC.sizes(kind.learned()))
    assert table.total == sum(weight.numel() for weight in network.parameters())
    assert table.multiply_adds_per_step > 0


def test_counting_asks_for_both_vocabularies() -> None:
    model: Any = kinds.read({"kind": "translator"}).model
    with pytest.raises(ConfigError, match="the sizes of both vocabularies"):
        SPEC.count(model, Sizes(10))


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("model", {"embed": 0}, "embed = 0"),
        ("model", {"attention": "dot", "hidden": [5], "decoder": [4]}, "dot attention needs equal"),
        ("data", {"target_tokenizer": "characters"}, "model.shared needs sides"),
        ("data", {"tokenizer": "subwords", "vocabulary": 100}, "subwords begin with"),
    ],
)
def test_settings_that_cannot_stand_together(
    tmp_path: Path, section: str, values: dict[str, Any], said: str
) -> None:
    path = write_pairs(tmp_path / "x.tsv")
    given: dict[str, Any] = {"data": dict(COLUMNS), "model": {"shared": True}}
    given[section] |= values

    def prepared() -> None:
        config: Any = kinds.read({"kind": "translator", **given})
        Translator.prepare(config, path, tmp_path, nothing)

    with pytest.raises(ConfigError, match=said):
        prepared()


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("tokenizer", ["words", "characters", "subwords"])
def test_what_was_learned_comes_back(tokenizer: str, shared: bool) -> None:
    data = {"tokenizer": tokenizer, "vocabulary": 400 if tokenizer == "subwords" else 0}
    kind, _ = tiny_translators.tiny(data=data, model={"shared": shared})
    learned = json.loads(json.dumps(kind.learned()))
    assert SPEC.check_learned(kind.config, learned) == ""
    again = Translator.restore(kind.config, learned)
    assert again.learned() == kind.learned()
    for text in ("die katze schläft", "der hund, ein ÿ"):
        ids = kind.source.encode([text]).ids
        assert ids.tolist() == again.source.encode([text]).ids.tolist()
        assert ids[-1] == END
    row = again.target.encode(["the dog sleeps"]).ids.tolist()
    assert UNKNOWN not in row
    assert again.target.text(row) == "the dog sleeps"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": ["<unk>"]}, "its source does not begin with"),
        ({"target": ["<unk>", "<eos>", "a", "a"]}, "its target has an entry twice"),
        ({"target": 3}, "its target is not a list of text"),
        ({"target": ["<unk>", "<eos>", "zebra"]}, "shared vocabulary does not begin"),
        ({"subwords": {}}, "its subwords are not those of its sides"),
        ({"subwords": {"source": {"characters": "", "merges": [[1]]}}}, "its subwords"),
        ({"subwords": {"source": {"characters": "", "merges": [[1, 10**9]]}}}, "its subwords"),
    ],
)
def test_what_is_wrong_with_a_file_is_found(change: dict[str, Any], said: str) -> None:
    data = {"tokenizer": "subwords", "vocabulary": 400}
    kind, _ = tiny_translators.tiny(data=data, model={"shared": True})
    assert said in SPEC.check_learned(kind.config, {**kind.learned(), **change})


def test_equal_sources_stand_on_one_side_of_a_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("".join(f"s {n % 20}\tt {n}\n" for n in range(100)))
    splits = prepare(path).splits
    seen = {name: set(split.texts.sources) for name, split in splits.items()}
    assert set.union(*seen.values()) == {f"s {n}" for n in range(20)}
    assert sum(map(len, seen.values())) == 20
    assert all(seen.values())


def test_several_targets_are_several_pairs_and_references_of_one_question(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("a\tx\tz\nb\ty\t \na\tw\t\n")
    (tmp_path / "test.tsv").write_text("a\tx\tz\nb\ty\tz\na\tw\tv\n")
    prepared = prepare(tmp_path, target="2,3")
    assert prepared.sizes == {"train": 4, "test": 6}
    sources, references = questions(prepared.splits["test"])
    assert len(sources) == 2
    assert references == [["x", "z", "w", "v"], ["y", "z"]]


def test_empty_and_long_pairs_are_counted_and_said(tmp_path: Path) -> None:
    short = "".join(f"a {n}\tb\n" for n in range(20))
    (tmp_path / "train.tsv").write_text(f"{short}\tb\na\t \n{'a ' * 30}\tb\na\t{'b ' * 16}\n")
    (tmp_path / "test.tsv").write_text(f"a\tb\n{'a ' * 30}\tb\n\tb\n")
    prepared = prepare(tmp_path, max_tokens=16, valid=0.0)
    assert prepared.sizes == {"train": 20, "test": 2}
    said = " ".join(prepared.notes)
    assert "train: 2 pairs with an empty side left out" in said
    assert "train: 2 pairs longer than data.max_tokens left out" in said
    test = prepared.splits["test"]
    assert prepared.kind.remarks(test) == [
        "1 pairs with an empty side left out",
        "1 pairs longer than data.max_tokens cut",
    ]
    assert test.sources.lengths.tolist() == [2, 16]
    names = {
        found.name for found in Translator.survey(prepared.kind.config, tmp_path, nothing).findings
    }
    assert {"empty", "long"} <= names


def test_without_short_pairs_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text(f"{'a ' * 30}\tb\n")
    with pytest.raises(DataError, match="all 1 are too long"):
        prepare(tmp_path, max_tokens=16)


def test_features_are_tokens_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("NV\tNVs\tN;PL\nVN\tVNed\tV;PST\n" * 3)
    kind = prepare(tmp_path, features="3", tokenizer="characters").kind
    tokens = kind.source.reader.tokens("NV\tN; PL ;")
    assert tokens == ["N", "V", "\tN", "\tPL"]
    assert kind.source.encode(["NV\tN;PL"]).ids.tolist().count(UNKNOWN) == 0
    assert not any(token.startswith("\t") for token in kind.target.vocab.to_list())


def test_letters_in_their_parts() -> None:
    data = {"tokenizer": "characters", "decompose": True}
    kind, _ = tiny_translators.tiny(data=data, sources=["한국", "é"], targets=["한", "é"])
    assert len(kind.source.reader.tokens("한")) == 3
    assert kind.target.reader.tokens("한é") == ["한", "é"]


def test_padding_and_company_change_no_loss(tmp_path: Path) -> None:
    prepared = prepare(write_pairs(tmp_path / "x.tsv"))
    kind, split = prepared.kind, prepared.splits["train"]
    model = kind.build(torch.Generator().manual_seed(1)).eval()
    rows = np.arange(12)

    def loss(some: Any) -> float:
        with torch.inference_mode():
            return float(kind.loss(model, gather(split, some), None, RUNTIME).total)

    assert sum(loss(rows[n : n + 1]) for n in rows) == pytest.approx(loss(rows), rel=1e-5)


def test_ranks_shares_of_a_batch_are_the_batch(tmp_path: Path) -> None:
    from seqcli.machine.distributed import Ranks

    prepared = prepare(write_pairs(tmp_path / "x.tsv"))
    kind, split = prepared.kind, prepared.splits["train"]
    model = kind.build(torch.Generator().manual_seed(1)).eval()
    whole = kind.batches(split, 1)
    halves = [kind.batches(split, 1, Ranks(rank, 2)) for rank in range(2)]
    for place in range(len(whole)):
        wanted = kind.loss(model, whole[place], None, RUNTIME).objective
        parts = [kind.loss(model, own[place], None, RUNTIME).objective for own in halves]
        torch.testing.assert_close(torch.stack(parts).sum(), wanted)


def test_it_learns_pairs_by_heart_and_says_so(tmp_path: Path) -> None:
    """Sixteen pairs, trained until they are known: loss, exact matches and BLEU agree."""
    path = write_pairs(tmp_path / "train.tsv", 16)
    prepared = prepare(path, {"embed": 24, "hidden": [24], "decoder": [24]}, valid=0.0, test=0.0)
    kind, split = prepared.kind, prepared.splits["train"]
    model = kind.build(torch.Generator().manual_seed(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    batch = gather(split, np.arange(len(split)))
    for _ in range(120):
        optimizer.zero_grad()
        kind.loss(model, batch, None, RUNTIME).objective.backward()
        optimizer.step()
    model.eval()
    with torch.inference_mode():
        figures = kind.figures(model, split, RUNTIME, nothing)
        greedy = kind.validation(model, split, RUNTIME, nothing)
    assert figures["exact"] == greedy["exact"] == 1
    assert figures["token_error_rate"] == figures["edit_distance"] == 0
    assert figures["loss"] < 0.05
    assert figures["bleu"] is None or figures["bleu"] > 99
    assert figures["count"] == len(path.read_text().splitlines())


def test_a_single_word_has_no_bleu(tmp_path: Path) -> None:
    prepared = prepare(write_pairs(tmp_path / "x.tsv"), single=True)
    kind, split = prepared.kind, prepared.splits["valid"]
    model = kind.build(torch.Generator().manual_seed(1)).eval()
    with torch.inference_mode():
        figures = kind.figures(model, split, RUNTIME, nothing)
    assert (figures["bleu"], figures["chrf"], figures["signature"]) == (None, None, None)
    assert figures["word_error_rate"] == 1 - figures["exact"]
    assert set(SPEC.listed) <= figures.keys()


def test_an_output_is_searched_for_as_the_settings_say() -> None:
    kind, network = tiny_translators.tiny(model={"beam": 3, "length_penalty": 0.5})
    assert isinstance(network, Network)
    wanted = kind.searching(Searching())
    assert (wanted.beam, wanted.length_penalty) == (3, 0.5)
    assert kind.searching(Searching(beam=1)).greedy
