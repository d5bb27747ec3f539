from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.settings.sections import LabeledText
from seqcli.text.special import RESERVED
from seqcli.text.vocab import Vocab

TOKENS = st.lists(st.sampled_from([*"abcdefg", *RESERVED]), max_size=40)


def fit(tokens: list[str], **options: object) -> Vocab:
    counted = Counter(tokens)  # keeps the order of first appearance
    return Vocab.fit(list(counted), np.array(list(counted.values()), np.int64), **options)  # type: ignore[arg-type]


def test_specials_first_then_by_count_then_by_first_appearance() -> None:
    vocab = fit(["b", "a", "c", "a", "d", "c", "e"], end=True)
    assert vocab.to_list() == ["<unk>", "<eos>", "a", "c", "b", "d", "e"]
    assert (vocab.unknown, vocab.end, len(vocab)) == (0, 1, 7)


def test_without_specials_unknown_tokens_are_dropped() -> None:
    vocab = fit(["x", "y"], unknown=False)
    assert (vocab.unknown, vocab.end) == (None, None)
    assert vocab.encode(["x", "q", "y", "q"]).tolist() == [0, 1]
    assert vocab.places(["q", "y"]).tolist() == [-1, 1]


def test_rare_tokens_and_the_tail_are_unknown() -> None:
    tokens = ["a", "a", "a", "b", "b", "c"]
    assert fit(tokens, min_count=2).to_list() == ["<unk>", "a", "b"]
    assert fit(tokens, size=2).to_list() == ["<unk>", "a"]
    assert fit(tokens, size=1, end=True).to_list() == ["<unk>", "<eos>"]
    assert fit(tokens, size=2).encode(["c", "a"]).tolist() == [0, 1]


def test_the_literal_unknown_word_takes_the_unknown_row() -> None:
    vocab = fit(["<unk>", "a", "<unk>"])
    assert vocab.to_list() == ["<unk>", "a"]
    assert vocab.encode(["<unk>", "a", "zzz"]).tolist() == [0, 1, 0]
    assert "<unk>" not in vocab
    assert fit(["<unk>", "a"], unknown=False).encode(["<unk>", "a"]).tolist() == [0]


def test_the_literal_end_mark_never_ends_a_text() -> None:
    vocab = fit(["<eos>", "a", "<eos>"], end=True)
    assert vocab.to_list() == ["<unk>", "<eos>", "a"]
    assert vocab.encode(["<eos>", "a"]).tolist() == [vocab.unknown, 2]
    assert "<eos>" not in vocab
    assert fit(["<eos>", "a"], unknown=False, end=True).encode(["<eos>"]).tolist() == []


@settings(deadline=None)
@given(TOKENS, st.booleans(), st.booleans(), st.integers(1, 3), st.integers(0, 6))
def test_what_is_known_comes_back(
    tokens: list[str], unknown: bool, end: bool, least: int, size: int
) -> None:
    vocab = fit(tokens, unknown=unknown, end=end, min_count=least, size=size)
    known = [token for token in tokens if token in vocab]
    assert vocab.decode(vocab.encode(known)) == known
    counts = Counter(tokens)
    for token in set(tokens):
        assert token not in vocab or counts[token] >= least
    specials = [name for name, there in zip(RESERVED, (unknown, end), strict=True) if there]
    assert vocab.to_list()[: len(specials)] == specials
    assert not size or len(vocab) <= max(size, len(specials))


@settings(deadline=None)
@given(TOKENS, st.booleans(), st.booleans())
def test_the_list_survives_json(tokens: list[str], unknown: bool, end: bool) -> None:
    vocab = fit(tokens, unknown=unknown, end=end)
    again = Vocab.restore(json.loads(json.dumps(vocab.learned())))
    assert again.to_list() == vocab.to_list()
    assert (again.unknown, again.end) == (vocab.unknown, vocab.end)
    assert again.encode(tokens).tolist() == vocab.encode(tokens).tolist()


def test_encode_gives_int32_also_for_nothing() -> None:
    assert fit(["a"]).encode([]).dtype == np.int32


@pytest.mark.parametrize("bad", [-1, 2])
def test_decode_refuses_ids_that_are_not_there(bad: int) -> None:
    with pytest.raises(IndexError):
        fit(["a"]).decode([bad])


def test_a_repeated_token_is_refused() -> None:
    with pytest.raises(ValueError, match="each token once"):
        Vocab(["a", "a"])


def test_a_fixed_alphabet_has_all_its_rows() -> None:
    data = LabeledText(tokenizer="characters", alphabet="cab", unknown=False)
    vocab = Vocab.for_data(["b"], np.array([5]), data)
    assert vocab.to_list() == ["c", "a", "b"]


def test_the_settings_decide() -> None:
    data = LabeledText(min_count=2, vocabulary=3)
    vocab = Vocab.for_data(["x", "y", "z", "w"], np.array([1, 5, 2, 3]), data, end=True)
    assert vocab.to_list() == ["<unk>", "<eos>", "y"]
