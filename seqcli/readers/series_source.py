"""Where recordings come from: a file, official parts in a folder, a folder a label, many files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from seqcli.errors import DataError, lookup
from seqcli.files import fingerprint
from seqcli.readers.arff import arff
from seqcli.readers.arrays import npy, npz
from seqcli.readers.layout import ORDER, by_split, entries, left_out
from seqcli.readers.lines import lines, not_kept, plain_name, unreadable
from seqcli.readers.record import Piece, spelled_label
from seqcli.readers.recording import ALL, FromName, Recording, SeriesReader, Wanted
from seqcli.readers.series_tables import csv_series, json_series, parquet_series, tsv_series
from seqcli.readers.ts import ts
from seqcli.readers.ucr import looks_like, ucr
from seqcli.readers.wav import wav
from seqcli.settings.sections import Series

SERIES_READERS: dict[str, SeriesReader] = {
    "ts": ts,
    "arff": arff,
    "ucr": ucr,
    "csv": csv_series,
    "tsv": tsv_series,
    "jsonl": json_series,
    "parquet": parquet_series,
    "npz": npz,
    "npy": npy,
    "wav": wav,
}
ENDINGS = {f".{name}": name for name in SERIES_READERS} | {
    ".txt": "ucr",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".pq": "parquet",
    ".wave": "wav",
}
LISTED = 8  # names of what is left out
TOLD = "name the format: --set data.format=ts (" + ", ".join(SERIES_READERS) + ")"


@dataclass(frozen=True)
class SeriesSource:
    """Recordings on disk; the keys of `parts` are "all", or some of train, valid, test in order.

    left_out: by name, what lies in the folder and is not read.
    """

    path: Path
    format: str
    parts: Mapping[str, tuple[Piece, ...]]
    data: Series
    left_out: tuple[str, ...] = ()

    def records(self, part: str | None = None, wanted: Wanted = ALL) -> Iterator[Recording]:
        """The recordings of a part, or of all parts in order; every call reads anew.

        Errors: DataError with path and line for whatever cannot be read.
        """
        read = lookup(SERIES_READERS, self.format, "format")
        label = _from_name(self.data.label_pattern, "data.label_pattern")
        group = _from_name(self.data.group_pattern, "data.group_pattern")
        for name, pieces in self.parts.items():
            if part not in (None, name):
                continue
            for piece in pieces:
                own = label(piece.path.name) or piece.label
                side = group(piece.path.name)
                must = wanted.label and not own and name in ("all", "train")
                for found in read(
                    piece._replace(label=own), self.data, wanted._replace(label=must)
                ):
                    found = found._replace(group=found.group or side)
                    yield found if wanted.each else found.trimmed()  # each step has an answer

    def only(self, part: str) -> SeriesSource:
        """The source with this part alone (KeyError where there is no such part)."""
        return replace(self, parts={part: self.parts[part]})

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, in the order in which they are read."""
        return tuple(piece.path for pieces in self.parts.values() for piece in pieces)

    def fingerprint(self) -> str:
        """SHA-256, as `files.fingerprint` has it."""
        return fingerprint(self.path, self.files)

    def notes(self) -> list[str]:
        """For a person: the format, and what is not read."""
        count = len(self.files)
        found = [f"recordings: {self.format}" + f", {count:,} files" * (count > 1)]
        if self.left_out:
            names = ", ".join(self.left_out[:LISTED]) + ", ..." * (len(self.left_out) > LISTED)
            found.append(f"left out ({len(self.left_out)}): {names}")
        return found


def series_format(path: str | Path, encoding: str) -> str | None:
    """The format of a file by its ending, or None; a .tsv without a header is UCR's."""
    found = ENDINGS.get(Path(plain_name(path)).suffix.lower())
    if found == "tsv":
        first = next((line for line in lines(path, encoding) if line.strip()), "")
        return "ucr" if looks_like(first) else "tsv"
    return found


def discover_series(path: str | Path, data: Series) -> SeriesSource:
    """What lies at `path`; its format is `data.format` unless that is "auto".

    Errors: DataError for a path that is missing or unreadable, and a folder without recordings.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise unreadable(path, 0, error) from None
    if S_ISDIR(mode):
        found, parts = _arranged(path, data)
        source = SeriesSource(path, found, parts, data)
        return replace(source, left_out=tuple(left_out(path, source.files)))
    if not S_ISREG(mode):
        raise not_kept(path)
    kind = _format(path, data)
    if kind is None:
        known = ", ".join(ENDINGS)
        raise DataError(
            path, 0, f"a file of recordings ({known}) expected, {path.name} found", TOLD
        )
    return SeriesSource(path, kind, {"all": (Piece(path),)}, data)


Parts = dict[str, tuple[Piece, ...]]


def _format(path: Path, data: Series) -> str | None:
    return series_format(path, data.encoding) if data.format == "auto" else data.format


def _arranged(folder: Path, data: Series) -> tuple[str, Parts]:
    """Format and pieces of a folder. Errors: DataError."""
    inside = entries(folder)
    folders = by_split([entry for entry in inside if entry.is_dir()])
    if "train" in folders:
        parts = {
            part: tuple(found for path in paths for found in _pieces(path, data))
            for part, paths in folders.items()
        }
        return _alike(folder, parts, data)
    files = by_split([entry for entry in inside if entry.is_file() and _format(entry, data)])
    if "train" in files or (files and not any(entry.is_dir() for entry in inside)):
        return _alike(
            folder, {part: tuple(map(Piece, paths)) for part, paths in files.items()}, data
        )
    return _alike(folder, {"all": tuple(_pieces(folder, data))}, data)


def _pieces(folder: Path, data: Series) -> Iterator[Piece]:
    """Files of recordings in a folder and below; those of a folder in it bear its name as label."""
    for entry in entries(folder):
        if entry.is_dir():
            for piece in _pieces(entry, data):
                yield piece._replace(label=piece.label or spelled_label(entry.name))
        elif _format(entry, data):
            yield Piece(entry)


def _alike(folder: Path, parts: Parts, data: Series) -> tuple[str, Parts]:
    """The pieces of one format that every part has: the most frequent, of several the first known.

    Archives hold the same recordings in two formats, and a description beside them. Errors:
    DataError where none is common.
    """
    kinds = {
        part: {piece: _format(piece.path, data) for piece in pieces}
        for part, pieces in parts.items()
    }
    common = [
        kind
        for kind in SERIES_READERS
        if kinds and all(kind in found.values() for found in kinds.values())
    ]
    if not common:
        told = [
            f"{part} ({', '.join(sorted(map(str, set(found.values()))))})"
            for part, found in kinds.items()
        ]
        names = ", ".join(entry.name for entry in entries(folder)[:LISTED])
        listed = "; ".join(told) if any(kinds.values()) else names or "nothing"
        problem = f"recordings in one format expected, found: {listed}"
        raise DataError(folder, 0, problem, TOLD)
    every = [kind for found in kinds.values() for kind in found.values()]
    chosen = max(common, key=every.count)
    kept = {
        part: tuple(piece for piece, kind in found.items() if kind == chosen)
        for part, found in kinds.items()
    }
    return chosen, {part: kept[part] for part in (*ORDER, "all") if part in kept}


def _from_name(pattern: str, setting: str) -> Callable[[str], str]:
    return FromName(pattern, setting).find if pattern else lambda name: ""
