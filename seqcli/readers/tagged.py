"""Sentences with a tag for every token, in the formats they come in.

columns  a token a line, cells parted by tabs or spaces, a blank line after each sentence
conllu   CoNLL-U and CoNLL-U Plus: ranges (1-2) and empty nodes (1.1) are kept, not tagged
jsonl    {"tokens": [...], "tags": [...]} a line
aligned  two files, a sentence a line: tokens in seq.in, tags in seq.out
slash    word/TAG word/TAG, a sentence a line; the last slash counts
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

from seqcli.errors import DataError
from seqcli.readers.conll import CONLLU, GLOBAL_COLUMNS, columns, conllu, is_id
from seqcli.readers.jsonl import json_objects
from seqcli.readers.lines import lines, plain_name
from seqcli.readers.live import Live
from seqcli.readers.sentence import Layout, Row, TaggedRecord, blank, cells

TOKENS_FILE, TAGS_FILE = "seq.in", "seq.out"


def jsonl(path: str | Path, layout: Layout, live: Live | None = None) -> Iterator[TaggedRecord]:
    """The sentences of JSON lines; the fields are called tokens and tags by default.

    live: lines that come, in the place of the file's.
    Errors: DataError for a field that is missing, no list of texts, or not as long as the other.
    """
    word, tag = str(layout.word or "tokens"), str(layout.tag or "tags")
    for number, value in json_objects(path, layout.encoding, live):
        tokens = _texts(value, word, path, number)
        tags = _texts(value, tag, path, number) if layout.tagged else ()
        if layout.tagged and len(tags) != len(tokens):
            problem = f"as many {tag} as {word} expected, found: {len(tags)} and {len(tokens)}"
            raise DataError(path, number, problem, "each token needs one tag")
        for place, found in ((word, tokens), (tag, tags)):
            if "" in found:
                raise DataError(path, number, f"no empty text in {place!r} expected, one found")
        if tokens or not layout.tagged:  # what is to be tagged has its answer, however short
            row = Row(json.dumps(value, ensure_ascii=False), None)
            yield TaggedRecord(tokens, tags, str(path), number, (row,))


def aligned(path: str | Path, layout: Layout) -> Iterator[TaggedRecord]:
    """The sentences of a folder with seq.in and seq.out (packed or not); empty lines are skipped.

    Errors: DataError for lines or tokens that have no partner, with the file that lacks them.
    """
    folder = Path(path)
    tokens_path = _inside(folder, TOKENS_FILE)
    if not layout.tagged:
        for number, line in enumerate(lines(tokens_path, layout.encoding), start=1):
            if words := cells(line):
                yield TaggedRecord(words, (), str(tokens_path), number, ())
        return
    tags_path = _inside(folder, TAGS_FILE)
    pairs = zip_longest(lines(tokens_path, layout.encoding), lines(tags_path, layout.encoding))
    for number, (left, right) in enumerate(pairs, start=1):
        if left is None or right is None:
            short, other = (tags_path, tokens_path) if right is None else (tokens_path, tags_path)
            problem = f"as many lines as in {other.name} expected, the file ends before this one"
            raise DataError(short, number, problem, "line N of one file belongs to line N of both")
        words, tags = cells(left), cells(right)
        if len(words) != len(tags):
            problem = f"{len(words)} tags expected, as {plain_name(tokens_path)} has tokens, "
            raise DataError(tags_path, number, f"{problem}{len(tags)} found")
        if words:
            yield TaggedRecord(words, tags, str(tokens_path), number, ())


def slash(path: str | Path, layout: Layout) -> Iterator[TaggedRecord]:
    """The sentences of lines of word/TAG. Errors: DataError for a piece without both."""
    mark = layout.separator
    for number, line in enumerate(lines(path, layout.encoding), start=1):
        pieces = cells(line)
        if not pieces:
            continue
        if not layout.tagged:
            yield TaggedRecord(pieces, (), str(path), number, ())
            continue
        words, tags = [], []
        for piece in pieces:
            word, found, tag = piece.rpartition(mark)
            if not (word and found and tag):
                problem = f"word{mark}TAG expected, found: {piece[:40]}"
                raise DataError(path, number, problem, "each word needs its tag behind it")
            words.append(word)
            tags.append(tag)
        yield TaggedRecord(tuple(words), tuple(tags), str(path), number, ())


TAGGED_READERS: dict[str, Callable[[str | Path, Layout], Iterator[TaggedRecord]]] = {
    "columns": columns,
    "conllu": conllu,
    "jsonl": jsonl,
    "aligned": aligned,
    "slash": slash,
}


def tagged_format(path: str | Path, encoding: str = "utf-8") -> str:
    """The name of the reader for a file or folder: by its ending, else by its first lines."""
    path = Path(path)
    if path.is_dir():
        return "aligned"
    ending = Path(plain_name(path)).suffix.lower()
    if ending in (".conllu", ".conllup"):
        return "conllu"
    if ending in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    for line in lines(path, encoding):
        if line.startswith(GLOBAL_COLUMNS):
            return "conllu"
        if blank(line) or (line.startswith("#") and "\t" not in line):
            continue
        if line.count("\t") == len(CONLLU) - 1 and is_id(line.partition("\t")[0]):
            return "conllu"
        pieces = cells(line)
        slashes = all("/" in piece.strip("/") for piece in pieces)
        return "slash" if slashes and "\t" not in line else "columns"
    return "columns"


def _texts(value: dict[str, object], name: str, path: str | Path, number: int) -> tuple[str, ...]:
    found = value.get(name)
    if name not in value:
        hint = f"found: {', '.join(map(repr, value)) or 'nothing'}"[:200]
        raise DataError(path, number, f"a field {name!r} expected, none found", hint)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise DataError(path, number, f"a list of texts in {name!r} expected, something else found")
    return tuple(found)


def _inside(folder: Path, name: str) -> Path:
    """The file of a name in a folder, packed or not."""
    beside = sorted(folder.iterdir()) if folder.is_dir() else []
    for entry in beside:
        if plain_name(entry) == name and entry.is_file():
            return entry
    found = ", ".join(entry.name for entry in beside[:8]) or "nothing"
    raise DataError(folder, 0, f"a file {name} expected, found: {found}")
