"""`seqcli classify`: a label and its probability for each text, in order, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli import kinds
from seqcli.cli import options
from seqcli.cli.answers import Shown, cells, columns, explained, json_lines, lines, recording_lines
from seqcli.cli.console import answer, say
from seqcli.cli.sources import Documents, Format, Input, Reading, Texts, TextSource, is_parquet
from seqcli.errors import ConfigError
from seqcli.interrupts import interrupts
from seqcli.machine.importing import import_torch
from seqcli.settings.sections import NUMBERS

if TYPE_CHECKING:
    from seqcli.answers.prediction import Group, Predictions, Predictor
    from seqcli.answers.signals import SignalPredictor
    from seqcli.answers.texts import Texts as Found
    from seqcli.kinds.abilities import Mark

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
    precision: options.Precision = "fp32",
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
    options.check_precision(precision)
    shown = Shown.of(top_k, probs, threshold, max_unknown, abstain_label, as_json, explain)
    reading = Reading.of(form, documents, text_column, encoding)
    source = TextSource.of(texts or [], input, reading)
    part = options.shard(shard)
    target = _target(output, force, as_json, safe_csv)
    description, spec = options.described(path, quiet)
    kinds.refuse(spec, "classify", path)  # before torch is imported
    numbers = spec.input == NUMBERS
    if numbers:
        source.of_numbers()
        if explain:
            raise ConfigError("--explain weighs words", "this model reads numbers: leave it out")
    with interrupts.at_once():
        import_torch()
        from seqcli.answers.loading import load_model
        from seqcli.answers.prediction import Predictor
        from seqcli.answers.signals import SignalPredictor
        from seqcli.machine.device import keep_freed_memory

    keep_freed_memory()
    opened = partial(load_model, path, device=device, threads=threads, precision=precision)
    predictor: Predictor | SignalPredictor
    like, tell = None, _silent if quiet else say
    if numbers:
        predictor = SignalPredictor.of(opened())
        found = source.recordings(predictor.kind)
    else:
        ready = source.open(description, tell) if source.stream is None else None
        predictor = Predictor.of(opened())
        found = ready or source.open(description, tell)  # a stream is waited for once all is ready
        like = source.path if is_parquet(source.path, reading.format) else None
    answers = _answers(predictor, found, part, shown, tell)
    if target is None:
        _print(answers, shown, paths=found.paths, numbers=numbers)
    else:
        labels = predictor.kind.labels
        _write(answers, labels, found.columns, shown, target, like, quiet, safe_csv)


def _silent(line: str) -> None:
    """What --quiet makes of words."""


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


def _answers(
    predictor: Predictor | SignalPredictor,
    found: Found,
    shard: tuple[int, int],
    shown: Shown,
    tell: Callable[[str], None],
) -> Answers:
    """This shard's groups with their predictions, and with marks if they are to be explained.

    `tell` hears once what a person should know of some answers. Errors: DataError, after the texts
    before it.
    """
    from seqcli.answers.prediction import FIRST, Predictor, recut, sharded

    said = {""}
    place, count = shard
    groups = recut(sharded(found.groups, place - 1, count), (1,) if shown.explain else FIRST)
    for group, answered in predictor.stream(groups):
        if answered.said not in said:
            tell(answered.said)
            said.add(answered.said)
        if shown.explain and isinstance(predictor, Predictor):
            pairs = zip(group.texts, answered.best.tolist(), strict=True)
            yield group, answered, [predictor.explain(text, label) for text, label in pairs]
        else:
            yield group, answered, None


def _print(answers: Answers, shown: Shown, *, paths: bool, numbers: bool) -> None:
    """Lines on stdout, written and flushed group by group."""
    for group, found, marks in answers:
        if shown.as_json and numbers:
            spelled = recording_lines([row[0] for row in group.cells], found, shown)
        elif shown.as_json:
            files = [str(row[0]) for row in group.cells] if paths else None
            spelled = json_lines(group.texts, found, shown, marks, files)
        elif marks is None:
            spelled = lines(found, shown)
        else:
            spelled = explained(group.texts, found, marks, shown)
        answer("\n".join(spelled))


def _write(
    answers: Answers,
    labels: tuple[str, ...],
    kept: tuple[str, ...],
    shown: Shown,
    path: Path,
    like: Path | None,
    quiet: bool,
    safe: bool,
) -> None:
    """The table at `path`: the input's columns `kept`, then the answers'; types as `like` has."""
    from seqcli.answers.tables import fresh_names, table_writer

    wanted = columns(labels, shown)
    names = fresh_names(kept, list(wanted))
    added = dict(zip(names, wanted.values(), strict=True))
    count = 0
    with table_writer(path, kept, added, like, safe=safe) as table:
        for group, found, marks in answers:
            pairs = zip(_kept(group), cells(group.texts, found, shown, marks), strict=True)
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


def _kept(group: Group) -> list[list[Any]]:
    """The cells of a group's rows as a table has them: a recording is its name."""
    from seqcli.readers.recording import Recording

    return [
        [cell.name if isinstance(cell, Recording) else cell for cell in row] for row in group.cells
    ]
