"""Which row trains, which validates, which tests: stratified, and equal texts on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TRAIN, VALID, TEST, NOT_SAID = 0, 1, 2, -1
DROPPED = -1
CUT = 2  # number of the rule below, for model files: under 1 a text could stand on both sides
PARTS = ("train", "valid", "test")

Numbers = NDArray[np.int64]
Keys = NDArray[np.uint64]
Parts = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Split:
    """part (R,) int8: TRAIN, VALID, TEST or DROPPED for each row.

    repeated: rows dropped because an earlier one has their text and label; shared: training rows
    whose text is held out too, which are dropped unless everything is kept.
    """

    part: Parts
    repeated: int
    shared: int


def text_key(text: str, *, casefold: bool = False) -> int:
    """A 64-bit number that equal texts share, on every machine; white space around is ignored."""
    text = text.strip()
    if casefold:
        text = text.casefold()
    return bytes_key(text.encode("utf-8", "surrogatepass"))


def bytes_key(content: bytes) -> int:
    """The same of bytes."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def assign(
    labels: Numbers,
    keys: Keys,
    official: Parts,
    *,
    test: float,
    valid: float,
    seed: int,
    repeats: str,
) -> Split:
    """Give each of R rows its part; the same arguments always give the same answer.

    labels (R,) ids; keys (R,) from `text_key`; official (R,): what the source says (TRAIN, VALID,
    TEST) or NOT_SAID. Each part that nobody named is cut from the rows that train or are not
    said: `test` of them, then `valid` of what is left, label by label; every label keeps at
    least one row that trains. Official VALID and TEST rows are never moved or dropped.

    repeats: "keep" looks at no text. Otherwise rows of one key stay on one side of the cut, and
    rows whose key an official VALID or TEST row has do not train; "drop" also leaves out a row
    whose key and label an earlier row has already.
    """
    part = np.where(official == NOT_SAID, TRAIN, official).astype(np.int8)
    shared = repeated = 0
    if repeats != "keep":
        part[_shared(keys, part)] = DROPPED
        shared = int(np.count_nonzero(part == DROPPED))
    if repeats == "drop":
        again = _again(labels, keys, np.flatnonzero(part == TRAIN))
        part[again], repeated = DROPPED, len(again)
    pool = np.flatnonzero(part == TRAIN)
    units = _units(keys[pool], repeats)
    # Raw 64-bit draws: the one stream that NumPy promises never to change. A model file keeps
    # the seed alone, so tomorrow's NumPy has to find the same split.
    draws = np.random.PCG64(seed)
    moved = np.full(len(pool), TRAIN, np.int8)
    for target, share in ((TEST, test), (VALID, valid)):
        if share > 0 and not np.any(part == target):
            rest = np.flatnonzero(moved == TRAIN)
            chosen = _cut(labels[pool][rest], units[rest], share, draws)
            moved[rest[chosen]] = target
    _keep_every_label(moved, labels[pool], units)
    part[pool] = moved
    return Split(part, repeated, shared if repeats != "keep" else len(_shared(keys, part)))


def assign_groups(keys: Keys, official: Parts, *, test: float, valid: float, seed: int) -> Parts:
    """As `assign`, (R,) int8, whole groups (rows of one key) alone: none stands on two sides.

    Labels have no say in it. A part that is to be cut gets one group at least, where one is left
    to train on. Official parts stay as they are.
    """
    part = np.where(official == NOT_SAID, TRAIN, official).astype(np.int8)
    draws = np.random.PCG64(seed)
    for target, share in ((TEST, test), (VALID, valid)):
        pool = np.flatnonzero(part == TRAIN)
        names, unit, size = np.unique(keys[pool], return_inverse=True, return_counts=True)
        if share <= 0 or np.any(part == target) or len(names) < 2:
            continue
        order = np.argsort(draws.random_raw(len(names)), kind="stable")
        sizes = size[order]
        taken = np.cumsum(sizes) - sizes / 2 <= share * len(pool)
        count = min(max(int(taken.sum()), 1), len(names) - 1)
        part[pool[np.isin(unit, order[:count])]] = target
    return part


def cut_otherwise(data: Mapping[str, Any], repeats: str | None, parts: Collection[str]) -> bool:
    """Whether a model file's `data` is cut by another rule than this one, with other splits.

    Where single rows or whole texts of one file are put on a side, both rules do the same.
    """
    changed = repeats == "drop" or (repeats == "group" and "all" not in parts)
    return changed and data.get("cut") != CUT


def _shared(keys: Keys, part: Parts) -> Numbers:
    """Rows that train on a text which is held out."""
    held_out = keys[(part == VALID) | (part == TEST)]
    rows: Numbers = np.flatnonzero((part == TRAIN) & np.isin(keys, held_out))
    return rows


def _again(labels: Numbers, keys: Keys, rows: Numbers) -> Numbers:
    """Those of `rows` whose (key, label) an earlier one has."""
    order = rows[np.lexsort((rows, labels[rows], keys[rows]))]
    same = (keys[order][1:] == keys[order][:-1]) & (labels[order][1:] == labels[order][:-1])
    again: Numbers = order[1:][same]
    return again


def _units(keys: Keys, repeats: str) -> Numbers:
    """What has to stay together, as a number for each row, counted from 0.

    The order decides which draw a unit gets: another one would cut otherwise than before.
    """
    if repeats == "keep":
        return np.arange(len(keys), dtype=np.int64)
    _, first, units = np.unique(keys, return_index=True, return_inverse=True)
    if repeats == "drop":  # counted in the order of the rows
        units = np.argsort(np.argsort(first))[units]
    return np.asarray(units, np.int64)


def _cut(
    labels: Numbers, units: Numbers, share: float, draws: np.random.PCG64
) -> NDArray[np.bool_]:
    """Choose about `share` of each label's rows, whole units only: (R,) bool.

    A unit with several labels counts for the label of its first row.
    """
    names, first, unit, size = np.unique(
        units, return_index=True, return_inverse=True, return_counts=True
    )
    label = labels[first]
    order = np.lexsort((draws.random_raw(len(names)), label))
    sizes, sorted_label = size[order], label[order]
    rows = np.bincount(label, weights=size).astype(np.int64)
    start = np.concatenate(([0], np.cumsum(rows)))[sorted_label]
    before = np.cumsum(sizes) - sizes - start
    # taken while its middle lies within the share: rounds to the nearest for single rows
    taken = np.empty(len(names), np.bool_)
    taken[order] = before + sizes / 2 <= share * rows[sorted_label]
    return taken[unit]


def _keep_every_label(part: Parts, labels: Numbers, units: Numbers) -> None:
    """Move one unit back to TRAIN, in place, for every label that lost all its rows."""
    lost = np.flatnonzero(~np.isin(labels, labels[part == TRAIN]))
    _, first = np.unique(labels[lost], return_index=True)
    part[np.isin(units, units[lost[first]])] = TRAIN
