"""Pairs of texts by split: read once, then cut where the source does not part them itself."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from seqcli.data.splits import NOT_SAID, PARTS, TEST, TRAIN, VALID, assign, text_key
from seqcli.errors import DataError
from seqcli.readers.pair_source import PairSource

POLL_EVERY = 1000  # pairs between two looks at the stop flag


@dataclass(frozen=True, eq=False)
class Texts:
    """R sources of one split, each with one target or several, and where they stand.

    empty: pairs that were left out because a side had no text.
    """

    sources: Sequence[str]
    targets: Sequence[tuple[str, ...]]
    paths: Sequence[str]
    lines: NDArray[np.int64]
    empty: int = 0

    def __len__(self) -> int:
        """R."""
        return len(self.sources)

    def take(self, rows: NDArray[np.int64]) -> Texts:
        """The rows (K,) in that order."""
        places = rows.tolist()
        return Texts(
            [self.sources[place] for place in places],
            [self.targets[place] for place in places],
            [self.paths[place] for place in places],
            self.lines[rows],
        )


@dataclass(frozen=True, eq=False)
class PairData:
    """The splits of a source, "train" first; `shared`: training sources that are held out too."""

    splits: dict[str, Texts]
    shared: int


@dataclass(eq=False)
class _Scan:
    """What one pass over the files keeps of each pair."""

    sources: list[str] = field(default_factory=list)
    targets: list[tuple[str, ...]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("q"))
    official: array[int] = field(default_factory=lambda: array("b"))
    empty: dict[str, int] = field(default_factory=dict)  # by part

    def read(self, source: PairSource, part: str, poll: Callable[[], None]) -> None:
        """Add a part. Errors: DataError for one without any pair."""
        code, before = PARTS.index(part) if part in PARTS else NOT_SAID, len(self.lines)
        for record in source.records(part):
            if len(self.lines) % POLL_EVERY == 0:
                poll()
            targets = tuple(text for text in record.targets if text.strip())
            if not record.source.strip() or not targets:
                self.empty[part] = self.empty.get(part, 0) + 1
                continue
            self.sources.append(record.source)
            self.targets.append(targets)
            self.paths.append(record.path)
            self.lines.append(record.line)
            self.official.append(code)
        if len(self.lines) == before:
            found = "none found" if not self.empty.get(part) else "only ones with an empty side"
            piece = source.parts[part][0]
            raise DataError(piece, 0, f"at least one pair of texts expected, {found}")


def load_pairs(
    source: PairSource,
    *,
    seed: int,
    whole: bool = False,
    poll: Callable[[], None] = lambda: None,
) -> PairData:
    """Read all pairs once, and cut those of one file (`whole`: not, all is split "all").

    Official parts stay as they are; what is missing is cut from the training part. Pairs of one
    file with equal sources stand on one side of a cut, unless data.repeats is "keep".
    Errors: DataError for files without pairs, or without any to train on.
    """
    scan = _Scan()
    for part in source.parts:
        scan.read(source, part, poll)
    official = np.array(scan.official, np.int8)
    rows_of, shared = _cut(source, scan.sources, official, seed)
    if whole:
        rows_of = {"all": np.arange(len(official))}
    elif not len(rows_of.get("train", ())):
        found = ", ".join(f"{len(rows)} {name}" for name, rows in rows_of.items())
        hint = "add pairs for training: a file named train"
        raise DataError(source.path, 0, f"pairs to train on expected, found: {found}", hint)
    lines = np.array(scan.lines, np.int64)
    splits = {}
    for name, rows in rows_of.items():
        kept = np.zeros(len(official), bool)
        kept[rows] = True
        own = kept.tolist()
        left_out = scan.empty.get(name, 0) + (scan.empty.get("all", 0) if name == "train" else 0)
        splits[name] = Texts(
            list(compress(scan.sources, own)),
            list(compress(scan.targets, own)),
            list(compress(scan.paths, own)),
            lines[kept],
            sum(scan.empty.values()) if whole else left_out,
        )
    return PairData(splits, shared)


def _cut(
    source: PairSource, sources: Sequence[str], official: NDArray[np.int8], seed: int
) -> tuple[dict[str, NDArray[np.int64]], int]:
    """Rows of each split that has some, and how many training rows are held out too."""
    keys = np.fromiter(map(text_key, sources), np.uint64, len(sources))
    held_out = (official == VALID) | (official == TEST)
    shared = int(np.isin(keys[~held_out], keys[held_out]).sum())
    own = keys.copy()  # an official part keeps what it has
    own[held_out] = np.arange(held_out.sum(), dtype=np.uint64)
    own[~held_out] |= np.uint64(1 << 63)
    data = source.data
    cut = assign(
        np.zeros(len(keys), np.int64),
        own,
        official,
        test=data.test,
        valid=data.valid,
        seed=seed,
        repeats=data.repeats,
    )
    found = {}
    for name, code in zip(PARTS, (TRAIN, VALID, TEST), strict=True):
        rows = np.flatnonzero(cut.part == code)
        if len(rows):
            found[name] = rows
    return found, shared
