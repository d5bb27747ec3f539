"""A language model: its data, its training, and how it reads and writes text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, nn

from seqcli.data.batching import Columns, Window
from seqcli.data.corpus import (
    Corpus,
    Stream,
    encode_corpus,
    encode_whole,
    ended,
)
from seqcli.data.idcache import kept_corpus
from seqcli.data.splits import bytes_key
from seqcli.data.survey import Survey
from seqcli.data.trained import MOST, Keys
from seqcli.errors import ConfigError, DataError
from seqcli.kinds import metrics
from seqcli.kinds.abilities import Each
from seqcli.kinds.contract import Figures, Loss, Poll, Prepared, Rows
from seqcli.kinds.language_model import reading, scoring
from seqcli.kinds.language_model.characters import characters_each
from seqcli.kinds.language_model.network import language_model
from seqcli.kinds.language_model.spec import SPEC, Settings
from seqcli.kinds.spec import Spec
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.kneser_ney import DIGITS, fitted, mixed
from seqcli.nn.models import LanguageModel as Network
from seqcli.text.documents import readable
from seqcli.text.kneser_ney import Counted, count
from seqcli.text.normal import normalizer
from seqcli.text.tokens import tokenizer
from seqcli.text.vocab import Vocab

PORTION = 8  # a part so small is read to see how long the whole takes
READ_EACH = 64  # tokens that are compared as one: a word's loss hangs on those before it
SHORTEST = 512  # tokens of a column of validation: each begins without a context
MOST_COUNTED = 1 << 25  # tokens whose n-grams are counted: 2 GB while six orders of them are
READ_STEPS = 512  # window of exact evaluation; the figures do not depend on it


@dataclass(frozen=True, eq=False)
class Text:
    """A split's ids, and the share of its tokens that the vocabulary lacks.

    characters: how many a predicted token stands for; of words nobody asks.
    """

    ids: Stream
    unknown_share: float
    characters: float = 1.0


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A language model's settings and vocabulary; see `Kind` for the contract."""

    config: Settings
    vocab: Vocab
    starts: Mapping[int, int] = field(default_factory=dict)  # of ids that begin a training text
    known: tuple[int, ...] = ()  # of a saved model: its n-grams of two tokens, of three, …
    training: Stream | None = None  # where this has read it, the text whose n-grams are counted

    spec: ClassVar[Spec] = SPEC

    @property
    def unit(self) -> str:
        """See `Kind.unit`."""
        return reading.unit(self.config)

    @property
    def bfloat16_helps(self) -> bool:
        """See `Kind.bfloat16_helps`: oneDNN has a bfloat16 kernel for this cell alone."""
        return self.config.model.cell == "lstm"

    @classmethod
    def prepare(cls, config: Settings, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """See `Kind.prepare`. Errors: DataError."""
        source = reading.found_at(path, config)
        fingerprint = source.fingerprint()
        corpus = kept_corpus(source, config.data, fingerprint, scratch, poll)
        kind = cls(config, corpus.vocab, corpus.starts)
        splits = kind.texts(corpus)
        reading.enough(corpus, config.train.batch_size, path)
        kind = replace(kind, training=splits["train"].ids)
        sizes = {name: len(text.ids) for name, text in splits.items()}
        shares = ", ".join(f"{name} {text.unknown_share:.2%}" for name, text in splits.items())
        notes = [*source.notes(), f"vocabulary {len(corpus.vocab):,} (unknown: {shares})"]
        notes += reading.marks(corpus) + reading.missing(source, corpus, config)
        if config.model.ngrams:
            notes.append(f"beside the network n-grams of at most {config.model.ngrams} {kind.unit}")
        return Prepared(kind, splits, sizes, kind.unit, notes, fingerprint, source.named())

    @classmethod
    def survey(cls, config: Settings, path: Path, poll: Poll) -> Survey:
        """See `Kind.survey`."""
        return reading.survey(config, path, poll)

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> LanguageModel:
        """See `Kind.restore`."""
        starts = dict(learned.get("starts", ()))
        return cls(config, Vocab.restore(learned), starts, tuple(learned.get("ngrams", ())))

    def learned(self) -> dict[str, Any]:
        """See `Kind.learned`."""
        starts = [list(pair) for pair in self.starts.items()]
        found = self.vocab.learned() | ({"starts": starts} if starts else {})
        sizes = self.known if self.counted is None else self.counted.sizes
        return found | ({"ngrams": list(sizes)} if sizes else {})

    def rows(self, tensor: str) -> Rows | None:
        """See `Kind.rows`."""
        if tensor in ("embedding.weight", "output.weight", "output.bias"):
            return Rows(self.vocab.to_list())
        if tensor.startswith("grams."):
            return Rows((), own=True)
        one_hot = not self.config.model.embed and tensor.startswith("recurrent.layers.0.")
        return (
            Rows(self.vocab.to_list(), dim=1) if one_hot and tensor.endswith(".weight_ih") else None
        )

    @cached_property
    def counted(self) -> Counted | None:
        """The n-grams of the training text, if there are to be any, and this has read it.

        Errors: ConfigError for too much text.
        """
        order = self.config.model.ngrams
        if not order or self.training is None:
            return None
        if len(self.training) > MOST_COUNTED:
            raise ConfigError(
                f"n-grams of {len(self.training):,} tokens take too much memory",
                f"--set model.ngrams=0; at most {MOST_COUNTED:,} are counted",
            )
        return count(self.training, len(self.vocab), order)

    def fingerprint(self, path: Path) -> str:
        """See `Kind.fingerprint`."""
        return reading.found_at(path, self.config).fingerprint()

    def parts(self, path: Path) -> tuple[str, ...]:
        """See `Kind.parts`."""
        return tuple(reading.found_at(path, self.config).parts)

    def load_split(self, path: Path, split: str, poll: Poll) -> Text:
        """See `Kind.load_split`."""
        source, data = reading.found_at(path, self.config), self.config.data
        encode = encode_whole if split == "all" else encode_corpus
        text = self.texts(encode(source, data, self.vocab, poll))[split]
        if len(text.ids) < 2:
            raise DataError(path, 0, f"the {split} part has fewer than two tokens: none to predict")
        return text

    def remarks(self, split: Text) -> list[str]:
        """See `Kind.remarks`: nothing is left out."""
        if self.unit != "subwords":
            return []
        each = f"{split.characters:.2f} characters each"
        return [f"a token is a subword, {each}: bits_per_character compares with other models"]

    @property
    def row(self) -> str:
        """See `Remembers.row`."""
        return "documents"

    def size(self, split: Text) -> str:
        """See `Remembers.size`."""
        return f"{len(split.ids):,} {self.unit}"

    def keys(self, split: Text) -> Keys | None:
        """See `Remembers.keys`: of documents, by their ids; a text that runs on has no rows."""
        bounds = self._documents(split)
        if bounds is None:
            return None
        ids = np.ascontiguousarray(split.ids, "<u4")
        return np.array([bytes_key(ids[start:end].tobytes()) for start, end in bounds], np.uint64)

    def only(self, split: Text, rows: NDArray[np.int64]) -> Text:
        """See `Remembers.only`."""
        bounds = self._documents(split) or []
        parts = [split.ids[slice(*bounds[row])] for row in rows.tolist()]
        # Ids do not tell unknown words from a written <unk>: the share stays that of the whole.
        return Text(np.concatenate([split.ids[:0], *parts]), split.unknown_share)

    def _documents(self, split: Text) -> list[tuple[int, int]] | None:
        """From where to where each goes, its end mark in; None without marks, or for very many."""
        end = self.vocab.end
        if end is None or self.config.data.document == "file":
            return None
        ends = (np.flatnonzero(split.ids == end) + 1).tolist()
        if len(ends) > MOST:
            return None
        starts = [0, *ends]
        return [(a, b) for a, b in zip(starts, [*ends, len(split.ids)], strict=True) if a < b]

    def build(self, generator: Generator | None) -> nn.Module:
        """See `Kind.build`."""
        return language_model(
            self.config.model, len(self.vocab), generator, self.counted or self.known
        )

    def batches(self, split: Text, epoch: int, ranks: Ranks = ALONE) -> Columns:
        """See `Kind.batches`; the order is the text's in every epoch. Errors: ConfigError."""
        train = self.config.train
        if train.batch_size % ranks.world:
            raise ConfigError(
                f"{ranks.world} ranks cannot share {train.batch_size} columns evenly",
                f"--batch-size {-(-train.batch_size // ranks.world) * ranks.world}, for example",
            )
        return Columns(split.ids, train.batch_size, train.steps, ranks=ranks)

    def loss(self, model: nn.Module, batch: Window, state: Any, runtime: Runtime) -> Loss:
        """Cross-entropy. The objective is its mean, or (train.time_sum) its sum over time."""
        assert isinstance(model, Network)
        with runtime.products():
            outputs, state = model(batch.ids, state)
        count = batch.targets.numel()
        parts = len(batch.ids) if self.config.train.time_sum else count
        scale = batch.share / parts
        objective, total = model.loss(outputs, batch.targets, runtime.dtype, scale)
        carried = tuple(tuple(part.detach() for part in layer) for layer in state)
        return Loss(objective, total, count, total.new_zeros(()), carried)

    def running(self, total: float, count: int, correct: float) -> Figures:
        """See `Kind.running`."""
        return self._figures(total, count, 1.0 if self.unit == "characters" else None)

    def figures(self, model: nn.Module, split: Text, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.figures`: one column, its state carried over the whole text."""
        column = Columns(split.ids, 1, READ_STEPS, exact=True)
        return self._score(model, split, column, runtime, poll)

    def approximate(
        self, model: nn.Module, split: Text, runtime: Runtime, poll: Poll, *, columns: int
    ) -> tuple[Figures, str]:
        """See `Approximates.approximate`: columns side by side, each from the zero state."""
        read, size = self.side_by_side(split, columns), len(split.ids)
        rest = size - read.columns * read.length
        left = f"; the last {rest:,} of {size:,} tokens are left out" if rest else ""
        said = f"{read.columns} columns, each from the zero state{left}"
        return self._score(model, split, read, runtime, poll), said

    def side_by_side(self, split: Text, columns: int) -> Columns:
        """About `columns` columns: a few more where less than one of them is left out so.

        Errors: ConfigError for more columns than there are pairs of tokens.
        """
        most = len(split.ids) // 2
        if columns > most:
            raise ConfigError(
                f"--batch-size {columns}: too many columns for {len(split.ids):,} tokens",
                f"at most {most}; 1 is exact",
            )
        columns = len(split.ids) // (len(split.ids) // columns)
        steps = max(READ_STEPS // columns, 32)
        return Columns(split.ids, columns, steps, exact=True)

    def validation(self, model: nn.Module, split: Text, runtime: Runtime, poll: Poll) -> Figures:
        """Figures in the shape of training, as while it goes on: fast, and a little pessimistic.

        The share of n-grams is fitted to what this has read, unless a setting says it.
        """
        train = self.config.train
        shortest = max(train.steps + 1, SHORTEST)
        columns = max(min(train.batch_size, len(split.ids) // shortest), 1)
        windows = Columns(split.ids, columns, train.steps, ranks=runtime.ranks)
        assert isinstance(model, Network)
        if model.grams is None or self.config.model.ngram_share is not None:
            return self._score(model, split, windows, runtime, poll)
        parts = windows.parts(scoring.threads(windows, runtime))
        found = runtime.each(parts, lambda part: scoring.apart(model, part, poll))
        none = torch.empty(0, dtype=torch.float64)  # a rank may have no column
        own, counted = (torch.cat([none, *(part[place] for part in found)]) for place in (0, 1))
        share = fitted(own, counted, windows.ranks.totals)
        model.grams.share.fill_(share)
        total = mixed(own, counted, share).sum().item()
        return self._scored(model, split, *windows.ranks.totals(total, float(len(own))))

    def portion(self, split: Text) -> tuple[Text, float]:
        """See `Kind.portion`: as many columns, at the least a window of them."""
        train, size = self.config.train, len(split.ids)
        read = min(max(size // PORTION, train.batch_size * (train.steps + 1)), size)
        return replace(split, ids=split.ids[:read]), size / read

    def _score(
        self, model: nn.Module, split: Text, windows: Columns, runtime: Runtime, poll: Poll
    ) -> Figures:
        """Figures over `windows`, the model in eval mode; threads share their columns."""
        parts = windows.parts(scoring.threads(windows, runtime))
        found = runtime.each(parts, lambda part: scoring.losses(model, part, poll))
        total, count = (sum(sum(part[place]) for part in found) for place in (0, 1))
        return self._scored(model, split, *windows.ranks.totals(total, count))

    def _scored(self, model: nn.Module, split: Text, total: float, count: float) -> Figures:
        assert isinstance(model, Network)
        characters = None if self.unit == "words" else split.characters
        figures = self._figures(total, int(count), characters)
        figures["unknown_share"] = split.unknown_share
        if model.grams is not None:
            figures["ngram_share"] = round(model.grams.part, DIGITS)
        return figures

    def each(
        self, model: nn.Module, split: Text, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, Each]:
        """See `Compares.each`: a row is a stretch of READ_EACH tokens, in the order of the text."""
        losses, counts = scoring.losses(model, Columns(split.ids, 1, READ_EACH, exact=True), poll)
        figures = self._scored(model, split, sum(losses), sum(counts))
        what = hashlib.sha256("\0".join(self.vocab.to_list()).encode("utf-8", "surrogatepass"))
        what.update(np.ascontiguousarray(split.ids, np.int64).data)
        rows = np.arange(len(losses))
        return figures, Each(what.hexdigest(), rows, np.array(losses), np.array(counts), None)

    def context(self, text: str) -> tuple[list[int], list[str]]:
        """The ids a text to be gone on with is read as, and its tokens that are unknown.

        Before a text stands nothing that could be a part of it: an end mark where documents are
        closed by one, as before any document, else nothing. Unknown tokens are read as unknown, or
        left out where there is no such row.
        """
        split = tokenizer(self.config.data, self.vocab.subwords).split
        end = self.vocab.end
        texts = [text] if end is None else normalizer(self.config.data)(text).split(self.between)
        if end is not None:
            bare = [ended(text) for text in texts]
            texts = bare if bare[-1] == texts[-1] else [*bare, ""]
        documents = map(split, texts)
        ids: list[int] = []
        unknown: list[str] = []
        for tokens in documents:
            ids += [] if end is None else [end]
            ids += self.vocab.encode(tokens).tolist()
            unknown += [token for token in tokens if token not in self.vocab]
        return ids, unknown

    @property
    def start(self) -> int | None:
        """What an empty text is read as: an end mark, or else a line end; None where no such row.

        Then a text begins as those did that were trained on: see `starts`.
        """
        if self.vocab.end is not None or self.starts or "\n" not in self.vocab:
            return self.vocab.end
        return int(self.vocab.places(["\n"])[0])

    @property
    def between(self) -> str:
        """What stands in a text where one document ends and the next begins."""
        return "\n\n" if self.config.data.document == "blank" else "\n"

    def text(self, ids: Iterable[int], before: str = "") -> str:
        """See `Writes.text`; an end mark becomes the line break, or the blank line, it was."""
        split = tokenizer(self.config.data, self.vocab.subwords)
        return readable(ids, self.vocab, split, self.between, before)

    @property
    def carries(self) -> bool:
        """See `Writes.carries`."""
        return True

    def texts(self, corpus: Corpus) -> dict[str, Text]:
        """The splits of a text."""
        found = {}
        for name, ids in corpus.streams.items():
            each = characters_each(ids, self.vocab) if self.unit == "subwords" else 1.0
            found[name] = Text(ids, corpus.unknown_share[name], each)
        return found

    def _figures(self, total: float, count: int, characters: float | None) -> Figures:
        return {"kind": self.spec.name, **metrics.next_token(total, count, characters)}
