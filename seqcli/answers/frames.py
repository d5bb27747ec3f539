"""A label for every step of recordings, in order and in bounded memory: parts in, answers out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from seqcli import kinds
from seqcli.answers.loading import Loaded
from seqcli.answers.signals import array_recording, fitted
from seqcli.data.frames import Floats
from seqcli.data.pieces import context, stride
from seqcli.data.scaling import Scaler
from seqcli.errors import SeqcliError
from seqcli.interrupts import interrupts
from seqcli.kinds.abilities import Framed, TagsNumbers
from seqcli.machine.device import Runtime
from seqcli.readers.numerals import Numerals
from seqcli.readers.record import Piece
from seqcli.readers.recording import Recording, Wanted
from seqcli.readers.series_source import SeriesSource
from seqcli.readers.series_tables import Part, csv_table, long_parquet, parts_of, tsv_table
from seqcli.settings.sections import BY_RECORDING

PART = 1 << 10  # rows of a table read at a time
GROUP = 1 << 14  # steps answered together
DECIMALS = 4  # of every probability that leaves the program
UNLABELED = Wanted(label=False, each=True)


class Steps(NamedTuple):
    """Answers to steps of a recording that follow each other, in order.

    begins, ends: whether they are its first ones, and its last; rows: of the table they stand in.
    """

    name: str
    begins: bool
    ends: bool
    values: NDArray[np.float64]  # (n, channels), NaN where missing
    labels: NDArray[np.int64]  # (n,)
    probs: NDArray[np.float32]  # (n, C)
    rows: Sequence[Sequence[Any]] = ()

    @property
    def chosen(self) -> list[float]:
        """The probability of each answer."""
        found = self.probs[np.arange(len(self.labels)), self.labels]
        return [round(one, DECIMALS) for one in found.tolist()]


@dataclass(frozen=True)
class FrameTagger:
    """A model that gives steps labels, in eval mode on its device."""

    kind: TagsNumbers
    model: nn.Module
    runtime: Runtime

    @classmethod
    def of(cls, loaded: Loaded) -> FrameTagger:
        """Errors: SeqcliError for a kind that gives no step a label."""
        kinds.refuse(loaded.kind.spec, "tag", loaded.path)
        return cls(cast(TagsNumbers, loaded.kind), loaded.model, loaded.runtime)

    def stream(
        self, groups: Iterable[Iterable[Part]], scalers: Iterator[Scaler] | None = None
    ) -> Iterator[Steps]:
        """The steps of all parts with their answers; what a group asks for is answered with it.

        The recordings are `fitted`. scalers: of the recordings in order; None: each recording is
        one part. An error among the parts comes after the answers to those before it.
        """
        cutter = _Cutter(self.kind.most)
        for group in groups:
            fault: SeqcliError | None = None
            parts = iter(group)
            while True:
                try:
                    part = next(parts)
                except StopIteration:
                    break
                except SeqcliError as error:
                    fault = error
                    break
                if part.begins:
                    own = (part.recording.values for _ in range(1))
                    cutter.scaler = self.kind.scaled(own) if scalers is None else next(scalers)
                cutter.take(part)
                if cutter.steps >= GROUP:
                    yield from self._answered(cutter)
            yield from self._answered(cutter)
            if fault is not None:
                raise fault

    def _answered(self, cutter: _Cutter) -> Iterator[Steps]:
        pieces, cutter.pieces, cutter.steps = cutter.pieces, [], 0
        read = [piece.read for piece in pieces]
        found = self.kind.tag_numbers(self.model, read, self.runtime, interrupts.poll)
        for piece, framed in zip(pieces, found, strict=True):
            yield piece.answered(framed)

    def tag(self, arrays: Iterable[Any]) -> list[tuple[str, list[Steps]]]:
        """The answers to each array (T, C) or (T,), in order: for a program rather than the shell.

        Errors: DataError for what is no array of finite numbers (NaN is a missing one), or has
        other channels than the model.
        """
        missing = Numerals(self.kind.reading.missing)
        records = (
            fitted(array_recording(one, number, missing), self.kind.channels)
            for number, one in enumerate(arrays, start=1)
        )
        steps = self.stream([(Part(one, True, True) for one in records)])
        return recordings_of(steps)


def recordings_of(steps: Iterable[Steps]) -> list[tuple[str, list[Steps]]]:
    """Answers recording by recording, with its name."""
    found: list[tuple[str, list[Steps]]] = []
    for one in steps:
        if one.begins:
            found.append((one.name, []))
        found[-1][1].append(one)
    return found


class Segment(NamedTuple):
    """Steps from `start` up to, not with, `end`: a run of one label, and its mean probability."""

    start: int
    end: int
    label: str
    prob: float


def segments(
    labels: NDArray[np.int64], chosen: Sequence[float], names: Sequence[str]
) -> list[Segment]:
    """The runs of one label in a recording's answers (T,)."""
    if not len(labels):
        return []
    bounds = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [
        Segment(
            start, end, names[labels[start]], round(float(np.mean(chosen[start:end])), DECIMALS)
        )
        for start, end in pairwise(bounds)
    ]


def as_json(name: str, steps: Sequence[Steps], names: Sequence[str]) -> dict[str, Any]:
    """One recording's answers as JSON values."""
    labels = np.concatenate([one.labels for one in steps])
    chosen = [prob for one in steps for prob in one.chosen]
    missing = sum(int(np.isnan(one.values).sum()) for one in steps)
    size = sum(one.values.size for one in steps)
    return {
        "recording": name,
        "steps": len(labels),
        "labels": [names[label] for label in labels.tolist()],
        "probs": chosen,
        "segments": [segment._asdict() for segment in segments(labels, chosen, names)],
        "missing_share": round(missing / size, DECIMALS) if size else 0.0,
    }


class _Asked(NamedTuple):
    """A piece to be read; of `read` the steps from `first` up to `last` are answered by it."""

    name: str
    begins: bool
    ends: bool
    read: Floats
    first: int
    last: int
    values: NDArray[np.float64]  # of the steps that it answers
    rows: Sequence[Sequence[Any]]

    def answered(self, found: Framed) -> Steps:
        own = slice(self.first, self.last)
        labels, probs = found.labels[own], found.probs[own]
        return Steps(self.name, self.begins, self.ends, self.values, labels, probs, self.rows)


@dataclass
class _Cutter:
    """Parts of recordings in, the pieces of `data.pieces.Pieces` out, as soon as they are whole."""

    most: int
    scaler: Scaler | None = None
    pieces: list[_Asked] = field(default_factory=list)
    steps: int = 0  # in `pieces`
    _held: list[NDArray[np.float64]] = field(default_factory=list)  # of the recording, from _start
    _rows: list[Sequence[Any]] = field(default_factory=list)  # of its steps not yet answered
    _start: int = 0
    _have: int = 0  # steps of it that came

    def take(self, part: Part) -> None:
        """A part more."""
        if part.begins:
            self._held, self._rows, self._start, self._have = [], [], 0, 0
        self._held.append(part.recording.values)
        self._rows.extend(part.rows)
        self._have += len(part.recording.values)
        while self._have > self._start + self.most:
            self._cut(part.recording, ends=False)
        if part.ends:
            self._cut(part.recording, ends=True)

    def _cut(self, recording: Recording, *, ends: bool) -> None:
        if self.scaler is None:
            raise ValueError("a part before the one that begins its recording")
        values = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        own = values if ends else values[: self.most]
        first = context(self.most) if self._start else 0
        last = len(own) if ends else self.most - context(self.most)
        rows, self._rows = self._rows[: last - first], self._rows[last - first :]
        begins = self._start == 0
        asked = own[first:last]
        self.pieces.append(
            _Asked(recording.name, begins, ends, self.scaler(own), first, last, asked, rows)
        )
        self.steps += len(own)
        self._start += stride(self.most)
        self._held = [values[stride(self.most) :]]


@dataclass(frozen=True)
class FrameSource:
    """Recordings to be tagged; a single table is read in parts and keeps its columns.

    columns: of that table, else none.
    """

    source: SeriesSource
    channels: tuple[str, ...]
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: SeriesSource, channels: tuple[str, ...]) -> FrameSource:
        """Errors: DataError."""
        table = None
        if len(source.files) == 1 and source.format in TABLES:
            table = TABLES[source.format](source.files[0], source.data)
        return cls(source, channels, () if table is None else tuple(table.columns))

    def parts(self, place: int = 0, count: int = 1) -> Iterator[Part]:
        """The parts of every `count`-th recording from `place` on. Errors: DataError."""
        number = -1
        for part in self._all():
            number += part.begins
            if number % count == place:
                values = fitted(part.recording, self.channels)
                yield part._replace(recording=values)

    def scalers(self, kind: TagsNumbers, place: int, count: int) -> Iterator[Scaler] | None:
        """How each of these is scaled, found by reading all of them once more.

        None where that needs no recording as a whole, or each comes as a whole.
        """
        if not self.columns:
            return None
        if kind.reading.scale not in BY_RECORDING:
            return _always(kind.scaled(()))
        numbered = _numbered(self.parts(place, count))
        return (
            kind.scaled(part.recording.values for _, part in own)
            for _, own in groupby(numbered, key=lambda pair: pair[0])
        )

    def _all(self) -> Iterator[Part]:
        path = self.source.files[0]
        table = TABLES[self.source.format](path, self.source.data) if self.columns else None
        if table is not None:
            yield from parts_of(Piece(path), table, self.source.data, UNLABELED, most=PART)
            return
        for record in self.source.records(None, UNLABELED):
            yield Part(record, True, True)


TABLES = {"csv": csv_table, "tsv": tsv_table, "parquet": long_parquet}


def _always(scaler: Scaler) -> Iterator[Scaler]:
    while True:
        yield scaler


def _numbered(parts: Iterable[Part]) -> Iterator[tuple[int, Part]]:
    number = 0
    for part in parts:
        number += part.begins
        yield number, part
