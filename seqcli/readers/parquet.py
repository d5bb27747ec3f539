"""Parquet tables, block by block; pyarrow is an optional dependency."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqcli.errors import DataError
from seqcli.readers.delimited import Row
from seqcli.readers.lines import COMPRESSED, STDIN, unreadable

BLOCK = 1024  # rows in memory at a time


def parquet_table(path: str | Path) -> tuple[list[str], Iterator[Row]]:
    """The column names, and the rows with their values as they are; "line" is the row, from 1.

    Errors: DataError for a file that is none, and where pyarrow is not installed.
    """
    if str(path) == STDIN or Path(path).suffix.lower() in COMPRESSED:
        hint = "give a .parquet file; it is compressed inside"
        raise DataError(path, 0, "a plain parquet file expected, a stream found", hint)
    try:
        import pyarrow.parquet
    except ModuleNotFoundError:
        hint = "pip install 'seqcli[parquet]'"
        raise DataError(path, 0, "pyarrow expected to read parquet, none found", hint) from None
    try:
        with open(path, "rb"):  # pyarrow's own messages for these errors are of no use
            pass
        table = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowException as error:
        hint = "is it a whole parquet file?"
        raise DataError(path, 0, f"a parquet table expected, found: {error}", hint) from None
    except OSError as error:
        raise unreadable(path, 0, error) from None
    return list(table.schema_arrow.names), _rows(path, table)


def _rows(path: str | Path, table: Any) -> Iterator[Row]:
    import pyarrow

    number = 0
    with table:
        try:
            for batch in table.iter_batches(BLOCK, use_threads=False):
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield Row(number, list(cells))
        except (pyarrow.ArrowException, OSError, ValueError) as error:  # ValueError: bad UTF-8
            hint = "the file is damaged: fetch or write it again"
            raise DataError(path, number + 1, f"a row expected, found: {error}", hint) from None
