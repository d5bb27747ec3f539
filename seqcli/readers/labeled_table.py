"""Labeled records out of a table: csv, tsv, JSON lines, parquet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seqcli.errors import DataError
from seqcli.readers.record import Piece, Reader, Record, checked_label
from seqcli.readers.tables import no_column, open_table
from seqcli.settings.sections import LabeledText


def labeled_table(kind: str) -> Reader:
    """The reader of labeled tables in the format `kind`, which open_table knows."""

    def read(piece: Piece, data: LabeledText) -> Iterator[Record]:
        table = open_table(piece.path, replace(data, format=kind), strict=False)
        path = str(piece.path)
        if table.label is None:
            if kind == "tsv" and not table.header:
                problem = "label TAB text expected, a line without TAB found"
                raise DataError(path, 1, problem, "put the label in front of each text")
            raise no_column(path, table.header, "label", data.label_column, table.columns)
        for row in table.rows:
            label = checked_label(table.label_of(row), piece.path, row.line)
            yield Record(table.text_of(row), label, path, row.line)

    return read
