"""`seqcli classify`: a label and its probability for each text, in order, as they come."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqcli import kinds
from seqcli.cli import options
from seqcli.cli.answers import Shown, cells, columns, explained, json_lines, lines
from seqcli.cli.console import answer, say
from seqcli.errors import ConfigError
from seqcli.interrupts import interrupts

if TYPE_CHECKING:
    from seqcli.answers.prediction import Group, Predictions, Predictor
    from seqcli.kinds.abilities import Mark
    from seqcli.readers import Table

STDIN = "-"
Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Texts, or `-` alone: the lines of stdin."),
]
Input = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="csv, tsv, jsonl, parquet, or text.  [default: none]"),
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
    text_column: options.TextColumn = None,
    encoding: options.Encoding = None,
    top_k: TopK = None,
    probs: Probs = False,
    threshold: Threshold = None,
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
    """Label texts, the rows of a table, or the lines of a stream: one answer for each, in order.

    A line holds label and probability, parted by a tab; with --top-k, K such pairs; with --probs
    the answer, then every label in the model's order. --output keeps the columns of the input and
    adds label and prob; a name that is taken becomes predicted_label. --explain weighs each word
    (or character) by what the log-odds of the likeliest label lose without it.

    \b
    Examples:
      seqcli classify --model spam.pt "WIN a prize now" "see you at 6"
      cat lines.txt | seqcli classify --model spam.pt -
    """
    path = options.model_path(model)
    shown = Shown.of(top_k, probs, threshold, abstain_label, as_json, explain)
    source = _Source.of(texts or [], input, text_column, encoding, shard)
    target = _target(output, force, as_json, safe_csv)
    _, spec = options.described(path, quiet)
    kinds.refuse(spec, "classify", path)  # before torch is imported
    with interrupts.at_once():
        from seqcli.answers.loading import load_model
        from seqcli.answers.prediction import Predictor

    source.open()
    loaded = load_model(path, device=device, threads=threads)
    predictor = Predictor.of(loaded)
    if target is None:
        _print(predictor, source, shown, quiet)
    else:
        _write(predictor, source, shown, target, quiet, safe_csv)


class _Source:
    """Where the texts come from: `texts`, the table `path`, or with neither the lines of stdin."""

    def __init__(
        self,
        texts: list[str],
        path: Path | None,
        text_column: str | None,
        encoding: str,
        shard: tuple[int, int],
    ) -> None:
        self.path = path
        self._texts, self._column, self._encoding = texts, text_column, encoding
        self._shard = shard
        self._table: Table | None = None

    @classmethod
    def of(
        cls,
        texts: list[str],
        path: str | None,
        text_column: str | None,
        encoding: str | None,
        shard: str | None,
    ) -> _Source:
        """Errors: ConfigError unless it is exactly one source, with options that belong to it."""
        if bool(texts) == (path is not None):
            problem = "texts and --input" if texts else "no text"
            raise ConfigError(
                f"{problem} given", "give texts, or --input FILE, or - to read lines from stdin"
            )
        if path is None and STDIN in texts and len(texts) > 1:
            raise ConfigError("`-` reads stdin and stands alone", "give texts, or - alone")
        stream = STDIN in texts or path == STDIN
        table = path is not None and not stream
        if text_column is not None and not table:
            raise ConfigError("--text-column belongs to --input FILE")
        if encoding is not None and not table and not stream:
            raise ConfigError("--encoding belongs to --input FILE and to -")
        return cls(
            [] if stream else texts,
            options.existing(path or "", "--input") if table else None,
            text_column,
            encoding or "utf-8",
            options.shard(shard),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table made of this keeps."""
        return ("text",) if self._table is None else self._table.columns

    def open(self) -> None:
        """Look at what is to be read before the model is. Errors: DataError, ConfigError."""
        from seqcli.readers import open_table
        from seqcli.readers.lines import check_encoding
        from seqcli.settings.sections import LabeledText

        check_encoding(self._encoding)
        if self.path is not None:
            data = LabeledText(text_column=self._column or "", encoding=self._encoding)
            self._table = open_table(self.path, data)

    def groups(self, *, one_by_one: bool = False) -> Iterator[Group]:
        """This shard's texts, in order. Errors: DataError, after the texts before it."""
        from seqcli.answers.prediction import FIRST, recut, sharded

        place, count = self._shard
        return recut(sharded(self._all(), place - 1, count), (1,) if one_by_one else FIRST)

    def _all(self) -> Iterator[Group]:
        from seqcli.answers.prediction import CHARACTERS, ROWS, Group, grouped
        from seqcli.readers.live import arriving
        from seqcli.text.normal import whole

        table = self._table
        if table is not None:
            text = table.getter("text")
            return grouped((text(row), row.cells) for row in table.rows)
        if self._texts:
            return grouped((text, (text,)) for text in map(whole, self._texts))
        stream = None if sys.stdin is None else sys.stdin.buffer
        found = arriving(stream, self._encoding, rows=ROWS, characters=CHARACTERS)
        return (Group(some) for some in found)


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


def _answers(
    predictor: Predictor, source: _Source, shown: Shown, quiet: bool
) -> Iterator[tuple[Group, Predictions, list[list[Mark]] | None]]:
    """Groups with their predictions, and with marks if they are to be explained."""
    said = {""} if not quiet else None
    for group, found in predictor.stream(source.groups(one_by_one=shown.explain)):
        if said is not None and found.said not in said:
            say(found.said)
            said.add(found.said)
        marks = None
        if shown.explain:
            pairs = zip(group.texts, found.best.tolist(), strict=True)
            marks = [predictor.explain(text, label) for text, label in pairs]
        yield group, found, marks


def _print(predictor: Predictor, source: _Source, shown: Shown, quiet: bool) -> None:
    """Lines on stdout, written and flushed group by group."""
    for group, found, marks in _answers(predictor, source, shown, quiet):
        if shown.as_json:
            spelled = json_lines(group.texts, found, shown, marks)
        elif marks is None:
            spelled = lines(found, shown)
        else:
            spelled = explained(group.texts, found, marks, shown)
        answer("\n".join(spelled))


def _write(
    predictor: Predictor, source: _Source, shown: Shown, path: Path, quiet: bool, safe: bool
) -> None:
    """The table at `path`: the input's columns, then the answers'."""
    from seqcli.answers.tables import fresh_names, table_writer
    from seqcli.readers.tables import table_format

    wanted = columns(predictor.kind.labels, shown)
    names = fresh_names(source.columns, list(wanted))
    added = dict(zip(names, wanted.values(), strict=True))
    parquet = source.path is not None and table_format(source.path) == "parquet"
    count = 0
    like = source.path if parquet else None
    with table_writer(path, source.columns, added, like, safe=safe) as table:
        for group, found, marks in _answers(predictor, source, shown, quiet):
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
