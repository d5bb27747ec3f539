"""A text classifier: its data, its training and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, nn
from torch.nn import functional as F

from seqcli.data import batching
from seqcli.data.batching import TextBatch
from seqcli.data.labeled import Encoder, Examples, load
from seqcli.data.survey import Survey, lengths_of
from seqcli.data.trained import Keys
from seqcli.data.vectors import find
from seqcli.errors import ConfigError
from seqcli.kinds import labeled, weighting
from seqcli.kinds.abilities import Each, Mark, Mistake, Place, Scores
from seqcli.kinds.classifier import reading, scoring
from seqcli.kinds.classifier.mistakes import mistakes
from seqcli.kinds.classifier.network import ngrams, text_classifier
from seqcli.kinds.classifier.spec import SPEC, Settings
from seqcli.kinds.contract import Figures, Loss, Poll, Prepared, Rows
from seqcli.kinds.explanation import Reader, explain
from seqcli.kinds.spec import Spec
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.models import TextClassifier
from seqcli.text.sequences import Chosen, Sequences
from seqcli.text.vocab import Vocab

PORTION = 8  # of so many rows one is read to see how long all take


@dataclass(frozen=True)
class Classifier:
    """A text classifier's settings, vocabulary and labels; see `Kind` for the contract."""

    config: Settings
    vocab: Vocab
    labels: tuple[str, ...]
    label_counts: tuple[int, ...]  # in the training split
    vectors: NDArray[np.float32] | None = None  # (V, E) the embedding starts from
    first_scores: NDArray[np.float32] | None = None  # (buckets, C) the n-gram table starts from
    factors: NDArray[np.float32] | None = None  # (buckets,) that n-grams weigh

    spec: ClassVar[Spec] = SPEC
    unit: str = "examples"

    @property
    def bfloat16_helps(self) -> bool:
        """See `Kind.bfloat16_helps`: oneDNN has a bfloat16 kernel for this cell alone."""
        return self.config.model.cell == "lstm"

    @classmethod
    def prepare(cls, config: Settings, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """See `Kind.prepare`. Errors: DataError, ConfigError."""
        source = labeled.found_at(path, config.data)
        data = load(
            source,
            config.data,
            seed=config.split_seed,
            features=reading.features(config),
            scratch=scratch,
            poll=poll,
        )
        if config.model.head == "sigmoid" and len(data.labels) != 2:
            raise ConfigError(
                f'model.head = "sigmoid" needs two labels, the data has {len(data.labels)}',
                "--set model.head=softmax",
            )
        counts = np.bincount(data.splits["train"].labels, minlength=len(data.labels))
        notes = labeled.notes(source, data, config.data.repeats)
        seed, cut = config.train.seed, {"valid", "test"} - set(source.parts)
        if config.data.split_seed is None and seed != 1 and cut & data.splits.keys():
            notes.append(f"seed {seed} cuts other splits too; data.split_seed=1 keeps seed 1's")
        vectors = None
        if config.model.vectors:
            vectors, found, _ = find(Path(config.model.vectors), data.vocab, config.model.embed)
            notes.append(f"word vectors found for {found.sum():,} of {len(found):,} rows")
        scores = reading.naive_scores(config, data.splits["train"], len(data.labels))
        factors = reading.rarities(config, data.splits["train"])
        counted = tuple(counts.tolist())
        kind = cls(config, data.vocab, data.labels, counted, vectors, scores, factors)
        sizes = {name: len(split.labels) for name, split in data.splits.items()}
        splits, columns = dict(data.splits), source.named()
        length = lengths_of(data.splits["train"].tokens.lengths)["p50"]
        fingerprint = data.fingerprint
        return Prepared(
            kind, splits, sizes, "examples", notes, fingerprint, columns, length, data.aligned
        )

    @classmethod
    def survey(cls, config: Settings, path: Path, poll: Poll) -> Survey:
        """See `Kind.survey`."""
        return labeled.survey(config.data, config.split_seed, path, poll)

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> Classifier:
        """See `Kind.restore`."""
        return cls(
            config,
            Vocab.restore(learned),
            tuple(learned["labels"]),
            tuple(learned["label_counts"]),
        )

    def learned(self) -> dict[str, Any]:
        """See `Kind.learned`."""
        return {
            **self.vocab.learned(),
            "labels": list(self.labels),
            "label_counts": list(self.label_counts),
        }

    def rows(self, tensor: str) -> Rows | None:
        """See `Kind.rows`: tokens, labels, and n-grams as the settings hash them."""
        model = self.config.model
        if tensor == "embedding.weight":
            return Rows(self.vocab.to_list())
        if not model.embed and tensor.startswith("recurrent.layers.0."):
            return Rows(self.vocab.to_list(), dim=1) if tensor.endswith(".weight_ih") else None
        if tensor.startswith("dense.output."):
            return Rows(self.labels, one_by_one=False)
        if tensor.startswith("wide."):
            orders = (model.wide_words, model.wide_characters, model.wide_placed, model.wide_within)
            form = self.config.data.normalize
            names = (repr(orders), str(model.wide_buckets), form, *self.labels)
            return Rows(names, one_by_one=False)
        return None

    def fingerprint(self, path: Path) -> str:
        """See `Kind.fingerprint`."""
        return labeled.found_at(path, self.config.data).fingerprint()

    def parts(self, path: Path) -> tuple[str, ...]:
        """See `Kind.parts`."""
        return tuple(labeled.found_at(path, self.config.data).parts)

    def load_split(self, path: Path, split: str, poll: Poll) -> Examples:
        """See `Kind.load_split`."""
        return labeled.load_split(
            path,
            split,
            self.config.data,
            seed=self.config.split_seed,
            vocab=self.vocab,
            labels=self.labels,
            features=reading.features(self.config),
            poll=poll,
        )[0]

    def remarks(self, split: Examples) -> list[str]:
        """See `Kind.remarks`."""
        return labeled.remarks(split)

    @property
    def row(self) -> str:
        """See `Remembers.row`."""
        return "texts"

    def size(self, split: Examples) -> str:
        """See `Remembers.size`."""
        return f"{len(split):,} texts"

    def keys(self, split: Examples) -> Keys | None:
        """See `Remembers.keys`: the keys that the cut into splits goes by."""
        return split.keys

    def only(self, split: Examples, rows: NDArray[np.int64]) -> Examples:
        """See `Remembers.only`."""
        return split.take(rows)

    def together(self, train: Examples, valid: Examples) -> tuple[Classifier, Examples]:
        """See `Refits.together`: the n-gram table starts from the texts of both."""
        both = train.joined(valid)
        scores = reading.naive_scores(self.config, both, len(self.labels))
        factors = reading.rarities(self.config, both)
        return replace(self, first_scores=scores, factors=factors), both

    def build(self, generator: Generator | None) -> nn.Module:
        """See `Kind.build`."""
        network = text_classifier(self.config.model, len(self.vocab), self.label_counts, generator)
        if generator is not None and self.vectors is not None:
            with torch.no_grad():
                network.embedding.weight.copy_(torch.from_numpy(self.vectors))
        if generator is not None and self.first_scores is not None and network.wide is not None:
            network.wide.start(torch.from_numpy(self.first_scores))
        if generator is not None and self.factors is not None and network.wide is not None:
            network.wide.weigh(torch.from_numpy(self.factors))
        return network

    def batches(self, split: Examples, epoch: int, ranks: Ranks = ALONE) -> batching.Epoch:
        """See `Kind.batches`."""
        train = self.config.train
        random = batching.generator(train.seed, epoch)
        if train.draw == "label":
            draws = train.draws or len(split)
            order = batching.label_order(split.labels, train.batch_size, draws, random)
        else:
            order = batching.bucketed_order(
                split.tokens.lengths, train.batch_size, train.buckets, random
            )
        weights = weighting.weights(train, self.label_counts)
        return batching.Epoch(split, order, ngrams(self.config), ranks, weights)

    def loss(self, model: nn.Module, batch: TextBatch, state: Any, runtime: Runtime) -> Loss:
        """Cross-entropy; the objective is the (weighted) mean, with label smoothing."""
        assert isinstance(model, TextClassifier)
        with runtime.products():
            deep, wide = model.paths(batch.text.values, batch.text.lengths, batch.features)
        answers, train = model.answers(deep, wide), self.config.train
        by_label = weighting.weights(train, self.label_counts)
        parts = [
            scoring.objective(answer, batch.labels, train, by_label, batch.share)
            for answer in answers
        ]
        objective = sum(parts, deep.new_zeros(()))
        with torch.no_grad():
            trained = len(answers) == 1 and model.shift is None
            predicted = answers[0] if trained else model.joined(deep, wide)
            total = F.nll_loss(predicted, batch.labels, reduction="sum")
            correct = (predicted.argmax(1) == batch.labels).sum()
        return Loss(objective, total, len(batch.labels), correct)

    def running(self, total: float, count: int, correct: float) -> Figures:
        """See `Kind.running`."""
        count = max(count, 1)
        return {"loss": total / count, "accuracy": correct / count}

    def figures(self, model: nn.Module, split: Examples, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.figures`."""
        predicted = self.predict(model, split, runtime, poll)
        return scoring.score(predicted, split.labels, self.labels)

    def validation(
        self, model: nn.Module, split: Examples, runtime: Runtime, poll: Poll
    ) -> Figures:
        """See `Kind.validation`."""
        return self.figures(model, split, runtime, poll)

    def portion(self, split: Examples) -> tuple[Examples, float]:
        """See `Kind.portion`."""
        rows = np.arange(0, len(split), PORTION)
        return split.take(rows), len(split) / max(len(rows), 1)

    def predict(
        self, model: nn.Module, split: Examples, runtime: Runtime, poll: Poll
    ) -> NDArray[np.float32]:
        """Log-probabilities (R, C) in the order of the rows; the model is in eval mode."""
        grams = ngrams(self.config)
        result = np.zeros((len(split.labels), len(self.labels)), np.float32)

        def read(rows: NDArray[np.int64]) -> None:
            poll()
            batch = batching.gather(split, rows, grams).to(runtime.device)
            text = batch.text
            result[rows] = model(text.values, text.lengths, batch.features).cpu().numpy()

        runtime.own(batching.reading_order(split.tokens.lengths), read)
        runtime.ranks.add(torch.from_numpy(result))  # each row is one rank's, the others' are 0
        return result

    def scores(
        self,
        model: nn.Module,
        ids: Sequences,
        features: Sequences | None,
        runtime: Runtime,
        poll: Poll,
    ) -> NDArray[np.float32]:
        """R rows of ids, and of n-grams where the model reads them -> log-probabilities (R, C)."""
        none, rows = np.zeros(len(ids), np.int64), np.arange(len(ids))
        chosen = None if features is None else Chosen(features, rows)
        with torch.inference_mode(), runtime.products():
            return self.predict(model, Examples(ids, none, chosen, rows), runtime, poll)

    @cached_property
    def encoder(self) -> Encoder:
        """What makes ids of texts that come without labels."""
        return Encoder(self.vocab, self.config.data)

    def answer(
        self, model: nn.Module, texts: Sequence[str], runtime: Runtime, poll: Poll
    ) -> Scores:
        """See `Classifies.answer`."""
        make = reading.features(self.config)
        ids, unknown = self.encoder(texts)
        features = None if make is None else make(texts)
        return Scores(self.scores(model, ids, features, runtime, poll), unknown)

    def explain(
        self, model: nn.Module, text: str, label: int, runtime: Runtime, poll: Poll
    ) -> list[Mark]:
        """See `Classifies.explain`."""

        def score(ids: Sequences, features: Sequences | None) -> NDArray[np.float32]:
            return self.scores(model, ids, features, runtime, poll)

        reader = Reader(self.config.data, self.vocab, ngrams(self.config), score)
        return explain(reader, text, label)

    def mistakes(
        self, model: nn.Module, split: Examples, place: Place, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, list[Mistake]]:
        """See `Classifies.mistakes`."""
        predicted = self.predict(model, split, runtime, poll)
        source = labeled.read_from(place.path, place.split, self.config.data)
        found = mistakes(predicted, split, self.labels, source, place.most)
        return scoring.score(predicted, split.labels, self.labels), found

    def each(
        self, model: nn.Module, split: Examples, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, Each]:
        """See `Compares.each`: a row is a text."""
        predicted = self.predict(model, split, runtime, poll)
        each = scoring.each("texts", predicted, split.labels, split.rows)
        return scoring.score(predicted, split.labels, self.labels), each
