"""Running text for language models, in pieces: of plain files, or of a table's rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from seqcli.readers.lines import blocks
from seqcli.readers.source import Source
from seqcli.settings.sections import RunningText, Text
from seqcli.text.normal import normalizer, seam

CHUNK = 1 << 18  # characters handed on at a time: bounded memory, few calls


def pieces(source: Source, part: str) -> Iterator[tuple[str, bool]]:
    r"""The text of a part in pieces, and whether a document ends with the piece.

    `data.document` "file": pieces of many lines (of characters, a long line in pieces of its
    own), no document ends (a file that is cut into splits has no end worth learning). "line": a
    piece a line, empty ones skipped, without its "\n". "blank": a piece a paragraph, likewise. A
    table's row is a line, or by itself a document. Errors: DataError, as `lines`.
    """
    data = cast(RunningText, source.data)
    if source.format != "text":
        ends = data.document != "file"
        for record in source.records(part):
            if record.text.strip():
                yield (record.text if ends else f"{record.text}\n"), ends
        return
    for path, _ in source.parts[part]:
        if data.document == "file":
            for piece in _chunks(path, data):
                yield piece, False
        else:
            split = _lines if data.document == "line" else _paragraphs
            for piece in split(path, data.encoding):
                yield piece, True


def _chunks(path: Path, data: Text) -> Iterator[str]:
    """Whole lines, many at a time; of characters, a line longer than CHUNK in pieces."""
    held: list[str] = []
    for piece in blocks(path, data.encoding, CHUNK):
        cut = piece.rfind("\n") + 1
        if not cut and data.tokenizer == "characters":
            piece = "".join([*held, piece])  # what the last seam left
            held, cut = [], seam(piece, normalizer(data))
        if cut:
            yield "".join([*held, piece[:cut]]).replace("\r\n", "\n")
            held, piece = [], piece[cut:]
        if piece:
            held.append(piece)
    if held:
        yield "".join(held)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    return (line for line in _every_line(path, encoding) if line and not line.isspace())


def _paragraphs(path: Path, encoding: str) -> Iterator[str]:
    held: list[str] = []
    for line in _every_line(path, encoding):
        if line and not line.isspace():
            held.append(line)
        elif held:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def _every_line(path: Path, encoding: str) -> Iterator[str]:
    """As `lines`, out of large pieces: a third of its time where lines are short."""
    held: list[str] = []
    for piece in blocks(path, encoding, CHUNK):
        first, *others = piece.split("\n")
        held.append(first)
        if others:
            last = others.pop()
            yield "".join(held).removesuffix("\r")
            yield from (line.removesuffix("\r") for line in others) if "\r" in piece else others
            held = [last] if last else []
    if held:
        yield "".join(held).removesuffix("\r")
