"""The files of one run: who may write them, where they are, what may be gone on with, the log."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcli import kinds
from seqcli.data.idcache import FILES as IDS
from seqcli.errors import ConfigError, ModelFileError, SeqcliError
from seqcli.files import append_line, sweep, write_bytes
from seqcli.kinds.contract import Figures
from seqcli.kinds.spec import Figure
from seqcli.modelfile import storage
from seqcli.runs import pictures
from seqcli.runs.job import folder_of
from seqcli.settings.config import SECTIONS, AnyConfig, to_dict
from seqcli.settings.sections import Training
from seqcli.training.checkpoint import counters
from seqcli.training.pace import settle

# The data's path too: its fingerprint says whether it is the same.
MAY_CHANGE = frozenset(
    {
        "data.path",
        "train.epochs",
        "train.max_steps",
        "train.max_time",
        "train.on_nan",
        "train.patience",
    }
)
# In its last pass, over the rows of validation too, a run's length is settled.
LASTING = frozenset({"data.path", "train.on_nan"})


@dataclass(frozen=True)
class RunFolder:
    """`model` is OUT.pt; everything else lies in OUT.run/ beside it."""

    model: Path

    @property
    def path(self) -> Path:
        """OUT.run."""
        return folder_of(self.model)

    @property
    def last(self) -> Path:
        """The state to resume from."""
        return self.path / "last.pt"

    @property
    def settings(self) -> Path:
        """The settings, as a task file."""
        return self.path / "config.toml"

    @property
    def lock(self) -> Path:
        """Held while a run writes here."""
        return self.path / "lock"

    @property
    def log_file(self) -> Path:
        """One JSON row an epoch."""
        return self.path / "log.jsonl"

    @property
    def curves(self) -> Path:
        """Loss and metric over the epochs."""
        return self.path / "curves.png"

    @property
    def confusion(self) -> Path:
        """The confusion matrix, of a kind that has labels."""
        return self.path / "confusion.png"

    def claim(self, *, force: bool, resume: bool) -> None:
        """Make the folder; refuse what exists unless it is to be overwritten or resumed."""
        if self.model.is_dir():
            raise SeqcliError(f"{self.model}: a folder", "--out takes the name of a file")
        if self.model.exists() and not self.model.is_file():
            raise SeqcliError(f"{self.model}: not a file", "--out FILE.pt goes elsewhere")
        if resume and self.model.exists() and not self.last.exists():
            raise SeqcliError(
                f"{self.model} exists, and {self.last} is not there to go on from",
                "--force overwrites it, --out FILE.pt goes elsewhere",
            )
        if not (force or resume) and (self.model.exists() or self.last.exists()):
            there = self.model if self.model.exists() else self.path
            raise SeqcliError(
                f"{there} exists",
                "--force overwrites it, --resume goes on with it, --out FILE.pt goes elsewhere",
            )
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SeqcliError(
                f"{self.path}: cannot be made: {reason}", "--out FILE.pt goes elsewhere"
            ) from error

    @contextmanager
    def only_if_begun(self) -> Iterator[None]:
        """A start that fails before there is a state leaves no folder that was not there before."""
        fresh = not self.path.exists()
        try:
            yield
        except BaseException:
            if fresh and not self.last.exists():
                self.sweep()
                with suppress(OSError):  # it was never made, or holds what is somebody else's
                    for path in (self.settings, self.lock, *(self.path / name for name in IDS)):
                        path.unlink(missing_ok=True)
                    self.path.rmdir()
            raise

    def sweep(self) -> None:
        """Remove what killed runs left half written; call with the lock held."""
        inside = (self.last, self.settings, self.log_file, self.curves, self.confusion)
        for path in (self.model, *inside, *(self.path / name for name in IDS)):
            sweep(path)

    def load_last(self, config: AnyConfig) -> storage.ModelFile | None:
        """`last.pt` of a run with these settings, or None where there is none yet.

        Errors: ModelFileError, ConfigError for other settings.
        """
        saved = self.saved()
        if saved is not None:
            same_settings(config, saved.description)
        return saved

    def saved(self) -> storage.ModelFile | None:
        """`last.pt`, whatever its settings, or None where there is none yet.

        Errors: ModelFileError.
        """
        if not self.last.exists():
            return None
        try:
            saved = storage.load(self.last)
        except ModelFileError as error:
            error.hint = "start anew with --force"
            raise
        then = saved.description
        if not all(
            isinstance(then.get(key), dict) for key in ("config", "data", "learned", "state")
        ):
            raise self._no_state()
        if type(then.get("complete")) is not bool or type(then["data"].get("sha256")) is not str:
            raise self._no_state()
        try:
            counters(then["state"])
        except (TypeError, ValueError) as error:
            raise self._no_state() from error
        return saved

    def _no_state(self) -> ModelFileError:
        return ModelFileError(f"{self.last}: not the state of a run", "start anew with --force")

    def complete(self, then: dict[str, Any], train: Training) -> bool:
        """Whether a run described so has nothing left to do, with the limits as they are now."""
        return (
            then["complete"]
            and isinstance(then.get("result"), dict)
            and self.model.exists()
            and bool(settle(counters(then["state"]), train))
        )

    def launched_by(self, launch: str) -> bool:
        """Whether the state here was written by processes of this launch."""
        if not launch or launch == "none" or not self.last.exists():
            return False
        return storage.load(self.last).description.get("launch") == launch

    def clear(self) -> None:
        """Remove what an earlier run left; its model stays until there is a better."""
        for path in (self.last, self.log_file, self.curves, self.confusion):
            path.unlink(missing_ok=True)

    def log(self, row: dict[str, Any]) -> None:
        """Append a row, durably: numbers, without the tables of single labels."""
        plain = {name: _plain(value) for name, value in row.items()}
        append_line(self.log_file, json.dumps(plain))

    def history(self) -> list[dict[str, Any]]:
        """The log's rows, up to the first that is cut short or no row of ours."""
        rows = []
        if self.log_file.exists():
            for line in self.log_file.read_text(encoding="utf-8", errors="replace").split("\n"):
                try:
                    row = json.loads(line)
                except ValueError:
                    break
                if not isinstance(row, dict) or not {"epoch", "train", "valid"} <= row.keys():
                    break
                rows.append(row)
        return rows

    def cut_log(self, epoch: int) -> None:
        """Drop the rows after `epoch`: the resumed run will write them again."""
        rows = [row for row in self.history() if row["epoch"] <= epoch]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        write_bytes(self.log_file, text.encode())

    def draw(self, best_epoch: int | None, metric: Figure, figures: Figures | None) -> None:
        """curves.png, and confusion.png where the figures have a confusion matrix."""
        history = self.history()
        picture = pictures.curves_png(
            history, metric=metric.name, best_epoch=best_epoch, logarithmic=metric.logarithmic
        )
        write_bytes(self.curves, picture)
        if figures and figures.get("confusion"):
            picture = pictures.confusion_png(figures["confusion"], figures["labels"])
            write_bytes(self.confusion, picture)


def _plain(value: Any) -> Any:
    """Figures that are single numbers; null for those that JSON does not know."""
    if isinstance(value, dict):
        return {
            name: _plain(item) for name, item in value.items() if not isinstance(item, (dict, list))
        }
    return None if isinstance(value, float) and not math.isfinite(value) else value


def same_settings(now: AnyConfig, saved: dict[str, Any]) -> None:
    """Refuse to resume with other settings than those of the state `saved` describes.

    A setting that was not there yet had its default's effect. Errors: ConfigError that lists every
    difference.
    """
    then = saved["config"]
    free = LASTING if counters(saved["state"]).refit else MAY_CHANGE
    new, differences = to_dict(now), []
    usual = to_dict(kinds.parts({"kind": now.kind}))
    for section in SECTIONS:
        old_values, new_values = then.get(section), new[section]
        if not isinstance(old_values, dict):
            differences.append(f"[{section}] was nothing")
            continue
        for key in sorted({*old_values, *new_values}):
            old, value = old_values.get(key, usual[section].get(key)), new_values.get(key)
            if old != value and f"{section}.{key}" not in free:
                differences.append(f"{section}.{key} was {old!r}, is {value!r}")
    if now.kind != then.get("kind"):
        differences.insert(0, f"kind was {then.get('kind')!r}, is {now.kind!r}")
    if differences:
        raise ConfigError(
            "--resume with other settings: " + "; ".join(differences),
            "give the same options as before, or start anew with --force",
        )
