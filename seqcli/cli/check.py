"""`seqcli check`: what training would find in the data, without training."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli import kinds
from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, safe, say
from seqcli.errors import ConfigError
from seqcli.interrupts import interrupts

if TYPE_CHECKING:
    from seqcli.data.survey import Found, Survey

LISTED = 12  # labels
LINE = 100  # characters of an example

TaskName = Annotated[
    str, typer.Option(metavar="NAME|FILE.toml", help="The task it is for.  [required]")
]
Preset = Annotated[str | None, typer.Option(help="Variant within the task.  [default: none]")]
Data = Annotated[
    str | None, typer.Option(metavar="PATH", help="File or folder.  [default: bundled sample]")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Any other setting.  [default: none]"),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit 1 where there are findings.  [default: no]")
]


def check(
    task: TaskName = "",
    preset: Preset = None,
    data: Data = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    settings: Settings = None,
    strict: Strict = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Report what training would find in the data, without training.

    Format and columns as understood, splits, labels, lengths, unknown words; then, most harmful
    first and with what to do about it, texts that repeat, contradict each other, are damaged,
    near-empty or extreme.

    \b
    Examples:
      seqcli check --task spam
      seqcli check --task text --data reviews.csv --text-column text --label-column label
    """
    if not task:
        raise ConfigError("--task is missing", "seqcli train --list shows the tasks")
    from seqcli.tasks.taskfile import data_of, fitted, resolve

    flags = {
        "data.text_column": text_column,
        "data.label_column": label_column,
        "data.encoding": encoding,
    }
    chosen = resolve(task, preset or "", options.overrides(flags, settings or []))
    path, sample = data_of(chosen, None if data is None else options.existing(data, "--data"))
    if not quiet and not as_json:
        say(f"data: bundled synthetic sample ({path})" if sample else f"data: {path}")
    with interrupts.at_once():
        from seqcli.kinds import contract
    kind = contract.load(kinds.spec_of(chosen.config))
    survey = kind.survey(chosen.config, path, interrupts.poll)
    size = survey.steps or survey.splits["train"]
    chosen = fitted(chosen, size, survey.lengths.get("p50", 0), survey.aligned)
    if chosen.fit is not None:
        survey = kind.survey(chosen.config, path, interrupts.poll)
    if as_json:
        answer_json({"task": chosen.name, "data": str(path), **_document(survey)})
    else:
        for line in _lines(survey, chosen.said(size)):
            answer(safe(line))
    if strict and survey.findings:
        raise typer.Exit(1)


def _document(survey: Survey) -> dict[str, Any]:
    """The keys of docs/cli.md."""
    found = asdict(survey)
    found["findings"] = [asdict(finding) for finding in survey.findings]
    return found


def _lines(survey: Survey, fitted: list[str]) -> list[str]:
    """The report; `fitted`: what the task sets otherwise for so much."""
    columns = ", ".join(f"{name} {where}" for name, where in survey.columns.items())
    said = [f"format: {survey.format}" + (f"; columns: {columns}" if columns else "")]
    sizes = ", ".join(f"{name} {size:,}" for name, size in survey.splits.items())
    said += [f"splits: {sizes}", *fitted]
    if survey.labels is not None:
        order = sorted(survey.labels.items(), key=lambda pair: -pair[1])
        listed = ", ".join(f"{name[:40]} {count:,}" for name, count in order[:LISTED])
        more = f", … {order[-1][0][:40]} {order[-1][1]:,}" if len(order) > LISTED else ""
        said.append(f"labels {len(order):,}: {listed}{more}")
    lengths = survey.lengths
    said.append(
        f"lengths in {survey.unit}: half up to {lengths['p50']:,}, 95 % up to {lengths['p95']:,}, "
        f"the longest {lengths['max']:,}"
    )
    if survey.vocabulary is not None:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in survey.unknown_share.items())
        said.append(f"vocabulary {survey.vocabulary:,} (unknown: {shares})")
    if not survey.findings:
        return [*said, "nothing odd was found"]
    said += ["", f"{len(survey.findings)} to look at, the most harmful first"]
    for finding in survey.findings:
        said += _told(finding)
    return said


def _told(finding: Found) -> list[str]:
    """What it is, what to do, and where it was met first."""
    said = [f"- {finding.said}"]
    if finding.advice:
        said.append(f"  {finding.advice}")
    for example in finding.examples[:3]:
        text = " ".join(example.text.split())
        cut = text[:LINE] + "…" * (len(text) > LINE)
        said.append(f"    {Path(example.path).name}:{example.line}  {cut}")
    return said
