"""What a stream, or a file whose name tells no format, holds: told by how it begins.

What can hardly be anything else is read as what it is; where a first line is in doubt it is a text
like any other, and both are said. A format that is named is never second-guessed.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqcli.readers.delimited import SEPARATORS
from seqcli.readers.jsonl import goes_on
from seqcli.readers.lines import lines
from seqcli.readers.live import Live
from seqcli.readers.tables import USUAL

LOOKED_AT = 1 << 16  # characters in which a first JSON object over several lines must end
LONGEST_NAME = 60  # characters of a column's name
ENDS = ("}", "},", "]", "],")  # of a line that may end an object
WORDS = 4  # of one
SHOWN = 8  # names of columns


@dataclass(frozen=True)
class Begun:
    """How something begins: its first line, None where it is empty.

    ahead: gives the first lines, so many characters of them.
    """

    first: str | None
    ahead: Callable[[int], Generator[str, None, None]]

    @classmethod
    def of(cls, live: Live) -> Begun:
        """Of a stream, from which nothing is taken. Errors: as reading."""
        return cls(live.peek(), live.ahead)

    @classmethod
    def of_file(cls, path: Path, encoding: str) -> Begun:
        """Of a file. Errors: DataError, ConfigError."""

        def ahead(most: int) -> Generator[str, None, None]:
            for line in lines(path, encoding):
                yield line
                most -= len(line) + 1
                if most <= 0:
                    return

        return cls(next(lines(path, encoding), None), ahead)


@dataclass(frozen=True)
class Told:
    """A format of tables or "text", and what a person should know of the choice.

    column: the one with the text, of a table.
    """

    format: str
    said: str = ""
    column: str = ""


def told(
    begun: Begun, columns: Sequence[str], labels: Collection[str] = (), *, tokens: bool = False
) -> Told:
    """The format of what comes; nothing is taken from it.

    columns: names of the column with the text, the model's own before all; the usual ones are
    known. labels: the model's, which may stand in front of texts; tokens: a list "tokens" may stand
    in the place of a text. Errors: as reading.
    """
    if begun.first is None:
        return Told("text")
    wanted = list(dict.fromkeys((*filter(None, columns), *USUAL["text"])))
    if tokens:
        wanted.insert(0, "tokens")
    first = begun.first
    return (
        _json(begun, first, wanted)
        or _table(begun, first, wanted)
        or _doubtful(first, wanted, labels)
    )


def _json(begun: Begun, first: str, wanted: Sequence[str]) -> Told | None:
    start = first.strip()
    if not start.startswith(("{", "[")) or (start[1:].strip() and start[1:].strip()[0] not in '{"'):
        return None
    found = _object(begun, first)
    if found is None:
        return None
    known = [name for name in wanted if _has(found, name)]
    if known:
        said = f"read as JSON, the text is in {known[0]!r} (--format lines: as it is)"
        return Told("jsonl", said, known[0])
    names = ", ".join(list(found)[:SHOWN])
    said = f"a first line of JSON is read as a text; --text-column NAME reads a field of: {names}"
    return Told("text", said)


def _object(begun: Begun, first: str) -> dict[str, object] | None:
    """The first JSON object: on the first line, or begun there; tried wherever one may end."""
    if not goes_on(first):
        return _decoded(first, whole=True)
    text = ""
    with closing(begun.ahead(LOOKED_AT)) as lines:
        for line in lines:
            text = f"{text}\n{line}".lstrip()
            if line.rstrip().endswith(ENDS):
                found = _decoded(text.removeprefix("[").lstrip(), whole=False)
                if found is not None:
                    return found
    return None


def _decoded(text: str, *, whole: bool) -> dict[str, object] | None:
    with suppress(ValueError, RecursionError):
        value, end = json.JSONDecoder().raw_decode(text.strip())
        if isinstance(value, dict) and (not whole or end == len(text.strip())):
            return value
    return None


def _has(found: dict[str, object], name: str) -> bool:
    parts = [name] if name in found else name.split(",")
    return all(part in found or part.split(".")[0] in found for part in parts)


def _table(begun: Begun, first: str, wanted: Sequence[str]) -> Told | None:
    """A first line of several names, one of them a text column's: hardly a text.

    A usual name proves less than the model's own: beside it no name has several words, and a row
    of as many cells must follow.
    """
    for separator in SEPARATORS:
        cells = _cells(first, separator)
        names = [cell.casefold() for cell in cells]
        if len(cells) < 2 or len(set(names)) < len(names):
            continue
        own = any(name in cells for name in wanted if name not in USUAL["text"])
        if not all(_is_name(cell, WORDS if own else 1) for cell in cells):
            continue
        if not own and not _row_follows(begun, separator, len(cells)):
            continue
        known = [cells[names.index(name.casefold())] for name in wanted if name.casefold() in names]
        several = [n for n in wanted if "," in n and set(n.casefold().split(",")) <= set(names)]
        if known or several:
            form = "tsv" if separator == "\t" else "csv"
            column = (known or several)[0]
            said = f"read as {form}, the text is in {column!r} (--format lines: as it is)"
            return Told(form, said, column)
    return None


def _row_follows(begun: Begun, separator: str, width: int) -> bool:
    """Whether the second line is a row of so many cells, or begins one with a line end inside."""
    with closing(begun.ahead(LOOKED_AT)) as lines:
        second = next(islice(lines, 1, None), "")
    odd = separator != "\t" and second.count('"') % 2 == 1
    return odd or len(_cells(second, separator)) == width


def _is_name(cell: str, words: int) -> bool:
    """Whether a cell can name a column: short, no space around it, at most so many words."""
    short = 0 < len(cell) <= LONGEST_NAME and len(cell.split()) <= words
    return short and cell.strip() == cell


def _doubtful(first: str, wanted: Sequence[str], labels: Collection[str]) -> Told:
    begun, tab, _ = first.partition("\t")
    if tab and begun.strip() in labels:
        said = "a first line that begins with a label and a tab is read as a text; --format tsv"
        return Told("text", f"{said} leaves the label out")
    if begun.strip().strip('"').casefold() in {name.casefold() for name in wanted}:
        said = (
            f"a first line {begun.strip()!r} is read as a text; --format csv takes it as a header"
        )
        return Told("text", said)
    if (os.sep in first or "." in first) and is_file(first):
        said = f"a first line {first!r}, which is a file, is read as a text"
        return Told("text", f"{said}; --input FOLDER reads files")
    return Told("text")


def is_file(text: str) -> bool:
    """Whether a text is the name of a file or folder that is there."""
    try:
        return bool(text) and os.path.exists(text)
    except (OSError, ValueError):  # too long, or a NUL in it
        return False


def names_of_files(texts: Sequence[str]) -> str:
    """What to say of texts that are names of files or folders; "" where none is."""
    found = [text for text in texts if is_file(text)]
    if not found:
        return ""
    which = f"{found[0]!r} is the name of a file: it"
    if len(found) > 1:
        which = f"{len(found):,} of the texts are names of files ({found[0]!r}, ...): each"
    return f"{which} is read as a text itself; --input FOLDER reads the files, each as one text"


def _cells(line: str, separator: str) -> list[str]:
    if separator == "\t":
        return line.split("\t")
    with suppress(csv.Error):
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    return []
