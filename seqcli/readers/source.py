"""Where labeled text comes from: `discover` finds the format and the parts, `Source` reads."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from seqcli.errors import DataError, lookup
from seqcli.readers.fasttext import fasttext
from seqcli.readers.labeled_table import labeled_table
from seqcli.readers.layout import arrange, sniff
from seqcli.readers.lines import not_kept, unreadable
from seqcli.readers.record import Piece, Reader, Record
from seqcli.readers.text_files import each_line, whole_file
from seqcli.settings.sections import LabeledText

READERS: dict[str, Reader] = {
    "csv": labeled_table("csv"),
    "tsv": labeled_table("tsv"),
    "jsonl": labeled_table("jsonl"),
    "parquet": labeled_table("parquet"),
    "fasttext": fasttext,
    "folders": whole_file,
    "files": each_line,
}


@dataclass(frozen=True)
class Source:
    """Labeled text on disk: its format, and the files of each part.

    The keys of `parts` are "all", or some of "train", "valid", "test" in this order.
    """

    path: Path
    format: str
    parts: Mapping[str, tuple[Piece, ...]]
    data: LabeledText

    def records(self, part: str | None = None) -> Iterator[Record]:
        """The records of a part, or of all parts in order; every call reads anew.

        Errors: DataError with path and line for whatever cannot be read.
        """
        read = lookup(READERS, self.format, "format")
        for name, pieces in self.parts.items():
            if part in (None, name):
                for piece in pieces:
                    yield from read(piece, self.data)

    def only(self, part: str) -> Source:
        """The source with this part alone (KeyError where there is no such part)."""
        return replace(self, parts={part: self.parts[part]})

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, in the order in which they are read."""
        return tuple(piece.path for pieces in self.parts.values() for piece in pieces)

    def fingerprint(self) -> str:
        """SHA-256, hex: of a single file's bytes; of a folder, over its names and their sums."""
        if self.path in self.files:
            return _sha256(self.path)
        named = {path.relative_to(self.path).as_posix(): path for path in self.files}
        total = hashlib.sha256()
        for name in sorted(named):
            total.update(f"{_sha256(named[name])}  {name}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()


def discover(path: str | Path, data: LabeledText) -> Source:
    """Find out what lies at `path`; its format is `data.format` unless that is "auto".

    Errors: DataError for a path that is missing, unreadable or neither file nor folder, and
    for a format that cannot be told.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise unreadable(path, 0, error) from None
    if S_ISDIR(mode):
        found, parts = arrange(path, data.format, data.encoding)
        return Source(path, found, parts, data)
    if not S_ISREG(mode):
        raise not_kept(path)
    if data.format in ("folders", "files"):
        what = "a folder of files named by label"
        raise DataError(path, 0, f"{what} expected (data.format), a file found")
    found = sniff(path, data.encoding) if data.format == "auto" else data.format
    return Source(path, found, {"all": (Piece(path),)}, data)


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, 0, error) from None
