"""The mistakes that a tagger is surest of: spans that are not there, or tags that are others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqcli.data.tagged import TaggedSentences
from seqcli.kinds.abilities import Mistake, Tagged
from seqcli.text.schemes import OUTSIDE, PLAIN, spans

AROUND = 5  # tokens on each side of a mistake that are shown


def mistakes(
    sentences: TaggedSentences, true: Sequence[list[str]], answered: Sequence[Tagged], scheme: str
) -> list[Mistake]:
    """All of them, the surest first; `true` and `answered` in the order of the sentences."""
    found = []
    for row, (tags, answer) in enumerate(zip(true, answered, strict=True)):
        tokens = [sentences.vocabulary[place] for place in sentences.words.row(row).tolist()]
        wrong = _tags if scheme == PLAIN else _spans
        for start, end, label, predicted, prob in wrong(tags, answer, scheme):
            path, line = sentences.paths[row], int(sentences.lines[row])
            found.append(Mistake(_shown(tokens, start, end), label, predicted, prob, path, line))
    return sorted(found, key=lambda one: -one.prob)


Wrong = Iterator[tuple[int, int, str, str, float]]  # from, up to, true, predicted, probability


def _tags(true: list[str], answer: Tagged, scheme: str) -> Wrong:
    for place, (tag, given) in enumerate(zip(true, answer.tags, strict=True)):
        if tag != given:
            yield place, place + 1, tag, given, answer.probs[place]


def _spans(true: list[str], answer: Tagged, scheme: str) -> Wrong:
    """An answered span that is no true one: beside what truly stands there, in its tags."""
    real = {tuple(span) for span in spans(true, scheme)}
    for start, end, kind, prob in answer.spans:
        if (start, end, kind) not in real:
            label = " ".join(true[start:end])
            yield start, end, label or OUTSIDE, " ".join(answer.tags[start:end]), prob


def _shown(tokens: list[str], start: int, end: int) -> str:
    """The tokens with what is wrong in brackets, and some around it."""
    before, after = tokens[max(start - AROUND, 0) : start], tokens[end : end + AROUND]
    return " ".join([*before, f"[{' '.join(tokens[start:end])}]", *after])
