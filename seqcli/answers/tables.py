"""Tables written row by row and atomically: csv, tsv, JSON lines, parquet, by the file's ending."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol

from seqcli.answers.formulas import guarded
from seqcli.errors import ConfigError, SeqcliError
from seqcli.files import atomic_write
from seqcli.readers.lines import COMPRESSED
from seqcli.readers.tables import table_format

Rows = Sequence[Sequence[Any]]
ENDINGS = "csv, tsv, jsonl or parquet; the first three also with .gz, .bz2 or .xz behind"
ROW_GROUP = 1 << 14  # rows that parquet packs together
TSV_BREAKS = str.maketrans("\t\n\r", "   ")


class TableWriter(Protocol):
    """A table that grows.

    softened: cells that the format could not hold as they were; guarded: cells that would have
    been formulas.
    """

    softened: int
    guarded: int

    def write(self, rows: Rows) -> None:
        """Add rows, each with a cell for every column."""


def check_output(path: Path, *, force: bool, safe: bool = False) -> str:
    """The format that `path` names; ConfigError for another ending, or one that needs no guard.

    SeqcliError for a folder, and for what exists already unless `force`.
    """
    kind = table_format(path)
    packed = path.suffix.lower() in COMPRESSED
    if kind is None or (packed and kind == "parquet"):
        raise ConfigError(
            f"--output {path}: its ending names no table format", f"one of: {ENDINGS}"
        )
    if safe and kind not in ("csv", "tsv"):
        raise ConfigError(
            f"--safe-csv: no spreadsheet computes the cells of {kind}", "leave it out"
        )
    if path.is_dir():
        raise SeqcliError(f"{path}: a folder", "--output takes the name of a file")
    if path.exists() and not force:
        raise SeqcliError(f"{path} exists", "--force overwrites it, --output FILE goes elsewhere")
    return kind


def fresh_names(taken: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Names for new columns: a wanted one that is taken gets "predicted_" before it.

    Where that is taken as well, a number from 2 after it.
    """
    used = set(taken)
    names = []
    for name in wanted:
        fresh = name if name not in used else f"predicted_{name}"
        number = 2
        while fresh in used:
            fresh = f"predicted_{name}_{number}"
            number += 1
        used.add(fresh)
        names.append(fresh)
    return names


@contextmanager
def table_writer(
    path: Path,
    kept: Sequence[str],
    added: dict[str, type],
    source: Path | None = None,
    *,
    safe: bool = False,
) -> Iterator[TableWriter]:
    """A writer of columns `kept` and then `added` (str or float); the file is there at the end.

    source: the parquet file that `kept` comes from, whose types they keep; safe: csv and tsv cells
    that a spreadsheet would take for formulas are guarded.
    Errors: SeqcliError if it cannot be written, or a value is of another type than its column.
    """
    kind = table_format(path)
    columns = [*kept, *added]
    with atomic_write(path) as file, ExitStack() as stack:
        if kind == "parquet":
            schema = _schema(kept, source)
            parquet = _Parquet(path, file, kept, added, schema)
            stack.callback(parquet.close)  # also after an error: pyarrow would close it too late
            yield parquet
            parquet.finish()
            return
        packer: Any = COMPRESSED.get(path.suffix.lower())
        out = file if packer is None else stack.enter_context(packer(file, "wb"))
        form, header = FORMS[kind or "csv"]
        writer = _Text(out, columns, form, safe)
        if header:
            writer.write([columns])
        yield writer


class _Text:
    """Lines of text, UTF-8, whatever the locale."""

    def __init__(self, file: IO[bytes], columns: Sequence[str], form: Form, safe: bool) -> None:
        self.softened = self.guarded = 0
        self._file, self._columns, self._form, self._safe = file, columns, form, safe

    def write(self, rows: Rows) -> None:
        if self._safe:
            rows, changed = guarded([[_plain(cell) for cell in row] for row in rows])
            self.guarded += changed
        lines, softened = self._form(self._columns, rows)
        self.softened += softened
        self._file.write("".join(lines).encode("utf-8", "backslashreplace"))


Form = Callable[[Sequence[str], Rows], tuple[list[str], int]]


def _csv(columns: Sequence[str], rows: Rows) -> tuple[list[str], int]:
    lines: list[str] = []
    # "\r\n" here only because the writer quotes what is in its line end: a bare "\r" too
    writer = csv.writer(_Lines(lines), lineterminator="\r\n")
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return [f"{line[:-2]}\n" for line in lines], 0


class _Lines:
    """What csv.writer writes to."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def _tsv(columns: Sequence[str], rows: Rows) -> tuple[list[str], int]:
    lines, softened = [], 0
    for row in rows:
        cells = [_plain(cell) for cell in row]
        line = "\t".join(cells)
        if "\n" in line or "\r" in line or line.count("\t") >= len(columns):
            softer = [cell.translate(TSV_BREAKS) for cell in cells]
            softened += sum(old != new for old, new in zip(cells, softer, strict=True))
            line = "\t".join(softer)
        lines.append(f"{line}\n")
    return lines, softened


def _json_lines(columns: Sequence[str], rows: Rows) -> tuple[list[str], int]:
    return [f"{_json(dict(zip(columns, row, strict=True)))}\n" for row in rows], 0


# Format: how its rows are spelled, and whether the names of the columns are its first one.
FORMS: dict[str, tuple[Form, bool]] = {
    "csv": (_csv, True),
    "tsv": (_tsv, True),
    "jsonl": (_json_lines, False),
}


def _plain(value: Any) -> str:
    """A cell as text: empty for null and NaN, numbers and nested values as JSON spells them."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (bool, int, float, list, dict)):
        return _json(value)
    return _other(value)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_other)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=_other)


def _other(value: Any) -> str:
    """Dates, decimals and bytes out of parquet."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _finite(value: Any) -> Any:
    """NaN and infinity as null, all the way down: JSON has neither."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


class _Parquet:
    """Row groups of ROW_GROUP rows; types from the source, or else from the first rows."""

    def __init__(
        self, path: Path, file: BinaryIO, kept: Sequence[str], added: dict[str, type], schema: Any
    ) -> None:
        self.softened = self.guarded = 0
        self._path, self._file, self._kept, self._added = path, file, kept, added
        self._schema = schema
        self._writer: Any = None
        self._batches: list[Any] = []
        self._waiting = 0

    def write(self, rows: Rows) -> None:
        import pyarrow

        if not rows:
            return
        columns = list(zip(*rows, strict=True))
        if self._writer is None:
            self._start(columns)
        arrays = []
        for field, values in zip(self._schema, columns, strict=True):
            try:
                arrays.append(pyarrow.array(values, field.type))
            except (pyarrow.ArrowException, TypeError, OverflowError) as error:
                problem = f"column {field.name!r} begins with {field.type}, then: {error}"
                hint = "--output FILE.jsonl keeps every value as it is"
                raise SeqcliError(f"{self._path}: {problem}", hint) from None
        self._batches.append(pyarrow.record_batch(arrays, schema=self._schema))
        self._waiting += len(rows)
        if self._waiting >= ROW_GROUP:
            self._flush()

    def finish(self) -> None:
        """Write what waits."""
        if self._writer is None:
            self._start([])
        self._flush()

    def close(self) -> None:
        """Write the end of the file."""
        if self._writer is not None:
            self._writer.close()

    def _start(self, columns: Sequence[Sequence[Any]]) -> None:
        import pyarrow
        from pyarrow import parquet

        schema = self._schema
        if schema is None:
            types = [_type_of(values) for values in columns[: len(self._kept)]]
            types = types or [pyarrow.string()] * len(self._kept)
            schema = pyarrow.schema(list(zip(self._kept, types, strict=True)))
        for name, kind in self._added.items():
            arrow = pyarrow.float64() if kind is float else pyarrow.string()
            schema = schema.append(pyarrow.field(name, arrow))
        self._schema = schema
        self._writer = parquet.ParquetWriter(self._file, schema)

    def _flush(self) -> None:
        import pyarrow

        if self._batches:
            self._writer.write_table(pyarrow.Table.from_batches(self._batches))
            self._batches, self._waiting = [], 0


def _schema(kept: Sequence[str], source: Path | None) -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        hint = "pip install 'seqcli[parquet]', or --output FILE.csv"
        raise SeqcliError("pyarrow is needed to write parquet, and is not there", hint) from None
    if source is None:
        return None
    with suppress(pyarrow.ArrowException, OSError):  # changed since it was opened: types as found
        schema = parquet.read_schema(source)
        # without what pandas notes there of its index, which would be wrong now
        return schema.remove_metadata() if schema.names == list(kept) else None
    return None


def _type_of(values: Sequence[Any]) -> Any:
    import pyarrow

    try:
        found = pyarrow.array(values).type
    except (pyarrow.ArrowException, TypeError, OverflowError):
        return pyarrow.string()  # a mixture: refused with its column's name when it is written
    return pyarrow.string() if pyarrow.types.is_null(found) else found
