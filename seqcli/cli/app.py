"""The program: its commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from seqcli import __version__
from seqcli.cli.check import check
from seqcli.cli.classify import classify
from seqcli.cli.console import say
from seqcli.cli.eval import evaluate
from seqcli.cli.info import info
from seqcli.cli.params import params
from seqcli.cli.sample import sample
from seqcli.cli.tag import tag
from seqcli.cli.train import train
from seqcli.cli.translate import translate
from seqcli.errors import Ended, SeqcliError
from seqcli.interrupts import Interrupted, interrupts

BEGIN_WITH_TEXT = ("classify", "translate")  # commands whose arguments may begin with a dash
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")


class Boundary(TyperGroup):
    """Runs a command and turns whatever it raises into `error:` and `hint:` lines."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Exit 0 done, 1 data, model or run-time error, 2 usage, 130 Ctrl-C, 143 SIGTERM."""
        given = list(sys.argv[1:] if args is None else args)
        given, debug = _without_debug(given)
        extra["standalone_mode"] = False
        try:
            _prepare_streams()
            code = super().main(given or ["--help"], *rest, **extra)
        except Interrupted as stop:
            code = stop.exit_code
        except SystemExit as stop:  # Rich and Typer leave so when the reader has had enough
            code = 0 if isinstance(stop.__context__, BrokenPipeError) else stop.code
        except (Exception, KeyboardInterrupt) as error:
            code = _report(error, debug)
        _leave(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a reader that has had enough (`| head -1`) is no error."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            # Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None


def _leave(code: int) -> NoReturn:
    """End the program; one of several ranks without taking the interpreter down.

    Gloo's threads give back their last tensors when they come to it, and want the interpreter for
    that: one that is closing down aborts the process (seen in one run of twelve).
    """
    if os.environ.get("WORLD_SIZE", "1") in ("", "1"):
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # said before, where it was not the reader's leaving
            stream.flush()
    os._exit(code)


def _prepare_streams() -> None:
    """UTF-8 whatever the locale; nothing where a stream is closed; a folder that exists."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 (for the whole program)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        os.getcwd()
    except FileNotFoundError:
        raise SeqcliError("the current folder no longer exists", "cd to one that does") from None


def _without_debug(args: list[str]) -> tuple[list[str], bool]:
    """`--debug` counts wherever it stands, up to a `--`."""
    end = args.index("--") if "--" in args else len(args)
    debug = "--debug" in args[:end] or os.environ.get("SEQCLI_DEBUG", "") not in ("", "0")
    return [arg for arg in args[:end] if arg != "--debug"] + args[end:], debug


def _report(error: BaseException, debug: bool) -> int:
    if debug:
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)  # not print_exception: a message may hold what steers a terminal
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, (SeqcliError, typer.TyperException)) and _said_elsewhere(error):
        return getattr(error, "exit_code", 2)
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else f"seqcli {_command()}".strip()
        hint = f"{command} --help lists the options"
        if type(error).__name__ == "NoSuchOption" and command.endswith(BEGIN_WITH_TEXT):
            hint += "; a text that begins with - goes behind a --"
        _print_error(error.format_message(), hint)
        return getattr(error, "exit_code", 2)
    if isinstance(error, SeqcliError):
        _print_error(error.message, error.hint)
        return error.exit_code
    if isinstance(error, MemoryError) or any(mark in str(error) for mark in OUT_OF_MEMORY):
        less = "a smaller --batch-size or --hidden needs less"
        if _command() != "train":
            less = "shorter texts need less; training with data.max_tokens set cuts long ones"
        _print_error("out of memory", less)
        return 1
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        _print_error(f"{where}{(error.strerror or str(error)).lower()}", "")
        return 1
    if interrupts.requested:  # its exception came out of what it went through as this one
        return 128 + interrupts.requested
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    _print_error(f"internal: {reason}", "a bug in seqcli: --debug shows where; please report it")
    return 1


def _command() -> str:
    """The one that was typed, if any."""
    return next((arg for arg in sys.argv[1:] if arg in COMMANDS), "")


def _rank() -> int:
    """Of this process among those that train together; 0 alone."""
    rank = os.environ.get("RANK", "")
    several = os.environ.get("WORLD_SIZE", "") not in ("", "1")
    return int(rank) if several and rank.isdecimal() else 0


def _said_elsewhere(error: Exception) -> bool:
    """Whether rank 0 says it, or the first rank of this host: their command is the same."""
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    return _rank() > 0 and (isinstance(error, Ended) or not first)


def _print_error(message: str, hint: str) -> None:
    say(f"error: rank {_rank()}: {message}" if _rank() else f"error: {message}")
    if hint:
        say(f"hint: {hint}")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seqcli {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="seqcli",
    cls=Boundary,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def seqcli(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (or SEQCLI_DEBUG=1).")
    ] = False,
) -> None:
    """Train, evaluate and use RNN, LSTM and GRU models: classify, tag, translate, sample.

    \b
    Examples:
      seqcli train --task spam
      seqcli classify --model spam.pt "WIN a prize now" "see you at 6"
    """


COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "eval": evaluate,
    "sample": sample,
    "classify": classify,
    "tag": tag,
    "translate": translate,
    "params": params,
    "info": info,
    "check": check,
}
for name, command in COMMANDS.items():
    # What a docstring says after its \\b, the examples, ends the help, below the options.
    words, _, examples = inspect.cleandoc(command.__doc__ or "").partition("\b\n")
    brief = re.split(r"[.:;]", words)[0]  # in the list of commands: up to where a thought ends
    app.command(name, help=words, short_help=f"{brief}.", epilog=f"\b\n{examples}")(command)


def main() -> None:
    """Run the program; `__main__.main` has taken over the signals."""
    if typed := _command():  # Typer reads the signatures of all that it knows: 40 ms
        app.registered_commands = [one for one in app.registered_commands if one.name == typed]
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")  # else memory grows by shape
    app()
