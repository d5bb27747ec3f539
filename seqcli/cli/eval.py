"""`seqcli eval`: a model's figures on its own test split, or on other data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli import kinds
from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, out, say
from seqcli.errors import ConfigError, DataError, SeqcliError, lookup
from seqcli.interrupts import interrupts
from seqcli.kinds.spec import Spec
from seqcli.machine.importing import import_torch

if TYPE_CHECKING:
    from seqcli.kinds.abilities import Mistake, Miswritten

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="FILE.pt",
        help="Model that `seqcli train` wrote; several are compared.  [required]",
    ),
]
SPLITS = {name: name for name in ("train", "valid", "test", "all")}
Data = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="File or folder to score.  [default: the model's own]"),
]
Split = Annotated[
    str | None, typer.Option(help="Split to score: train, valid, test or all.  [default: test]")
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1 << 20,
        help="Read so many columns at once (language models).  [default: 1, exact]",
    ),
]
Plots = Annotated[
    str | None, typer.Option(metavar="DIR", help="Write confusion.png there.  [default: none]")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the picture.  [default: no]")]
Mistakes = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="List its N worst mistakes.  [default: none]"),
]


Exclude = Annotated[
    bool,
    typer.Option("--exclude-trained", help="Leave out what it was trained on.  [default: no]"),
]


def evaluate(
    model: Models = None,
    data: Data = None,
    split: Split = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    encoding: options.Encoding = None,
    batch_size: BatchSize = None,
    mistakes: Mistakes = None,
    exclude_trained: Exclude = False,
    plots: Plots = None,
    force: Force = False,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Score a model on its own test split, or on other data.

    What is scored is said first, and how many of its rows the model was trained on.
    Several models are compared with the first one on the same rows, with 95 % intervals of the
    differences: --model a.pt --model b.pt.

    \b
    Examples:
      seqcli eval --model spam.pt
      seqcli eval --model spam.pt --data more.tsv --json
    """
    paths = [options.model_path(text) for text in model or [""]]
    place = None if data is None else options.existing(data, "--data")
    alone = {"--mistakes": mistakes, "--plots": plots, "--batch-size": batch_size}
    for option, value in alone.items():
        if len(paths) > 1 and value is not None:
            raise ConfigError(f"{option} goes with one model", "leave it out, or a --model")
    picture = _picture(plots, force)
    wanted = None if split is None else lookup(SPLITS, split, "split")
    reading = {"text_column": text_column, "label_column": label_column, "encoding": encoding}
    reading |= {"token_column": token_column, "tag_column": tag_column}
    if len(paths) > 1:
        with interrupts.at_once():
            import_torch()
            from seqcli.cli import compare

        compare.run(
            paths,
            place,
            wanted,
            reading,
            without_trained=exclude_trained,
            device=device,
            threads=threads,
            quiet=quiet,
            as_json=as_json,
        )
        return
    path = paths[0]
    _, spec = options.described(path, quiet)  # refused before torch is imported
    kinds.refuse_option(spec, "--mistakes", mistakes is not None)
    kinds.refuse_option(spec, "--batch-size", batch_size is not None)
    kinds.refuse_option(spec, "--exclude-trained", exclude_trained)
    with interrupts.at_once():
        import_torch()
        from seqcli.answers.loading import load_model

    loaded = load_model(path, device=device, threads=threads, reading=reading)
    chosen = loaded.choose_data(place, wanted, without_trained=exclude_trained)
    if not quiet:
        for note in chosen.notes:
            say(note)
    found: list[Mistake | Miswritten] | None = None
    if mistakes is not None:
        figures, found = loaded.mistakes(chosen, mistakes)
    elif batch_size is not None and batch_size > 1:
        figures, words = loaded.approximate(chosen, batch_size)
        if not quiet:
            say(f"approximate: {words}")
    else:
        figures = loaded.evaluate(chosen)
    known = {"trained": chosen.trained} if "--exclude-trained" in spec.options else {}
    figures = {"split": chosen.split, **known, **figures}
    if picture is not None:
        _draw(figures, picture, quiet)
    if as_json:
        listed = {} if found is None else {"mistakes": [asdict(one) for one in found]}
        answer_json({**figures, **listed})
    else:
        _print(spec, figures, found, chosen.path, quiet)


def _print(
    spec: Spec,
    figures: dict[str, Any],
    mistakes: list[Mistake | Miswritten] | None,
    data: Path,
    quiet: bool,
) -> None:
    """Figures by label where there are any, figures of the whole, confusion, mistakes."""
    from seqcli.cli import tables

    console = out()
    span = figures.get("span")  # where there are spans, types are what a person looks at
    if span is not None:
        console.print(tables.label_table(span["per_type"], spec.by_label, "type"))
        console.print()
    elif "per_label" in figures:
        console.print(tables.label_table(figures["per_label"], spec.by_label))
        console.print()
    for line in tables.figure_lines(figures, spec.listed):
        answer(line)
    if span is not None:
        for line in tables.span_lines(span):
            answer(line)
        figures = {"labels": [*span["types"], "(no span)"], "confusion": span["confusion"]}
    if "confusion" in figures:
        matrices = tables.confusion_tables(figures, console.width)
        for matrix in matrices:
            console.print()
            console.print(matrix)
        if not matrices and not quiet:
            say("more labels than a table can show: --plots DIR draws the matrix, --json lists it")
    if mistakes is not None:
        answer("")
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
