"""A tagger: what it holds, and that neither padding nor company changes an answer."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_taggers
import torch
from tiny_runs import write_tagged

from seqcli import kinds
from seqcli.data.padded import ROUND
from seqcli.errors import ConfigError, DataError
from seqcli.kinds.tagger.batches import (
    FILL,
    TOKENS,
    WASTE,
    gather,
    reading_order,
    spelled_ahead,
    spellings,
)
from seqcli.kinds.tagger.kind import Tagger
from seqcli.kinds.tagger.spec import SPEC
from seqcli.machine.device import Runtime
from seqcli.nn.tagging import Tagger as Network
from seqcli.settings.counting import Sizes
from seqcli.text.schemes import PLAIN, ill_formed, spans
from seqcli.text.sequences import Sequences

RUNTIME = Runtime(torch.device("cpu"), "fp32", 1)
SENTENCES = [
    ["She", "flew", "to", "Oslo", "."],
    ["Mary", "Smith", "saw", "the", "U.S."],
    ["Oslo"],
    ["the", "the", "the", "the", "the", "the", "the", "the", "the", "unheardof", "42"],
]


def tag(kind: Tagger, network: Any, sentences: Any, threshold: float = 0.0) -> Any:
    return kind.tag(network, sentences, threshold, RUNTIME, lambda: None)


def prepare(path: Path, **data: Any) -> Any:
    config: Any = kinds.read({"kind": "tagger", "data": data, "model": tiny_taggers.SIZES})
    return Tagger.prepare(config, path, path.parent, lambda: None)


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"output": "softmax"},
        {"inside": "BIOES"},
        {"characters": 0},
        {"affixes": 0, "shape_embed": 0, "window": False},
        {"hidden": [4, 3], "cell": "gru", "bidirectional": False, "merge": "sum"},
    ],
    ids=str,
)
@pytest.mark.parametrize("scheme", ["BIO", PLAIN])
def test_what_is_built_is_what_is_counted(model: dict[str, Any], scheme: str) -> None:
    kind, network = tiny_taggers.tiny(scheme, model=model)
    table = SPEC.count(kind.config.model, SPEC.sizes(kind.learned()))
    assert table.total == sum(weight.numel() for weight in network.parameters())


def test_a_part_whose_rows_are_not_known_is_said() -> None:
    with pytest.raises(ConfigError, match="shapes need the number of their rows"):
        SPEC.count(tiny_taggers.tiny()[0].config.model, Sizes(9, outputs=3))


@pytest.mark.parametrize("output", ["crf", "softmax"])
@pytest.mark.parametrize("scheme", ["IOB1", "BIO", "BIOES", "BILOU", PLAIN])
def test_company_changes_no_answer(scheme: str, output: str) -> None:
    kind, network = tiny_taggers.tiny(scheme, model={"output": output})
    together = tag(kind, network, SENTENCES)
    for sentence, answer in zip(SENTENCES, together, strict=True):
        (alone,) = tag(kind, network, [sentence])
        assert alone.tags == answer.tags
        assert alone.probs == pytest.approx(answer.probs, abs=2e-4)
        assert set(answer.tags) <= set(kind.labels)
        assert len(answer.tags) == len(answer.probs) == len(sentence)
        if scheme != PLAIN:
            assert not ill_formed(answer.tags, scheme)
            assert [span[:3] for span in answer.spans] == [
                tuple(span) for span in spans(answer.tags, scheme)
            ]
            for span, again in zip(answer.spans, alone.spans, strict=True):
                assert 0 <= span.prob <= 1
                assert span.prob == pytest.approx(again.prob, abs=2e-4)


def test_probabilities_are_those_of_all_paths() -> None:
    """Every path by itself: the tag's marginal, and that of exactly this span."""
    kind, network = tiny_taggers.tiny("BIO")
    sentence = ["she", "flew", "to", "Oslo"]
    (answer,) = tag(kind, network, [sentence])
    data = kind.split(_bare(sentence))
    with torch.no_grad():
        batch = gather(data, np.arange(1), kind.buckets)
        scores = network(batch.sentences)
        tags = len(kind.inside)
        paths = torch.tensor(list(itertools.product(range(tags), repeat=4)))
        assert isinstance(network, Network)
        each = -network.loss(scores.expand(len(paths), -1, -1), paths, None)
    chances = each.exp()
    assert float(chances.sum()) == pytest.approx(1, abs=1e-4)
    names = [[kind.inside[place] for place in path] for path in paths.tolist()]
    best = names[int(chances.argmax())]
    assert best == answer.tags
    for place, prob in enumerate(answer.probs):
        same = torch.tensor([path[place] == best[place] for path in names])
        assert prob == pytest.approx(float(chances[same].sum()), abs=2e-4)
    for span in answer.spans:
        has = torch.tensor([tuple(span[:3]) in map(tuple, spans(p, "BIO")) for p in names])
        assert span.prob == pytest.approx(float(chances[has].sum()), abs=2e-4)


def _bare(sentence: list[str]) -> Any:
    from seqcli.data.tagged import TaggedSentences

    words = Sequences.from_rows([range(len(sentence))])
    none = Sequences.from_rows([[0] * len(sentence)])
    return TaggedSentences(words, none, sentence, ["O"], ["x"], np.array([1]))


def test_words_are_spelled_alike_whatever_stands_beside_them() -> None:
    """Grouped by length, ahead of all batches, or each word by itself: the same numbers."""
    kind, network = tiny_taggers.tiny()
    assert isinstance(network, Network)
    words = ["a", "Oslo", "U.S.", "unheardof", "x" * 40, "Smith", "42", "photosynthesis"]
    spelled = kind.spelling.words(words)
    with torch.no_grad():
        rows, slots = spelled_ahead(network, spelled, torch.device("cpu"))
        assert len(rows) % FILL == 0
        for place in range(len(words)):
            own, (slot,) = spellings(spelled, np.array([place]))
            alone = network.spell(own)[slot]
            assert rows[slots[place]].allclose(alone, atol=1e-6)
        data = kind.split(_bare(words))
        batch = gather(data, np.arange(1), kind.buckets).sentences
        ahead = gather(data, np.arange(1), kind.buckets, slots=slots).sentences
        assert ahead.words is None
        assert network(batch).allclose(network(ahead, rows), atol=1e-5)


def test_two_taggers_are_compared_by_sentence(tmp_path: Path) -> None:
    """What rows add up to is each figure; a sentence with an unknown tag has no loss."""
    path = write_tagged(tmp_path / "x.conll")
    path.write_text(f"{path.read_text()}\nParis\tB-planet\n")
    kind, network = tiny_taggers.tiny(data={"max_tokens": 16})
    split = kind.load_split(path, "all", lambda: None)
    figures, each = kind.each(network, split, RUNTIME, lambda: None)
    assert figures == kind.figures(network, split, RUNTIME, lambda: None)
    sentences = figures["sentences"]
    assert len(np.unique(each.rows)) == sentences == len(each.losses)
    for name in ("accuracy", "f1", "sentence_accuracy"):
        above, below = each.shares()[name]
        assert above.sum() / below.sum() == pytest.approx(figures[name])
    assert each.losses.sum() / each.counts.sum() == pytest.approx(figures["loss"])
    assert np.flatnonzero(each.counts == 0).tolist() == [sentences - 1]
    assert each.right is not None
    assert each.right.mean() == pytest.approx(figures["sentence_accuracy"])


def test_long_sentences_are_read_in_pieces() -> None:
    kind, network = tiny_taggers.tiny(data={"max_tokens": 16})
    whole, _ = tiny_taggers.tiny(data={"max_tokens": 4096})
    long = [word for sentence in SENTENCES for word in sentence] * 20
    (pieces,), (once,) = (tag(one, network, [long]) for one in (kind, whole))
    assert len(pieces.tags) == len(long)
    assert not ill_formed(pieces.tags, "BIO")
    same = sum(a == b for a, b in zip(pieces.tags, once.tags, strict=True))
    assert same > 0.8 * len(long)


def test_a_threshold_leaves_spans_out_of_tags_too() -> None:
    kind, network = tiny_taggers.tiny()
    free = tag(kind, network, SENTENCES)
    assert any(answer.spans for answer in free)
    held = tag(kind, network, SENTENCES, 1.0)
    assert all(set(answer.tags) == {"O"} and not answer.spans for answer in held)


def test_no_tokens_no_tags() -> None:
    kind, network = tiny_taggers.tiny()
    assert [len(answer.tags) for answer in tag(kind, network, [[], ["Oslo"], []])] == [0, 1, 0]
    assert tag(kind, network, []) == []


def test_text_is_cut_as_the_training_words_are() -> None:
    kind, _ = tiny_taggers.tiny()
    text = "They don't fly to the U.S., Mary."
    found = [text[start:end] for start, end in kind.tokens(text)]
    assert found == ["They", "do", "n't", "fly", "to", "the", "U.S.", ",", "Mary", "."]


def test_what_is_learned_is_learned_of_the_training_part(tmp_path: Path) -> None:
    prepared = prepare(write_tagged(tmp_path / "x.conll"))
    kind = prepared.kind
    assert kind.scheme == "BIO"
    assert kind.labels == ("O", "B-person", "I-person", "B-place", "I-place")
    train = prepared.splits["train"].sentences
    words = {train.vocabulary[place].lower() for place in train.words.ids.tolist()}
    assert set(kind.spelling.vocab.to_list()[1:]) <= {kind.spelling.fold(word) for word in words}
    again = Tagger.restore(kind.config, kind.learned())
    assert again.learned() == kind.learned()
    assert SPEC.check_learned(kind.config, kind.learned()) == ""
    split = prepared.splits["test"]
    for part in ("rows", "shapes", "affixes", "codes"):
        ours, theirs = (
            getattr(one.spelling.words(split.sentences.vocabulary), part) for one in (kind, again)
        )
        assert (ours == theirs).all()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("vocabulary", ["a"]),
        ("vocabulary", "text"),
        ("frequent", 0),
        ("frequent", True),
        ("characters", ["ab"]),
        ("affixes", [1]),
        ("shapes", None),
        ("labels", []),
        ("labels", ["O", "B-x"]),
        ("inside", ["O"]),
        ("scheme", "BIOX"),
    ],
)
def test_what_was_learned_is_checked(part: str, value: Any) -> None:
    kind, _ = tiny_taggers.tiny()
    assert SPEC.check_learned(kind.config, {**kind.learned(), part: value})
    missing = {name: found for name, found in kind.learned().items() if name != part}
    assert SPEC.check_learned(kind.config, missing)


def test_ill_formed_tags_are_repaired_or_refused(tmp_path: Path) -> None:
    path = write_tagged(tmp_path / "x.conll")
    good = path.read_text()
    path.write_text(good + "\nthe\tO\nSmith\tI-person\n")
    told = prepare(path, scheme="BIO")
    assert "1 tags that BIO forbids where they stand: repaired" in told.notes
    line = good.count("\n") + 2
    with pytest.raises(DataError, match=f"x.conll, line {line}: BIO tags expected") as found:
        prepare(path, scheme="BIO", ill_formed="refuse")
    assert "I-person after O" in found.value.message


def test_a_single_tag_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_text("a\tX\nb\tX\n\n" * 20)
    with pytest.raises(DataError, match="at least two tags"):
        prepare(tmp_path / "x.conll")


def test_weights_of_another_tagger_go_by_name(tmp_path: Path) -> None:
    """Words one by one, tags only where all are the same."""
    from seqcli.runs.transfer import transfer

    tiny_taggers.write(tmp_path / "m.pt")
    old = tiny_taggers.tiny()[1].state_dict()
    kind, network = tiny_taggers.tiny(PLAIN)
    for weight in network.parameters():
        torch.nn.init.zeros_(weight)
    said = transfer(tmp_path / "m.pt", kind, network)
    new = network.state_dict()
    assert said.startswith("16 of 22 tensors start from")
    for name in ("embedding.weight", "affixes.weight", "characters.embedding.weight"):
        assert new[name].equal(old[name])
    for name in ("output.weight", "windows.table", "chain.transitions"):
        assert not new[name].any()


def test_word_vectors_are_first_rows(tmp_path: Path) -> None:
    lines = "oslo 1 2 3 4 5 6\nnobody 0 0 0 0 0 1\nMary 6 5 4 3 2 1\nNobody 0 0 0 0 0 2\n"
    (tmp_path / "v.txt").write_text(f"{lines}nowhere 1 1 1 1 1 1\nnever 0 0 0 0 0 3\n")
    path = write_tagged(tmp_path / "x.conll")
    model = {**tiny_taggers.SIZES, "vectors": str(tmp_path / "v.txt"), "freeze_vectors": True}
    model |= {"vector_words": 2}
    config: Any = kinds.read({"kind": "tagger", "model": model})
    prepared = Tagger.prepare(config, path, tmp_path, lambda: None)
    kind: Any = prepared.kind
    network = kind.build(torch.Generator().manual_seed(1))
    rows = kind.spelling.vocab.to_list()
    assert network.embedding.weight[rows.index("oslo")].tolist() == [1, 2, 3, 4, 5, 6]
    assert network.embedding.weight[rows.index("mary")].tolist() == [6, 5, 4, 3, 2, 1]
    assert rows[-2:] == ["nobody", "nowhere"]  # never is one too many
    assert network.embedding.weight[-2:].tolist() == [[0, 0, 0, 0, 0, 1], [1] * 6]
    assert any("and 2 words have rows by them" in note for note in prepared.notes)
    again = Tagger.restore(config, kind.learned()).spelling
    known = again.known(again.words(["Oslo", "NOBODY", "never"]).rows)
    assert known.tolist() == [True, False, False]
    assert again.words(["NOBODY", "never"]).rows.tolist() == [len(rows) - 2, 0]
    assert not network.embedding.weight.requires_grad
    table = SPEC.count(config.model, SPEC.sizes(kind.learned()))
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    assert table.trainable == trained < table.total


@pytest.mark.parametrize("lengths", [[], [5], [0, 0, 3], [1] * 900 + [200] * 9 + [7, 90, 4000]])
def test_what_is_read_is_batched_with_little_padding(lengths: list[int]) -> None:
    """Every piece once, by length; each batch within its bounds, but for a piece alone."""
    words = Sequences.from_rows([0] * length for length in lengths)
    split: Any = SimpleNamespace(lengths=words.lengths)
    order = reading_order(split, 5)
    assert sorted(place for rows in order for place in rows.tolist()) == [*range(len(lengths))]
    for rows in order:
        own = words.lengths[rows]
        wide = -(-int(own.max()) // ROUND) * ROUND
        assert len(rows) == 1 or len(rows) * wide <= TOKENS
        waste = len(rows) * wide - (-(-own.clip(1) // ROUND) * ROUND).sum()
        assert waste <= WASTE
    many = reading_order(split, 5000)  # of so many tags two rows are all that a step holds
    assert max(map(len, many), default=0) <= 2


def test_what_validates_is_trained_on_with_the_rest(tmp_path: Path) -> None:
    """But for sentences with a tag that training lacks: their loss would be infinite."""
    (tmp_path / "train.conll").write_text("Oslo\tB-LOC\nis\tO\n\nBonn\tB-LOC\n\n")
    (tmp_path / "valid.conll").write_text("Rome\tB-LOC\nnow\tO\n\nMary\tB-PER\n\n")
    found = prepare(tmp_path)
    train, valid = found.splits["train"], found.splits["valid"]
    kind, both = found.kind.together(train, valid)
    assert kind is found.kind
    assert [list(map(str, row)) for row in both.sentences.tag_rows()] == [
        ["B-LOC", "O"],
        ["B-LOC"],
        ["B-LOC", "O"],
    ]
    words = [both.sentences.vocabulary[word] for word in both.sentences.words.ids.tolist()]
    assert words == ["Oslo", "is", "Bonn", "Rome", "now"]
    assert len(both.sentences.keys) == len(both) == 3
    assert (both.tags.ids >= 0).all()
