"""Write docs/settings.md out of the settings themselves: `make docs`, or this file as a script."""

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any

from seqcli.kinds import KINDS
from seqcli.settings.config import SECTIONS
from seqcli.settings.counting import FORMULAS
from seqcli.tasks import taskfile

PAGE = Path(__file__).with_name("settings.md")
HEAD = """\
<!-- Written by docs/generate_settings.py (`make docs`); a test compares the two. -->

# Task files and settings

A task file says what to train. It is TOML, and your own is as good as a bundled one:

```toml
# mine.toml
kind = "classifier"

[data]
path = "messages.csv"
lowercase = true

[model]
cell = "gru"
hidden = [64]

[train]
epochs = 5

[preset.small.model]
hidden = [16]
```

    seqcli train --task mine.toml
    seqcli train --task mine.toml --preset small --epochs 3 --set train.clip=1

Four things decide a setting, each over the one before it:

1. the task file: `--task NAME` for a bundled one (`seqcli train --list` shows them),
   `--task FILE.toml` for yours;
2. a preset, a named variant within the file: `[preset.NAME.SECTION]` changes only the keys it
   holds; one that names another `kind` leaves behind the file's settings that this kind does not
   have;
3. an option of the command line, such as `--epochs 3`;
4. `--set SECTION.KEY=VALUE`, which may be given many times and reaches every setting of `[data]`,
   `[model]` and `[train]`. It does not reach `kind`, `[about]`, `[expected]` and presets: those are
   the file's alone.

Several values are parted by commas (`--set model.hidden=64,32`), yes and no are `true` and `false`.
A setting that is left out has the default below. A key that does not exist, a value out of its
range, and a setting that means nothing to the kind of model are errors; a misspelled name is
answered with the nearest one, a mistake in a task file with its line, also in a preset that nobody
chose. Paths in a task file are read from the folder you are in.

A run keeps all its settings in `OUT.run/config.toml`, which is again a task file.

Settings may follow from how much there is to train on. A task file then has a table of rows:

```toml
[[fit]]
up_to = 20000

[fit.model]
hidden = [256]
layers = 1

[fit.train]
batch_size = 8

[[fit]]
above = 2000000

[fit.model]
hidden = [768]
```

`up_to` counts the training part as `train` shows it behind `splits:`, tokens of a text that goes on
and rows of anything else; of recordings with a label for every step, these steps. `above` is for
more than so many; a row has one of the two. The first row that holds is laid over the file's
settings, so those with `up_to` stand smallest first and those with `above` largest first; where
none holds, the settings stand as they are. An option or `--set` is never moved, and a preset has no
rows. `train` and `check` say in a line what was set so, `train --list NAME` shows the rows;
`OUT.run/config.toml` and the model file hold what came of it, and `--resume` goes on with that.

A row with `words = 1` is for texts that have mostly one token (of half of them it is the most), one
with `aligned = true` for texts that all have the same number of characters.

`[timed.train]` in the same way says what is set otherwise where a time is given (`--max-time`):
above all for how many epochs it may be used. Rows of `[[fit]]` stand over it. `--resume`
with a time goes by it too where the run was not given epochs; what a run that has begun cannot
change stays.

"kinds" names the kinds of model that know the setting; a dash stands for all.
"""
SAYS = {
    "data": "where the data is, how it is split, how text becomes tokens and ids",
    "model": "the network: sizes, cells, dropout, first weights",
    "train": "batches, the optimizer and its schedule, and when to stop",
    "about": "what a person wants to know before a run; read by `seqcli train --list`",
    "expected": "sizes of the real data, so that `seqcli params --task` need not read it",
}
TYPES = {int: "whole number", float: "number", str: "text", bool: "true or false"}
FROM_TABLES = {"model.cell": tuple(FORMULAS)}  # choices that a table holds, not the setting


def page() -> str:
    """The whole page."""
    holders = {name: [spec.sections[name] for spec in KINDS.values()] for name in SECTIONS}
    holders |= {"about": [taskfile.About], "expected": [taskfile.Expected]}
    parts = [HEAD, *(section(name, found) for name, found in holders.items())]
    return "\n".join(parts)


def section(name: str, holders: list[type[Any]]) -> str:
    """A heading, and a row for each setting that one of these dataclasses has.

    Two for one that means something else, or has another default, in another kind.
    """
    found: dict[str, dict[tuple[str, str, str], list[type[Any]]]] = {}
    for holder in holders:
        hints = typing.get_type_hints(holder)
        for field in dataclasses.fields(holder):
            may_be = values(name, field, hints[field.name])
            said = (shown(field.default), may_be, escaped(field.metadata["help"]))
            found.setdefault(field.name, {}).setdefault(said, []).append(holder)
    rows = [
        f"| `{key}` | {default} | {may_be} | {owners(name, own)} | {meaning} |"
        for key, variants in found.items()
        for (default, may_be, meaning), own in variants.items()
    ]
    head = "| setting | default | values | kinds | meaning |\n|---|---|---|---|---|"
    return "\n".join([f"## [{name}]", "", f"{SAYS[name].capitalize()}.", "", head, *rows, ""])


def owners(section_name: str, holders: list[type[Any]]) -> str:
    """The kinds whose sections these are; a dash for all of them."""
    if section_name not in SECTIONS:
        return "-"
    names = [spec.key for spec in KINDS.values() if spec.sections[section_name] in holders]
    return "-" if len(names) == len(KINDS) else ", ".join(names)


def escaped(text: str) -> str:
    """Text that a table cell shows as it is."""
    return text.replace("<", "\\<").replace("|", "\\|")


def shown(default: Any) -> str:
    """A default as it is written in TOML; a dash where leaving it out is the only way to say it."""
    if default is None:
        return "-"
    value = list(default) if isinstance(default, tuple) else default
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1 << 16:
        return f"`{value:_}`"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def values(section_name: str, field: dataclasses.Field[Any], hint: Any) -> str:
    """What a setting may be: its type or its choices, and its limits."""
    if isinstance(hint, types.UnionType):
        hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
    several = typing.get_origin(hint) is tuple
    inner = typing.get_args(hint)[0] if several else hint
    limits = field.metadata
    choices = limits["choices"] or FROM_TABLES.get(f"{section_name}.{field.name}", ())
    text = ", ".join(f"`{choice}`" for choice in choices) or TYPES[inner]
    if several:
        text = f"list of: {text}"
    for word, key in (("from", "low"), ("above", "above"), ("to", "high")):
        if limits[key] is not None:
            text += f" {word} {number(limits[key])}"
    return text


def number(value: float) -> str:
    """1048576 as 2^20, 131071 as 2^17 - 1, others as they are."""
    power = int(value).bit_length()
    if power > 16 and value == 1 << power - 1:
        return f"2^{power - 1}"
    if power > 16 and value == (1 << power) - 1:
        return f"2^{power} - 1"
    return f"{value:g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
