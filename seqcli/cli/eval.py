"""`seqcli eval`: a model's figures on its own test split, or on other data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, out, say
from seqcli.errors import DataError, lookup
from seqcli.interrupts import interrupts

if TYPE_CHECKING:
    pass

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


def evaluate(
    model: options.Model = "",
    data: Data = None,
    split: Split = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    batch_size: BatchSize = None,
    plots: Plots = None,
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
    wanted = None if split is None else lookup(SPLITS, split, "split")
    reading = {"text_column": text_column, "label_column": label_column, "encoding": encoding}
    with interrupts.at_once():
        from seqcli.loading import load_model

    loaded = load_model(path, device=device, threads=threads, reading=reading)
    chosen = loaded.choose_data(None if data is None else options.existing(data, "--data"), wanted)
    if not quiet:
        for note in chosen.notes:
            say(note)
    figures = {"split": chosen.split, **loaded.evaluate(chosen, batch_size)}
    if not quiet and batch_size is not None and batch_size > 1:
        say(f"approximate: {batch_size} columns, each from the zero state")
    if plots is not None:
        _draw(figures, Path(plots), quiet)
    if as_json:
        answer_json(figures)
    else:
        _print(figures, quiet)


def _print(figures: dict[str, Any], quiet: bool) -> None:
    from seqcli.cli import report

    if "per_label" not in figures:
        for name in ("tokens", "loss", "perplexity", "bits_per_token", "bits_per_character"):
            if figures.get(name) is not None:
                answer(f"{name:<19} {figures[name]:,.4f}".replace(".0000", ""))
        answer(f"{'unknown_share':<19} {figures['unknown_share']:.4%}")
        return
    console = out()
    console.print(report.label_table(figures))
    console.print()
    for name in ("count", "loss", "accuracy", "macro_f1", "mcc", "majority"):
        value = figures[name]
        answer(f"{name:<10} " + (f"{value:,}" if name == "count" else report.share(value)))
    matrix = report.confusion_table(figures)
    if matrix is not None:
        console.print()
        console.print(matrix)
    elif not quiet:
        say("more labels than a table can show: --plots DIR draws the matrix, --json lists it")


def _draw(figures: dict[str, Any], folder: Path, quiet: bool) -> None:
    if figures.get("confusion") is None:
        say("no picture: this kind of model has no confusion matrix, or it is too large")
        return
    from seqcli.files import write_bytes
    from seqcli.plots import confusion_png

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(folder, 0, f"cannot be made: {(error.strerror or '').lower()}") from error
    write_bytes(folder / "confusion.png", confusion_png(figures["confusion"], figures["labels"]))
    if not quiet:
        say(f"picture: {folder / 'confusion.png'}")
