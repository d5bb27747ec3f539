"""Figures against plain counting, over random sentences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.kinds.tagger import metrics
from seqcli.text import schemes
from seqcli.text.schemes import LETTERS, PLAIN, Span

TYPES = ["a", "b"]


@st.composite
def answered(draw: st.DrawFn) -> tuple[str, list[list[str]], list[list[str]]]:
    """A scheme, true tags and answered tags of some sentences, ill-formed as they come."""
    scheme = draw(st.sampled_from(list(LETTERS)))
    tag = st.sampled_from(schemes.all_tags(TYPES, scheme))
    pairs = draw(st.lists(st.lists(st.tuples(tag, tag), max_size=7), max_size=5))
    sides = [[[pair[side] for pair in pairs_of] for pairs_of in pairs] for side in (0, 1)]
    return scheme, sides[0], sides[1]


def f1(right: int, given: int, real: int) -> tuple[float, float, float]:
    """As seqeval, where a quotient of 0 by 0 is 0."""
    precision, recall = right / given if given else 0.0, right / real if real else 0.0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


@given(answered(), st.booleans())
def test_spans_are_counted_as_sets_of_sentence_edges_and_type(
    case: tuple[str, list[list[str]], list[list[str]]], lenient: bool
) -> None:
    scheme, true, given = case
    sides = [
        [schemes.spans(tags, scheme, lenient=lenient) for tags in side] for side in (true, given)
    ]
    own, answer = ({(row, *span) for row, s in enumerate(side) for span in s} for side in sides)
    counts = metrics.count_spans(*sides)
    micro = counts.micro()
    expected = f1(len(own & answer), len(answer), len(own))
    assert (micro.precision, micro.recall, micro.f1) == pytest.approx(expected)
    per_type = {}
    for kind in sorted({span[3] for span in own | answer}):
        mine, other = ({s for s in side if s[3] == kind} for side in (own, answer))
        per_type[kind] = f1(len(mine & other), len(other), len(mine))
        found = counts.per_type()[kind]
        assert (found.precision, found.recall, found.f1) == pytest.approx(per_type[kind])
        assert found.support == len(mine)
    assert tuple(counts.types) == tuple(per_type)
    if per_type:
        macro = counts.macro()
        means = np.mean(list(per_type.values()), 0)
        assert [macro.precision, macro.recall, macro.f1] == pytest.approx(means)


@given(answered())
def test_all_figures(case: tuple[str, list[list[str]], list[list[str]]]) -> None:
    scheme, true, given = case
    labels = schemes.all_tags(TYPES, scheme)
    known = [[len(tag) + place != 2 for place, tag in enumerate(tags)] for tags in true]
    found = metrics.figures(true, given, known, labels, scheme)
    flat = [
        (a, b, k)
        for row in zip(true, given, known, strict=True)
        for a, b, k in zip(*row, strict=True)
    ]
    assert (found["sentences"], found["tokens"]) == (len(true), len(flat))
    for name, some in (
        ("accuracy", flat),
        ("accuracy_known", [part for part in flat if part[2]]),
        ("accuracy_unknown", [part for part in flat if not part[2]]),
    ):
        mean = sum(a == b for a, b, _ in some) / len(some) if some else None
        assert found[name] == (pytest.approx(mean) if some else None)
    if true:
        whole = sum(a == b for a, b in zip(true, given, strict=True)) / len(true)
        assert found["sentence_accuracy"] == pytest.approx(whole)
    for tag in labels:
        counts = (
            sum(a == b == tag for a, b, _ in flat),
            sum(b == tag for _, b, _ in flat),
            sum(a == tag for a, _, _ in flat),
        )
        got = found["per_label"][tag]
        assert (got["precision"], got["recall"], got["f1"]) == pytest.approx(f1(*counts))
        assert got["support"] == counts[2]
    assert sum(map(sum, found["confusion"])) == len(flat)
    matrix = np.array(found["span"]["confusion"])
    support = [part["support"] for part in found["span"]["per_type"].values()]
    assert matrix.sum(1)[:-1].tolist() == support
    low, high = found["span"]["f1_interval"]
    assert 0 <= low <= high <= 1


def test_the_readings_differ_and_are_both_given() -> None:
    found = metrics.span_figures([["B-x", "I-x"]], [["I-x", "I-x"]], "BIO")
    assert (found["f1"], found["f1_lenient"]) == (0.0, 1.0)


def test_plain_tags_have_no_spans_and_an_unseen_true_tag_is_wrong() -> None:
    found = metrics.figures([["X", "Z"]], [["X", "X"]], [[True, True]], ["X", "Y"], PLAIN)
    assert (found["span"], found["accuracy"], found["accuracy_unknown"]) == (None, 0.5, None)
    assert found["confusion"] == [[1, 0], [0, 0]]


def test_confusion_of_types() -> None:
    true = [[Span(0, 1, "a"), Span(2, 4, "b"), Span(5, 6, "b")]]
    answer = [[Span(0, 1, "b"), Span(2, 3, "b"), Span(5, 6, "b")]]
    matrix = metrics.type_confusion(true, answer, ["a", "b"])
    assert matrix.tolist() == [[0, 1, 0], [0, 1, 1], [0, 1, 0]]


def test_the_interval_is_that_of_sentences_drawn_one_by_one() -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(1, 30, 300)
    right = random.binomial(lengths, 0.9)
    low, high = metrics.interval(right, lengths, draws=4000)
    rows = random.integers(0, 300, (4000, 300))
    expected = np.quantile(right[rows].sum(1) / lengths[rows].sum(1), [0.025, 0.975])
    assert (low, high) == pytest.approx(expected, abs=0.002)
    assert low < right.sum() / lengths.sum() < high
    assert metrics.interval(right, lengths) == metrics.interval(right, lengths)
    empty = np.empty(0, np.int64)
    assert metrics.interval(empty, empty) == (0.0, 0.0)
