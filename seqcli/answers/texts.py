"""Texts to be answered: given ones, the rows of a table, documents, or what comes in a stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seqcli.answers.prediction import CHARACTERS, ROWS, Group, grouped
from seqcli.errors import ConfigError, DataError
from seqcli.readers.incoming import Begun, told
from seqcli.readers.layout import documents
from seqcli.readers.live import Live
from seqcli.readers.record import Piece
from seqcli.readers.tables import BARE, Table, open_table, table_format
from seqcli.readers.text_files import whole_file
from seqcli.settings.sections import LabeledText
from seqcli.text.normal import whole

FORMATS = {"auto": "auto", "lines": "text", "csv": "csv", "tsv": "tsv", "jsonl": "jsonl"}
FORMATS |= {"json": "jsonl", "parquet": "parquet"}


@dataclass(frozen=True)
class Trained:
    """What a model knows of texts: the column it was trained on, its labels."""

    column: str = ""
    labels: Collection[str] = ()


@dataclass(frozen=True)
class Texts:
    """Groups of texts, in order, as they come; they can be gone through once.

    columns: of the cells around each text; said: what a person should know of how they are read;
    paths: whether the first cell is the file that the text is.
    """

    columns: tuple[str, ...]
    groups: Iterator[Group]
    said: tuple[str, ...] = ()
    paths: bool = False


def given(texts: Sequence[str]) -> Texts:
    """Texts that are there already."""
    return Texts(("text",), grouped((text, (text,)) for text in map(whole, texts)))


def in_documents(path: Path, data: LabeledText, *, mixed: bool) -> Texts:
    """A file as one text, or each file of a folder, in their order.

    mixed: tables are texts too. Errors: DataError for a folder without files or with tables; while
    it is read, for a file that is no text.
    """
    files = documents(path) if path.is_dir() else [path]
    if not files:
        raise DataError(path, 0, "at least one file expected, none found")
    tables = [file for file in files if table_format(file) and path.is_dir()]
    if tables and not mixed:
        problem = f"a folder of texts expected, tables found: {tables[0].name}"
        raise DataError(path, 0, problem, "name one table, or --documents reads each as one text")
    pieces = (next(whole_file(Piece(file), data, ())) for file in files)
    rows = ((record.text, (record.path, record.text)) for record in pieces)
    return Texts(("path", "text"), grouped(rows), paths=True)


def in_file(path: Path, data: LabeledText, trained: Trained) -> Texts:
    """The rows of a table, or the lines of a text; `data.format` "auto": as its ending says.

    Where that says nothing, as its beginning does. Errors: DataError, ConfigError.
    """
    said: list[str] = []
    if data.format == "auto" and table_format(path) is None:
        begun = Begun.of_file(path, data.encoding)
        data, said = _as_told(begun, str(path), data, trained)
    _refuse_column(data)
    table = open_table(path, data, own=trained.column)
    return _rows(table, said, data, trained)


def in_stream(live: Live, data: LabeledText, trained: Trained) -> Texts:
    """What comes, each group as soon as nothing more is at hand; the format as for files.

    A stream has no ending: of `data.format` "auto" its beginning tells. Errors: DataError,
    ConfigError.
    """
    said: list[str] = []
    if data.format == "auto":
        data, said = _as_told(Begun.of(live), live.name, data, trained)
    _refuse_column(data)
    if data.format == "text":
        groups = live.groups(rows=ROWS, characters=CHARACTERS)
        return Texts(("text",), (Group(some) for some in groups), tuple(said))
    if data.format == "parquet":
        raise DataError(live.name, 0, "parquet cannot be read from a stream", "--input FILE")
    table = open_table(live.name, data, own=trained.column, live=live)
    return _rows(table, said, data, trained, live.idle)


def in_one(live: Live) -> Texts:
    """All that comes as one text."""
    text = "\n".join(live)
    return Texts(("text",), iter([Group([text])]))


def _as_told(
    begun: Begun, name: str, data: LabeledText, trained: Trained
) -> tuple[LabeledText, list[str]]:
    columns = [data.text_column] if data.text_column else [trained.column]
    found = told(begun, columns, trained.labels)
    if data.text_column and found.format == "text":
        first = (begun.first or "nothing")[:40]
        problem = f"a column {data.text_column!r} expected, a text found: {first}"
        raise DataError(name, 1, problem, "--format csv, tsv or jsonl says what it is")
    said = [f"{name}: {found.said}"] if found.said else []
    return replace(data, format=found.format), said


def _refuse_column(data: LabeledText) -> None:
    if data.text_column and data.format == "text":
        raise ConfigError("--text-column does nothing for lines of text", "leave one of them out")


def _rows(
    table: Table,
    said: Sequence[str],
    data: LabeledText,
    trained: Trained,
    idle: Callable[[], bool] = lambda: False,
) -> Texts:
    text, own = table.getter("text"), trained.column
    unnamed = table.columns in (("text",), BARE) or own.isdecimal()
    if own and not data.text_column and not unnamed:
        read = table.named("text")
        if read.casefold() != own.casefold():
            missed = f"no column {own!r}, which the model was trained on: {read!r} is read"
            said = [*said, f"{table.path}: {missed}"]
    rows = ((text(row), row.cells) for row in table.rows)
    return Texts(table.columns, grouped(rows, idle=idle), tuple(said))
