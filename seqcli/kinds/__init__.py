"""What a model is for. A new kind is a folder here and a line in KINDS; nothing else names it.

What is imported here answers at once: a kind's class, which needs torch, is loaded when it is asked
for (`contract.load`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seqcli.errors import ConfigError, SeqcliError, lookup, unknown_name
from seqcli.kinds.classifier.signals.spec import SPEC as SIGNALS
from seqcli.kinds.classifier.spec import SPEC as CLASSIFIER
from seqcli.kinds.language_model.spec import SPEC as LANGUAGE_MODEL
from seqcli.kinds.spec import Spec, refuse_clash, typed
from seqcli.kinds.tagger.frames.spec import SPEC as FRAMES
from seqcli.kinds.tagger.spec import SPEC as TAGGER
from seqcli.kinds.translator.spec import SPEC as TRANSLATOR
from seqcli.kinds.writer.spec import SPEC as WRITER
from seqcli.modelfile import filecheck
from seqcli.settings import fields
from seqcli.settings.config import AnyConfig, from_dict
from seqcli.settings.counting import FORMULAS
from seqcli.settings.sections import Layers

# By `Spec.key`: a kind that reads text or numbers has a spec for each, the usual one first.
KINDS: dict[str, Spec] = {
    spec.key: spec
    for spec in (CLASSIFIER, SIGNALS, LANGUAGE_MODEL, TAGGER, FRAMES, TRANSLATOR, WRITER)
}


def names() -> list[str]:
    """The kinds, as task files spell them."""
    return list(dict.fromkeys(spec.name for spec in KINDS.values()))


def chosen(table: Mapping[str, Any]) -> Spec:
    """The spec that `kind` and `data.input` of plain values choose.

    Errors: ConfigError for an unknown kind, and an input that it does not read.
    """
    table = settled(table)
    data = table.get("data")
    given = data.get("input", "") if isinstance(data, Mapping) else ""
    return _of(str(table.get("kind")), str(given).strip())


def spec_of(config: AnyConfig) -> Spec:
    """The spec whose sections a config is made of."""
    return _of(config.kind, getattr(config.data, "input", ""))


def heading(spec: Spec) -> dict[str, Any]:
    """Plain values that choose this spec, and say no more."""
    data = {"input": spec.input} if spec.input else {}
    return {"kind": spec.name, "data": data}


def _of(name: str, given: str) -> Spec:
    own = {spec.input: spec for spec in KINDS.values() if spec.name == name}
    if not own:
        error = unknown_name("kind", name, names())
        error.key = ("kind",)
        raise error
    if not given or "" in own:  # one without a choice refuses the setting by itself
        return next(iter(own.values()))
    try:
        return lookup(own, given, "value of data.input")
    except ConfigError as error:
        error.key = ("data", "input")
        raise


def read(table: Mapping[str, Any]) -> AnyConfig:
    """A checked Config from plain values, or as typed at the shell.

    Errors: as `parts`; ConfigError for settings that cannot stand together.
    """
    return check(parts(table))


def parts(table: Mapping[str, Any]) -> AnyConfig:
    """The same, each setting checked by itself alone.

    Errors: ConfigError for unknown kinds, sections, keys and values, and a setting of another kind.
    """
    table = settled(table)
    spec = chosen(table)
    for name, values in table.items():
        if name in spec.sections and isinstance(values, Mapping):
            _belongs(spec, name, values)
    return from_dict(table, spec.sections)


def settled(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table with the kind that it is of: the named one, or what a switch of that makes of it.

    Errors: ConfigError for a switch that is neither on nor off.
    """
    named = str(table.get("kind"))
    for maker, switch, name in _switches():
        section, _, key = switch.partition(".")
        values = table.get(section)
        if named not in (maker.name, name) or not isinstance(values, Mapping):
            continue
        if key in values:
            read = fields.read(maker.sections[section], {key: values[key]}, section)
            if getattr(read, key):
                rest = {other: value for other, value in values.items() if other != key}
                return {**table, "kind": name, section: rest}
    return dict(table)


def _switches() -> Iterator[tuple[Spec, str, str]]:
    """Each switch that makes another kind: whose it is, its "section.key", and what it makes."""
    for spec in KINDS.values():
        for switch, name in spec.switches.items():
            yield spec, switch, name


def over(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`changes` over a table of settings, one level of sections deep.

    Where they make another kind of it, the table's settings that this kind does not have are left
    behind; what the changes themselves hold is not. Errors: as `chosen`.
    """
    both = _merged(table, changes)
    after = settled(both)
    if settled(table).get("kind") == after.get("kind"):
        return both
    spec, kept = chosen(after), dict(table)
    for section in spec.sections:
        values = table.get(section)
        if isinstance(values, Mapping):
            kept[section] = {key: values[key] for key in values if has(spec, section, key)}
    return settled(_merged(kept, changes))


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = {**old, **value} if both and old is not None else value
    return merged


def check(config: AnyConfig) -> AnyConfig:
    """Refuse settings that cannot stand together. Errors: ConfigError."""
    spec, train = spec_of(config), config.train
    if isinstance(config.model, Layers):
        lookup(FORMULAS, config.model.cell, "cell")
        if not config.model.sizes:
            raise ConfigError("model.hidden: at least one size expected")
        if config.model.unit_forget_bias and config.model.cell == "gru":
            raise ConfigError("model.unit_forget_bias belongs to an lstm")
    if train.select not in ("", "last", *spec.choosing):
        raise ConfigError(
            f"train.select: {spec.title} has no {train.select}",
            f"one of: last, {', '.join(spec.choosing)}",
        )
    spec.check(config)
    return config


def trainable(config: AnyConfig) -> None:
    """Refuse what can be counted and listed, but not trained: pairs of settings that clash.

    What only names its own switch (a factor of a schedule) is no clash: presets switch parts off,
    and keep their sizes. Errors: ConfigError.
    """
    model = config.model
    if isinstance(model, Layers):
        gates = "model.recurrent_activation is that of gates, which model.cell = rnn does not have"
        usual = Layers.recurrent_activation
        refuse_clash(model.cell == "rnn" and model.recurrent_activation != usual, gates)
        forget = "model.unit_forget_bias starts a bias: it needs an lstm with model.bias"
        refuse_clash(model.unit_forget_bias and (model.cell != "lstm" or not model.bias), forget)
        ways = "model.backwards turns the text round, model.bidirectional reads it both ways"
        refuse_clash(model.directions.both and model.directions.backwards, ways)
    spec_of(config).trainable(config)


def _belongs(spec: Spec, section: str, values: Mapping[str, Any]) -> None:
    """Refuse a setting that other kinds have, and this one has not."""
    for key in values:
        owners = [other.key for other in KINDS.values() if has(other, section, key)]
        if owners and spec.key not in owners:
            only = f"it belongs to: {', '.join(owners)}"
            error = ConfigError(f"{section}.{key} does nothing in a {spec.key}", only)
            error.key = (section, key)
            raise error


def has(spec: Spec, section: str, key: str) -> bool:
    """Whether a kind knows this setting."""
    return key in {field.name for field in dataclasses.fields(spec.sections[section])}


def serving(command: str) -> list[Spec]:
    """The kinds that a command, or an option, serves."""
    return [spec for spec in KINDS.values() if command in {**spec.commands, **spec.options}]


def refuse(spec: Spec, command: str, path: Path) -> None:
    """The answer to a command that does not serve this kind of model. Errors: SeqcliError."""
    if command in spec.commands:
        return
    own = [f"seqcli {typed(form, path)}" for form in spec.commands.values()]
    served = " or ".join(other.title for other in serving(command))
    raise SeqcliError(
        f"{path}: {spec.title}; `{command}` needs {served}",
        f"what serves it: {'; '.join([*own, f'seqcli eval --model {path}'])}",
    )


def refuse_option(spec: Spec, option: str, given: bool) -> None:
    """The same for an option that not every kind knows. Errors: ConfigError."""
    if given and option not in spec.options:
        served = " or ".join(other.title for other in serving(option))
        raise ConfigError(f"{option} needs {served}", f"leave it out: this is {spec.title}")


def as_model(description: dict[str, Any], path: Path) -> tuple[dict[str, Any], str]:
    """What a model file says of itself, and what its weights' names begin with.

    A run's state (last.pt) holds a model too: its best so far, or before the first evaluation the
    one that it trains. Errors: ModelFileError.
    """
    if "state" not in description:
        return description, ""
    state, result = description["state"], description.get("result")
    if not isinstance(state, dict) or not isinstance(description.get("data"), dict):
        raise filecheck.broken(path, "not the state of a run")
    best = state.get("best")
    at = best if isinstance(best, dict) else state
    scores = result if isinstance(result, dict) else {}
    told = {
        "task": description.get("task", ""),
        "preset": description.get("preset", ""),
        "epoch": at.get("epoch"),
        "step": at.get("step"),
        "scores": {
            split: scores[split]
            for split in ("valid", "test")
            if isinstance(scores.get(split), dict)
        },
        "versions": {},
    }
    own = {key: description.get(key) for key in ("format", "config", "learned", "data")}
    return {**own, **told}, "best." if at is best else "model."


def check_model(description: dict[str, Any], path: Path) -> Spec:
    """The kind of a model file, its description whole: settings and what was learned.

    Errors: ModelFileError.
    """
    learned, table = description.get("learned"), description.get("config")
    if not isinstance(table, dict) or not isinstance(learned, dict):
        raise filecheck.broken(path, "it does not say what it is")
    try:
        config = read(table)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise filecheck.broken(path, f"its settings make no sense: {error}") from error
    spec = spec_of(config)
    if problem := spec.check_learned(config, learned):
        raise filecheck.broken(path, problem)
    data = description.get("data")
    if not isinstance(data, dict) or not all(
        isinstance(data.get(key), str) for key in ("path", "sha256")
    ):
        raise filecheck.broken(path, "it does not say what it was trained on")
    return spec
