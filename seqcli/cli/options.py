"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqcli.errors import ConfigError
from seqcli.settings import config

Model = Annotated[
    str, typer.Option(metavar="FILE.pt", help="Model that `seqcli train` wrote.  [required]")
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]", show_default=False
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, max=1024, help="Processor threads.  [default: one a core; a small training one]"
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="No progress, only errors and results.  [default: no]")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.  [default: tables]")]
Encoding = Annotated[str | None, typer.Option(help="Text encoding of the data.  [default: utf-8]")]
TextColumn = Annotated[
    str | None,
    typer.Option(help="Its name or number, or A,B.  [default: text, sentence, message or review]"),
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column with the label.  [default: label, class or category]")
]

DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def overrides(flags: Mapping[str, object], assignments: list[str]) -> dict[str, dict[str, Any]]:
    """Options that were given (not None) and `--set` texts, as section -> key -> value.

    Errors: ConfigError for a text that is not SECTION.KEY=VALUE, or does not fit its setting.
    """
    texts = {target: _text(value) for target, value in flags.items() if value is not None}
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        if not equals or "." not in target:
            raise ConfigError(
                f"--set {assignment}: SECTION.KEY=VALUE expected", "--set train.epochs=5"
            )
        texts[target.strip()] = text
    table: dict[str, dict[str, Any]] = {}
    config.override(table, texts)
    return table


def seconds(text: str | None, option: str) -> float | None:
    """ "90", "90s", "10m", "1h30m" -> seconds. Errors: ConfigError."""
    if text is None:
        return None
    match = DURATION.fullmatch(text.strip())
    if not text.strip() or match is None:
        raise ConfigError(f"{option}: a time expected, {text!r} found", "90s, 10m or 1h30m")
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + rest
    if total <= 0:
        raise ConfigError(f"{option}: more than no time expected, {text!r} found")
    return total


def existing(text: str, option: str) -> Path:
    """A path the user named; an empty one is a usage error."""
    if not text:
        raise ConfigError(f"{option}: a path expected, nothing found")
    return Path(text)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def model_path(text: str) -> Path:
    """The path given as --model. Errors: ConfigError where it is missing."""
    if not text:
        raise ConfigError("--model is missing", "--model FILE.pt names what `seqcli train` wrote")
    return Path(text)


def described(path: Path) -> dict[str, Any]:
    """What a model file says of itself: asked before anything heavy is imported.

    Errors: ModelFileError for what is no model.
    """
    from seqcli.modelfile import filecheck

    description = filecheck.describe(path)
    filecheck.check_model(description, path)
    return description
