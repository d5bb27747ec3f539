"""What strangers send to a tagger: data and model files end in words, or are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_taggers
from hypothesis import given
from hypothesis import strategies as st

from seqcli import kinds
from seqcli.answers.loading import load_model
from seqcli.answers.tagging import SequenceTagger
from seqcli.errors import ModelFileError, SeqcliError
from seqcli.kinds.tagger.kind import Tagger
from seqcli.kinds.tagger.spec import MOST_TAGS, SPEC
from seqcli.modelfile import filecheck, storage
from seqcli.text.schemes import all_tags

PIECES = st.sampled_from(
    ["a", "B-x", "I-x", "E-x", "O", "-", "/", "\t", " ", "\n", "\n\n", "1", "1-2", "#", "{", "}",
     '"tokens"', "[", "]", ":", ",", "-DOCSTART-", "\r", "\0", "\ud800", "\u0085", "\u2028", "_"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60), st.sampled_from(["conll", "conllu", "jsonl", "txt", "tsv"]))
def test_any_file_is_read_or_refused(tmp_path: Path, pieces: list[str], ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    path.write_bytes("".join(pieces).encode("utf-8", "surrogatepass"))
    config: Any = kinds.read({"kind": "tagger", "model": tiny_taggers.SIZES})
    try:
        prepared = Tagger.prepare(config, path, tmp_path, lambda: None)
    except SeqcliError:
        return
    learned = prepared.kind.learned()
    assert SPEC.check_learned(config, learned) == ""
    for name, split in prepared.splits.items():
        assert len(split.sentences) == prepared.sizes[name]


@given(st.lists(st.text(max_size=9), max_size=4))
def test_any_text_is_tagged(texts: list[str]) -> None:
    kind, network = tiny_taggers.tiny()
    cut = [[text[start:end] for start, end in kind.tokens(text)] for text in texts]
    answers = kind.tag(network, cut, 0.0, _runtime(), lambda: None)
    assert [len(answer.tags) for answer in answers] == [len(tokens) for tokens in cut]


def _runtime() -> Any:
    import torch

    from seqcli.machine.device import Runtime

    return Runtime(torch.device("cpu"), "fp32", 1)


LEARNED = [
    ("vocabulary", ["<unk>", "a"]),
    ("vocabulary", ["<unk>", *(f"\x1b[3{n}m" for n in range(12))]),
    ("characters", ["a"] * 3),
    ("characters", []),
    ("affixes", ["x"]),
    ("shapes", {}),
    ("frequent", 1 << 60),
    ("frequent", float("nan")),
    ("labels", ["O", "O"]),
    ("labels", all_tags(["a"], "BIO")),
    ("labels", all_tags(map(str, range(MOST_TAGS)), "BIO")),
    ("inside", []),
    ("inside", ["O", "B-person", "I-person", "B-place", "I-other"]),
    ("scheme", "BIOES"),
    ("scheme", ["BIO"]),
    ("scheme", None),
]


@pytest.mark.parametrize(("part", "value"), LEARNED)
def test_a_model_file_that_was_changed(part: str, value: Any, tmp_path: Path) -> None:
    """Refused in words; or loaded, where it is as good as any: then it tags."""
    good = tiny_taggers.write(tmp_path / "good.pt")
    description = filecheck.describe(good)
    description["learned"] = {**description["learned"], part: value}
    bad = tmp_path / "bad.pt"
    try:
        storage.save(bad, description, storage.load(good).tensors)
        loaded = load_model(bad, device="cpu", threads=1)
    except (ModelFileError, ValueError):  # NaN cannot be written in the first place
        return
    found = SequenceTagger.of(loaded).tag(["Mary flew to Oslo", ""])
    assert [len(answer.tags) for _, answer in found] == [4, 0]


SETTINGS = [
    ("model", "window_buckets", 1 << 28),
    ("model", "character_hidden", 1 << 20),
    ("model", "embed", 0),
    ("model", "inside", "BIOES"),
    ("model", "output", "softmax"),
    ("data", "max_tokens", 1),
    ("data", "tokenizer", "syllables"),
    ("data", "scheme", "IOB2"),
]


@pytest.mark.parametrize(("section", "key", "value"), SETTINGS)
def test_settings_that_do_not_fit_the_weights(
    section: str, key: str, value: Any, tmp_path: Path
) -> None:
    good = tiny_taggers.write(tmp_path / "good.pt")
    description = filecheck.describe(good)
    description["config"][section][key] = value
    storage.save(tmp_path / "bad.pt", description, storage.load(good).tensors)
    with pytest.raises(ModelFileError):
        load_model(tmp_path / "bad.pt", device="cpu", threads=1)


def test_too_many_tags_are_a_wrong_column(tmp_path: Path) -> None:
    rows = "".join(f"w\ttag{n}\n" for n in range(MOST_TAGS + 1))
    (tmp_path / "x.conll").write_text(rows + "\n" + rows)
    config: Any = kinds.read({"kind": "tagger", "data": {"test": 0, "valid": 0}})
    with pytest.raises(SeqcliError, match="at most 1,000 tags expected"):
        Tagger.prepare(config, tmp_path / "x.conll", tmp_path, lambda: None)
