"""`seqcli eval`: a model's figures on its own test split, or on other data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, out, say
from seqcli.errors import ConfigError, DataError, SeqcliError, lookup
from seqcli.interrupts import interrupts

if TYPE_CHECKING:
    from seqcli.answers.mistakes import Mistake

SPLITS = {name: name for name in ("train", "valid", "test", "all")}
Data = Annotated[
    str | None, typer.Option(metavar="PATH", help="File or folder.  [default: the model's own]")
]
Split = Annotated[str | None, typer.Option(help="train, valid, test or all.  [default: test]")]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1, max=1 << 20, help="Language models: columns read at once.  [default: 1, exact]"
    ),
]
Plots = Annotated[
    str | None, typer.Option(metavar="DIR", help="Write confusion.png there.  [default: none]")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the picture.  [default: no]")]
Mistakes = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="The N mistakes it is surest of.  [default: none]"),
]


def evaluate(
    model: options.Model = "",
    data: Data = None,
    split: Split = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    batch_size: BatchSize = None,
    mistakes: Mistakes = None,
    plots: Plots = None,
    force: Force = False,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Score a model on the test split it was trained beside, or on other data.

    \b
    Examples:
      seqcli eval --model spam.pt
      seqcli eval --model spam.pt --data more.tsv --json
    """
    path = options.model_path(model)
    picture = _picture(plots, force)
    wanted = None if split is None else lookup(SPLITS, split, "split")
    reading = {"text_column": text_column, "label_column": label_column, "encoding": encoding}
    kind = options.described(path)["config"].get("kind")  # refused before torch is imported
    if mistakes is not None and kind == "language-model":
        raise ConfigError("--mistakes is for classifiers", "leave it out for a language model")
    with interrupts.at_once():
        from seqcli.answers.loading import load_model

    loaded = load_model(path, device=device, threads=threads, reading=reading)
    chosen = loaded.choose_data(None if data is None else options.existing(data, "--data"), wanted)
    if not quiet:
        for note in chosen.notes:
            say(note)
    found: list[Mistake] | None = None
    if mistakes is None:
        figures = loaded.evaluate(chosen, batch_size)
    else:
        from seqcli.answers.mistakes import evaluate_with_mistakes

        figures, found = evaluate_with_mistakes(loaded, chosen, mistakes, batch_size)
    figures = {"split": chosen.split, **figures}
    if not quiet and batch_size is not None and batch_size > 1:
        from seqcli.kinds.language_model import LanguageModel

        if isinstance(loaded.kind, LanguageModel):  # `evaluate` has refused others
            read = loaded.kind.side_by_side(chosen.data, batch_size)
            rest = len(read.ids) - read.columns * read.length
            left = f"; the last {rest:,} of {len(read.ids):,} tokens are left out" if rest else ""
            say(f"approximate: {read.columns} columns, each from the zero state{left}")
    unlabeled = getattr(chosen.data, "unlabeled", None)
    if not quiet and unlabeled:
        say(f"texts without a label: {unlabeled:,} left out")
    if picture is not None:
        _draw(figures, picture, quiet)
    if as_json:
        listed = {} if found is None else {"mistakes": [asdict(one) for one in found]}
        answer_json({**figures, **listed})
    elif "per_label" in figures:
        _print_tables(figures, found, chosen.path, quiet)
    else:
        _print(figures)


def _print(figures: dict[str, Any]) -> None:
    """A language model's figures."""
    for name in ("tokens", "loss", "perplexity", "bits_per_token", "bits_per_character"):
        if figures.get(name) is not None:
            answer(f"{name:<19} {figures[name]:,.4f}".replace(".0000", ""))
    answer(f"{'unknown_share':<19} {figures['unknown_share']:.4%}")


def _print_tables(
    figures: dict[str, Any], mistakes: list[Mistake] | None, data: Path, quiet: bool
) -> None:
    """A classifier's figures and mistakes."""
    from seqcli.cli import tables

    console = out()
    console.print(tables.label_table(figures))
    console.print()
    for line in tables.figure_lines(figures):
        answer(line)
    matrices = tables.confusion_tables(figures, console.width)
    for matrix in matrices:
        console.print()
        console.print(matrix)
    if not matrices and not quiet:
        say("more labels than a table can show: --plots DIR draws the matrix, --json lists it")
    if mistakes is not None:
        answer("\nmistakes, the surest first" if mistakes else "\nno mistakes")
        root = data if data.is_dir() else data.parent
        for line in tables.mistake_lines(mistakes, root, console.width):
            answer(line)


def _picture(plots: str | None, force: bool) -> Path | None:
    """Where the picture is to be. Errors: before anything is scored, if one is there already."""
    if plots is None:
        if force:
            raise ConfigError("--force belongs to --plots")
        return None
    path = options.existing(plots, "--plots") / "confusion.png"
    if path.exists() and not force:
        raise SeqcliError(f"{path} exists", "--force overwrites it, --plots DIR goes elsewhere")
    return path


def _draw(figures: dict[str, Any], path: Path, quiet: bool) -> None:
    if figures.get("confusion") is None:
        say("no picture: this kind of model has no confusion matrix, or it is too large")
        return
    from seqcli.files import write_bytes
    from seqcli.runs.pictures import confusion_png

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or "").lower()
        raise DataError(path.parent, 0, f"cannot be made: {why}") from error
    write_bytes(path, confusion_png(figures["confusion"], figures["labels"]))
    if not quiet:
        say(f"picture: {path}")
