"""A saved model ready for use: its kind, its network, and the data it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from seqcli import kinds
from seqcli.data.splits import cut_otherwise
from seqcli.data.trained import among
from seqcli.errors import ConfigError, DataError, SeqcliError
from seqcli.interrupts import interrupts
from seqcli.kinds import contract, saved
from seqcli.kinds.abilities import (
    Approximates,
    Compares,
    Each,
    Errs,
    Mistake,
    Miswritten,
    Place,
    remembering,
)
from seqcli.kinds.contract import Figures, Kind, Poll
from seqcli.machine.device import (
    Runtime,
    choose_device,
    choose_precision,
    float32_products,
    set_threads,
)
from seqcli.machine.team import Team
from seqcli.modelfile import filecheck, storage
from seqcli.training.evaluation import Score, evaluate

FALLBACK = {"test": "valid", "valid": "train"}


@dataclass(frozen=True)
class Chosen:
    """What is to be scored: the split's name, its data, lines for the person, and where it is."""

    split: str
    data: Any
    notes: tuple[str, ...]
    path: Path
    trained: int | None = None  # rows that the model was trained on; None: not known


@dataclass(frozen=True)
class Loaded:
    """A model file's network on its device, in eval mode."""

    path: Path
    description: dict[str, Any]
    kind: Kind
    model: nn.Module
    runtime: Runtime

    def evaluate(self, chosen: Chosen, figures: Score | None = None) -> Figures:
        """Figures of the chosen data, in float32; `figures` takes the place of the kind's own."""
        score = figures or self.kind.figures
        return evaluate(score, self.model, chosen.data, self.runtime, interrupts.poll)

    def approximate(self, chosen: Chosen, columns: int) -> tuple[Figures, str]:
        """Figures of `columns` read at once, and why they are not exact.

        Errors: ConfigError for too many.
        """
        kind, said = cast(Approximates, self.kind), list[str]()

        def figures(model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
            found, words = kind.approximate(model, split, runtime, poll, columns=columns)
            said.append(words)
            return found

        return self.evaluate(chosen, figures), said[0]

    def mistakes(self, chosen: Chosen, most: int) -> tuple[Figures, list[Mistake | Miswritten]]:
        """Figures, and the worst mistakes, at most so many."""
        kind, found = cast(Errs, self.kind), list[Mistake | Miswritten]()
        place = Place(chosen.path, chosen.split, most)

        def figures(model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
            whole, mistaken = kind.mistakes(model, split, place, runtime, poll)
            found.extend(mistaken)
            return whole

        return self.evaluate(chosen, figures), found

    def each(self, chosen: Chosen) -> tuple[Figures, Each]:
        """Figures, and what they are made of row by row."""
        kind, found = cast(Compares, self.kind), list[Each]()

        def figures(model: nn.Module, split: Any, runtime: Runtime, poll: Poll) -> Figures:
            whole, each = kind.each(model, split, runtime, poll)
            found.append(each)
            return whole

        return self.evaluate(chosen, figures), found[0]

    def choose_data(
        self, path: Path | None, split: str | None, *, without_trained: bool = False
    ) -> Chosen:
        """Decide what to score, as docs/cli.md says, and read it.

        Without `path`: the data of the training and its recorded split. A path to the same bytes:
        likewise. A folder with parts: its test part; other data: all of it. `without_trained`: rows
        that the model was trained on are left out. Errors: DataError, SeqcliError.
        """
        recorded = self.description["data"]
        notes = []
        if path is None:
            path = Path(recorded["path"])
            same = self._unchanged(path, recorded["sha256"])
        else:
            same = self.kind.fingerprint(path) == recorded["sha256"]
            if same:
                notes.append(f"{path} is the training data: the recorded split is used")
        parts = set(self.kind.parts(path))
        parted = same or parts != {"all"}
        if split is None:
            split = "test" if parted else "all"
        elif split != "all" and not parted:
            raise SeqcliError(
                f"{path} is not the data this model was trained on, so it has no {split} split",
                "leave out --split to score all of it",
            )
        data = self._read(path, split)
        while data is None and split in FALLBACK:
            notes.append(f"no {split} split here: {FALLBACK[split]} is scored instead")
            split = FALLBACK[split]
            data = self._read(path, split)
        if data is None:
            raise DataError(path, 0, f"no {split} split there", "--split all scores whatever is")
        official = split == "all" or (split in parts and split != "train")
        repeats = self.description["config"]["data"].get("repeats")
        if same and not official and cut_otherwise(recorded, repeats, parts):
            raise SeqcliError(
                f"{self.path}: its {split} split was cut by an earlier version, which could put "
                "one text on both sides: it cannot be had again",
                "train anew, or --split all scores all data, what it was trained on too",
            )
        able = remembering(self.kind)
        size = "" if able is None else f", {able.size(data)}"
        what = "all of it" if split == "all" else f"{split} split"
        begins = f"{self.path} on {path}: {what}{size}"
        notes += self.kind.remarks(data)
        own = same and split in ("valid", "test")
        trained, data, words = self._known(data, without_trained, expected=not own)
        return Chosen(split, data, (begins, *notes, *words), path, trained)

    def _known(
        self, data: Any, without: bool, *, expected: bool
    ) -> tuple[int | None, Any, list[str]]:
        """How many rows were trained on, the data, `without` them if so, and what to say of it.

        expected: whether it is worth a word that nothing is known. Errors: SeqcliError where then
        no row is left, or nothing is known.
        """
        able, known = remembering(self.kind), saved.trained_on(self.description, self.path)
        keys = None if able is None else able.keys(data)
        if able is None or keys is None or known is None:
            why = "the model file does not say: it is of an earlier version, or of very many rows"
            if able is not None and keys is None:
                why = "its text runs on, without documents that could be told apart"
            if without:
                raise SeqcliError(f"{self.path}: which rows it was trained on is not known", why)
            words = [f"not known: whether it was trained on some of this; {why}"]
            return None, data, words if expected and able is not None else []
        mask = among(keys, known)
        count = int(mask.sum())
        if not count:
            return 0, data, []
        said = f"{count:,} of {len(keys):,} {able.row} are some that it was trained on"
        if not without:
            return count, data, [f"{said}; --exclude-trained leaves them out"]
        if count == len(keys):
            raise SeqcliError(f"{said}: none is left to score", "--data PATH names new ones")
        return count, able.only(data, np.flatnonzero(~mask)), [f"{said}: left out"]

    def _read(self, path: Path, split: str) -> Any:
        try:
            return self.kind.load_split(path, split, interrupts.poll)
        except KeyError:
            return None

    def _unchanged(self, path: Path, sha256: str) -> bool:
        hint = "--data PATH names the data to score"
        if not path.exists():
            raise DataError(path, 0, "the data this model was trained on is not there", hint)
        if self.kind.fingerprint(path) != sha256:
            raise DataError(path, 0, "changed since this model was trained on it", hint)
        return True


def load_model(
    path: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    reading: Mapping[str, str | None] | None = None,
    precision: str = "fp32",
) -> Loaded:
    """Open a model file; `reading` replaces settings of [data] that are not None.

    precision: of a classifier's answers; all figures are of float32. Errors: ModelFileError for
    whatever is not a whole model file of ours, TrainingError for a precision that is not there.
    """
    file = saved.load(path)
    changed = {name: value for name, value in (reading or {}).items() if value is not None}
    try:
        table = file.description["config"]
        config = kinds.read({**table, "data": {**table["data"], **changed}})
        kind = contract.load(kinds.spec_of(config)).restore(config, file.description["learned"])
        with torch.device("meta"):  # sizes come from the file: compare before taking memory
            skeleton = kind.build(None)
    except ConfigError as error:
        if changed:
            raise
        raise filecheck.broken(path, f"its settings make no sense: {error}") from error
    except (SeqcliError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise filecheck.broken(path, f"its settings make no sense: {error}") from error
    storage.fits(skeleton, file.tensors, path)
    place = choose_device(device)
    precision = choose_precision(precision, place, kind.bfloat16_helps)
    count = set_threads(threads)
    team = Team(count) if place.type == "cpu" and count > 1 else None
    runtime = Runtime(place, precision, count, team=team)
    float32_products(runtime.device, exact=True)
    model = kind.build(None)
    model.load_state_dict(file.tensors)
    return Loaded(path, file.description, kind, model.to(runtime.device).eval(), runtime)
