"""How good written outputs are beside references: exact matches, edit distances, BLEU and chrF.

Edit distance is Levenshtein's: the fewest insertions, deletions and replacements. Of several
references the one counts that has the fewest errors a token (of equal ones the first).

    token error rate   sum of distances in tokens / sum of the references' tokens, tokens as the
                       model writes them: of sounds the phone error rate (PER)
    word error rate    the same over words that white space parts, as speech has it; where an
                       output is one word (sounds of a word, an inflected form): the share of words
                       that are not exactly right (SIGMORPHON 2020)

BLEU and chrF are sacrebleu's own, with its signature; of single words they say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcli.text.growing import numbered

CELLS = 1 << 20  # of the rows of tables that are filled at one time
WITHOUT_SACREBLEU = "no BLEU and chrF: pip install 'seqcli[translation]'"

Tokens = Sequence[str]  # of one text; a text itself is a sequence of characters
Numbers = NDArray[np.int64]


def distances(outputs: Sequence[Tokens], references: Sequence[Tokens]) -> Numbers:
    """Levenshtein's distance of each output and its reference (N,).

    The tables of many pairs are filled side by side, row by row: D[i, j] is the least of
    D[i - 1, j] + 1, D[i - 1, j - 1] + (a_i != b_j), and D[i, k] + (j - k) for k < j; the last,
    which waits for its left neighbor, is a running minimum of D[i, k] - k.
    """
    table = numbered()
    rows = [[table[token] for token in text] for text in outputs]
    columns = [[table[token] for token in text] for text in references]
    found = np.zeros(len(rows), np.int64)
    for places in _groups(rows, columns):
        found[places] = _side_by_side([rows[n] for n in places], [columns[n] for n in places])
    return found


def _groups(rows: list[list[int]], columns: list[list[int]]) -> Iterator[list[int]]:
    """Pairs of like length, so many that their tables' rows fit."""
    order = sorted(range(len(rows)), key=lambda n: (len(rows[n]), len(columns[n])))
    group: list[int] = []
    widest = 0
    for place in order:
        wide = max(widest, len(columns[place]) + 1)
        if group and wide * (len(group) + 1) > CELLS:
            yield group
            group, wide = [], len(columns[place]) + 1
        group.append(place)
        widest = wide
    if group:
        yield group


def _side_by_side(rows: list[list[int]], columns: list[list[int]]) -> Numbers:
    """The distances of P pairs of ids (P,)."""
    across, widths = _padded(columns, -1)  # (P, J)
    down, heights = _padded(rows, -2)  # (P, I)
    steps = np.arange(across.shape[1] + 1)
    last = np.repeat(steps[None], len(rows), 0)  # D[0]
    found = last[np.arange(len(rows)), widths]
    for place in range(down.shape[1]):
        new = last + 1
        other = across != down[:, place, None]
        np.minimum(new[:, 1:], last[:, :-1] + other, out=new[:, 1:])
        new -= steps
        np.minimum.accumulate(new, axis=1, out=new)
        new += steps
        last = new
        ends = np.flatnonzero(heights == place + 1)
        found[ends] = last[ends, widths[ends]]
    return found


def _padded(rows: list[list[int]], filler: int) -> tuple[Numbers, Numbers]:
    lengths = np.array([len(row) for row in rows], np.int64)
    found = np.full((len(rows), int(lengths.max(initial=0))), filler, np.int64)
    found[np.arange(found.shape[1]) < lengths[:, None]] = list(chain.from_iterable(rows))
    return found, lengths


class Nearest(NamedTuple):
    """Of each output, the distance to its nearest reference; the length and place of that one."""

    distances: Numbers
    lengths: Numbers
    places: Numbers

    @property
    def rate(self) -> float | None:
        """Errors a token; None of references without any."""
        length = int(self.lengths.sum())
        return int(self.distances.sum()) / length if length else None


def nearest(outputs: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Nearest:
    """N outputs, each with one reference or more; nearest: the fewest errors a token."""
    counts = [len(own) for own in references]
    every = [reference for own in references for reference in own]
    spread = [output for output, count in zip(outputs, counts, strict=True) for _ in range(count)]
    found = distances(spread, every)
    lengths = np.array([len(reference) for reference in every], np.int64)
    owner = np.repeat(np.arange(len(outputs)), counts)
    order = np.lexsort((np.arange(len(every)), found / np.maximum(lengths, 1), owner))
    first = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
    starts = np.cumsum([0, *counts])[:-1]
    return Nearest(found[first], lengths[first], first - starts)


@dataclass(frozen=True)
class Corpus:
    """sacrebleu's figures of all outputs, 0 to 100; None where it is not installed."""

    bleu: float | None = None
    chrf: float | None = None
    signature: str | None = None


def has_sacrebleu() -> bool:
    """Whether the extra `translation` is installed."""
    return find_spec("sacrebleu") is not None


def corpus(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> Corpus:
    """BLEU and chrF over N outputs, with their signatures; a source may have fewer references."""
    if not outputs or not has_sacrebleu():
        return Corpus()
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    most = max(map(len, references))
    streams: Any = [[own[n] if n < len(own) else None for own in references] for n in range(most)]
    values, signatures = [], []
    # force: no words of its own about texts that are in tokens already
    for name, metric in (("BLEU", BLEU(force=True)), ("chrF2", CHRF())):
        values.append(float(metric.corpus_score(list(outputs), streams).score))
        signatures.append(f"{name}|{metric.get_signature()}")
    return Corpus(values[0], values[1], "; ".join(signatures))


@dataclass(frozen=True)
class Judged:
    """What is known of each of N outputs (N,); `words` is None where an output is one word."""

    right: NDArray[np.bool_]
    characters: Nearest
    tokens: Nearest
    words: Nearest | None

    def figures(self) -> dict[str, float | None]:
        """Of all outputs, as `eval --json` has them; None of none."""
        wrong = None if not len(self.right) else float((~self.right).mean())
        return {
            "exact": None if wrong is None else float(self.right.mean()),
            "edit_distance": None if wrong is None else float(self.characters.distances.mean()),
            "token_error_rate": self.tokens.rate,
            "word_error_rate": wrong if self.words is None else self.words.rate,
        }


def judged(
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    tokens: Callable[[str], Tokens],
    *,
    single: bool,
) -> Judged:
    """N outputs, each beside its references; `tokens` cuts a text; single: each is one word."""

    def cut(split: Callable[[str], Tokens]) -> Nearest:
        every = [[split(text) for text in own] for own in references]
        return nearest([split(text) for text in outputs], every)

    pairs = zip(outputs, references, strict=True)
    right = np.array([output in own for output, own in pairs], np.bool_)
    return Judged(right, cut(list), cut(tokens), None if single else cut(str.split))
