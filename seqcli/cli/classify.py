"""`seqcli classify`: a label and its probability for each text, in order, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli import kinds
from seqcli.cli import options
from seqcli.cli.answers import Shown, cells, columns, explained, json_lines, lines
from seqcli.cli.console import answer, say
from seqcli.errors import ConfigError, lookup
from seqcli.interrupts import interrupts

if TYPE_CHECKING:
    from seqcli.answers.prediction import Group, Predictions, Predictor
    from seqcli.answers.texts import Texts as Found
    from seqcli.kinds.abilities import Mark

STDIN = "-"
FORMATS = {name: name for name in ("auto", "lines", "jsonl", "csv", "tsv", "parquet")}
Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Texts, or `-` alone: what comes on stdin."),
]
Input = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Table, lines, or a folder of texts.  [default: none]"),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="lines, jsonl, csv, tsv or parquet.  [default: auto]"
    ),
]
Documents = Annotated[
    bool, typer.Option("--documents", help="A file is one text.  [default: in folders]")
]
TopK = Annotated[
    int | None, typer.Option(metavar="K", help="The K likeliest labels, best first.  [default: 1]")
]
Probs = Annotated[
    bool,
    typer.Option("--probs", help="After the answer, every label's probability.  [default: no]"),
]
Threshold = Annotated[
    float | None,
    typer.Option(metavar="P", help="Abstain below this probability, 0 to 1.  [default: never]"),
]
Abstain = Annotated[
    str | None,
    typer.Option("--abstain-label", metavar="LABEL", help="Label then.  [default: empty]"),
]
MaxUnknown = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE", help="Abstain where more of the text is unknown.  [default: never]"
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="JSON Lines: text, label, prob, probs.  [default: lines]")
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Mark the words that carried the label.  [default: no]")
]
Output = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Table to write: csv, tsv, jsonl, parquet.  [default: none]"),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite --output.  [default: no]")]
SafeCsv = Annotated[
    bool,
    typer.Option("--safe-csv", help="Keep spreadsheets from computing cells.  [default: no]"),
]


def classify(
    texts: Texts = None,
    model: options.Model = "",
    input: Input = None,
    form: Format = None,
    documents: Documents = False,
    text_column: options.TrainedColumn = None,
    encoding: options.Encoding = None,
    top_k: TopK = None,
    probs: Probs = False,
    threshold: Threshold = None,
    max_unknown: MaxUnknown = None,
    abstain_label: Abstain = None,
    explain: Explain = False,
    as_json: AsJson = False,
    output: Output = None,
    force: Force = False,
    safe_csv: SafeCsv = False,
    shard: options.Shard = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
) -> None:
    """Label texts, the rows of a table, a stream, or documents: one answer for each, in order.

    A line holds label and probability, parted by a tab; with --top-k, K such pairs; with --probs
    the answer, then every label in the model's order. Behind them stands "unknown 0.75" where the
    model does not know more than half of the text. --output keeps the columns of the input and
    adds label and prob; a name that is taken becomes predicted_label. --explain weighs each word
    (or character) by what the log-odds of the likeliest label lose without it.

    A stream without --format is lines of text, unless it begins with a JSON object or a header
    that has the text's column. Of a folder each file is a text, and `path` a column.

    \b
    Examples:
      seqcli classify --model spam.pt "WIN a prize now" "see you at 6"
      cat lines.txt | seqcli classify --model spam.pt -
    """
    path = options.model_path(model)
    shown = Shown.of(top_k, probs, threshold, max_unknown, abstain_label, as_json, explain)
    reading = _Reading.of(form, documents, text_column, encoding)
    source = _Source.of(texts or [], input, reading)
    part = options.shard(shard)
    target = _target(output, force, as_json, safe_csv)
    description, spec = options.described(path, quiet)
    kinds.refuse(spec, "classify", path)  # before torch is imported
    with interrupts.at_once():
        from seqcli.answers.loading import load_model
        from seqcli.answers.prediction import Predictor

    tell = _silent if quiet else say
    found = source.open(description, tell) if source.stream is None else None
    predictor = Predictor.of(load_model(path, device=device, threads=threads))
    found = found or source.open(description, tell)  # a stream is waited for once all else is ready
    answers = _answers(predictor, found, part, shown)
    if target is None:
        _print(answers, found.paths, shown)
    else:
        like = source.path if _is_parquet(source.path, reading.format) else None
        _write(predictor, answers, found.columns, shown, target, like, quiet, safe_csv)


def _silent(line: str) -> None:
    """What --quiet makes of words."""


def _is_parquet(path: Path | None, form: str) -> bool:
    from seqcli.readers.tables import table_format

    return path is not None and (table_format(path) if form == "auto" else form) == "parquet"


@dataclass(frozen=True)
class _Reading:
    """How texts are read; `given`: the options that say so."""

    format: str
    documents: bool
    text_column: str | None
    encoding: str
    given: frozenset[str]

    @classmethod
    def of(
        cls, form: str | None, documents: bool, text_column: str | None, encoding: str | None
    ) -> _Reading:
        """Errors: ConfigError for an unknown format, and options that exclude each other."""
        every = {
            "--format": form,
            "--documents": documents or None,
            "--text-column": text_column,
            "--encoding": encoding,
        }
        given = frozenset(option for option, value in every.items() if value is not None)
        for option in sorted(given & {"--format", "--text-column"}):
            if documents:
                raise ConfigError(f"{option} does nothing with --documents", "give one of them")
        known = lookup(FORMATS, form or "auto", "format")
        return cls(known, documents, text_column, encoding or "utf-8", given)


class _Source:
    """Where the texts come from, as far as the command line tells: one place, and how it is read.

    path: of a file or folder, None for `texts` or a stream; stream: the name of what comes.
    """

    def __init__(
        self, texts: list[str], path: Path | None, stream: Path | None, reading: _Reading
    ) -> None:
        self.texts, self.path, self.stream, self._reading = texts, path, stream, reading

    @classmethod
    def of(cls, texts: list[str], path: str | None, reading: _Reading) -> _Source:
        """Errors: ConfigError unless it is exactly one source, with options that belong to it."""
        if bool(texts) == (path is not None):
            problem = "texts and --input" if texts else "no text"
            raise ConfigError(
                f"{problem} given", "give texts, or --input FILE, or - to read lines from stdin"
            )
        if path is None and STDIN in texts and len(texts) > 1:
            raise ConfigError("`-` reads stdin and stands alone", "give texts, or - alone")
        if texts and texts != [STDIN]:
            for option in sorted(reading.given):
                raise ConfigError(f"{option} belongs to --input PATH and to -")
            return cls(texts, None, None, reading)
        place = Path(STDIN) if texts else options.existing(path or "", "--input")
        if options.is_stream(place):
            return cls([], None, place, reading)
        return cls([], place, None, reading)

    def open(self, description: dict[str, Any], tell: Callable[[str], None]) -> Found:
        """What is to be read; of a stream the first line is waited for.

        Errors: DataError, ConfigError.
        """
        from seqcli.answers import texts as read
        from seqcli.readers.incoming import names_of_files
        from seqcli.readers.lines import check_encoding
        from seqcli.settings.sections import LabeledText

        reading = self._reading
        check_encoding(reading.encoding)
        form = "auto" if reading.documents else read.FORMATS[reading.format]
        column = reading.text_column or ""
        data = LabeledText(text_column=column, encoding=reading.encoding, format=form)
        data_of, learned = description["data"].get("columns"), description["learned"]
        own = data_of.get("text", "") if isinstance(data_of, dict) else ""
        own = own or description["config"]["data"].get("text_column", "")
        trained = read.Trained(str(own), tuple(map(str, learned.get("labels", ()))))
        if self.stream is not None:
            live = options.live(self.stream, reading.encoding)
            live.told = tell
            found = read.in_one(live) if reading.documents else read.in_stream(live, data, trained)
        elif self.path is None:
            found = read.given(self.texts)
            if named := names_of_files(self.texts):
                tell(named)
        elif reading.documents or self.path.is_dir():
            if reading.given - {"--documents", "--encoding"}:
                raise ConfigError(f"{min(reading.given)} does nothing for documents")
            found = read.in_documents(self.path, data, mixed=reading.documents)
        else:
            found = read.in_file(self.path, data, trained)
        for line in found.said:
            tell(line)
        return found


def _target(output: str | None, force: bool, as_json: bool, safe: bool) -> Path | None:
    if output is None:
        if force or safe:
            raise ConfigError(f"--{'force' if force else 'safe-csv'} belongs to --output")
        return None
    if as_json:
        raise ConfigError(
            "--json prints, --output writes: give one of them", "--output FILE.jsonl holds the same"
        )
    from seqcli.answers.tables import check_output

    path = options.existing(output, "--output")
    check_output(path, force=force, safe=safe)
    return path


Answers = Iterator[tuple["Group", "Predictions", "list[list[Mark]] | None"]]


def _answers(predictor: Predictor, found: Found, shard: tuple[int, int], shown: Shown) -> Answers:
    """This shard's groups with their predictions, and with marks if they are to be explained.

    Errors: DataError, after the texts before it.
    """
    from seqcli.answers.prediction import FIRST, recut, sharded

    place, count = shard
    groups = recut(sharded(found.groups, place - 1, count), (1,) if shown.explain else FIRST)
    for group, answered in predictor.stream(groups):
        if shown.explain:
            pairs = zip(group.texts, answered.best.tolist(), strict=True)
            yield group, answered, [predictor.explain(text, label) for text, label in pairs]
        else:
            yield group, answered, None


def _print(answers: Answers, paths: bool, shown: Shown) -> None:
    """Lines on stdout, written and flushed group by group."""
    for group, found, marks in answers:
        if shown.as_json:
            files = [str(row[0]) for row in group.cells] if paths else None
            spelled = json_lines(group.texts, found, shown, marks, files)
        elif marks is None:
            spelled = lines(found, shown)
        else:
            spelled = explained(group.texts, found, marks, shown)
        answer("\n".join(spelled))


def _write(
    predictor: Predictor,
    answers: Answers,
    kept: tuple[str, ...],
    shown: Shown,
    path: Path,
    like: Path | None,
    quiet: bool,
    safe: bool,
) -> None:
    """The table at `path`: the input's columns `kept`, then the answers'; types as `like` has."""
    from seqcli.answers.tables import fresh_names, table_writer

    wanted = columns(predictor.kind.labels, shown)
    names = fresh_names(kept, list(wanted))
    added = dict(zip(names, wanted.values(), strict=True))
    count = 0
    with table_writer(path, kept, added, like, safe=safe) as table:
        for group, found, marks in answers:
            pairs = zip(group.cells, cells(group.texts, found, shown, marks), strict=True)
            table.write([[*row, *more] for row, more in pairs])
            count += len(group.texts)
    if quiet:
        return
    for old, new in zip(wanted, names, strict=True):
        if old != new:
            say(f"the input has a column {old!r}: the answers are in {new!r}")
    if table.softened:
        say(f"{table.softened:,} cells: {table.softness}")
    if safe:
        say(f"{table.guarded:,} cells begin like a formula: an ' stands in front of them")
    say(f"{path}: {count:,} rows")
