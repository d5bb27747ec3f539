"""Figures of a tagger: of tokens, of spans, of sentences, and how sure they are.

Spans count as in seqeval and conlleval: right if start, end and type are. A quotient of 0 by 0 is
0, as there. Letters: N tokens, S sentences, C tags, K types of spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from operator import eq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.kinds.abilities import Parts
from seqcli.text.schemes import PLAIN, Span, spans

Counts = NDArray[np.int64]
DRAWS = 1000
MOST_TAGS_SHOWN = 1000  # a confusion matrix beyond this is null


@dataclass(frozen=True)
class Scores:
    """How well one tag or one type is found; `support` is how many there truly are."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class SpanCounts:
    """Spans of each sentence and type, (S, K) each: those right, all answered, all true."""

    types: tuple[str, ...]
    right: Counts
    answered: Counts
    true: Counts

    def micro(self) -> Scores:
        """Over all spans."""
        return scores(int(self.right.sum()), int(self.answered.sum()), int(self.true.sum()))

    def per_type(self) -> dict[str, Scores]:
        """Of each type that occurs in either, by name."""
        sums = (part.sum(0).tolist() for part in (self.right, self.answered, self.true))
        return {
            kind: scores(right, answered, true)
            for kind, right, answered, true in zip(self.types, *sums, strict=True)
        }

    def macro(self) -> Scores:
        """The mean over types, however many spans each has."""
        each = list(self.per_type().values())
        parts = ([s.precision for s in each], [s.recall for s in each], [s.f1 for s in each])
        precision, recall, f1 = (float(np.mean(part)) if part else 0.0 for part in parts)
        return Scores(precision, recall, f1, sum(s.support for s in each))

    def f1_interval(self, *, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
        """95 % interval of micro F1, by drawing sentences again."""
        both = self.answered.sum(1) + self.true.sum(1)
        return interval(2 * self.right.sum(1), both, draws=draws, seed=seed)


def scores(right: int, answered: int, true: int) -> Scores:
    """Precision, recall and F1 from counts."""
    return Scores(
        _quotient(right, answered),
        _quotient(right, true),
        _quotient(2 * right, answered + true),
        true,
    )


def count_spans(true: Sequence[Sequence[Span]], answered: Sequence[Sequence[Span]]) -> SpanCounts:
    """Counts by sentence and type, from the spans of each sentence."""
    occurring = {span.type for side in (true, answered) for found in side for span in found}
    types = tuple(sorted(occurring))
    place = {kind: number for number, kind in enumerate(types)}
    right, given, real = (np.zeros((len(true), len(types)), np.int64) for _ in range(3))
    for row, (own, answer) in enumerate(zip(true, answered, strict=True)):
        for counts, found in ((real, own), (given, answer), (right, set(own) & set(answer))):
            for span in found:
                counts[row, place[span.type]] += 1
    return SpanCounts(types, right, given, real)


def type_confusion(
    true: Sequence[Sequence[Span]], answered: Sequence[Sequence[Span]], types: Sequence[str]
) -> Counts:
    """(K + 1, K + 1): rows true types, columns answered ones, of spans with the same edges.

    The last column is of true spans whose edges no answer has, the last row of answers whose edges
    no true span has.
    """
    place = {kind: number for number, kind in enumerate(types)}
    none = len(types)
    matrix = np.zeros((none + 1, none + 1), np.int64)
    for own, answer in zip(true, answered, strict=True):
        by_edges = {(span.start, span.end): span.type for span in answer}
        for span in own:
            found = by_edges.pop((span.start, span.end), None)
            matrix[place[span.type], none if found is None else place[found]] += 1
        for kind in by_edges.values():
            matrix[none, place[kind]] += 1
    return matrix


def confusion(true: Counts, answered: Counts, tags: int) -> Counts:
    """(C, C) counts of tokens, rows true tags, from tag ids (N,).

    A true id of -1, a tag that the model does not have, is in no row.
    """
    inside = true >= 0
    cells = true[inside] * tags + answered[inside]
    matrix: Counts = np.bincount(cells, minlength=tags * tags).reshape(tags, tags)
    return matrix.astype(np.int64, copy=False)


def per_tag(matrix: Counts, tags: Sequence[str]) -> dict[str, Scores]:
    """Of each tag, from a confusion matrix."""
    sums = (np.diag(matrix).tolist(), matrix.sum(0).tolist(), matrix.sum(1).tolist())
    return {
        tag: scores(right, answered, true)
        for tag, right, answered, true in zip(tags, *sums, strict=True)
    }


def by_sentence(flags: NDArray[np.bool_], lengths: Counts) -> Counts:
    """How many of the flags (N,) are set in each sentence, (S,); lengths of 0 may occur."""
    total = np.concatenate([[0], np.cumsum(flags)])
    ends = np.cumsum(lengths)
    counts: Counts = (total[ends] - total[ends - lengths]).astype(np.int64)
    return counts


def interval(
    numerators: Counts, denominators: Counts, *, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of sum(numerators) / sum(denominators), by drawing sentences (S,).

    Percentiles of `draws` samples (Efron 1979). Sentences with equal counts are drawn together, as
    one multinomial, so that a million sentences cost no more than their distinct counts.
    """
    if not len(numerators):
        return 0.0, 0.0
    pairs, repeats = np.unique(np.stack([numerators, denominators], 1), axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    size = int(repeats.sum())
    sums = generator.multinomial(size, repeats / size, draws) @ pairs  # (draws, 2)
    values = np.divide(sums[:, 0], sums[:, 1], out=np.zeros(draws), where=sums[:, 1] > 0)
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def figures(
    true: Sequence[Sequence[str]],
    answered: Sequence[Sequence[str]],
    known: Sequence[Sequence[bool]],
    labels: Sequence[str],
    scheme: str,
) -> dict[str, Any]:
    """All figures from tags by sentence; `known`: whether training had the word. For JSON.

    Figures of spans are null where the scheme is plain; of unknown words where there are none.
    """
    lengths = np.array([len(tags) for tags in true], np.int64)
    place = {tag: number for number, tag in enumerate(labels)}
    own, given = _ids(true, place), _ids(answered, place)
    right = own == given
    is_known = np.fromiter((flag for row in known for flag in row), np.bool_, len(own))
    right_in = by_sentence(right, lengths)
    matrix = confusion(own, given, len(labels))
    return {
        "sentences": len(lengths),
        "tokens": len(own),
        "accuracy": _mean(right),
        "accuracy_interval": list(interval(right_in, lengths)),
        "accuracy_known": _mean(right[is_known]),
        "accuracy_unknown": _mean(right[~is_known]),
        "sentence_accuracy": _mean(right_in == lengths),
        "span": None if scheme == PLAIN else span_figures(true, answered, scheme),
        "labels": list(labels),
        "per_label": {tag: asdict(found) for tag, found in per_tag(matrix, labels).items()},
        "confusion": matrix.tolist() if len(labels) <= MOST_TAGS_SHOWN else None,
    }


def parts(
    true: Sequence[Sequence[str]], answered: Sequence[Sequence[str]], scheme: str
) -> dict[str, Parts]:
    """What figures of tokens, of strict spans and of whole sentences are sums of, by sentence."""
    lengths = np.array([len(tags) for tags in true], np.int64)
    pairs = zip(true, answered, strict=True)
    right = np.array([sum(map(eq, own, given)) for own, given in pairs], np.int64)
    found = {"accuracy": Parts(right, lengths)}
    if scheme != PLAIN:
        counts = count_spans(*([spans(tags, scheme) for tags in side] for side in (true, answered)))
        found["f1"] = Parts(2 * counts.right.sum(1), (counts.answered + counts.true).sum(1))
    whole = (right == lengths).astype(np.int64)
    return found | {"sentence_accuracy": Parts(whole, np.ones_like(whole))}


def span_figures(
    true: Sequence[Sequence[str]], answered: Sequence[Sequence[str]], scheme: str
) -> dict[str, Any]:
    """Figures of spans, strict, with the lenient F1 beside; for JSON."""
    own, given = (([spans(tags, scheme) for tags in side]) for side in (true, answered))
    strict = count_spans(own, given)
    lenient = count_spans(
        *([spans(tags, scheme, lenient=True) for tags in side] for side in (true, answered))
    )
    micro, macro = strict.micro(), strict.macro()
    return {
        "precision": micro.precision,
        "recall": micro.recall,
        "f1": micro.f1,
        "f1_interval": list(strict.f1_interval()),
        "f1_macro": macro.f1,
        "f1_lenient": lenient.micro().f1,
        "per_type": {kind: asdict(found) for kind, found in strict.per_type().items()},
        "types": list(strict.types),
        "confusion": type_confusion(own, given, strict.types).tolist(),
    }


def _ids(sentences: Iterable[Sequence[str]], place: dict[str, int]) -> Counts:
    """Tag ids of all tokens, (N,); -1 for one that is not in the table."""
    return np.array([place.get(tag, -1) for tags in sentences for tag in tags], np.int64)


def _mean(flags: NDArray[np.bool_]) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _quotient(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
