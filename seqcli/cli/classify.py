"""`seqcli classify`: a label and its probability for each text, in order, as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqcli import kinds
from seqcli.cli import options
from seqcli.cli.answers import Shown, cells, columns, explained, json_lines, lines, recording_lines
from seqcli.cli.console import answer, say
from seqcli.cli.sources import Source
from seqcli.errors import ConfigError
from seqcli.interrupts import interrupts
from seqcli.settings.sections import NUMBERS

if TYPE_CHECKING:
    from seqcli.answers.prediction import Group, Predictions, Predictor
    from seqcli.answers.signals import SignalPredictor
    from seqcli.kinds.abilities import Mark

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
    source = Source.of(texts or [], input, text_column, encoding, shard)
    target = _target(output, force, as_json, safe_csv)
    _, spec = options.described(path, quiet)
    kinds.refuse(spec, "classify", path)  # before torch is imported
    numbers = spec.input == NUMBERS
    if numbers:
        source.of_numbers()
        if explain:
            raise ConfigError("--explain weighs words", "this model reads numbers: leave it out")
    with interrupts.at_once():
        from seqcli.answers.loading import load_model
        from seqcli.answers.prediction import Predictor
        from seqcli.answers.signals import SignalPredictor

    predictor: Predictor | SignalPredictor
    if numbers:
        loaded = load_model(path, device=device, threads=threads)
        predictor = SignalPredictor.of(loaded)
        source.recordings(predictor.kind)
    else:
        source.open()
        loaded = load_model(path, device=device, threads=threads)
        predictor = Predictor.of(loaded)
    if target is None:
        _print(predictor, source, shown)
    else:
        _write(predictor, source, shown, target, quiet, safe_csv)


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
    predictor: Predictor | SignalPredictor, source: Source, shown: Shown
) -> Iterator[tuple[Group, Predictions, list[list[Mark]] | None]]:
    """Groups with their predictions, and with marks if they are to be explained."""
    from seqcli.answers.signals import SignalPredictor

    if not shown.explain or isinstance(predictor, SignalPredictor):
        for group, found in predictor.stream(source.groups()):
            yield group, found, None
        return
    for group, found in predictor.stream(source.groups(one_by_one=True)):
        pairs = zip(group.texts, found.best.tolist(), strict=True)
        yield group, found, [predictor.explain(text, label) for text, label in pairs]


def _print(predictor: Predictor | SignalPredictor, source: Source, shown: Shown) -> None:
    """Lines on stdout, written and flushed group by group."""
    from seqcli.answers.signals import SignalPredictor, recordings_of

    for group, found, marks in _answers(predictor, source, shown):
        if shown.as_json and isinstance(predictor, SignalPredictor):
            spelled = recording_lines(recordings_of(group), found, shown)
        elif shown.as_json:
            spelled = json_lines(group.texts, found, shown, marks)
        elif marks is None:
            spelled = lines(found, shown)
        else:
            spelled = explained(group.texts, found, marks, shown)
        answer("\n".join(spelled))


def _write(
    predictor: Predictor | SignalPredictor,
    source: Source,
    shown: Shown,
    path: Path,
    quiet: bool,
    safe: bool,
) -> None:
    """The table at `path`: the input's columns, then the answers'."""
    from seqcli.answers.signals import SignalPredictor
    from seqcli.answers.tables import fresh_names, table_writer

    wanted = columns(predictor.kind.labels, shown)
    names = fresh_names(source.columns, list(wanted))
    added = dict(zip(names, wanted.values(), strict=True))
    count, named = 0, isinstance(predictor, SignalPredictor)
    with table_writer(path, source.columns, added, source.types_of, safe=safe) as table:
        for group, found, marks in _answers(predictor, source, shown):
            own = [[name] for name in group.texts] if named else group.cells
            pairs = zip(own, cells(group.texts, found, shown, marks), strict=True)
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
