"""What a person is told of pairs before they are trained on, and what `seqcli check` finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcli.data.survey import Example, Found, Survey, lengths_of, looked_over
from seqcli.errors import DataError
from seqcli.kinds.contract import Poll
from seqcli.kinds.translator.batches import Split
from seqcli.kinds.translator.sides import UNKNOWN, Sides
from seqcli.readers.pair_source import PairSource
from seqcli.readers.record import Record
from seqcli.text.sequences import Sequences

FAR = 9  # times as long as its other side, a pair is hardly one: of more than FEW tokens
FEW = 20

Lengths = NDArray[np.int64]


def enough(path: Path, train: Split) -> None:
    """Errors: DataError where every pair is too long to be trained on."""
    if not len(train):
        hint = "--set data.max_tokens=N raises the limit"
        raise DataError(path, 0, f"shorter pairs expected, all {train.long:,} are too long", hint)


def notes(form: str, sides: Sides, splits: Mapping[str, Split], shared: int) -> list[str]:
    """What a person should know of the data before it is trained on."""
    source, target = sides.source, sides.target
    found = [
        f"pairs: {form}",
        f"source vocabulary {len(source.vocab):,} (unknown: {_listed(splits, 'sources')})",
        f"target vocabulary {len(target.vocab):,} (unknown: {_listed(splits, 'targets')})",
    ]
    for name, split in splits.items():
        found += [f"{name}: {said}" for said in remarks(split)]
    if shared:
        found.append(f"{shared:,} sources of train stand in valid or test too")
    return found


def remarks(split: Split) -> list[str]:
    """What was left out of a split, or cut."""
    found = []
    if split.texts.empty:
        found.append(f"{split.texts.empty:,} pairs with an empty side left out")
    if split.long:
        done = "cut" if split.cut else "left out"
        found.append(f"{split.long:,} pairs longer than data.max_tokens {done}")
    return found


def survey(
    source: PairSource,
    sides: Sides,
    splits: Mapping[str, Split],
    shared: int,
    poll: Poll,
) -> Survey:
    """As `Kind.survey` says; lengths are those of the longer side of each pair."""
    lengths = [np.maximum(*_lengths(split)) for split in splits.values()]
    texts = (
        Record(one.path, one.line, text)
        for part in source.parts
        for one in source.records(part)
        for text in (one.source, *one.targets)
    )
    return Survey(
        source.format,
        {},
        {name: len(split) for name, split in splits.items()},
        "tokens",
        lengths_of(np.concatenate(lengths)),
        len(sides.source.vocab),
        {name: _unknown(split.sources) for name, split in splits.items()},
        None,
        (f"target vocabulary {len(sides.target.vocab):,}",),
        (*_oddities(splits, shared), *looked_over(texts, poll)),
    )


def _oddities(splits: Mapping[str, Split], shared: int) -> Iterator[Found]:
    empty = sum(split.texts.empty for split in splits.values())
    if empty:
        said = f"{empty:,} pairs with an empty side"
        yield Found("empty", said, "they are left out: is a line missing?", empty)
    long = sum(split.long for split in splits.values())
    if long:
        said = f"{long:,} pairs longer than data.max_tokens"
        advice = "they are not trained on, and cut where they are scored: raise it, or part them"
        yield Found("long", said, advice, long)
    far, examples = 0, list[Example]()
    for split in splits.values():
        left, right = _lengths(split)
        odd = np.flatnonzero((np.maximum(left, right) > FEW) & (_ratio(left, right) > FAR))
        far += len(odd)
        for row in split.rows[odd][: 5 - len(examples)].tolist():
            text = split.texts.sources[row][:200]
            examples.append(Example(split.texts.paths[row], int(split.texts.lines[row]), text))
    if far:
        said = f"{far:,} pairs with one side {FAR} times as long as the other"
        yield Found("unequal", said, "do the two sides belong together?", far, tuple(examples))
    copied = sum(
        source == target
        for split in splits.values()
        for source, targets in zip(split.texts.sources, split.texts.targets, strict=True)
        for target in targets
    )
    total = sum(map(len, splits.values()))
    if copied > total / 2:
        said = f"{copied:,} targets are their source"
        yield Found("copied", said, "are the right columns or files named?", copied)
    if shared:
        said = f"{shared:,} sources of train stand in valid or test too"
        yield Found("shared", said, "figures on them are too good: short ones are no harm", shared)


def _ratio(left: Lengths, right: Lengths) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.maximum(left, right) / np.maximum(np.minimum(left, right), 1)
    return ratio


def _lengths(split: Split) -> tuple[Lengths, Lengths]:
    """Tokens of both sides of each pair, end marks out."""
    return split.sources.lengths - 1, split.targets.lengths - 1


def _listed(splits: Mapping[str, Split], side: str) -> str:
    return ", ".join(
        f"{name} {_unknown(getattr(split, side)):.2%}" for name, split in splits.items()
    )


def _unknown(rows: Sequences) -> float:
    """The share of tokens, end marks out, that the vocabulary lacks."""
    count = len(rows.ids) - len(rows)
    return float((rows.ids == UNKNOWN).sum()) / count if count else 0.0
