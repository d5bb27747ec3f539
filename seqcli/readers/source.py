"""Where records come from: `discover` finds the format and the parts, `Source` reads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from seqcli.errors import DataError, lookup
from seqcli.files import fingerprint
from seqcli.readers.fasttext import fasttext
from seqcli.readers.layout import NAMES, arrange, in_split_files, left_out, sniff, split_files
from seqcli.readers.lines import not_kept, unreadable
from seqcli.readers.record import ANSWERS, Needs, Piece, Reader, Record
from seqcli.readers.table_records import rows_of
from seqcli.readers.tables import Table, open_table, table_format
from seqcli.readers.text_files import each_line, whole_file
from seqcli.settings.sections import Text

READERS: dict[str, Reader] = {
    "csv": rows_of("csv"),
    "tsv": rows_of("tsv"),
    "jsonl": rows_of("jsonl"),
    "parquet": rows_of("parquet"),
    "fasttext": fasttext,
    "folders": whole_file,
    "files": each_line,
    "text": each_line,
}
TABLES = ("csv", "tsv", "jsonl", "parquet")
LISTED = 8  # names of what is left out


@dataclass(frozen=True)
class Source:
    """Data on disk: its format, the files of each part, and the fields that are wanted of it.

    The keys of `parts` are "all", or some of "train", "valid", "test" in this order. left_out: by
    name, what lies in the folder and is not read.
    """

    path: Path
    format: str
    parts: Mapping[str, tuple[Piece, ...]]
    data: Text
    needs: Needs
    left_out: tuple[str, ...] = ()

    def records(self, part: str | None = None) -> Iterator[Record]:
        """The records of a part, or of all parts in order; every call reads anew.

        Errors: DataError with path and line for whatever cannot be read.
        """
        read = lookup(READERS, self.format, "format")
        for name, pieces in self.parts.items():
            if part in (None, name):
                for piece in pieces:
                    yield from read(piece, self.data, self.needed(name))

    def needed(self, part: str) -> Needs:
        """The fields that a part's files must have: one to be scored may come without answers."""
        if part in ("all", "train"):
            return self.needs
        return tuple(field for field in self.needs if field not in ANSWERS)

    def only(self, part: str) -> Source:
        """The source with this part alone (KeyError where there is no such part)."""
        return replace(self, parts={part: self.parts[part]})

    def whole(self) -> Source:
        """The same files as one part, "all"."""
        pieces = tuple(piece for pieces in self.parts.values() for piece in pieces)
        return replace(self, parts={"all": pieces})

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, in the order in which they are read."""
        return tuple(piece.path for pieces in self.parts.values() for piece in pieces)

    @property
    def size(self) -> int:
        """Bytes on disk, compressed where a file is. Errors: DataError."""
        try:
            return sum(os.stat(path).st_size for path in self.files)
        except OSError as error:
            raise unreadable(self.path, 0, error) from None

    def fingerprint(self) -> str:
        """SHA-256, hex: of a single file's bytes; of a folder, over its names and their sums."""
        return fingerprint(self.path, self.files)

    def _table(self) -> Table | None:
        """The first file, if it is a table; its rows are not read."""
        if self.format not in TABLES:
            return None
        part = next(iter(self.parts))
        data = replace(self.data, format=self.format)
        return open_table(self.parts[part][0].path, data, self.needed(part), strict=False)

    def columns(self) -> dict[str, str]:
        """Of a table, the column of each field that is read, in words."""
        table = self._table()
        if table is None:
            return {}
        return {f: table.described(f) for f in self.needs if table.fields.get(f)}

    def named(self) -> dict[str, str]:
        """The same as settings name them: `text_column`, `label_column`."""
        table = self._table()
        return {} if table is None else {f: table.named(f) for f in self.needs if table.fields[f]}

    def notes(self) -> list[str]:
        """For a person: the columns that are read, and what is not."""
        found = []
        if columns := self.columns():
            listed = ", ".join(f"{field} {where}" for field, where in columns.items())
            found.append(f"columns of the {self.format} table: {listed}")
        if self.left_out:
            names = ", ".join(self.left_out[:LISTED]) + ", ..." * (len(self.left_out) > LISTED)
            found.append(f"left out ({len(self.left_out)}): {names}")
        return found


def discover(path: str | Path, data: Text, needs: Needs = ("text", "label")) -> Source:
    """Find out what lies at `path`; its format is `data.format` unless that is "auto".

    Where no label is needed, files are running text or tables, by their endings.
    Errors: DataError for a path that is missing, unreadable or neither file nor folder, and
    for a format that cannot be told.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise unreadable(path, 0, error) from None

    def format_of(file: Path) -> str:
        if data.format != "auto":
            return data.format
        if "label" in needs:
            return sniff(file, data.encoding)
        return table_format(file) or "text"

    if S_ISDIR(mode):
        if "label" in needs or data.format in ("folders", "files"):
            found, parts = arrange(path, data.format, format_of)
        elif files := split_files(path):
            found, parts = in_split_files(files, format_of)
        else:
            raise DataError(path, 0, "a folder without a train file", NAMES)
        source = Source(path, found, parts, data, needs)
        return replace(source, left_out=tuple(left_out(path, source.files)))
    if not S_ISREG(mode):
        raise not_kept(path)
    if data.format in ("folders", "files"):
        what = "a folder of files named by label"
        raise DataError(path, 0, f"{what} expected (data.format), a file found")
    return Source(path, format_of(path), {"all": (Piece(path),)}, data, needs)
