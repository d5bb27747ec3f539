"""A saved model in a program: `seqcli.load("spam.pt").classify(texts)`; docs/python.md has more.

Nothing of the process is changed by it but torch's number of threads, if `threads` asks for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcli.answers.frames import FrameTagger
from seqcli.answers.loading import Loaded, load_model
from seqcli.answers.options import Options
from seqcli.answers.prediction import Predictor
from seqcli.answers.signals import SignalPredictor
from seqcli.answers.tagging import SequenceTagger, as_json
from seqcli.answers.translating import TextTranslator
from seqcli.answers.translating import as_json as translation_as_json
from seqcli.answers.writing import Writer
from seqcli.runs import about
from seqcli.settings.searching import Searching
from seqcli.settings.sections import NUMBERS

if TYPE_CHECKING:
    import pandas


class Model:
    """A model file opened for use; what serves its kind, `info["commands"]` and `repr` say."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    def __repr__(self) -> str:
        """One line: file, kind, sizes, the figure that it is judged by."""
        found, spec = self.info, self._loaded.kind.spec
        said = [f"{found['parameters']:,} parameters"]
        if "labels" in found:
            said.insert(0, f"{len(found['labels'])} labels")
        for split in ("test", "valid"):
            figure = (found["scores"].get(split) or {}).get(spec.metric)
            if isinstance(figure, float):
                said.append(f"{split} {spec.metric} {figure:.4g}")
                break
        return f"<seqcli {spec.name} {found['path']}: {', '.join(said)}>"

    @property
    def info(self) -> dict[str, Any]:
        """What the file is, as `seqcli info --json` says it: task, kind, labels, figures, data."""
        return about.model(self._loaded.path, self._loaded.description)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels, in the order of their probabilities; empty for a kind that has none."""
        return tuple(self._loaded.description["learned"].get("labels", ()))

    def classify(self, texts: Iterable[Any], *, probs: bool = False) -> pandas.DataFrame:
        """One row a text, in order: text, label, prob, unknown_share; a Series gives its index.

        With `probs` also a column "prob_LABEL" for every label. A missing value (None, NaN), as
        tables have them, is an empty text. A model of numbers takes recordings, arrays (steps,
        channels) of any length with NaN for missing numbers, and gives steps, label, prob,
        missing_share. Errors: SeqcliError for a model without labels, and for recordings that it
        cannot read; TypeError for what is no text, and for what is no list.
        """
        import pandas

        if self._loaded.kind.spec.input == NUMBERS:
            return self._classify_numbers(texts, probs)
        answers = Predictor.of(self._loaded).classify(_texts(texts))
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

    def _tag_steps(self, arrays: Iterable[Any]) -> pandas.DataFrame:
        import pandas

        _refuse_no_list(arrays)
        tagger = FrameTagger.of(self._loaded)
        labels, rows = tagger.kind.labels, list[tuple[int, int, str, float]]()
        for number, (_, parts) in enumerate(tagger.tag(arrays), start=1):
            answers = (
                pair for one in parts for pair in zip(one.labels.tolist(), one.chosen, strict=True)
            )
            rows += [
                (number, step, labels[label], prob) for step, (label, prob) in enumerate(answers)
            ]
        return pandas.DataFrame(rows, columns=["recording", "step", "label", "prob"])

    def _classify_numbers(self, arrays: Iterable[Any], probs: bool) -> pandas.DataFrame:
        import pandas

        _refuse_no_list(arrays)
        answers = SignalPredictor.of(self._loaded).classify(arrays)
        columns = ["steps", "label", "prob", "missing_share"]
        rows = [(len(one.values), row.label, row.prob, row.unknown_share) for one, row in answers]
        table = pandas.DataFrame(rows, columns=columns)
        if probs:
            for label in self.labels:
                table[f"prob_{label}"] = [row.probs[label] for _, row in answers]
        return table

    def tag(self, sentences: Iterable[Any], *, threshold: float = 0.0) -> pandas.DataFrame:
        """One row a sentence, in order: text, tokens, tags, probs, spans, unknown_share.

        A sentence is a text, or a list of tokens. `spans` is a list of dictionaries: start, end (in
        characters), type, text, prob; those below `threshold` are left out. A model of numbers
        takes recordings, as `classify` does, and gives a row a step: recording (from 1), step
        (from 0), label, prob. Errors: SeqcliError for a model that gives no tags, and for
        recordings that it cannot read; TypeError for what is no list.
        """
        import pandas

        if self._loaded.kind.spec.input == NUMBERS:
            return self._tag_steps(sentences)
        found = SequenceTagger.of(self._loaded).tag(sentences, threshold)
        columns = ["text", "tokens", "tags", "probs", "spans", "unknown_share"]
        return pandas.DataFrame([as_json(*pair) for pair in found], columns=columns)

    def translate(
        self,
        texts: Iterable[str],
        *,
        beam: int | None = None,
        greedy: bool = False,
        n_best: int = 1,
        length_penalty: float | None = None,
        max_tokens: int | None = None,
        no_repeat: int = 0,
        replace_unknown: bool = False,
        temperature: float | None = None,
        seed: int | None = None,
        attention: bool = False,
    ) -> pandas.DataFrame:
        """One row a text, in order; a Series gives its index.

        Columns: source, text, score, alternatives (dictionaries of text and score: all `n_best`,
        the best first), attention (tokens written by source tokens and the end mark; None unless
        asked for), unknown_share, source_tokens, tokens. The options are those of `seqcli
        translate`. A missing value (None, NaN) is an empty text. Errors: SeqcliError for a model
        that writes no text for another, ConfigError for options without a meaning, TypeError as
        for `classify`.
        """
        import pandas

        wanted = Searching(
            beam=beam,
            greedy=greedy,
            best=n_best,
            length_penalty=length_penalty,
            max_tokens=max_tokens,
            no_repeat=no_repeat,
            replace_unknown=replace_unknown,
            temperature=temperature,
            seed=seed,
            attention=attention,
        )
        found = TextTranslator.of(self._loaded).translate(_texts(texts), wanted)
        columns = ["source", "text", "score", "alternatives", "attention", "unknown_share"]
        return pandas.DataFrame(
            [translation_as_json(*pair) for pair in found],
            columns=[*columns, "source_tokens", "tokens"],
            index=texts.index if isinstance(texts, pandas.Series) else None,
        )

    def sample(
        self,
        prompt: str = "",
        *,
        label: str | Sequence[str] | None = None,
        count: int = 1,
        max_tokens: int = 200,
        temperature: float = 1.0,
        greedy: bool = False,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        lines: int = 1,
        seed: int | None = None,
    ) -> pandas.DataFrame:
        """`count` texts that go on from `prompt`, a row each: text, tokens, logprob, stopped.

        A model that was trained with labels needs `label`: one, several, or "all"; it writes
        `count` texts for each, and there is a column label in front. `text` is without the prompt;
        `logprob` in nats, at temperature 1; `stopped` is "end" or "length". Without a `seed` every
        call draws others. Errors: SeqcliError for a kind that writes nothing, ConfigError for
        values without a meaning.
        """
        import pandas

        options = Options(
            temperature=temperature,
            greedy=greedy,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
            max_tokens=max_tokens,
            lines=lines,
            count=count,
            seed=seed,
        )
        writer = Writer.of(self._loaded)
        labels = writer.chosen([label] if isinstance(label, str) else list(label or ()))
        context, _ = writer.kind.context(prompt)
        drawn = list(writer.write(context, options, labels))
        rows = [
            (writer.kind.text(one.ids, prompt), len(one.ids), one.logprob, one.stopped)
            for _, one in drawn
        ]
        table = pandas.DataFrame(rows, columns=["text", "tokens", "logprob", "stopped"])
        if writer.told:
            names = [writer.label(place) for place, _ in drawn if place is not None]
            table.insert(0, "label", names)
        return table


def _texts(texts: Iterable[str]) -> Iterator[str]:
    """A list's texts, missing values as empty ones. Errors: TypeError for what is none."""
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

    return map(text, texts)


def load(path: str | PathLike[str], *, device: str = "auto", threads: int | None = None) -> Model:
    """Open a model file that `seqcli train` wrote.

    Errors: ModelFileError for whatever is not one, ConfigError for an unknown device.
    """
    return Model(load_model(Path(path), device=device, threads=threads))


def _refuse_no_list(arrays: object) -> None:
    """Errors: TypeError for what is one recording, or none."""
    import pandas

    if isinstance(arrays, (str, bytes, pandas.DataFrame, Mapping)):
        what = type(arrays).__name__
        raise TypeError(f"a list of arrays expected, a {what} found: [array]")
