"""Models of subwords at the shell: trained, gone on with, scored, and put to use."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_language import fill, tiny, write
from tiny_runs import seqcli, write_data

from seqcli import kinds
from seqcli.data.corpus import load_corpus
from seqcli.data.idcache import kept_corpus
from seqcli.kinds.language_model.characters import characters_each
from seqcli.kinds.language_model.kind import LanguageModel
from seqcli.nn.models import LanguageModel as Network
from seqcli.readers import discover
from seqcli.text import growing
from seqcli.text.subwords import BASE, Subwords, count
from seqcli.text.vocab import Vocab

TALE = "The cat sat on the mat.\n\n  “Naïve café”, said the dog; the cat sat on.\n"
SUBWORDS = ["--set", "data.tokenizer=subwords", "--set", "data.vocabulary=270"]
SMALL = ["--hidden", "8", "--embed", "8", "--layers", "1", "--threads", "1", "--quiet"]
FEW = ["--epochs", "2", "--batch-size", "4", "--set", "train.steps=8", "--precision", "fp32"]
DRAWN = ["--seed", "2", "--threads", "1"]
RUN = ["--task", "char", "--data", "tale.txt", *SUBWORDS, *SMALL, *FEW]


@pytest.fixture
def tale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tale.txt"
    path.write_text(TALE * 12)
    return path


def good(*args: str) -> str:
    result = seqcli(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def learned(*texts: str, more: int = 40, end: bool = False) -> Vocab:
    return Vocab.of_subwords(Subwords.learn(count(texts), len(BASE) + more), end=end)


def model(vocab: Vocab, **data: Any) -> tuple[LanguageModel, Network]:
    """A language model of subwords whose weights follow a formula."""
    kind, _ = tiny(data={"tokenizer": "subwords", "document": "file", **data})
    kind = LanguageModel(kind.config, vocab)
    network = kind.build(torch.Generator())
    assert isinstance(network, Network)
    fill(network, 0.5)
    return kind, network.eval()


@pytest.mark.usefixtures("no_pictures", "tale")
def test_a_language_model_of_subwords() -> None:
    summary = json.loads(good("train", *RUN, "--out", "m.pt", "--json"))
    assert summary["data"]["vocabulary"] == 270
    figures = json.loads(good("eval", "--model", "m.pt", "--json", "--split", "train"))
    assert figures["unknown_share"] == 0
    told = seqcli("eval", "--model", "m.pt", "--split", "train")
    assert "a token is a subword, " in told.stderr
    asked = [
        "sample",
        "--threads",
        "1",
        "--model",
        "m.pt",
        "--seed",
        "1",
        "--max-tokens",
        "60",
        "--prompt",
        "The",
    ]
    shown = good(*asked)
    assert shown == good(*asked, "--stream")
    (row,) = map(json.loads, good(*asked, "--json").splitlines())
    assert (row["tokens"], row["stopped"]) == (60, "length")
    about = json.loads(good("info", "--model", "m.pt", "--json"))
    assert about["vocabulary"] == 270
    counted = json.loads(good("params", "--model", "m.pt", "--json"))
    assert counted["total"] == summary["parameters"]


@pytest.mark.usefixtures("no_pictures", "tale")
def test_a_run_that_was_stopped_goes_on_with_the_same_subwords() -> None:
    run = ["train", *RUN, "--set", "train.schedule=constant", "--set", "train.warmup=0"]
    whole = json.loads(good(*run, "--out", "a.pt", "--json"))
    good(*run, "--out", "b.pt", "--max-steps", str(whole["steps"] // 2))
    again = [*run, "--out", "b.pt", "--max-steps", str(whole["steps"])]
    assert json.loads(good(*again, "--resume", "--json"))["valid"] == whole["valid"]
    other = [*run, "--out", "c.pt", "--set", "data.vocabulary=260", "--init-from", "a.pt"]
    told = seqcli(*[part for part in other if part != "--quiet"])
    assert "(260 of 260 tokens are there)" in told.stderr, told.stderr


@pytest.mark.parametrize("document", ["file", "line", "blank"])
def test_bits_a_character_are_of_the_characters_of_the_text(tmp_path: Path, document: str) -> None:
    path = tmp_path / "tale.txt"
    path.write_text(TALE * 3)
    vocab = learned(TALE, end=document != "file")
    kind, network = model(vocab, document=document)
    text = kind.load_split(path, "all", lambda: None)
    ids = text.ids.tolist()
    first = kind.text(ids[:1])
    characters = len(kind.text(ids)) - len(first)
    if document == "blank":  # between.join writes two line breaks where one end mark stands
        characters -= ids[1:].count(vocab.end)
    assert characters_each(text.ids, vocab) == pytest.approx(characters / (len(ids) - 1))
    file = str(write(tmp_path / "m.pt", kind, network))
    figures = json.loads(good("eval", "--model", file, "--data", str(path), "--json"))
    bits = figures["loss"] / math.log(2) * figures["tokens"]
    assert figures["bits_per_character"] == pytest.approx(bits / characters)


def test_text_is_gone_on_with_in_the_middle_of_a_line(tmp_path: Path) -> None:
    kind, network = model(learned(TALE))
    for prompt in ("The cat", "The cat\n", "", " ", "“Na"):
        for rest in (" sat on", "s\n the  mat", " naïve 😀 ", "\n"):
            ids, unknown = kind.context(prompt + rest)
            assert (kind.text(ids), unknown) == (prompt + rest, [])
            for cut in range(len(ids) + 1):
                before = kind.text(ids[:cut])
                added = cut > 0 and before[-1:] in ("", "\n") and ids[cut - 1] == ord(" ")
                if "\ufffd" not in before and not added:
                    assert before + kind.text(ids[cut:], before) == prompt + rest
    file = str(write(tmp_path / "m.pt", kind, network))
    asked = [
        "sample",
        "--threads",
        "1",
        "--model",
        file,
        "--seed",
        "2",
        "--max-tokens",
        "300",
        "--temperature",
        "2",
    ]
    for prompt in ("The cat", "", "x\n", "b"):
        shown = good(*asked, "--prompt", prompt)
        assert "\ufffd" in shown  # bytes at random are seldom a character
        assert good(*asked, "--prompt", prompt, "--stream") == shown
        (row,) = map(json.loads, good(*asked, "--prompt", prompt, "--json").splitlines())
        assert row["text"].count("\n") == shown.count("\n") - prompt.count("\n") - 1


def test_a_text_without_line_ends_begins_as_others_did(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("one two\nthree\none\n" * 9)
    data = {"tokenizer": "subwords", "document": "line", "end_mark": False, "valid": 0, "test": 0}
    config: Any = kinds.read({"kind": "language-model", "data": data})
    corpus = load_corpus(discover(path, config.data, ("text",)), config.data, None, lambda: None)
    kind = LanguageModel(config, corpus.vocab, corpus.starts)
    assert kind.start is None
    assert {kind.text([first]): times for first, times in kind.starts.items()} == {
        "one": 18,
        "three": 9,
    }


def test_ids_of_a_long_text_are_kept_with_their_subwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing, "MAPPED_BYTES", 100)
    path = tmp_path / "tale.txt"
    path.write_text(TALE * 20)
    data: Any = kinds.read({"kind": "language-model", "data": {"tokenizer": "subwords"}}).data
    source = discover(path, data, ("text",))
    found = [kept_corpus(source, data, "f", tmp_path, lambda: None) for _ in range(2)]
    assert (tmp_path / "ids.bin").is_file()
    first, again = found
    assert first.vocab.learned() == again.vocab.learned()
    assert again.vocab.subwords is not None
    for part, ids in first.streams.items():
        assert np.array_equal(ids, again.streams[part])
    begun = again.vocab.decode(again.streams["train"][:200].tolist())
    assert (TALE * 20).startswith(again.vocab.subwords.join(begun))


@pytest.mark.usefixtures("no_pictures")
def test_a_classifier_of_subwords(here: Path) -> None:
    write_data(here / "data.tsv", rows=120)
    run = ["train", "--task", "tiny.toml", "--data", "data.tsv", *SUBWORDS, "--threads", "1"]
    found = json.loads(good(*run, "--out", "s.pt", "--json", "--quiet", "--epochs", "6"))
    assert found["valid"]["accuracy"] > 0.8
    told = json.loads(good("classify", "--model", "s.pt", "wïn a prizes 😀", "--explain", "--json"))
    assert told["unknown_share"] == 0
    assert "".join(token for token, _ in told["explain"]).replace(" ", "") == "wïnaprizes😀"
    assert good("classify", "--model", "s.pt", "", " \n") != ""
    split = json.loads(good("eval", "--model", "s.pt", "--json"))
    assert split["accuracy"] == found["test"]["accuracy"]
    looked = json.loads(good("check", "--task", "text", "--data", "data.tsv", "--json"))
    assert looked["unknown_share"]["train"] == 0


def test_what_cannot_be_is_refused_in_words(here: Path) -> None:
    run = ["train", "--task", "tiny.toml", "--data", "data.tsv", "--threads", "1"]
    small = seqcli(*run, "--set", "data.tokenizer=subwords", "--set", "data.vocabulary=100")
    assert small.exit_code == 2
    assert "error: data.vocabulary is 100, but subwords begin with 244 rows" in small.stderr
    (here / "vectors.txt").write_text("win 1 2 3 4 5 6\n")
    wrong = seqcli(*run, *SUBWORDS, "--vectors", "vectors.txt")
    assert wrong.exit_code == 2
    assert "error: model.vectors are of words, and data.tokenizer is subwords" in wrong.stderr
