"""What a file that a run wrote is, told without torch: for `seqcli info` and `Model.info`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from seqcli import kinds
from seqcli.errors import SeqcliError
from seqcli.files import readable_file
from seqcli.kinds import KINDS
from seqcli.kinds.spec import Spec, typed
from seqcli.modelfile import filecheck
from seqcli.settings import sections
from seqcli.settings.sections import AnyConfig
from seqcli.tasks import taskfile

HINT = "give a file that `seqcli train` wrote: OUT.pt, or one of OUT.run/"
PICTURES = {"curves.png": "learning curves", "confusion.png": "confusion matrix"}


def about(path: Path) -> dict[str, Any]:
    """JSON values that say what the file at `path` is.

    Errors: SeqcliError for what no run wrote.
    """
    readable_file(path, "a file of a run", HINT)
    if path.name == "config.toml":
        task = taskfile.resolve(str(path))
        return {"path": str(path), "what": "settings of a run", **_settings(task.config)}
    if path.name == "log.jsonl":
        return {"path": str(path), "what": "log of a run", **_log(path)}
    if path.name in PICTURES:
        return {"path": str(path), "what": PICTURES[path.name]}
    description = filecheck.describe(path)
    return _state(path, description) if "state" in description else model(path, description)


def model(path: Path, description: dict[str, Any]) -> dict[str, Any]:
    """The same of a model file whose description was read. Errors: ModelFileError."""
    spec = kinds.check_model(description, path)
    config = kinds.read(description["config"])
    return {
        "path": str(path),
        "what": "a model",
        "task": description.get("task", ""),
        "preset": description.get("preset") or None,
        **_settings(config, description.get("task", ""), description.get("preset", "")),
        **_learned(spec, config, description["learned"]),
        "epoch": description.get("epoch"),
        "step": description.get("step"),
        "scores": {split: _numbers(figures) for split, figures in description["scores"].items()},
        "data": description["data"],
        "versions": description.get("versions", {}),
        "format": description["format"],
        "bytes": path.stat().st_size,
        "commands": _commands(spec, path),
    }


def _state(path: Path, description: dict[str, Any]) -> dict[str, Any]:
    try:
        config = kinds.read(description["config"])
        state, complete = description["state"], description["complete"]
        progress = {name: state[name] for name in ("epoch", "step", "seconds", "finished")}
    except (SeqcliError, KeyError, TypeError) as error:
        raise filecheck.broken(path, "not the state of a run") from error
    return {
        "path": str(path),
        "what": "the state of a run, to go on from with --resume",
        **_settings(config),
        **_learned(KINDS[config.kind], config, description["learned"]),
        "complete": complete,
        **progress,
        "best": (state.get("best") or {}).get("epoch"),
        "data": description["data"],
        "bytes": path.stat().st_size,
        "model": str(path.absolute().parent.with_suffix(".pt")),
    }


def _settings(config: AnyConfig, task: str = "", preset: str = "") -> dict[str, Any]:
    """The kind, and the settings that are not the task's: [the task's, this one's]."""
    found: dict[str, Any] = {"kind": config.kind}
    if task in taskfile.names():
        try:
            usual = sections.to_dict(taskfile.resolve(task, preset).config)
        except SeqcliError:  # a preset that is no more
            return found
        own = sections.to_dict(config)
        found["settings"] = {
            f"{section}.{key}": [usual[section].get(key), own[section].get(key)]
            for section in sections.SECTIONS
            for key in {**usual[section], **own[section]}
            if usual[section].get(key) != own[section].get(key) and key != "path"
        }
    return found


def _learned(spec: Spec, config: AnyConfig, learned: dict[str, Any]) -> dict[str, Any]:
    """Sizes of what was learned before training, the labels, and the parameters."""
    sizes = spec.sizes(learned)
    found: dict[str, Any] = {"vocabulary": sizes.vocabulary}
    if "labels" in learned:
        found["labels"] = learned["labels"]
    return {**found, "parameters": spec.count(config.model, sizes).total}


def _log(path: Path) -> dict[str, Any]:
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    best = [row["epoch"] for row in rows if isinstance(row, dict) and row.get("best")]
    return {
        "epochs": len(rows),
        "best": best[-1] if best else None,
        "last": rows[-1] if rows else None,
    }


def _numbers(figures: Any) -> dict[str, Any] | None:
    """Single figures and their intervals, without tables of labels."""
    if not isinstance(figures, dict):
        return None
    return {
        name: value
        for name, value in figures.items()
        if not isinstance(value, (dict, list)) or name.endswith("_interval")
    }


def _commands(spec: Spec, path: Path) -> list[str]:
    """What can be done with a model, as it is typed."""
    forms = [*spec.commands.values(), "eval --model {model}", "params --model {model}"]
    return [f"seqcli {typed(form, path)}" for form in forms]
