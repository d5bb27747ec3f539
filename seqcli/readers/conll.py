"""Column files: a token a line, a blank line after each sentence; CoNLL-U among them.

Cells are parted at tabs and spaces alone: a word may hold a no-break space, U+0085 or U+2028. What
is no token (comments, ranges 1-2, empty nodes 1.1) is kept, to be written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqcli.errors import DataError
from seqcli.readers.lines import lines
from seqcli.readers.sentence import GAPS, Column, Layout, Row, TaggedRecord, blank

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
DOCUMENT = "-DOCSTART-"
GLOBAL_COLUMNS = "# global.columns ="
COMMENT = re.compile(r"#\s*([\w.:-]+\s*=|newdoc\b|newpar\b)")
TOKEN_ID, OTHER_ID = re.compile(r"[0-9]+"), re.compile(r"[0-9]+[-.][0-9]+")
NUMBER = re.compile("-?[0-9]+")


def columns(path: str | Path, layout: Layout) -> Iterator[TaggedRecord]:
    """The sentences of a file with a token a line.

    The first row tells how many columns there are, and whether tabs part them. A column asked for
    by name needs a first row with names. A line that begins with "#" is a comment before a
    sentence's first token if it looks like one ("# key = value") or has not as many columns:
    "#" is a word too.
    Errors: DataError with the line.
    """
    return _held(_columns(path, layout))


def conllu(path: str | Path, layout: Layout) -> Iterator[TaggedRecord]:
    """The sentences of a CoNLL-U file; by default the columns form and upos. Errors: DataError."""
    return _held(_conllu(path, layout))


def is_id(cell: str) -> bool:
    """Whether this is what numbers a line of CoNLL-U."""
    return bool(TOKEN_ID.fullmatch(cell) or OTHER_ID.fullmatch(cell))


def _held(records: Iterator[TaggedRecord]) -> Iterator[TaggedRecord]:
    """The same records; rows after the last sentence (a comment, say) go with it."""
    before: TaggedRecord | None = None
    try:
        for record in records:
            if before is not None and not record.tokens:
                before = before._replace(rows=before.rows + record.rows)
                continue
            if before is not None:
                yield before
            before = record if record.tokens else None
    except DataError:  # what stands before a fault is good
        if before is not None:
            yield before
        raise
    if before is not None:
        yield before


class _Sentence:
    """The sentence that is being read."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.line = 0
        self.tokens: list[str] = []
        self.tags: list[str] = []
        self.rows: list[Row] = []
        self.closed = False  # a blank line has been read after tokens

    def keep(self, line: str) -> None:
        """A line without a token."""
        self.rows.append(Row(line, None))

    def blank(self, line: str) -> None:
        """A blank line: more of them may follow, and belong here."""
        self.keep(line)
        self.closed = bool(self.tokens)

    def add(self, number: int, known: _Columns, line: str, gap: str, *, tagged: bool) -> None:
        """A line with a token."""
        word, tag, row = known.token(line, number, gap)
        self.line = self.line or number
        self.tokens.append(word)
        if tagged:
            self.tags.append(tag)
        self.rows.append(row)

    def record(self) -> TaggedRecord:
        """What has been read."""
        tokens, tags = tuple(self.tokens), tuple(self.tags)
        return TaggedRecord(tokens, tags, self.path, self.line, tuple(self.rows))


class _Columns:
    """How many columns a file has, and which are asked for."""

    def __init__(
        self,
        path: str | Path,
        number: int,
        width: int,
        names: Sequence[str],
        *,
        word: Column,
        tag: Column | None,
    ) -> None:
        """`number`: the line that tells. Tag None: a column more is written behind the others."""
        self.path, self.first, self.width = path, number, width
        self.names = [name.lower() for name in names]
        self.word = self._place(word)
        self.tag = None if tag is None else self._place(tag)
        if self.word == self.tag:
            problem = f"a column of words and one of tags expected, {width} found"
            hint = "cells are parted by tabs or spaces; or name both columns"
            raise DataError(path, number, problem, hint)

    def _place(self, column: Column) -> int:
        if isinstance(column, str) and not NUMBER.fullmatch(column):
            if column.lower() in self.names:
                return self.names.index(column.lower())
            found = ", ".join(self.names) or "none"
            problem = f"a column named {column!r} expected, found: {found[:200]}"
            raise DataError(self.path, self.first, problem, "or give its number, from 1")
        number = int(column)
        if not 1 <= abs(number) <= self.width:
            problem = f"a column {number} expected, {self.width} columns found"
            hint = "columns count from 1; -1 is the last"
            raise DataError(self.path, self.first, problem, hint)
        return number - 1 if number > 0 else self.width + number

    def cells(self, line: str, number: int, gap: str) -> list[tuple[int, int]]:
        """Begin and end of each cell of a line. Errors: DataError for too few or many."""
        found = _edges(line, gap)
        if len(found) != self.width:
            problem = f"{self.width} columns expected, as in line {self.first}, {len(found)} found"
            how = "tabs" if gap == "\t" else "spaces"
            hint = f"{how} part the cells of this file; a blank line ends a sentence"
            raise DataError(self.path, number, problem, hint)
        return found

    def token(self, line: str, number: int, gap: str) -> tuple[str, str, Row]:
        """Word, tag ("" without) and the row to write again. Errors: DataError, an empty cell."""
        found = self.cells(line, number, gap)
        word = _cell(line, found[self.word], self.path, number, "a word")
        if self.tag is None:
            return word, "", Row(line + (gap if gap == "\t" else " "), "")
        tag = _cell(line, found[self.tag], self.path, number, "a tag")
        begin, end = found[self.tag]
        return word, tag, Row(line[:begin], line[end:])


def _columns(path: str | Path, layout: Layout) -> Iterator[TaggedRecord]:
    sentence, gap = _Sentence(path), "\t"
    known: _Columns | None = None
    named = any(_is_name(column) for column in (layout.word, layout.tag))
    for number, line in enumerate(lines(path, layout.encoding), start=1):
        if blank(line):
            sentence.blank(line)
            continue
        if sentence.closed:
            yield sentence.record()
            sentence = _Sentence(path)
        if _first_cell(line) == DOCUMENT or (
            not sentence.tokens and line.startswith("#") and _is_comment(line, known, gap)
        ):
            sentence.keep(line)
            continue
        if known is None:
            gap = "\t" if "\t" in line else " "
            edges = _edges(line, gap)
            names = [line[begin:end] for begin, end in edges] if named else []
            tag = layout.tag or (-1 if layout.tagged else None)
            word = layout.word or 1
            known = _Columns(path, number, len(edges), names, word=word, tag=tag)
            if named:
                sentence.keep(line)
                continue
        sentence.add(number, known, line, gap, tagged=layout.tagged)
    if sentence.rows:
        yield sentence.record()


def _conllu(path: str | Path, layout: Layout) -> Iterator[TaggedRecord]:
    sentence = _Sentence(path)
    names: tuple[str, ...] = CONLLU
    known: _Columns | None = None
    for number, line in enumerate(lines(path, layout.encoding), start=1):
        if blank(line):
            sentence.blank(line)
            continue
        if sentence.closed:
            yield sentence.record()
            sentence = _Sentence(path)
        if line.startswith("#") and not sentence.tokens:
            if line.startswith(GLOBAL_COLUMNS):
                names = tuple(line.removeprefix(GLOBAL_COLUMNS).lower().split())
                known = None
            sentence.keep(line)
            continue
        if known is None:
            word, tag = layout.word or "form", layout.tag or "upos"
            known = _Columns(path, number, len(names), names, word=word, tag=tag)
        found = known.cells(line, number, "\t")
        place = names.index("id") if "id" in names else 0
        begin, end = found[place]
        if OTHER_ID.fullmatch(line[begin:end]):
            sentence.keep(line)
            continue
        if not TOKEN_ID.fullmatch(line[begin:end]):
            problem = f"a token's number, 1-2 or 1.1 expected, found: {line[begin:end][:40]!r}"
            raise DataError(path, number, problem, "is it CoNLL-U? see data.format = columns")
        sentence.add(number, known, line, "\t", tagged=layout.tagged)
    if sentence.rows:
        yield sentence.record()


def _is_name(column: Column | None) -> bool:
    return isinstance(column, str) and not NUMBER.fullmatch(column)


def _is_comment(line: str, known: _Columns | None, gap: str) -> bool:
    if COMMENT.match(line) and "\t" not in line:
        return True
    if known is None:
        # only tabs, or two cells as in "# O", tell a word from a comment before there is a row
        return "\t" not in line and len(_edges(line, " ")) != 2
    return len(_edges(line, gap)) != known.width


def _first_cell(line: str) -> str:
    return GAPS.split(line, maxsplit=1)[0]


def _edges(line: str, gap: str) -> list[tuple[int, int]]:
    """Begin and end of each cell."""
    if gap != "\t":
        return [found.span() for found in re.finditer("[^ \t]+", line)]
    edges, begin = [], 0
    for cell in line.split("\t"):
        edges.append((begin, begin + len(cell)))
        begin += len(cell) + 1
    return edges


def _cell(line: str, edges: tuple[int, int], path: str | Path, number: int, what: str) -> str:
    cell = line[edges[0] : edges[1]]
    if not cell.strip(" \t\r"):
        raise DataError(path, number, f"{what} expected, an empty cell found")
    return cell
