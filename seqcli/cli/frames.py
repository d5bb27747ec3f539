"""`seqcli tag` of a model of numbers: a label for every step of each recording, as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from seqcli.cli import options
from seqcli.cli.console import answer, finite, json_line, safe, say
from seqcli.errors import ConfigError, lookup
from seqcli.interrupts import interrupts
from seqcli.settings.sections import SERIES_FORMATS

if TYPE_CHECKING:
    from seqcli.answers.frames import FrameTagger, Steps
    from seqcli.answers.plotting import Track
    from seqcli.readers.series_tables import Part
    from seqcli.settings.sections import Series

BARE = ("recording", "step")  # columns of a table made of what is no table


class Given(Protocol):
    """What was typed: texts, or a path, or what comes in a stream; and its format."""

    texts: list[str]
    path: Path | None
    stream: Path | None
    form: str


@dataclass(frozen=True)
class Asked:
    """What is to be done: where recordings are, this shard's place, and where answers go."""

    path: Path | None
    stream: Path | None
    form: str
    encoding: str | None
    shard: tuple[int, int]
    output: Path | None
    plot: Path | None
    as_json: bool

    @classmethod
    def of(
        cls,
        given: Given,
        encoding: str | None,
        shard: tuple[int, int],
        output: str | None,
        plot: str | None,
        force: bool,
        as_json: bool,
    ) -> Asked:
        """Errors: ConfigError for options that do not go together; SeqcliError for a taken file."""
        from seqcli.answers.tables import check_free, check_output

        if given.texts:
            raise ConfigError(
                "this model reads numbers, texts given",
                '--input FILE names recordings, - reads lines of {"values": [[...], ...]}',
            )
        formats = SERIES_FORMATS if given.path is not None else ("auto", "jsonl")
        lookup(dict.fromkeys(formats), given.form, "format of recordings")
        if force and output is None and plot is None:
            raise ConfigError("--force belongs to --output and --plot")
        if as_json and output is not None:
            raise ConfigError(
                "--json prints, --output writes: give one of them",
                "--output FILE.jsonl holds a row a step",
            )
        target = None if output is None else options.existing(output, "--output")
        if target is not None:
            check_output(target, force=force)
        picture = None if plot is None else options.existing(plot, "--plot")
        if picture is not None:
            if picture.suffix.lower() != ".png":
                raise ConfigError(f"--plot {picture}: a name that ends in .png expected")
            check_free(picture, force=force)
        return cls(given.path, given.stream, given.form, encoding, shard, target, picture, as_json)

    def without(self, others: Mapping[str, object]) -> Asked:
        """The same. Errors: ConfigError for options that belong to models of text."""
        for name, value in others.items():
            if value is not None:
                raise ConfigError(f"{name} belongs to models of text", "this one reads numbers")
        return self


def tag(model: Path, asked: Asked, *, device: str, threads: int | None, quiet: bool) -> None:
    """Answer all steps: printed, or written to a table; and draw the first recording."""
    with interrupts.at_once():
        from seqcli.answers.frames import FrameTagger
        from seqcli.answers.loading import load_model

    tagger = FrameTagger.of(load_model(model, device=device, threads=threads))
    columns, steps = _steps(tagger, asked)
    track: Track | None = None
    if asked.plot is not None:
        from seqcli.answers.plotting import Track

        track = Track(tagger.kind.labels, tagger.kind.channels)
        steps = track.seeing(steps)
    if asked.output is not None:
        count = _write(steps, tagger, columns, asked.output, quiet)
        if not quiet:
            say(f"{asked.output}: {count:,} steps")
    else:
        _print(steps, tagger.kind.labels, as_json=asked.as_json)
    if track is not None and asked.plot is not None:
        from seqcli.files import write_bytes

        write_bytes(asked.plot, track.png())
        if not quiet:
            say(f"picture: {asked.plot}" + track.remark)


def _steps(tagger: FrameTagger, asked: Asked) -> tuple[tuple[str, ...], Iterator[Steps]]:
    """Columns that a table of answers keeps, and the answers."""
    from seqcli.answers.frames import FrameSource
    from seqcli.answers.signals import read_as
    from seqcli.readers.lines import check_encoding
    from seqcli.readers.series_source import discover_series

    reading = read_as(tagger.kind.reading, asked.encoding)
    check_encoding(reading.encoding)
    place, count = asked.shard[0] - 1, asked.shard[1]
    if asked.stream is not None or asked.path is None:
        stream = asked.stream or Path("-")
        return (), tagger.stream(_arriving(tagger, stream, reading, place, count))
    source = discover_series(asked.path, replace(reading, format=asked.form))
    found = FrameSource.of(source, tagger.kind.channels)
    scalers = found.scalers(tagger.kind, place, count)
    return found.columns, tagger.stream([found.parts(place, count)], scalers)


def _arriving(
    tagger: FrameTagger, stream: Path, reading: Series, place: int, count: int
) -> Iterator[list[Part]]:
    """Groups of parts, each a recording, out of the lines of a stream."""
    from seqcli.answers.prediction import CHARACTERS, ROWS
    from seqcli.answers.signals import arriving_recordings, recordings_of
    from seqcli.readers.series_tables import Part

    lines = options.live(stream, reading.encoding).groups(rows=ROWS, characters=CHARACTERS)
    number = -1
    for group in arriving_recordings(lines, reading, tagger.kind.channels):
        own = []
        for record in recordings_of(group):
            number += 1
            if number % count == place:
                own.append(Part(record, True, True))
        yield own


def _print(found: Iterator[Steps], labels: tuple[str, ...], *, as_json: bool) -> None:
    """Lines on stdout, written and flushed as they come; of JSON one for each recording."""
    from seqcli.answers.frames import as_json as spelled

    shown = [safe(label) for label in labels]
    held: list[Steps] = []
    for steps in found:
        if as_json:
            held.append(steps)
            if steps.ends:
                answer(json_line(finite(spelled(steps.name, held, labels))))
                held = []
            continue
        pairs = zip(steps.labels.tolist(), steps.chosen, strict=True)
        lines = [f"{shown[label]}\t{prob:.4f}" for label, prob in pairs]
        answer("\n".join([*lines, ""] if steps.ends else lines))


def _write(
    found: Iterator[Steps], tagger: FrameTagger, kept: tuple[str, ...], path: Path, quiet: bool
) -> int:
    """The table at `path`, a row a step: the input's columns, or its name and the step's number."""
    from seqcli.answers.tables import fresh_names, table_writer

    wanted: dict[str, type] = {"label": str, "prob": float}
    own = kept or BARE
    names = fresh_names(own, list(wanted))
    if not quiet:
        for old, new in zip(wanted, names, strict=True):
            if old != new:
                say(f"the input has a column {old!r}: the answers are in {new!r}")
    count = at = 0
    labels = tagger.kind.labels
    added = dict(zip(names, wanted.values(), strict=True))
    with table_writer(path, own, added) as table:
        for steps in found:
            at = 0 if steps.begins else at
            size = len(steps.labels)
            rows = steps.rows if kept else [[steps.name, str(at + n + 1)] for n in range(size)]
            answers = zip(steps.labels.tolist(), steps.chosen, strict=True)
            pairs = zip(rows, answers, strict=True)
            table.write([[*row, labels[label], prob] for row, (label, prob) in pairs])
            at, count = at + size, count + size
    return count
