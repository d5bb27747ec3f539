"""`seqcli info`: what a file of a run is, without loading what is heavy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, safe
from seqcli.kinds import KINDS

FEW_LABELS = 20
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.  [default: lines]")]
File = Annotated[
    str, typer.Option(metavar="FILE", help="A model, or a file of its run folder.  [required]")
]


def info(model: File = "", as_json: AsJson = False) -> None:
    """Say what a model file is: task, kind, labels, data, figures, settings, what serves it.

    Of a run folder's files too: last.pt, log.jsonl, config.toml and the pictures.

    \b
    Examples:
      seqcli info --model spam.pt
      seqcli info --model spam.run/last.pt --json
    """
    from seqcli.runs.about import about

    found = about(options.model_path(model))
    if as_json:
        answer_json(found)
        return
    for name, text in _lines(found):
        answer(f"{name:<12} {safe(text)}".rstrip())


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What there is to say, a name and a text each."""
    said = [(found["path"], ""), ("what", found["what"])]
    if found.get("task"):
        preset = f", preset {found['preset']}" if found.get("preset") else ""
        said.append(("task", f"{found['task']}{preset}"))
    said += [(name, found[name]) for name in ("kind", "model") if found.get(name)]
    if found.get("labels"):
        labels = found["labels"]
        more = ", …" if len(labels) > FEW_LABELS else ""
        said.append(("labels", f"{len(labels):,}: {', '.join(labels[:FEW_LABELS])}{more}"))
    counted = [name for name in ("vocabulary", "parameters", "bytes", "epochs") if found.get(name)]
    said += [(name, f"{found[name]:,}") for name in counted]
    if found.get("epoch") is not None:
        best = f", best {found['best']}" if found.get("best") else ""
        said.append(("epoch", f"{found['epoch']}, step {found.get('step', 0):,}{best}"))
    if "complete" in found:
        said.append(("complete", "yes" if found["complete"] else "no: --resume goes on"))
    said += _scores(found)
    data = found.get("data")
    if data:
        sizes = ", ".join(f"{name} {size:,}" for name, size in data.get("sizes", {}).items())
        said.append(("data", "bundled sample" if data.get("sample") else data["path"]))
        said += [("", sizes)] if sizes else []
        said.append(("", f"SHA-256 {data['sha256']}"))
    for name, (usual, own) in found.get("settings", {}).items():
        said.append(("setting", f"{name} = {own} (the task's: {usual})"))
    versions = found.get("versions")
    if versions:
        shown = ", ".join(f"{name} {version}" for name, version in versions.items())
        said.append(("versions", f"{shown}; file format {found['format']}"))
    said += [("use", command) for command in found.get("commands", ())]
    return said


def _scores(found: dict[str, Any]) -> list[tuple[str, str]]:
    spec, said = KINDS.get(found.get("kind", "")), []
    for split, figures in (found.get("scores") or {}).items():
        if not figures or spec is None:
            continue
        parts = []
        for name in spec.listed:
            value = figures.get(name)
            if not isinstance(value, float):
                continue
            low_high = figures.get(f"{name}_interval")
            known = isinstance(low_high, list) and None not in low_high
            interval = f" ({low_high[0]:.4f} to {low_high[1]:.4f})" if known and low_high else ""
            parts.append(f"{name} {value:.4f}{interval}")
        said.append((split, ", ".join(parts)))
    return said
