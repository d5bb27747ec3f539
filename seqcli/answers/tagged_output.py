"""Tags written to a file, by its ending: column files, JSON lines, tables of spans or tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from seqcli.answers.tables import check_free, fresh_names, table_writer
from seqcli.answers.tagging import COLUMN_ENDINGS, Sentence, as_json, spans_of
from seqcli.errors import ConfigError
from seqcli.files import atomic_write
from seqcli.kinds.abilities import Tagged
from seqcli.readers.conll import CONLLU
from seqcli.readers.lines import COMPRESSED, plain_name
from seqcli.readers.sentence import rewritten
from seqcli.readers.tables import table_format

SPAN_COLUMNS = {"sentence": int, "start": int, "end": int, "type": str, "span": str, "prob": float}
TOKEN_COLUMNS = {"sentence": int, "start": int, "end": int, "token": str, "tag": str, "prob": float}
Answers = Sequence[tuple[Sentence, Tagged]]
Write = Callable[[Answers], None]


def check_tag_output(path: Path, *, force: bool) -> str:
    """The format that `path` names. Errors: ConfigError for another ending; SeqcliError."""
    ending = Path(plain_name(path)).suffix.lower()
    form = COLUMN_ENDINGS.get(ending) or table_format(path)
    packed = path.suffix.lower() in COMPRESSED
    if form is None or (packed and form == "parquet"):
        raise ConfigError(
            f"--output {path}: its ending names no format",
            "one of: conll, conllu, csv, tsv, jsonl or parquet; all but the last also with .gz, "
            ".bz2 or .xz behind",
        )
    check_free(path, force=force)
    return form


@contextmanager
def tag_writer(
    path: Path, form: str, kept: Sequence[str], source: str, *, spans: bool
) -> Iterator[Write]:
    """What writes answers to `path`, which is there at the end.

    kept: columns of the input table; source: the format of the input; spans: whether tags write
    them, so that a table has a row for each.
    """
    if form == "jsonl":
        with _json_lines(path) as write:
            yield write
        return
    if form in ("csv", "tsv", "parquet"):
        with _table(path, kept, spans=spans) as write:
            yield write
        return
    with atomic_write(path) as file, ExitStack() as stack:
        packer: Any = COMPRESSED.get(path.suffix.lower())
        out: IO[bytes] = file if packer is None else stack.enter_context(packer(file, "wb"))
        same = source == form or (source == "conllu" and form == "columns")
        spell = _rewritten if same else SPELLED[form]

        def write(answers: Answers) -> None:
            text = "".join(f"{line}\n" for pair in answers for line in spell(*pair))
            out.write(text.encode("utf-8", "backslashreplace"))

        yield write


@contextmanager
def _json_lines(path: Path) -> Iterator[Write]:
    keys = as_json(Sentence("", []), Tagged([], [], [], 0.0))
    with table_writer(path, (), dict.fromkeys(keys, str)) as table:
        yield lambda answers: table.write([list(as_json(*pair).values()) for pair in answers])


@contextmanager
def _table(path: Path, kept: Sequence[str], *, spans: bool) -> Iterator[Write]:
    wanted = SPAN_COLUMNS if spans else TOKEN_COLUMNS
    names = fresh_names(kept, list(wanted))
    # a table's writer knows texts and numbers with a point
    kinds = [float if kind is float else str for kind in wanted.values()]
    number = 0
    with table_writer(path, kept, dict(zip(names, kinds, strict=True))) as table:

        def write(answers: Answers) -> None:
            nonlocal number
            rows: list[list[Any]] = []
            for sentence, answer in answers:
                number += 1
                cells = list(sentence.cells) if kept else []
                found = _span_rows if spans else _token_rows
                rows += [[*cells, str(number), *row] for row in found(sentence, answer)]
            table.write(rows)

        yield write


def _span_rows(sentence: Sentence, answer: Tagged) -> list[list[Any]]:
    return [
        [str(span.start), str(span.end), span.type, span.text, span.prob]
        for span in spans_of(sentence, answer)
    ]


def _token_rows(sentence: Sentence, answer: Tagged) -> list[list[Any]]:
    columns = zip(sentence.places, sentence.tokens, answer.tags, answer.probs, strict=True)
    return [[str(place[0]), str(place[1]), *rest] for place, *rest in columns]


def _rewritten(sentence: Sentence, answer: Tagged) -> Iterator[str]:
    return rewritten(sentence.rows, answer.tags)


def column_lines(sentence: Sentence, answer: Tagged) -> list[str]:
    """A line a token, its tag behind a tab; a blank line."""
    pairs = zip(sentence.tokens, answer.tags, strict=True)
    return [*(f"{token}\t{tag}" for token, tag in pairs), ""]


def _conllu_lines(sentence: Sentence, answer: Tagged) -> list[str]:
    found = [f"# text = {' '.join(sentence.text.split())}"]
    for number, (token, tag) in enumerate(zip(sentence.tokens, answer.tags, strict=True), 1):
        cells = {"id": str(number), "form": token, "upos": tag}
        found.append("\t".join(cells.get(name, "_") for name in CONLLU))
    return [*found, ""] if sentence.places else []


SPELLED = {"columns": column_lines, "conllu": _conllu_lines}
