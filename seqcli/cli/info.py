"""`seqcli info`: what a file of a run is, without loading what is heavy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.cells import cell_len

from seqcli import kinds
from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, safe
from seqcli.kinds.spec import Spec

FEW_LABELS = 20
NAME = 12  # columns
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.  [default: lines]")]
File = Annotated[
    str, typer.Option(metavar="FILE", help="A model, or a file of its run folder.  [required]")
]
Line = tuple[str, list[str]]  # a name, and parts that are not broken apart


def info(model: File = "", as_json: AsJson = False) -> None:
    """Say what a model is: task, kind, labels, figures, settings, uses.

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
    answer(safe(found["path"]))
    width = shutil.get_terminal_size().columns
    for name, parts in _lines(found):
        for line in _wrapped(name, parts, width):
            answer(line)


def _lines(found: Mapping[str, Any]) -> Iterator[Line]:
    """What there is to say."""
    yield "what", [found["what"]]
    if found.get("task"):
        preset = [f"preset {found['preset']}"] if found["preset"] else []
        yield "task", [found["task"], *preset]
    for name in ("kind", "model"):
        if found.get(name):
            of = [f"of {found['input']}"] if name == "kind" and found.get("input") else []
            yield name, [found[name], *of]
    yield from _counts(found)
    yield from _progress(found)
    yield from _figures(found)
    if "data" in found:
        data = found["data"]
        yield "data", ["bundled sample" if data["sample"] else data["path"]]
        if data["sizes"]:
            yield "", [f"{name} {size:,}" for name, size in data["sizes"].items()]
        yield "SHA-256", [data["sha256"]]
    for name, (usual, own) in found.get("settings", {}).items():
        yield "setting", [f"{name} = {_typed(own)} ({found['compared_with']}: {_typed(usual)})"]
    if "format" in found:
        yield "format", [str(found["format"])]
    if found.get("versions"):
        versions = [f"{name} {version}" for name, version in found["versions"].items()]
        yield "versions", versions
    for command in found.get("commands", ()):
        yield "use", [command]


def _counts(found: Mapping[str, Any]) -> Iterator[Line]:
    """How much there is of what."""
    labels = found.get("labels")
    if labels:
        few = labels[:FEW_LABELS] + ["…"] * (len(labels) > FEW_LABELS)
        yield "labels", [f"{len(labels):,}: {few[0]}", *few[1:]]
    for name in ("vocabulary", "parameters", "bytes", "epochs"):
        if found.get(name) is not None:
            yield name, [f"{found[name]:,}"]


def _progress(found: Mapping[str, Any]) -> Iterator[Line]:
    """How far the run was."""
    if "epoch" in found:
        yield "epoch", [str(found["epoch"]), f"step {found['step']:,}"]
    if found.get("best") is not None:
        yield "best epoch", [str(found["best"])]
    if "complete" in found:
        done = f"yes: {found['finished']}" if found["finished"] else "yes"
        yield "complete", [done if found["complete"] else "no: --resume goes on"]


def _spec(found: Mapping[str, Any]) -> Spec | None:
    """What kind of model it is; None for a log, which does not say."""
    if "kind" not in found:
        return None
    return kinds.chosen({"kind": found["kind"], "data": {"input": found.get("input", "")}})


def _figures(found: Mapping[str, Any]) -> Iterator[Line]:
    """Of each split of a model what `eval` and `train` print; of a log its last row's, all."""
    spec = _spec(found)
    row = found.get("last") or {}
    scores = found.get("scores", {split: row.get(split) for split in ("train", "valid")})
    for split, figures in scores.items():
        if isinstance(figures, dict):
            names = figures if spec is None else dict.fromkeys(spec.listed)
            if spec is not None:
                names |= dict.fromkeys(one.name for one in spec.figures if one.line)
            shown = [_figure(name, figures) for name in names if name in figures]
            yield split, [text for text in shown if text]


def _figure(name: str, figures: Mapping[str, Any]) -> str:
    """A figure with its interval; "" where it is no number."""
    value = figures[name]
    if type(value) is int:
        return f"{name} {value:,}"
    if type(value) is not float:
        return ""
    match figures.get(f"{name}_interval"):
        case [float(low), float(high)]:
            return f"{name} {value:.4f} ({low:.4f} to {high:.4f})"
    return f"{name} {value:.4f}"


def _typed(value: Any) -> str:
    """A setting as `--set` takes it; in words where it is nothing."""
    if value is None or value in ("", []):
        return "absent" if value is None else "empty"
    if isinstance(value, list):
        return ",".join(map(_typed, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrapped(name: str, parts: list[str], width: int) -> Iterator[str]:
    """Parts with commas between them, in as many lines as they need; a long part stays whole."""
    line, empty = f"{name:<{NAME}}", True
    for place, part in enumerate(parts, 1):
        text = safe(part) + "," * (place < len(parts))
        if not empty and cell_len(line) + 1 + cell_len(text) > width:
            yield line
            line = " " * NAME
        line, empty = f"{line} {text}", False
    yield line
