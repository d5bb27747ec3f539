"""Records out of a table: csv, tsv, JSON, parquet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seqcli.readers.record import Needs, Piece, Reader, Record, spelled_label
from seqcli.readers.tables import open_table
from seqcli.settings.sections import Text


def rows_of(kind: str) -> Reader:
    """The reader of tables in the format `kind`, which open_table knows."""

    def read(piece: Piece, data: Text, needs: Needs) -> Iterator[Record]:
        table = open_table(piece.path, replace(data, format=kind), needs, strict=False)
        path, text, label = str(piece.path), table.getter("text"), table.getter("label")
        for row in table.rows:
            yield Record(path, row.line, text(row), spelled_label(label(row)))

    return read
