"""Labels for recordings, in order and in bounded memory: groups in, answers out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import nn

from seqcli import kinds
from seqcli.answers.loading import Loaded
from seqcli.answers.prediction import Answer, Group, Predictions, grouped
from seqcli.data.numbers import matched
from seqcli.errors import DataError, SeqcliError
from seqcli.interrupts import interrupts
from seqcli.kinds.abilities import ClassifiesNumbers
from seqcli.machine.device import Runtime
from seqcli.readers.jsonl import objects_of
from seqcli.readers.lines import plain_name
from seqcli.readers.live import NAME
from seqcli.readers.numerals import Numerals, at_line
from seqcli.readers.recording import Recording, Wanted, numbered
from seqcli.readers.series_source import ENDINGS, discover_series
from seqcli.readers.series_tables import of_object
from seqcli.settings.sections import Series

UNLABELED = Wanted(label=False)
PLAIN = ("ucr", "csv", "tsv")  # formats of which an ending does not tell which
ARRAYS = "arrays"  # what an error calls recordings that a program gave


@dataclass(frozen=True)
class SignalPredictor:
    """A model that gives recordings labels, in eval mode on its device."""

    kind: ClassifiesNumbers
    model: nn.Module
    runtime: Runtime

    @classmethod
    def of(cls, loaded: Loaded) -> SignalPredictor:
        """Errors: SeqcliError for a kind that has no labels."""
        kinds.refuse(loaded.kind.spec, "classify", loaded.path)
        return cls(cast(ClassifiesNumbers, loaded.kind), loaded.model, loaded.runtime)

    def stream(self, groups: Iterable[Group]) -> Iterator[tuple[Group, Predictions]]:
        """Each group with its predictions, as soon as it is there."""
        for group in groups:
            if group.texts:
                yield group, self.predict(recordings_of(group))

    def predict(self, recordings: Sequence[Recording]) -> Predictions:
        """One group's predictions; whatever else is in the group changes none of them.

        The recordings are `fitted`. What stands for unknown words is the share of missing numbers.
        """
        arrays = [one.values for one in recordings]
        scores = self.kind.answer_numbers(self.model, arrays, self.runtime, interrupts.poll)
        missing = [float(np.isnan(one).mean()) if one.size else 0.0 for one in arrays]
        return Predictions.of(self.kind.labels, scores, np.array(missing))

    def classify(self, arrays: Iterable[Any]) -> list[tuple[Recording, Answer]]:
        """The answer to each array (T, C) or (T,), in order: for a program rather than the shell.

        Errors: DataError for what is no array of finite numbers (NaN is a missing one), or has
        other channels than the model.
        """
        missing = Numerals(self.kind.reading.missing)
        channels = self.kind.channels
        records = (
            fitted(array_recording(one, number, missing), channels)
            for number, one in enumerate(arrays, start=1)
        )
        found: list[tuple[Recording, Answer]] = []
        for group, predictions in self.stream(grouped_recordings(records)):
            own = recordings_of(group)
            found += zip(own, predictions.answers(group.texts), strict=True)
        return found


def recordings_of(group: Group) -> list[Recording]:
    """The recordings that a group of names holds as its cells."""
    return [cells[0] for cells in group.cells]


def grouped_recordings(records: Iterable[Recording]) -> Iterator[Group]:
    """Recordings gathered to groups of bounded size; an error among them comes after the others."""
    rows = ((one.name, (one,)) for one in records)
    return grouped(rows, size=lambda name, cells: int(cells[0].values.size))


def fitted(record: Recording, channels: tuple[str, ...]) -> Recording:
    """The recording with a model's channels in its order. Errors: DataError for others."""
    return record._replace(values=matched(record, channels), channels=channels)


def recordings_at(path: Path, reading: Series, channels: tuple[str, ...]) -> Iterator[Recording]:
    """What is to be labeled at `path`, file or folder. Errors: DataError."""
    named = ENDINGS.get(Path(plain_name(path)).suffix.lower())
    # the training's format where the ending may mean it: UCR's tables are called .csv too
    own = reading.format if named in PLAIN and reading.format in PLAIN else "auto"
    records = discover_series(path, replace(reading, format=own)).records(None, UNLABELED)
    return (fitted(one, channels) for one in records)


def arriving_recordings(
    groups: Iterable[list[str]], reading: Series, channels: tuple[str, ...]
) -> Iterator[Group]:
    """Groups of lines, a JSON object each, as recordings; a bad line comes last."""
    count = 0
    for some in groups:
        found: list[Recording] = []
        fault: SeqcliError | None = None
        try:
            for line, value in objects_of(NAME, some, first=count + 1):
                record = of_object(value, reading, UNLABELED, NAME, line, line)
                found.append(fitted(record, channels))
        except DataError as error:
            fault = error
        count += len(some)
        if found:
            yield Group([one.name for one in found], [(one,) for one in found])
        if fault is not None:
            raise fault


def array_recording(given: Any, number: int, missing: Numerals) -> Recording:
    """A program's array (T, C) or (T,), the `number`-th, as a recording. Errors: DataError."""
    try:
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(ARRAYS, number, f"an array of numbers expected: {error}") from None
    if values.ndim not in (1, 2):
        problem = f"an array (steps, channels) expected, one of shape {values.shape} found"
        raise DataError(ARRAYS, number, problem)
    steps = values if values.ndim == 2 else values[:, None]
    flat = missing.checked(steps.ravel(), ARRAYS, at_line(number))
    names = numbered(steps.shape[1])
    return Recording(flat.reshape(steps.shape), names, ARRAYS, number, str(number))


def read_as(reading: Series, encoding: str | None) -> Series:
    """The same settings for files to be labeled, in another encoding if one is given."""
    own = replace(reading, label_pattern="", group="", group_pattern="")
    return own if encoding is None else replace(own, encoding=encoding)
