"""How `seqcli classify` spells its answers: lines, JSON lines, or columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqcli.cli.console import finite, json_line, safe
from seqcli.cli.marks import shown as marked
from seqcli.errors import ConfigError

if TYPE_CHECKING:
    from seqcli.answers.prediction import Predictions
    from seqcli.kinds.abilities import Mark
    from seqcli.readers.recording import Recording

    Marks = Sequence[Sequence[Mark]]  # of each text


MOSTLY = 0.5  # share of a text's tokens from which on, not with, it is said to be unknown


@dataclass(frozen=True)
class Shown:
    """What is said of each text, apart from where."""

    top_k: int | None
    probs: bool
    threshold: float | None
    max_unknown: float | None
    abstain: str
    as_json: bool
    explain: bool = False

    @classmethod
    def of(
        cls,
        top_k: int | None,
        probs: bool,
        threshold: float | None,
        max_unknown: float | None,
        abstain: str | None,
        as_json: bool,
        explain: bool = False,
    ) -> Shown:
        """Errors: ConfigError for values out of range or that exclude each other."""
        if top_k is not None and top_k < 1:
            raise ConfigError(f"--top-k: at least 1 expected, {top_k} found")
        if top_k is not None and probs:
            raise ConfigError("--top-k shows some labels, --probs all: give one of them")
        if threshold is not None and not 0 <= threshold <= 1:  # NaN too
            raise ConfigError(f"--threshold: a probability expected, {threshold:g} found")
        if max_unknown is not None and not 0 <= max_unknown <= 1:
            raise ConfigError(f"--max-unknown: a share from 0 to 1 expected, {max_unknown:g} found")
        if abstain is not None and threshold is None and max_unknown is None:
            hint = "for example --threshold 0.9, or --max-unknown 0.5"
            raise ConfigError("--abstain-label needs --threshold or --max-unknown", hint)
        return cls(top_k, probs, threshold, max_unknown, abstain or "", as_json, explain)

    def names(self, found: Predictions) -> list[str]:
        """The label of each text, or the one that says that it is in doubt."""
        return found.names(self.threshold, self.abstain, self.max_unknown)


def lines(found: Predictions, shown: Shown) -> list[str]:
    """A line for each text; strings out of the model file are made harmless.

    What is mostly unknown is said behind all else, so that `cut -f1,2` finds what it always did.
    """
    told = _told(found, shown)
    if found.unknown_share.max(initial=0.0) <= MOSTLY:
        return told
    shares = found.unknown_share.tolist()
    return [
        f"{line}\tunknown {share:.2f}" if share > MOSTLY else line
        for line, share in zip(told, shares, strict=True)
    ]


def _told(found: Predictions, shown: Shown) -> list[str]:
    """Labels and probabilities."""
    names = [safe(name) for name in shown.names(found)]
    best = found.best_probabilities.tolist()
    plain = [f"{name}\t{value:.4f}" for name, value in zip(names, best, strict=True)]
    labels = [safe(label) for label in found.labels]
    if shown.probs:
        form = "".join(f"\t{label.replace('%', '%%')}\t%.4f" for label in labels)
        rest = [form % tuple(row) for row in found.probabilities.tolist()]
    elif shown.top_k is not None and shown.top_k > 1:
        places, values = found.top(shown.top_k)
        rest = [
            "".join(f"\t{labels[at]}\t{value:.4f}" for at, value in zip(*pair, strict=True))
            for pair in zip(places[:, 1:].tolist(), values[:, 1:].tolist(), strict=True)
        ]
    else:
        return plain
    return [line + more for line, more in zip(plain, rest, strict=True)]


def explained(texts: Sequence[str], found: Predictions, marks: Marks, shown: Shown) -> list[str]:
    """`lines`, each with what carried its label behind a tab."""
    pairs = zip(texts, marks, strict=True)
    return [
        f"{line}\t{marked(*pair)}" for line, pair in zip(lines(found, shown), pairs, strict=True)
    ]


def json_lines(
    texts: Sequence[str],
    found: Predictions,
    shown: Shown,
    marks: Marks | None = None,
    paths: Sequence[str] | None = None,
) -> list[str]:
    """A JSON document for each text, its strings as they are; `paths`: of the texts' files."""
    answers = found.answers(
        texts,
        top_k=shown.top_k,
        threshold=shown.threshold,
        abstain=shown.abstain,
        max_unknown=shown.max_unknown,
    )
    items = [item._asdict() for item in answers]
    if marks is not None:
        pairs = zip(items, marks, strict=True)
        items = [{**item, "explain": _pairs(item["text"], own)} for item, own in pairs]
    if paths is not None:
        items = [{"path": path, **item} for path, item in zip(paths, items, strict=True)]
    return [_json(item) for item in items]


def recording_lines(recordings: Sequence[Recording], found: Predictions, shown: Shown) -> list[str]:
    """A JSON document for each recording."""
    names = [one.name for one in recordings]
    answers = found.answers(
        names, top_k=shown.top_k, threshold=shown.threshold, abstain=shown.abstain
    )
    return [
        _json(
            {
                "recording": answer.text,
                "steps": len(one.values),
                "label": answer.label,
                "prob": answer.prob,
                "probs": answer.probs,
                "missing_share": answer.unknown_share,
            }
        )
        for one, answer in zip(recordings, answers, strict=True)
    ]


def _pairs(text: str, marks: Sequence[Mark]) -> list[tuple[str, float]]:
    """Each token as it stands in the text, and its weight."""
    return [(text[mark.start : mark.end], mark.weight) for mark in marks]


def _json(value: Any) -> str:
    try:
        return json_line(value)
    except ValueError:  # a broken model's NaN
        return json_line(finite(value))


def columns(labels: tuple[str, ...], shown: Shown) -> dict[str, type]:
    """The new columns and their types."""
    columns: dict[str, type] = {"label": str, "prob": float}
    for place in range(2, min(shown.top_k or 1, len(labels)) + 1):
        columns |= {f"label_{place}": str, f"prob_{place}": float}
    if shown.probs:
        columns |= {f"prob_{label}": float for label in labels}
    if shown.explain:
        columns["explain"] = str
    return columns


def cells(
    texts: Sequence[str], found: Predictions, shown: Shown, marks: Marks | None = None
) -> list[list[Any]]:
    """The new columns' cells, a list for each text; an explanation is one cell of JSON."""
    rows = _cells(found, shown)
    if marks is None:
        return rows
    spelled = [_json(_pairs(text, own)) for text, own in zip(texts, marks, strict=True)]
    return [[*row, cell] for row, cell in zip(rows, spelled, strict=True)]


def _cells(found: Predictions, shown: Shown) -> list[list[Any]]:
    names = shown.names(found)
    best = found.best_probabilities.tolist()
    rows: list[list[Any]] = [[name, value] for name, value in zip(names, best, strict=True)]
    if shown.probs:
        return [row + more for row, more in zip(rows, found.probabilities.tolist(), strict=True)]
    if shown.top_k is not None:
        places, values = found.top(shown.top_k)
        for row, more, probabilities in zip(rows, places.tolist(), values.tolist(), strict=True):
            for place, value in zip(more[1:], probabilities[1:], strict=True):
                row += [found.labels[place], value]
    return rows
