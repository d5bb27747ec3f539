"""Where what is to be answered comes from: arguments, a file or folder, a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.cli import options
from seqcli.errors import ConfigError, lookup

if TYPE_CHECKING:
    from seqcli.answers.prediction import Group
    from seqcli.answers.texts import Texts as Found
    from seqcli.kinds.abilities import ClassifiesNumbers

STDIN = "-"
FORMATS = {name: name for name in ("auto", "lines", "jsonl", "csv", "tsv", "parquet")}
Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Texts, or `-` alone: what comes on stdin."),
]
Input = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Table, lines, or a folder of texts.  [default: none]"),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="lines, jsonl, csv, tsv or parquet.  [default: auto]"
    ),
]
Documents = Annotated[
    bool, typer.Option("--documents", help="A file is one text.  [default: in folders]")
]


@dataclass(frozen=True)
class Reading:
    """How texts are read; `given`: the options that say so."""

    format: str
    documents: bool
    text_column: str | None
    encoding: str
    given: frozenset[str]

    @classmethod
    def of(
        cls, form: str | None, documents: bool, text_column: str | None, encoding: str | None
    ) -> Reading:
        """Errors: ConfigError for an unknown format, and options that exclude each other."""
        every = {
            "--format": form,
            "--documents": documents or None,
            "--text-column": text_column,
            "--encoding": encoding,
        }
        given = frozenset(option for option, value in every.items() if value is not None)
        for option in sorted(given & {"--format", "--text-column"}):
            if documents:
                raise ConfigError(f"{option} does nothing with --documents", "give one of them")
        known = lookup(FORMATS, form or "auto", "format")
        return cls(known, documents, text_column, encoding or "utf-8", given)


def _name(column: object) -> str:
    """A column that is named; a number says nothing of another table."""
    return "" if str(column).isdecimal() else str(column)


class TextSource:
    """Where the texts come from, as far as the command line tells: one place, and how it is read.

    path: of a file or folder, None for `texts` or a stream; stream: the name of what comes.
    """

    def __init__(
        self, texts: list[str], path: Path | None, stream: Path | None, reading: Reading
    ) -> None:
        self.texts, self.path, self.stream, self._reading = texts, path, stream, reading

    @classmethod
    def of(cls, texts: list[str], path: str | None, reading: Reading) -> TextSource:
        """Errors: ConfigError unless it is exactly one source, with options that belong to it."""
        if bool(texts) == (path is not None):
            problem = "texts and --input" if texts else "no text"
            raise ConfigError(
                f"{problem} given", "give texts, or --input FILE, or - to read lines from stdin"
            )
        if path is None and STDIN in texts and len(texts) > 1:
            raise ConfigError("`-` reads stdin and stands alone", "give texts, or - alone")
        if texts and texts != [STDIN]:
            for option in sorted(reading.given):
                raise ConfigError(f"{option} belongs to --input PATH and to -")
            return cls(texts, None, None, reading)
        place = Path(STDIN) if texts else options.existing(path or "", "--input")
        if options.is_stream(place):
            return cls([], None, place, reading)
        return cls([], place, None, reading)

    def open(self, description: dict[str, Any], tell: Callable[[str], None]) -> Found:
        """What is to be read; of a stream the first line is waited for.

        Errors: DataError, ConfigError.
        """
        from seqcli.answers import texts as read
        from seqcli.readers.incoming import names_of_files
        from seqcli.readers.lines import check_encoding
        from seqcli.settings.sections import LabeledText

        reading = self._reading
        check_encoding(reading.encoding)
        form = "auto" if reading.documents else read.FORMATS[reading.format]
        column = reading.text_column or ""
        data = LabeledText(text_column=column, encoding=reading.encoding, format=form)
        data_of, learned = description["data"].get("columns"), description["learned"]
        own = data_of.get("text", "") if isinstance(data_of, dict) else ""
        settings = description["config"]["data"]
        own = own or settings.get("text_column", "") or _name(settings.get("source", ""))
        trained = read.Trained(str(own), tuple(map(str, learned.get("labels", ()))))
        if self.stream is not None:
            live = options.live(self.stream, reading.encoding)
            live.told = tell
            found = read.in_one(live) if reading.documents else read.in_stream(live, data, trained)
        elif self.path is None:
            found = read.given(self.texts)
            if named := names_of_files(self.texts):
                tell(named)
        elif reading.documents or self.path.is_dir():
            if reading.given - {"--documents", "--encoding"}:
                raise ConfigError(f"{min(reading.given)} does nothing for documents")
            found = read.in_documents(self.path, data, mixed=reading.documents)
        else:
            found = read.in_file(self.path, data, trained)
        for line in found.said:
            tell(line)
        return found

    def recordings(self, kind: ClassifiesNumbers) -> Found:
        """What is to be read as recordings, for a model of numbers. Errors: DataError."""
        from seqcli.answers import signals
        from seqcli.answers.prediction import CHARACTERS, ROWS
        from seqcli.answers.texts import Texts as Found

        given = self._reading.encoding if "--encoding" in self._reading.given else None
        reading, channels = signals.read_as(kind.reading, given), kind.channels
        groups: Iterator[Group]
        if self.path is not None:
            groups = signals.grouped_recordings(signals.recordings_at(self.path, reading, channels))
        else:
            live = options.live(self.stream or Path(STDIN), reading.encoding)
            lines = live.groups(rows=ROWS, characters=CHARACTERS)
            groups = signals.arriving_recordings(lines, reading, channels)
        return Found(("recording",), groups)

    def of_numbers(self) -> None:
        """From here on recordings are looked for. Errors: ConfigError for what holds texts."""
        if self.texts:
            raise ConfigError(
                "this model reads numbers, texts given",
                '--input FILE names recordings, - reads lines of {"values": [[...], ...]}',
            )
        for option in sorted(self._reading.given - {"--encoding"}):
            raise ConfigError(f"{option} belongs to models of text", "this one reads numbers")


def is_parquet(path: Path | None, form: str) -> bool:
    """Whether the table at a path is one whose columns have types."""
    from seqcli.readers.tables import table_format

    return path is not None and (table_format(path) if form == "auto" else form) == "parquet"
