"""The files of one run: who may write them, where they are, and the log."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcli import modelfile, plots
from seqcli.errors import SeqcliError
from seqcli.files import write_bytes
from seqcli.kinds.contract import Figures


@dataclass(frozen=True)
class RunFolder:
    """`model` is OUT.pt; everything else lies in OUT.run/ beside it."""

    model: Path

    @property
    def path(self) -> Path:
        """OUT.run."""
        if self.model.suffix == ".pt":
            return self.model.with_suffix(".run")
        return self.model.with_name(self.model.name + ".run")

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

    def claim(self, *, force: bool, resume: bool) -> None:
        """Make the folder; refuse what exists unless it is to be overwritten or resumed."""
        if self.model.is_dir():
            raise SeqcliError(f"{self.model}: a folder", "--out takes the name of a file")
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

    def load_last(self) -> modelfile.ModelFile | None:
        """`last.pt`, or None where there is none yet."""
        return modelfile.load(self.last) if self.last.exists() else None

    def clear(self) -> None:
        """Remove the state and log of an earlier run; its model stays until there is a better."""
        for path in (self.last, self.log_file):
            path.unlink(missing_ok=True)

    def log(self, row: dict[str, Any]) -> None:
        """Append a row, durably."""
        line = json.dumps(row, ensure_ascii=False)
        with self.log_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def history(self) -> list[dict[str, Any]]:
        """The log's rows; a last line cut short by a crash is left out."""
        rows = []
        if self.log_file.exists():
            for line in self.log_file.read_text(encoding="utf-8").split("\n"):
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    break
        return rows

    def cut_log(self, step: int) -> None:
        """Drop the rows after `step`: the resumed run will write them again."""
        rows = [row for row in self.history() if row["step"] <= step]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_bytes(self.log_file, text.encode())

    def draw(self, best_epoch: int, metric: str, figures: Figures | None) -> None:
        """curves.png, and confusion.png of a classifier."""
        history = self.history()
        picture = plots.curves_png(history, metric=metric, best_epoch=best_epoch)
        write_bytes(self.path / "curves.png", picture)
        if figures and figures.get("confusion"):
            picture = plots.confusion_png(figures["confusion"], figures["labels"])
            write_bytes(self.path / "confusion.png", picture)
