"""What a file that a run wrote is, told without torch: for `seqcli info` and `Model.info`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqcli import kinds
from seqcli.errors import DataError, SeqcliError
from seqcli.files import readable_file
from seqcli.kinds.spec import Spec, typed
from seqcli.modelfile import filecheck
from seqcli.runs.job import model_of
from seqcli.settings.config import SECTIONS, AnyConfig, to_dict
from seqcli.tasks import taskfile

HINT = "give a file that `seqcli train` wrote: OUT.pt, or one of OUT.run/"
PNG = b"\x89PNG"
PICTURES = {"curves.png": "learning curves of a run", "confusion.png": "a confusion matrix"}
KEPT = {
    "lock": "held while a run writes here; it may stay",
    "ids.bin": "the ids of a long text, kept for the next start",
    "ids.json": "what ids.bin belongs to",
}
# What is said of a model besides its kind, with its types.
MODEL = {"task": str, "preset": str, "epoch": int, "step": int, "scores": dict, "versions": dict}
STATE = {"epoch": int, "step": int, "seconds": float, "finished": str}


def about(path: Path) -> dict[str, Any]:
    """JSON values that say what the file at `path` is; in a run's folder names tell.

    Errors: SeqcliError for what no run wrote.
    """
    readable_file(path, "a file of a run", HINT)
    if path.name == "config.toml":
        config = taskfile.resolve(str(path)).config
        return {"path": str(path), "what": "settings of a run", **_settings(config)}
    if path.name == "log.jsonl":
        return {"path": str(path), "what": "log of a run", **_log(path)}
    if path.name in PICTURES and _begins(path, PNG):
        return {"path": str(path), "what": PICTURES[path.name]}
    if path.name in KEPT:
        return {"path": str(path), "what": KEPT[path.name]}
    try:
        description = filecheck.describe(path)
    except SeqcliError as error:
        error.hint = error.hint.replace(filecheck.HINT, HINT)
        raise
    return _state(path, description) if "state" in description else model(path, description)


def model(path: Path, description: dict[str, Any]) -> dict[str, Any]:
    """The same of a model file whose description was read. Errors: ModelFileError."""
    kinds.check_model(description, path)
    told = _expected(description, MODEL, path)
    scores, versions = told.pop("scores"), told.pop("versions")
    return {
        "path": str(path),
        "what": "a model",
        **told,
        "preset": told["preset"] or None,
        **_network(path, description, told["task"], told["preset"]),
        "scores": {split: _single(figures) for split, figures in scores.items()},
        "versions": {name: str(version) for name, version in versions.items()},
        "commands": _commands(kinds.chosen(description["config"]), path),
    }


def _state(path: Path, description: dict[str, Any]) -> dict[str, Any]:
    """Of a run's last.pt."""
    told = _expected(description, {"state": dict, "complete": bool}, path)
    best, out = told["state"].get("best"), description.get("out")
    beside = model_of(path.absolute().parent, out if isinstance(out, str) else "")
    return {
        "path": str(path),
        "what": "the state of a run, to go on from with --resume",
        **_network(path, description),
        "complete": told["complete"],
        **_expected(told["state"], STATE, path),
        "best": _expected(best, {"epoch": int}, path)["epoch"] if best else None,
        "model": str(beside) if beside.is_file() else None,
    }


def _network(
    path: Path, description: dict[str, Any], task: str = "", preset: str = ""
) -> dict[str, Any]:
    """What a model and a run's state have in common: settings, what was learned, data."""
    told = _expected(description, {"config": dict, "learned": dict, "data": dict}, path)
    learned = told["learned"]
    try:
        config = kinds.read(told["config"])
        spec = kinds.spec_of(config)
        if problem := spec.check_learned(config, learned):
            raise filecheck.broken(path, problem)
        sizes = spec.sizes(learned)
        parameters = spec.count(config.model, sizes).total
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise filecheck.broken(path, "its settings make no sense") from error
    data = _expected(told["data"], {"path": str, "sha256": str, "sizes": dict}, path)
    return {
        **_settings(config, task, preset),
        "vocabulary": sizes.vocabulary,
        **({"labels": learned["labels"]} if "labels" in learned else {}),
        "parameters": parameters,
        "bytes": path.stat().st_size,
        "format": description["format"],
        "data": {**data, "sample": told["data"].get("sample") is True},
    }


def _settings(config: AnyConfig, task: str = "", preset: str = "") -> dict[str, Any]:
    """The kind, and the settings that are not the usual ones: [the usual value, this one's].

    Usual are a bundled task's; of all else, the kind's defaults.
    """
    spec = kinds.spec_of(config)
    usual = kinds.parts(kinds.heading(spec))
    compared = "default"
    if task in taskfile.names():
        with contextlib.suppress(SeqcliError):  # a preset that is no more
            usual, compared = taskfile.resolve(task, preset).config, "task"
    before, now = to_dict(usual), to_dict(config)
    names = [(section, key) for section in SECTIONS for key in now[section]]
    pairs = {f"{part}.{key}": [before[part].get(key), now[part][key]] for part, key in names}
    del pairs["data.path"]
    differ = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    given = {"input": spec.input} if spec.input else {}
    return {"kind": config.kind, **given, "compared_with": compared, "settings": differ}


def _expected(table: Any, types: Mapping[str, type[Any]], path: Path) -> dict[str, Any]:
    """These entries of a table in a file that may come from a stranger. Errors: ModelFileError."""
    for name, kind in types.items():
        if not isinstance(table, dict) or type(table.get(name)) is not kind:
            raise filecheck.broken(path, f"its {name} makes no sense")
    return {name: table[name] for name in types}


def _single(figures: Any) -> dict[str, Any] | None:
    """Single figures and their intervals, without tables of labels."""
    if not isinstance(figures, dict):
        return None
    return {
        name: value
        for name, value in figures.items()
        if not isinstance(value, (dict, list)) or name.endswith("_interval")
    }


def _log(path: Path) -> dict[str, Any]:
    """Of the rows up to the first that is cut short."""
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                break
            if not isinstance(row, dict) or not {"epoch", "train", "valid"} <= row.keys():
                break
            rows.append(row)
    if not rows and path.stat().st_size:
        raise DataError(path, 1, "a row of a run's log expected", HINT)
    best = [row["epoch"] for row in rows if row.get("best")]
    return {
        "epochs": len(rows),
        "best": best[-1] if best else None,
        "last": rows[-1] if rows else None,
    }


def _begins(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _commands(spec: Spec, path: Path) -> list[str]:
    """What can be done with a model, as it is typed."""
    forms = [*spec.commands.values(), "eval --model {model}", "params --model {model}"]
    return [f"seqcli {typed(form, path)}" for form in forms]
