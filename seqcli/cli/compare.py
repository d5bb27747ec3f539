"""How `seqcli eval` with several models spells which is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from seqcli import kinds
from seqcli.answers.comparing import Comparison, Difference, Scored, compare
from seqcli.answers.loading import load_model
from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, out, safe, say
from seqcli.cli.tables import share
from seqcli.errors import ConfigError
from seqcli.kinds.spec import Spec


def run(
    paths: Sequence[Path],
    data: Path | None,
    split: str | None,
    reading: Mapping[str, str | None],
    *,
    without_trained: bool,
    device: str,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score each model, compare each with the first, print both.

    Errors: ConfigError for models that cannot be compared, before one is loaded.
    """
    _check(paths, quiet, without_trained)
    scored, heard = list[Scored](), set[str]()
    for path in paths:
        loaded = load_model(path, device=device, threads=threads, reading=reading)
        chosen = loaded.choose_data(data, split, without_trained=without_trained)
        for note in chosen.notes:
            if not quiet and note not in heard:
                say(note)
        heard.update(chosen.notes)
        scored.append(Scored(path, chosen, *loaded.each(chosen)))
    first, *others = scored
    found = [compare(one, first) for one in others]
    if as_json:
        answer_json(_record(first, others, found))
    else:
        _print(loaded.kind.spec, scored, found)


def _check(paths: Sequence[Path], quiet: bool, without_trained: bool) -> None:
    """Errors: ConfigError unless the models are of one kind, which can be compared."""
    specs = [options.described(path, quiet)[1] for path in paths]
    for spec, path in zip(specs, paths, strict=True):
        kinds.refuse_option(spec, "a second --model", True)
        kinds.refuse_option(spec, "--exclude-trained", without_trained)
        if spec is not specs[0]:
            titles = f"{paths[0]} is {specs[0].title}, {path} {spec.title}"
            raise ConfigError(f"{titles}: there is nothing to compare", "give models of one kind")


def _record(first: Scored, others: list[Scored], found: list[Comparison]) -> dict[str, Any]:
    return {
        "split": first.chosen.split,
        "models": [
            {"model": str(one.path), "trained": one.chosen.trained, **one.figures}
            for one in (first, *others)
        ],
        "differences": [
            {"model": str(one.path), "from": str(first.path), **_fields(comparison)}
            for one, comparison in zip(others, found, strict=True)
        ],
    }


def _fields(found: Comparison) -> dict[str, Any]:
    """For JSON, each share by its name; an accuracy that is not there is null."""
    table = asdict(found)
    shares: dict[str, Any] = {"accuracy": None, **table.pop("shares")}
    return {"rows": table.pop("rows"), "loss": table.pop("loss"), **shares, **table}


def _print(spec: Spec, scored: list[Scored], found: list[Comparison]) -> None:
    names = [one.name for one in spec.figures if one.name in scored[0].figures]
    table = Table("model", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, justify="right")
    for model in scored:
        table.add_row(safe(str(model.path)), *(share(model.figures[name]) for name in names))
    out().print(table)
    for one, comparison in zip(scored[1:], found, strict=True):
        rows = _rows(one, scored[0], comparison)
        answer(f"\n{safe(str(one.path))} less {safe(str(scored[0].path))}, {rows}")
        shown = {"loss": comparison.loss, **comparison.shares}
        width = max(8, *map(len, shown))
        for name, difference in shown.items():
            answer(f"  {name:{width}}  {_spelled(difference)}")
        if comparison.p is not None:
            answer(
                f"  right where the other is wrong: {comparison.only_this}, the other way round: "
                f"{comparison.only_that}"
            )
            answer(f"  McNemar's p {comparison.p:.3g}")


def _rows(one: Scored, other: Scored, comparison: Comparison) -> str:
    fewer = comparison.rows < max(len(one.each.rows), len(other.each.rows))
    return f"the {comparison.rows:,} rows that both have" if fewer else f"{comparison.rows:,} rows"


def _spelled(one: Difference) -> str:
    low, high = one.interval
    known = f"  95 % interval {low:+.4f} to {high:+.4f}" if low == low else ""
    return f"{one.difference:+.4f}{known}"
