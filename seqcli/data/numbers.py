"""Recordings as arrays: one pass over the files, then splits, scaling, frames.

The numbers of all recordings lie in one array, float64 as read, then float32 as scaled; what is
too large to be held lies in files of `scratch` and is mapped.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcli.data.findings import Finding, Labeled, findings
from seqcli.data.frames import Frames, GrowingFrames
from seqcli.data.labels import foreign, in_order, none_given, placed
from seqcli.data.scaling import Scaler, fit
from seqcli.data.splits import (
    NOT_SAID,
    PARTS,
    TEST,
    TRAIN,
    VALID,
    Keys,
    Numbers,
    Parts,
    assign,
    assign_groups,
    text_key,
)
from seqcli.errors import DataError
from seqcli.readers.recording import Recording, Wanted
from seqcli.readers.series_source import SeriesSource
from seqcli.settings.sections import Series
from seqcli.text.growing import Growing

POLL_EVERY = 100  # recordings between two looks at the stop flag
BLOCK = 1 << 18  # steps worked on at a time
NONE = -1  # the place of a step's label where it has none


@dataclass(frozen=True, eq=False)
class Recordings:
    """R recordings of one split: rows of `frames`, which holds those of all splits.

    labels (R,): places in `NumbersData.labels`, NONE where each step has its own, which are
    `steps` (N,), along the frames; numbers (R,): of the records in `source.records()`, from 0;
    unlabeled: records left out where all were to be read; foreign: steps whose label is none of
    those known, and is left out.
    """

    frames: Frames
    rows: Numbers
    labels: Numbers
    numbers: Numbers
    steps: NDArray[np.int32] | None = None
    unlabeled: int = 0
    foreign: int = 0

    def __len__(self) -> int:
        """R."""
        return len(self.rows)

    @property
    def lengths(self) -> Numbers:
        """Steps of each, (R,)."""
        return self.frames.lengths[self.rows]

    def take(self, rows: Numbers) -> Recordings:
        """Some of them, in that order; the frames are shared."""
        return replace(
            self, rows=self.rows[rows], labels=self.labels[rows], numbers=self.numbers[rows]
        )


@dataclass(frozen=True, eq=False)
class NumbersData:
    """Everything that is learned from: splits ("train", "valid", "test"; of a whole source "all").

    repeated, shared: as `splits.Split`, of equal recordings; split_groups: groups that official
    parts have on both sides; unlabeled: by part, left out; missing: share of all numbers; cut:
    numbers beyond `scaling.LIMIT`; constant: channels of the training split that never change;
    told: what headers say and rows do not; findings: what is odd, where labels are new.
    """

    channels: tuple[str, ...]
    labels: tuple[str, ...]
    scaler: Scaler
    splits: dict[str, Recordings]
    fingerprint: str
    repeated: int = 0
    shared: int = 0
    groups: int = 0
    split_groups: int = 0
    unlabeled: dict[str, int] = field(default_factory=dict)
    missing: float = 0.0
    cut: int = 0
    constant: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, eq=False)
class Known:
    """What a model has learned, to read its data anew: nothing is fitted then."""

    channels: tuple[str, ...]
    labels: tuple[str, ...]
    scaler: Scaler


def load_numbers(
    source: SeriesSource,
    *,
    seed: int,
    known: Known | None = None,
    whole: bool = False,
    each: bool = False,
    scratch: Path | None = None,
    poll: Callable[[], None] = lambda: None,
) -> NumbersData:
    """Read all recordings once, split them (`whole`: not, all is split "all"), scale them.

    each: every step has a label of its own. Official parts stay as they are, missing ones are cut
    from the training part: by group where the settings name one, else label by label.
    Errors: DataError for unreadable data, channels that differ, no labeled recording or none to
    train on, a label that is not one of `known`.
    """
    scan = _Scan.of(source, known, each=each, scratch=scratch, poll=poll)
    part, repeated, shared, split_groups = _cut(source, scan, seed)
    rows = {name: np.flatnonzero(part == code) for code, name in enumerate(PARTS)}
    if whole:
        rows = {"all": np.arange(len(scan.labels))}
    elif not len(rows["train"]):
        found = ", ".join(f"{len(rows[name])} {name}" for name in PARTS[1:])
        hint = "add recordings for training: a file or folder named train"
        raise DataError(source.path, 0, f"recordings to train on expected, found: {found}", hint)
    scaler, constant = _scaler(scan, rows, source.data, known)
    values, missing, cut = scan.scaled(scaler, scratch, poll)
    frames = Frames(values, scan.offsets)
    left = sum(scan.unlabeled.values()) if whole else 0
    splits = {
        name: Recordings(
            frames, own, scan.labels[own], scan.numbers[own], scan.steps, left, scan.foreign
        )
        for name, own in rows.items()
        if len(own)
    }
    return NumbersData(
        scan.channels,
        scan.names,
        scaler,
        splits,
        source.fingerprint(),
        repeated,
        shared,
        len(np.unique(scan.groups)) if scan.grouped else 0,
        split_groups,
        scan.unlabeled,
        missing,
        cut,
        constant,
        tuple(scan.told),
        () if whole or each or known is not None else tuple(_findings(source.data, scan, part)),
    )


def _findings(data: Series, scan: _Scan, part: Parts) -> list[Finding]:
    found = Labeled(scan.names, scan.labels, scan.keys, part, scan.numbers, "recording")
    return findings(found, {"valid": data.valid, "test": data.test})


def _scaler(
    scan: _Scan, rows: dict[str, Numbers], data: Series, known: Known | None
) -> tuple[Scaler, tuple[str, ...]]:
    """The model's, or one of the training split; and the channels that never change there."""
    if known is not None:
        return known.scaler, ()

    def blocks() -> Iterator[NDArray[np.float64]]:
        return scan.blocks(rows["train"])

    scaler = fit(data.scale, blocks, len(scan.channels), mask=data.mask_channels)
    low = np.full(len(scan.channels), np.inf)
    high = -low
    for block in blocks():
        low, high = np.fmin(low, np.fmin.reduce(block)), np.fmax(high, np.fmax.reduce(block))
    still = np.flatnonzero(~(high > low))
    return scaler, tuple(scan.channels[place] for place in still)


def _cut(source: SeriesSource, scan: _Scan, seed: int) -> tuple[Parts, int, int, int]:
    """The part of each recording; how many repeat, are shared, and groups on both sides.

    Where steps have labels a recording is its own group: it has no label to be stratified by.
    """
    data = source.data
    shares = {"test": data.test, "valid": data.valid}
    if scan.steps is not None and not scan.grouped:
        return assign_groups(scan.keys, scan.official, **shares, seed=seed), 0, 0, 0
    if not scan.grouped:
        split = assign(
            scan.labels, scan.keys, scan.official, **shares, seed=seed, repeats=data.repeats
        )
        return split.part, split.repeated, split.shared, 0
    part = assign_groups(scan.groups, _named_groups(source, scan), **shares, seed=seed)
    trained = np.unique(scan.groups[part == TRAIN])
    both = np.isin(np.unique(scan.groups[part > TRAIN]), trained).sum()
    return part, 0, 0, int(both)


def _named_groups(source: SeriesSource, scan: _Scan) -> Parts:
    """What files and settings say of each recording's part. Errors: DataError for no such group."""
    official = scan.official.copy()
    for code, key in ((VALID, "valid_groups"), (TEST, "test_groups")):
        for name in getattr(source.data, key):
            own = scan.groups == np.uint64(text_key(name))
            if not own.any():
                problem = f"a group {name!r} expected, as data.{key} says, none found"
                hint = "data.group or data.group_pattern says what the groups are"
                raise DataError(source.path, 0, problem, hint)
            official[own] = code
    return official


@dataclass(frozen=True, eq=False)
class _Scan:
    """What one pass over R recordings leaves."""

    channels: tuple[str, ...]
    raw: NDArray[np.float64]  # (N, C), NaN where missing
    offsets: Numbers
    names: tuple[str, ...]
    labels: Numbers  # (R,) places in names
    steps: NDArray[np.int32] | None  # (N,)
    keys: Keys  # (R,) of the numbers, to find repeats
    groups: Keys  # (R,)
    grouped: bool
    official: Parts
    numbers: Numbers  # (R,) numbers of the records
    unlabeled: dict[str, int]
    told: list[str]
    foreign: int

    @classmethod
    def of(
        cls,
        source: SeriesSource,
        known: Known | None,
        *,
        each: bool,
        scratch: Path | None,
        poll: Callable[[], None],
    ) -> _Scan:
        data = source.data
        told: list[str] = []
        labels = placed(None if known is None else known.labels)
        flat: GrowingFrames | None = None
        steps = Growing(np.dtype(np.int32), scratch) if each else None
        offsets, places, keys, groups = array("q", [0]), array("q"), array("Q"), array("Q")
        official, numbers, channels = array("b"), array("q"), tuple[str, ...]()
        unlabeled: dict[str, int] = {}
        unknown = 0
        for number, part, record in _numbered(source, Wanted(each=each, tell=told.append), poll):
            if flat is None:
                channels = record.channels if known is None else known.channels
                flat = GrowingFrames(len(channels), np.dtype(np.float64), scratch)
            values = matched(record, channels)
            if not (record.label or any(record.labels)):
                unlabeled[part] = unlabeled.get(part, 0) + 1
                if not data.skip_unlabeled:
                    raise none_given(record)
                continue
            if steps is None:
                places.append(_place(labels, record.label, record, known))
            else:
                own = [_step_place(labels, one, known) for one in record.labels]
                unknown += own.count(NONE) - record.labels.count("")
                steps.append(np.array(own, np.int32))
                places.append(NONE)
            flat.append(values)
            offsets.append(offsets[-1] + len(values))
            keys.append(_key(values))
            groups.append(text_key(record.group))
            official.append(PARTS.index(part) if part in PARTS else NOT_SAID)
            numbers.append(number)
        if flat is None or not numbers:
            bare = sum(unlabeled.values())
            found = f"{bare:,} without a label found" if bare else "none found"
            hint = "--label-column or data.label_pattern says where labels are; or a folder a label"
            problem = f"at least one labeled recording expected, {found}"
            raise DataError(source.path, 0, problem, hint)
        names, label = tuple(labels) if known is None else known.labels, np.array(places, np.int64)
        marks = None if steps is None else np.asarray(steps.array(), np.int32)
        if known is None:
            names, label, marks = _sorted(names, label, marks)
        return cls(
            channels,
            flat.build(),
            np.array(offsets, np.int64),
            names,
            label,
            marks,
            np.array(keys, np.uint64),
            np.array(groups, np.uint64),
            bool(data.group or data.group_pattern),
            np.array(official, np.int8),
            np.array(numbers, np.int64),
            unlabeled,
            told,
            unknown,
        )

    def blocks(self, rows: Numbers) -> Iterator[NDArray[np.float64]]:
        """The steps (N, C) of some recordings, in blocks of about BLOCK."""
        ends = np.cumsum(self.offsets[1:][rows] - self.offsets[:-1][rows])
        at = 0
        while at < len(rows):
            before = ends[at - 1] if at else 0
            stop = max(int(np.searchsorted(ends, before + BLOCK, "right")), at + 1)
            spans = zip(
                self.offsets[:-1][rows[at:stop]], self.offsets[1:][rows[at:stop]], strict=True
            )
            yield np.concatenate([self.raw[start:end] for start, end in spans])
            at = stop

    def scaled(
        self, scaler: Scaler, scratch: Path | None, poll: Callable[[], None]
    ) -> tuple[NDArray[np.float32], float, int]:
        """All steps (N, outputs); the share of numbers that are missing, and how many were cut."""
        flat = GrowingFrames(scaler.outputs, np.dtype(np.float32), scratch)
        missing = cut = 0
        for number, (start, end) in enumerate(
            zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True)
        ):
            if number % POLL_EVERY == 0:
                poll()
            own = self.raw[start:end]
            missing += int(np.isnan(own).sum())
            cut += scaler.cut(own)
            flat.append(scaler(own))
        values: NDArray[np.float32] = flat.build()
        return values, missing / max(self.raw.size, 1), cut


def matched(record: Recording, channels: Sequence[str]) -> NDArray[np.float64]:
    """A recording's numbers, (T, C), its channels in this order.

    Names that are the same in another order are put into this one; where one side has only numbers
    for names, the channels are taken as they stand. Errors: DataError for others, or another count.
    """
    own = record.channels
    if own == tuple(channels) or not len(record.values):
        return record.values if len(record.values) else np.empty((0, len(channels)))
    bare = all(name.isdecimal() for name in own) or all(name.isdecimal() for name in channels)
    if len(own) == len(channels) and bare:
        return record.values
    if set(own) == set(channels):
        return record.values[:, [own.index(name) for name in channels]]
    lacking = [name for name in channels if name not in own]
    expected = f"{len(channels)} channel{'s' * (len(channels) != 1)}"
    problem = f"{expected} expected, {len(own)} found"
    if not bare and lacking:
        problem = f"a channel {lacking[0]!r} expected, found: {', '.join(own[:12])}"
    hint = "every recording, and every file for one model, has the same channels"
    raise DataError(record.path, record.line, problem, hint)


def _numbered(
    source: SeriesSource, wanted: Wanted, poll: Callable[[], None]
) -> Iterator[tuple[int, str, Recording]]:
    """Each recording with its number and its part."""
    number = 0
    for part in source.parts:
        before = number
        for record in source.records(part, wanted):
            if number % POLL_EVERY == 0:
                poll()
            yield number, part, record
            number += 1
        if number == before:
            path = source.parts[part][0].path
            raise DataError(path, 0, "at least one recording expected, none found")


def _place(labels: dict[str, int], name: str, record: Recording, known: Known | None) -> int:
    if known is not None and name not in labels:
        raise foreign(record._replace(label=name), known.labels)
    return labels[name]


def _step_place(labels: dict[str, int], name: str, known: Known | None) -> int:
    """The same of a step, NONE where it has no label, or none that is known."""
    if not name or (known is not None and name not in labels):
        return NONE
    return labels[name]


def _sorted(
    names: tuple[str, ...], labels: Numbers, steps: NDArray[np.int32] | None
) -> tuple[tuple[str, ...], Numbers, NDArray[np.int32] | None]:
    """Names in the order that people expect, and the places among these."""
    if steps is None:
        ordered, placed_ = in_order(names, labels)
        return ordered, placed_, None
    # NONE, -1, is the last place: it stays
    ordered, new = in_order(names, np.arange(len(names)))
    lookup = np.append(new, NONE)
    return ordered, labels, lookup[steps].astype(np.int32)


def _key(values: NDArray[np.float64]) -> int:
    """A number that equal recordings share."""
    content = np.ascontiguousarray(values)
    digest = hashlib.blake2b(content.tobytes(), digest_size=8)
    digest.update(str(values.shape).encode())
    return int.from_bytes(digest.digest(), "little")
