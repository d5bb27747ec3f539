"""Tables written row by row and atomically: csv, tsv, JSON lines, parquet, by the file's ending."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from seqcli.answers.formulas import guarded
from seqcli.answers.parquet import ParquetWriter, Rows
from seqcli.errors import ConfigError, SeqcliError
from seqcli.files import atomic_write
from seqcli.readers.lines import COMPRESSED
from seqcli.readers.tables import table_format

ENDINGS = "csv, tsv, jsonl or parquet; the first three also with .gz, .bz2 or .xz behind"
TSV_BREAKS = str.maketrans("\t\n\r", "   ")


class TableWriter(Protocol):
    """A table that grows.

    softened: cells that the format could not hold as they were, and softness what became of them;
    guarded: cells that would have been formulas.
    """

    softened: int
    softness: str
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
    check_free(path, force=force)
    return kind


def check_free(path: Path, *, force: bool) -> None:
    """Errors: SeqcliError for a folder, and for what exists already unless `force`."""
    if path.is_dir():
        raise SeqcliError(f"{path}: a folder", "--output takes the name of a file")
    if path.exists() and not force:
        raise SeqcliError(f"{path} exists", "--force overwrites it, --output FILE goes elsewhere")


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
    Errors: SeqcliError if it cannot be written, or parquet would not give a value back.
    """
    kind = table_format(path)
    columns = [*kept, *added]
    with atomic_write(path) as file, ExitStack() as stack:
        if kind == "parquet":
            parquet = ParquetWriter(path, file, kept, added, source)
            stack.callback(parquet.close)  # also after an error: pyarrow would close it too late
            yield parquet
            parquet.finish()
            return
        packer: Any = COMPRESSED.get(path.suffix.lower())
        out = file if packer is None else stack.enter_context(packer(file, "wb"))
        form, header, softness = FORMS[kind or "csv"]
        writer = _Text(out, columns, form, softness, safe)
        if header:
            writer.write([columns])
        yield writer


class _Text:
    """Lines of text, UTF-8, whatever the locale."""

    def __init__(
        self, file: IO[bytes], columns: Sequence[str], form: Form, softness: str, safe: bool
    ) -> None:
        self.softened, self.softness, self.guarded = 0, softness, 0
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
    lines, softened = [], 0
    for row in rows:
        try:
            line = _dumped(dict(zip(columns, row, strict=True)))
        except ValueError:
            finite = [_finite(cell) for cell in row]
            softened += sum(old != new for old, new in zip(row, finite, strict=True))
            line = _dumped(dict(zip(columns, finite, strict=True)))
        lines.append(f"{line}\n")
    return lines, softened


# Format: how its rows are spelled, whether the names of the columns are its first one, and what
# becomes of cells that it cannot hold.
FORMS: dict[str, tuple[Form, bool, str]] = {
    "csv": (_csv, True, ""),
    "tsv": (_tsv, True, "tabs and line ends are spaces in tsv; csv keeps them"),
    "jsonl": (_json_lines, False, "NaN and infinity are null in JSON lines; csv keeps infinity"),
}


def _plain(value: Any) -> str:
    """A cell as text: empty for null and NaN, numbers and nested values as JSON spells them."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    if isinstance(value, (bool, int, float, list, dict)):
        return json.dumps(value, ensure_ascii=False, default=_other)  # NaN inside as Python's
    return _other(value)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_other)


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
