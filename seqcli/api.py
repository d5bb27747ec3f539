"""A saved classifier from Python: `seqcli.load("spam.pt").classify(texts)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.answers.loading import Loaded, load_model
from seqcli.answers.prediction import Predictor

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Model:
    """A model file opened for use."""

    loaded: Loaded

    @property
    def labels(self) -> tuple[str, ...]:
        """A classifier's labels, in the order of its probabilities; empty for other kinds."""
        return tuple(self.loaded.description.get("labels", ()))

    def classify(self, texts: Iterable[str], *, probs: bool = False) -> pandas.DataFrame:
        """One row a text, in order: text, label, prob, unknown_share; a Series gives its index.

        With `probs` also a column "prob_LABEL" for every label. A missing value (None, NaN), as
        tables have them, is an empty text. Errors: SeqcliError for a model without labels,
        TypeError for what is no text, and for what is no list of texts.
        """
        import pandas

        if isinstance(texts, (str, bytes)):
            raise TypeError(f"a list of texts expected, one {type(texts).__name__} found: [text]")
        if isinstance(texts, (pandas.DataFrame, Mapping)):
            what = type(texts).__name__
            raise TypeError(f'texts expected, a {what} found: pass a column, as table["text"]')

        def text(value: object) -> str:
            if isinstance(value, str):
                return value
            if value is None or value is pandas.NA or value != value:
                return ""
            cure = "; decode it first" if isinstance(value, bytes) else ""
            raise TypeError(f"a text expected, {type(value).__name__} found: {value!r:.60}{cure}")

        predictor = Predictor.of(self.loaded.kind, self.loaded.model, self.loaded.runtime)
        answers = predictor.classify(map(text, texts))
        columns = ["text", "label", "prob", "unknown_share"]
        table = pandas.DataFrame(
            [(row.text, row.label, row.prob, row.unknown_share) for row in answers],
            columns=columns,
            index=texts.index if isinstance(texts, pandas.Series) else None,
        )
        if probs:
            for label in self.labels:
                table[f"prob_{label}"] = [row.probs[label] for row in answers]
        return table


def load(path: str | PathLike[str], *, device: str = "auto", threads: int | None = None) -> Model:
    """Open a model file that `seqcli train` wrote.

    Errors: ModelFileError for whatever is not one, ConfigError for an unknown device.
    """
    return Model(load_model(Path(path), device=device, threads=threads))
