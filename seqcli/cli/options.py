"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import re
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.cli.console import say
from seqcli.errors import ConfigError, unknown_name
from seqcli.kinds import KINDS, as_model, check_model
from seqcli.kinds.spec import Spec
from seqcli.modelfile import filecheck
from seqcli.settings.config import SECTIONS
from seqcli.settings.fields import Option, Typed

Model = Annotated[
    str, typer.Option(metavar="FILE.pt", help="Model that `seqcli train` wrote.  [required]")
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]", show_default=False
    ),
]
Precision = Annotated[
    str, typer.Option(help="Precision of products: fp32, bf16, or auto, the faster one here.")
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
TrainedColumn = Annotated[
    str | None,
    typer.Option(
        "--text-column", help="Its name or number, or A,B.  [default: as in training, or text, ...]"
    ),
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column with the label.  [default: label, class or category]")
]
Shard = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Every Nth row, from the Ith.  [default: all rows]"),
]
TokenColumn = Annotated[
    str | None,
    typer.Option(help="Column or field with the token.  [default: the first; form; tokens]"),
]
TagColumn = Annotated[
    str | None, typer.Option(help="Column or field with the tag.  [default: the last; upos; tags]")
]

if TYPE_CHECKING:
    from seqcli.readers.live import Live

STDIN = "-"
DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


Command = Callable[..., None]


TYPES: dict[str, type[Any]] = {"bool": bool, "int": int, "float": float}


def setting_options() -> dict[str, dataclasses.Field[Any]]:
    """Settings of all kinds that have an option of their own, by "section.key"."""
    return {
        f"{section}.{field.name}": field
        for section in SECTIONS
        for spec in KINDS.values()
        for field in dataclasses.fields(spec.sections[section])
        if field.metadata["option"] is not None
    }


def with_settings(command: Command) -> Command:
    """`command`, with an option for each of these in the place of its `**given`."""
    hints = typing.get_type_hints(command, include_extras=True)
    parameters = []
    for own in inspect.signature(command).parameters.values():
        if own.name == "settings":  # behind what says which run, before how
            parameters += [_parameter(field) for field in setting_options().values()]
        if own.kind is not own.VAR_KEYWORD:
            parameters.append(own.replace(annotation=hints[own.name], kind=own.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        command(**given)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {found.name: found.annotation for found in parameters}
    return run


def _parameter(field: dataclasses.Field[Any]) -> inspect.Parameter:
    """The option of one setting, as Typer reads it; absent it means the task's."""
    option: Option = field.metadata["option"]
    name = field.name.replace("_", "-")
    spelled = str(field.type).removesuffix(" | None")  # its annotation, not evaluated: that is slow
    kind = str if option.spelled else TYPES.get(spelled, str)
    flags = option.flags or (f"--{name}/--no-{name}" if kind is bool else f"--{name}")
    words = f"{option.help}  [default: {option.default}]"
    absent: Any = kind | None
    hint = Annotated[absent, typer.Option(flags, metavar=option.metavar, help=words)]
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint
    )


def setting_flags(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given for these options, by "section.key". Errors: ConfigError."""
    named = {target.partition(".")[2]: target for target in setting_options()}
    flags = {named[key]: value for key, value in given.items() if value is not None}
    if "train.max_time" in flags:
        flags["train.max_time"] = seconds(flags["train.max_time"], "--max-time")
    if "model.vectors" in flags:
        flags["model.vectors"] = os.path.abspath(flags["model.vectors"])
    if "," in flags.get("model.hidden", ""):
        flags.setdefault("model.layers", flags["model.hidden"].count(",") + 1)
    return flags


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
    for target, text in texts.items():
        section, _, key = target.partition(".")
        if section not in SECTIONS:
            raise unknown_name("section", section, SECTIONS)
        table.setdefault(section, {})[key] = Typed(text)
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


def is_stream(path: Path) -> bool:
    """Whether what --input names comes as it is made: stdin, a named pipe, a terminal."""
    if str(path) in (STDIN, "/dev/stdin"):
        return True
    return path.is_fifo() or path.is_char_device() or path.is_socket()


def live(path: Path, encoding: str) -> Live:
    """Such a stream, opened. Errors: DataError, ConfigError."""
    from seqcli.readers.lines import unreadable
    from seqcli.readers.live import Live

    if str(path) in (STDIN, "/dev/stdin"):
        return Live(None if sys.stdin is None else sys.stdin.buffer, encoding)
    try:
        return Live(open(path, "rb", buffering=0), encoding, str(path), closes=True)
    except OSError as error:
        raise unreadable(path, 0, error) from None


def model_path(text: str) -> Path:
    """The path given as --model. Errors: ConfigError where it is missing."""
    if not text:
        raise ConfigError("--model is missing", "--model FILE.pt names what `seqcli train` wrote")
    return Path(text)


def described(path: Path, quiet: bool = False) -> tuple[dict[str, Any], Spec]:
    """What a model file says of itself, and its kind: asked before anything heavy is imported.

    Of a run's state it is said which of its models this is. Errors: ModelFileError for what is no
    model.
    """
    description, prefix = as_model(filecheck.describe(path), path)
    spec = check_model(description, path)
    if prefix and not quiet:
        which = f"best model, of epoch {description['epoch']}"
        if prefix != "best.":
            which = f"model at step {description['step']}, not evaluated yet"
        say(f"{path}: the state of a run; its {which}")
    return description, spec


def shard(text: str | None) -> tuple[int, int]:
    """`2/8` as (2, 8). Errors: ConfigError."""
    if text is None:
        return 1, 1
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ConfigError(
            f"--shard: I/N with I from 1 to N expected, {text!r} found", "--shard 1/4 … --shard 4/4"
        )
    return int(match[1]), int(match[2])


def check_precision(name: str) -> None:
    """Errors: ConfigError for none of the three."""
    if name not in ("auto", "fp32", "bf16"):
        raise ConfigError(f"unknown precision {name!r}", "one of: auto, fp32, bf16")
