"""Task files: find one, merge preset and overrides over it, and hand on a checked Config."""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqcli import kinds
from seqcli.errors import ConfigError, DataError, lookup, unknown_name
from seqcli.files import readable_file
from seqcli.settings import fields
from seqcli.settings.config import SECTIONS, AnyConfig, to_dict
from seqcli.settings.counting import Sizes
from seqcli.settings.fields import setting
from seqcli.tasks import fits
from seqcli.tasks.fits import Fit, Table
from seqcli.tasks.places import line_of, parted

PACKAGE = Path(__file__).parents[1]
BUNDLED = PACKAGE / "tasks"
MAX_BYTES = 1 << 20
VARIED = ("preset", "fit", "timed")  # tables of what is set otherwise
SETTING = re.compile(rf"({'|'.join(SECTIONS)})\.(\w+)")


@dataclass(frozen=True)
class About:
    """What a person wants to know of a task before running it."""

    title: str = setting("", "one line")
    source: str = setting("", "where the real data comes from")
    sample: str = setting("", "bundled sample: file or folder in sample_data")
    sample_note: str = setting("", "what the sample is, for the line that announces it")
    figure: str = setting("", "the figure it reaches, with its data")
    published: str = setting("", "the figure of the source it reproduces")
    time: str = setting("", "training time on two cores")
    command: str = setting("", "the command that gave the figure")


@dataclass(frozen=True)
class Expected:
    """Sizes of the real data, so that `params --task` can count without reading it."""

    vocabulary: int | None = setting(None, "rows of the vocabulary", low=1)
    inputs: int | None = setting(None, "numbers a step", low=1)
    outputs: int | None = setting(None, "labels", low=1)
    characters: int | None = setting(None, "rows of characters", low=1)
    affixes: int | None = setting(None, "rows of beginnings and ends of words", low=1)
    shapes: int | None = setting(None, "rows of shapes of words", low=1)

    @property
    def sizes(self) -> Sizes:
        """As counting takes them."""
        return Sizes(**vars(self))


@dataclass(frozen=True)
class Task:
    """A task with a preset and overrides merged in."""

    name: str
    preset: str
    about: About
    expected: Expected
    config: AnyConfig
    presets: tuple[str, ...]
    fits: tuple[Fit, ...] = ()  # what is set otherwise for less data, or more, until that is known
    fit: Fit | None = None  # which of them it was set by
    timed: Table = field(default_factory=dict)  # what is set otherwise where a time is given

    @property
    def in_time(self) -> Table:
        """What a given time sets: a row of its table stands over that."""
        return fits.without(self.timed, {} if self.fit is None else self.fit.settings)

    def said(self, size: int) -> list[str]:
        """What a training part of `size`, and a time, made of the settings, for a person."""
        fit = [] if self.fit is None else [self.fit.said(size)]
        if self.config.train.max_time is None:
            return fit
        told = fits.told(self.in_time)
        return [*fit, f"a time is given, so: {told}"] if told else fit


def with_data(task: Task, path: Path) -> Task:
    """The task with the data it is going to read, so that its settings tell the whole run."""
    data = dataclasses.replace(task.config.data, path=os.path.abspath(path))
    return dataclasses.replace(task, config=dataclasses.replace(task.config, data=data))


def fitted(task: Task, size: int, length: int = 0, aligned: bool = False) -> Task:
    """The task for a training part of `size` tokens, or rows of so many tokens in the median.

    Itself where no row of its table holds, or what was given does not go with it; of several rows
    the first one counts. aligned: see `Prepared.aligned`.
    """
    fit = next((row for row in task.fits if row.holds(size, length, aligned)), None)
    with suppress(ConfigError):
        return set_by(task, fit)
    return set_by(task, None)


def set_by(task: Task, fit: Fit | None) -> Task:
    """The task as a row of its table sets it, or as it is without any."""
    config = task.config if fit is None else fit.over(task.config)
    return dataclasses.replace(task, config=config, fits=(), fit=fit)


def data_of(task: Task, path: Path | None) -> tuple[Path, bool]:
    """The data to read, and whether it is the bundled sample. Errors: ConfigError."""
    if path is not None:
        return path, False
    if task.config.data.path:
        return Path(task.config.data.path), False
    if task.about.sample:
        return sample_path(task.about.sample), True
    raise ConfigError(
        f"task {task.name} has no data of its own", "--data PATH names a file or folder"
    )


def names() -> list[str]:
    """The bundled tasks."""
    return sorted(path.stem for path in BUNDLED.glob("*.toml"))


@dataclass(frozen=True)
class _File:
    """A task file as it was read; `text` says where in it something stands."""

    path: Path
    text: str
    table: dict[str, Any]

    @contextmanager
    def blamed(self, *place: str) -> Iterator[None]:
        """A ConfigError inside is one of this file, at the table `place`, and names its line."""
        try:
            yield
        except ConfigError as error:
            named = SETTING.match(error.message)  # as checks of several settings begin
            key = error.key or (named.groups() if named else ())
            line = line_of(self.text, (*place, *key)) or line_of(self.text, place)
            where = f"{self.path}, line {line}" if line else f"{self.path}"
            inside = f"preset {place[1]}: " if place[:1] == ("preset",) else ""
            raise ConfigError(f"{where}: {inside}{error.message}", error.hint) from error


def resolve(
    name: str, preset: str = "", overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> Task:
    """The bundled task `name`, or the user's file `name` (it ends in .toml), ready to run.

    `overrides` maps section -> key -> value: options of the command line over the preset over the
    file. Presets that nobody chose are checked too. Errors: ConfigError for unknown names and
    values, of a file with its line; DataError for an unreadable file.
    """
    file = _read(_locate(name))
    table = {key: value for key, value in file.table.items() if key not in VARIED}
    with file.blamed():
        presets = _table(file.table, "preset")
        # alone a file must make sense as a whole; with a preset or options these may mend it
        _read_settings(table, kinds.parts if preset or overrides else kinds.read)
    variants = {"": table}
    for other in presets:
        with file.blamed("preset", other):
            over = _table(presets, other, "preset.")
            _in_sections(over, {**table, **over}, f"preset.{other}.")
            variants[other] = kinds.over(table, over)
            _read_settings(variants[other], kinds.read)
    rows = () if preset else _fits(file, table)
    timed = {} if preset else _timed(file, table)
    table = lookup(variants, preset, f"preset of task {name}") if preset else table
    given = overrides or {}
    with nullcontext() if overrides else file.blamed(*["preset", preset] * bool(preset)):
        about, expected, config = _read_settings(kinds.over(table, given), kinds.read)
    if config.kind != kinds.chosen(file.table).name:  # an option made another kind of it
        rows, timed = (), {}
    timed = fits.without(timed, given)
    if timed and config.train.max_time is not None:
        config = kinds.read(kinds.over(to_dict(config), timed))
    return Task(
        Path(name).stem,
        preset,
        about,
        expected,
        config,
        tuple(presets),
        fits.left(rows, given),
        timed=timed,
    )


def _fits(file: _File, table: Mapping[str, Any]) -> tuple[Fit, ...]:
    """Its rows of `[[fit]]`, each of which must make sense over the file. Errors: ConfigError."""
    if "fit" not in file.table:
        return ()
    with file.blamed():
        rows = fits.read(file.table["fit"])
    for number, row in enumerate(rows):
        with file.blamed("fit", str(number)):
            _read_settings(kinds.over(table, row.settings), kinds.read)
    return rows


def _timed(file: _File, table: Mapping[str, Any]) -> Table:
    """What is set otherwise where a time is given, which must make sense over the file.

    Errors: ConfigError.
    """
    with file.blamed("timed"):
        timed = fits.timed(file.table.get("timed", {}))
        _read_settings(kinds.over(table, timed), kinds.read)
    return timed


def _read_settings(
    table: Mapping[str, Any], read: Callable[[Mapping[str, Any]], AnyConfig]
) -> tuple[About, Expected, AnyConfig]:
    """A table without presets as what it says. Errors: ConfigError."""
    if "kind" not in table:
        raise ConfigError(
            "a kind expected, none named",
            f'write kind = "{kinds.names()[0]}" at its top, or: {", ".join(kinds.names())}',
        )
    _in_sections(table, table)
    about = fields.read(About, _table(table, "about"), "about")
    expected = fields.read(Expected, _table(table, "expected"), "expected")
    rest = {key: value for key, value in table.items() if key not in ("about", "expected")}
    return about, expected, read(rest)


def _table(table: Mapping[str, Any], key: str, above: str = "") -> Mapping[str, Any]:
    """The table at `key`, an empty one where there is none. Errors: ConfigError."""
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        error = ConfigError(f"[{above}{key}]: a table expected, {value!r} found")
        error.key = () if above else (key,)
        raise error
    return value


def _in_sections(table: Mapping[str, Any], whole: Mapping[str, Any], above: str = "") -> None:
    """Refuse a setting outside of a section, and say which it belongs to. Errors: ConfigError.

    `whole`: what says of which kind it is.
    """
    for key, value in table.items():
        if isinstance(value, Mapping) or key in ("kind", "about", "expected", *SECTIONS):
            continue
        homes = []
        with suppress(ConfigError):  # another kind: said where that is read
            spec = kinds.chosen(whole)
            homes = [name for name in SECTIONS if kinds.has(spec, name, key)]
        home = homes[0] if homes else "SECTION"
        error = ConfigError(f"{key} stands in no section", f"write [{above}{home}] above it")
        error.key = (key,)
        raise error


def _locate(name: str) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    if name not in names():
        error = unknown_name("task", name, names())
        error.hint += "; or a file of your own, ending in .toml"
        raise error
    return BUNDLED / f"{name}.toml"


def _read(path: Path) -> _File:
    readable_file(path, "a task file", "bundled tasks: " + ", ".join(names()))
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise DataError(path, 0, "a task file expected, more than 1 MB found")
    try:
        text = content.decode("utf-8-sig")
        return _File(path, text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(path, line, "not a task file: not UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line, problem = parted(str(error))
        raise DataError(path, line, f"not a task file: {problem}") from error


def to_toml(config: AnyConfig) -> str:
    """The Config as a task file that gives it back."""
    lines = [f'kind = "{config.kind}"']
    for section, values in to_dict(config).items():
        if section == "kind":
            continue
        lines += ["", f"[{section}]"]
        lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + "".join(_escaped(character) for character in value) + '"'
    return repr(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    return f"\\u{code:04x}" if code < 32 or code == 127 else character


def sample_path(name: str) -> Path:
    """A bundled sample: inside the installed package, or beside it in a checkout."""
    inside = PACKAGE / "sample_data" / name
    return inside if inside.exists() else PACKAGE.parent / "sample_data" / name
