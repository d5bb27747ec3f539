"""Figures of written outputs, beside plain formulas and sacrebleu's own numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.kinds.translator import metrics

OUTPUTS = ["the dog runs .", "", "a man sees the red house", "on the street"]
REFERENCES = [
    ["the dog runs .", "a dog is running ."],
    ["nothing at all"],
    ["a man looks at a red house", "the man sees a house"],
    ["in the streets"],
]


def levenshtein(one: Sequence[str], other: Sequence[str]) -> int:
    """As the textbook has it."""
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        new = [i]
        for j, b in enumerate(other, 1):
            new.append(min(last[j] + 1, new[-1] + 1, last[j - 1] + (a != b)))
        last = new
    return last[-1]


@given(st.lists(st.tuples(st.text("abc", max_size=12), st.text("abcd", max_size=12)), max_size=20))
@settings(max_examples=60, deadline=None)
def test_distances_are_the_textbooks(pairs: list[tuple[str, str]]) -> None:
    ones, others = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    wanted = [levenshtein(*pair) for pair in pairs]
    assert metrics.distances(ones, others).tolist() == wanted
    assert metrics.distances(others, ones).tolist() == wanted


def test_many_long_pairs_are_done_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    texts = ["".join(random.choice(list("abcd"), size)) for size in random.integers(0, 90, 60)]
    others = texts[1:] + texts[:1]
    whole = metrics.distances(texts, others)
    groups = list(metrics._groups([[0] * len(text) for text in texts], [[0]] * len(texts)))
    assert len(groups) == 1
    monkeypatch.setattr(metrics, "CELLS", 200)
    assert metrics.distances(texts, others).tolist() == whole.tolist()
    assert metrics.distances(["a" * 3000], ["b" * 20_000]).tolist() == [20_000]


def test_the_nearest_reference_has_the_fewest_errors_a_token() -> None:
    outputs = ["ab", "abcde", "xy"]
    references = [["abcd", "ac"], ["abc", "abcdx"], ["xz", "zyx"]]
    found = metrics.nearest(outputs, references)  # of equal ones the first: 2 / 4 before 1 / 2
    assert found.distances.tolist() == [2, 1, 1]
    assert found.lengths.tolist() == [4, 5, 2]
    assert found.rate == 4 / 11


def test_figures_of_sentences() -> None:
    judged = metrics.judged(OUTPUTS, REFERENCES, str.split, single=False)
    figures = judged.figures()
    distances, lengths, characters = [], [], []
    for output, own in zip(OUTPUTS, REFERENCES, strict=True):
        pairs = [(levenshtein(output.split(), one.split()), len(one.split())) for one in own]
        distance, length = min(pairs, key=lambda pair: pair[0] / pair[1])
        distances.append(distance)
        lengths.append(length)
        by_rate = [(levenshtein(output, one) / len(one), levenshtein(output, one)) for one in own]
        characters.append(min(by_rate)[1])
    assert figures["exact"] == 0.25
    assert figures["token_error_rate"] == sum(distances) / sum(lengths)
    assert figures["word_error_rate"] == figures["token_error_rate"]
    assert figures["edit_distance"] == np.mean(characters)


def test_a_word_is_right_or_wrong() -> None:
    """Sounds: the second reference of the first word is met, one sound of the second is wrong."""
    outputs, references = ["b ɔ̃", "ʃ a"], [["b o n", "b ɔ̃"], ["ʃ a t"]]
    figures = metrics.judged(outputs, references, str.split, single=True).figures()
    assert figures["word_error_rate"] == 0.5
    assert figures["token_error_rate"] == 1 / 5
    assert figures["exact"] == 0.5


def test_nothing_has_no_figures() -> None:
    assert set(metrics.judged([], [], str.split, single=True).figures().values()) == {None}
    assert metrics.corpus([], []) == metrics.Corpus()


def test_bleu_and_chrf_are_sacrebleus() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    found = metrics.corpus(OUTPUTS, [own[:1] for own in REFERENCES])
    streams = [[own[0] for own in REFERENCES]]
    assert found.bleu is not None
    assert found.bleu == sacrebleu.corpus_bleu(OUTPUTS, streams, force=True).score
    assert found.chrf == sacrebleu.corpus_chrf(OUTPUTS, streams).score
    assert found.signature is not None
    assert found.signature.startswith("BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert "; chrF2|nrefs:1|" in found.signature
    several = metrics.corpus(OUTPUTS, REFERENCES)
    assert several.bleu is not None
    assert several.bleu > found.bleu
    assert "nrefs:var" in str(several.signature)


def test_without_sacrebleu_there_is_no_bleu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "has_sacrebleu", lambda: False)
    assert metrics.corpus(OUTPUTS, REFERENCES) == metrics.Corpus(None, None, None)
