"""Write docs/cli.md out of the program's own `--help`: `make docs`, or this file as a script."""

from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from seqcli.cli.app import app

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 88
HEAD = """\
<!-- Written by docs/generate_cli.py (`make docs`); a test compares the two. -->

# Commands

Every command prints its results on stdout; progress, notes and errors go to stderr. `--json` gives
one JSON document (JSON Lines where there is a row for each input); a number that is not finite is
`null`. `-` reads stdin, and files ending in `.gz`, `.bz2` or `.xz` are read as they are.

| exit | meaning |
|---|---|
| 0 | done |
| 1 | a data file, a model file or the run is at fault: `error:` says what, `hint:` what to do |
| 2 | the command line, a task file or a setting is |
| 130, 143 | stopped by Ctrl-C, by SIGTERM; a training run is saved, `--resume` goes on |

`--debug` or `SEQCLI_DEBUG=1` shows the traceback behind an error, `NO_COLOR` turns colors off.
Completion for your shell: `seqcli --install-completion`. What `--set` and task files take is in
[settings.md](settings.md).
"""


def page() -> str:
    """The whole page."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    context = group.make_context("seqcli", [], resilient_parsing=True, terminal_width=WIDTH)
    parts = [HEAD, section("seqcli", group.get_help(context))]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = command.make_context(
            name, [], parent=context, resilient_parsing=True, terminal_width=WIDTH
        )
        parts.append(section(f"seqcli {name}", command.get_help(inner)))
    return "\n".join(parts)


def section(title: str, text: str) -> str:
    """A heading and the help as it stands on a terminal."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
