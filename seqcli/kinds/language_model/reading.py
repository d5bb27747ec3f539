"""A language model's data: read, looked over, and told of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqcli.data.corpus import (
    Corpus,
    load_corpus,
)
from seqcli.data.findings import Finding
from seqcli.data.survey import Survey, lengths_of, located, looked_over
from seqcli.errors import DataError, TooLittle
from seqcli.kinds.contract import Poll
from seqcli.kinds.language_model.spec import Settings
from seqcli.readers.source import Source, discover
from seqcli.text.special import END
from seqcli.text.tokens import tokenizer

UNKNOWN = 0.1  # share of tokens from which on it is worth a word


def survey(config: Settings, path: Path, poll: Poll) -> Survey:
    """As `Kind.survey` says; lengths are those of lines."""
    source = found_at(path, config)
    corpus = load_corpus(source, config.data, None, poll)
    odd = [
        Finding("text", note, "", 1) for note in (*marks(corpus), *missing(source, corpus, config))
    ]
    try:
        enough(corpus, config.train.batch_size, path)
    except DataError as error:
        odd.insert(0, Finding("too-little", error.problem, error.hint, 1))
    unknown = {part: share for part, share in corpus.unknown_share.items() if share > UNKNOWN}
    for part, share in unknown.items():
        said = f"{share:.0%} of the tokens of {part} are unknown"
        advice = "is it another language or spelling? data.vocabulary, data.min_count"
        odd.append(Finding("unknown", said, advice, 1))
    split = tokenizer(config.data, corpus.vocab.subwords).split
    running = source.format == "text"
    lengths = np.fromiter((len(split(line.text)) for line in source.records()), np.int64)
    return Survey(
        source.format,
        source.columns(),
        {name: len(stream) for name, stream in corpus.streams.items()},
        unit(config),
        lengths_of(lengths),
        len(corpus.vocab),
        corpus.unknown_share,
        None,
        tuple(source.notes()),
        (
            *located(source, odd),
            *looked_over(source.records(), poll, running=running),
        ),
    )


def unit(config: Settings) -> str:
    """What a token is, for a person."""
    name = config.data.tokenizer
    return name if name in ("characters", "subwords") else "words"


def enough(corpus: Corpus, columns: int, path: Path) -> None:
    """Refuse a text that there is nothing to learn from. Errors: DataError, TooLittle."""
    size, vocab = len(corpus.streams["train"]), corpus.vocab
    if len(vocab) == (vocab.unknown is not None) + (vocab.end is not None):
        raise DataError(
            path,
            0,
            "every token of the training part is unknown: nothing to learn",
            "data.vocabulary, data.min_count and data.alphabet say which tokens are known",
        )
    for part, stream in corpus.streams.items():
        if len(stream) < 2:
            tokens = f"{len(stream)} token{'s' * (len(stream) != 1)}"
            problem = f"at least two tokens expected in the {part} part, {tokens} found"
            hint = "there is nothing to predict: give it more text, or take its file out"
            raise DataError(path, 0, problem, hint)
    if size < 2 * columns:
        raise TooLittle(
            path,
            f"{size:,} tokens to train on are too few for {columns} columns "
            f"({2 * columns:,} expected)",
            f"--batch-size {max(size // 20, 1)} fits, or more text",
            size,
        )


def found_at(path: Path, config: Settings) -> Source:
    """The text at `path`. Errors: DataError."""
    return discover(path, config.data, ("text",))


def marks(corpus: Corpus) -> list[str]:
    """What became of end marks that are written in the text."""
    taken, other = corpus.marks
    notes = [f"{END} at the end of {taken:,} documents: taken for the end mark"] if taken else []
    if other:
        cure = "" if corpus.vocab.end is not None else "; --set data.document=line ends lines there"
        notes.append(f"{END} stands {other:,} times inside the text: an unknown word{cure}")
    return notes


def missing(source: Source, corpus: Corpus, config: Settings) -> list[str]:
    """Splits that were to be cut, and are not there."""
    shares = {"valid": config.data.valid, "test": config.data.test}
    cut = ("valid", "test") if "all" in source.parts else ("valid",)
    return [
        f"no {part} split: the text is too short to give one away"
        for part in cut
        if shares[part] and part not in corpus.streams
    ]
