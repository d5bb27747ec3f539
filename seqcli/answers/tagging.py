"""Tags for sentences, in order and in bounded memory: groups in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, cast

from torch import nn

from seqcli import kinds
from seqcli.answers.loading import Loaded
from seqcli.answers.prediction import Group, grouped
from seqcli.interrupts import interrupts
from seqcli.kinds.abilities import Tagged, Tags
from seqcli.machine.device import Runtime
from seqcli.readers.incoming import Begun, told
from seqcli.readers.jsonl import json_objects
from seqcli.readers.lines import lines, plain_name
from seqcli.readers.live import Live
from seqcli.readers.sentence import Layout, Row, TaggedRecord
from seqcli.readers.sentence import cells as cells_of
from seqcli.readers.tables import Table, open_table, table_format
from seqcli.readers.tagged import TAGGED_READERS, jsonl
from seqcli.settings.sections import LabeledText
from seqcli.text.normal import whole

COLUMN_ENDINGS = {
    ".conllu": "conllu",
    ".conllup": "conllu",
    ".conll": "columns",
    ".iob": "columns",
    ".bio": "columns",
    ".bioes": "columns",
}
TABLES = ("table", "csv", "tsv")


class Sentence(NamedTuple):
    """A sentence to be tagged: its text, and where its tokens stand in it.

    rows: of a column file, to be written again; cells: of a table's row.
    """

    text: str
    places: list[tuple[int, int]]
    rows: tuple[Row, ...] = ()
    cells: Sequence[Any] = ()

    @property
    def tokens(self) -> list[str]:
        """The tokens, as they stand in the text."""
        return [self.text[start:end] for start, end in self.places]


class CharacterSpan(NamedTuple):
    """A span with its place in the text, in characters."""

    start: int
    end: int
    type: str
    text: str
    prob: float


def spans_of(sentence: Sentence, answer: Tagged) -> list[CharacterSpan]:
    """The spans of an answer by their characters."""
    found = []
    for span in answer.spans:
        start, end = sentence.places[span.start][0], sentence.places[span.end - 1][1]
        text = sentence.text[start:end]
        found.append(CharacterSpan(start, end, span.type, text, span.prob))
    return found


def as_json(sentence: Sentence, answer: Tagged) -> dict[str, Any]:
    """One sentence's answer as JSON values."""
    return {
        "text": sentence.text,
        "tokens": sentence.tokens,
        "tags": answer.tags,
        "probs": answer.probs,
        "spans": [span._asdict() for span in spans_of(sentence, answer)],
        "unknown_share": answer.unknown_share,
    }


def joined(tokens: Sequence[str]) -> Sentence:
    """A sentence of tokens that are parted already: its text has a space between them."""
    places, at = [], 0
    for token in tokens:
        places.append((at, at + len(token)))
        at += len(token) + 1
    return Sentence(" ".join(tokens), places)


@dataclass(frozen=True)
class SequenceTagger:
    """A model that gives tokens tags, in eval mode on its device."""

    kind: Tags
    model: nn.Module
    runtime: Runtime

    @classmethod
    def of(cls, loaded: Loaded) -> SequenceTagger:
        """Errors: SeqcliError for a kind that gives no tags."""
        kinds.refuse(loaded.kind.spec, "tag", loaded.path)
        return cls(cast(Tags, loaded.kind), loaded.model, loaded.runtime)

    def sentence(self, text: str, cells: Sequence[Any] = (), *, tokenized: bool) -> Sentence:
        """A text cut into tokens; `tokenized`: spaces part them already."""
        if tokenized:
            return joined(cells_of(text))._replace(cells=cells)
        return Sentence(text, self.kind.tokens(text), cells=cells)

    def sentences(self, group: Group, *, tokenized: bool) -> list[Sentence]:
        """The sentences of a group: of column files as they are, texts cut into tokens."""
        found = []
        for text, cells in zip(group.texts, group.cells, strict=True):
            record = cells[0] if len(cells) == 1 else None
            if isinstance(record, TaggedRecord):
                found.append(joined(record.tokens)._replace(rows=record.rows))
            else:
                found.append(self.sentence(text, cells, tokenized=tokenized))
        return found

    def answers(self, sentences: Sequence[Sentence], threshold: float = 0.0) -> list[Tagged]:
        """The answer to each; whatever else is in the group changes none of them."""
        tokens = [sentence.tokens for sentence in sentences]
        return self.kind.tag(self.model, tokens, threshold, self.runtime, interrupts.poll)

    def stream(
        self, groups: Iterable[Group], threshold: float = 0.0, *, tokenized: bool = False
    ) -> Iterator[list[tuple[Sentence, Tagged]]]:
        """Each group's sentences with their answers, as soon as they are there."""
        for group in groups:
            if group.texts:
                sentences = self.sentences(group, tokenized=tokenized)
                answers = self.answers(sentences, threshold)
                yield list(zip(sentences, answers, strict=True))

    def tag(
        self, sentences: Iterable[str | Sequence[str]], threshold: float = 0.0
    ) -> list[tuple[Sentence, Tagged]]:
        """Texts, or lists of tokens, in order: the entry for a program rather than the shell."""

        def row(given: str | Sequence[str]) -> tuple[str, Sequence[Any]]:
            if isinstance(given, str):
                return whole(given), (whole(given),)
            record = TaggedRecord(tuple(map(whole, given)), (), "", 0, ())
            return " ".join(record.tokens), (record,)

        groups = grouped(map(row, sentences))
        return list(chain.from_iterable(self.stream(groups, threshold)))


@dataclass(frozen=True)
class Input:
    """A file of sentences: `rows` streams, and can be gone through once.

    columns: of a table, which its rows' cells belong to; tokens: whether they are parted already;
    idle: whether the next one would have to be waited for; said: what a person should know of how
    it is read.
    """

    format: str
    rows: Iterator[tuple[str, Sequence[Any]]]
    columns: tuple[str, ...] = ()
    tokens: bool = False
    idle: Callable[[], bool] = lambda: False
    said: str = ""


def input_format(path: Path, encoding: str) -> str:
    """The format of a file: by its ending; JSON lines hold tokens or, in a table, texts."""
    ending = Path(plain_name(path)).suffix.lower()
    if ending in COLUMN_ENDINGS:
        return COLUMN_ENDINGS[ending]
    table = table_format(path)
    if table == "jsonl":
        first = next(json_objects(path, encoding), None)
        return "jsonl" if first is None or "tokens" in first[1] else "table"
    return "text" if table is None else "table"


def open_input(path: Path, form: str, layout: Layout, text_column: str) -> Input:
    """What is to be tagged at `path`. Errors: DataError, with the line also while it is read."""
    encoding = layout.encoding
    if form == "text":
        return Input(form, ((line, (line,)) for line in lines(path, encoding)))
    if form in TABLES:
        kind = "auto" if form == "table" else form
        data = LabeledText(text_column=text_column, encoding=encoding, format=kind)
        return _table(open_table(path, data))
    records = TAGGED_READERS[form](path, layout)
    return Input(form, ((" ".join(one.tokens), (one,)) for one in records), tokens=True)


def open_stream(live: Live, form: str, layout: Layout, text_column: str) -> Input:
    """What comes, each sentence tagged as soon as no other is at hand; "auto": as it begins.

    Errors: DataError, with the line also while it is read.
    """
    begun = Begun.of(live)
    found = told(begun, [text_column], tokens=True)
    said = ""
    if form in ("auto", "table"):
        said = found.said.replace("--format lines", "--format text")
        form = found.format if found.format != "text" or form == "auto" else "csv"
        if form == "jsonl" and found.column != "tokens":
            form = "json table"
        elif form == "text" and not said and "\t" in (begun.first or ""):
            said = "a first line with tabs is read as a sentence; --format columns: a token a line"
    said = said and f"{live.name}: {said}"
    if form == "text":
        rows = ((line, (line,)) for line in live)
        return Input(form, rows, idle=live.idle, said=said)
    if form in ("csv", "tsv", "json table"):
        kind = "jsonl" if form == "json table" else form
        data = LabeledText(text_column=text_column, encoding=layout.encoding, format=kind)
        table = _table(open_table(live.name, data, live=live))
        return replace(table, idle=live.idle, said=said)
    records = jsonl(live.name, layout, live)
    spelled = ((" ".join(one.tokens), (one,)) for one in records)
    return Input("jsonl", spelled, tokens=True, idle=live.idle, said=said)


def _table(table: Table) -> Input:
    text = table.getter("text")
    rows = ((text(row), tuple(row.cells)) for row in table.rows)
    return Input("table", rows, table.columns)
