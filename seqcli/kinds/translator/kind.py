"""A translator: its data, its training and its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, nn

from seqcli.data import batching
from seqcli.data.pairs import Texts, load_pairs
from seqcli.data.survey import Survey
from seqcli.kinds import metrics
from seqcli.kinds.abilities import Each, Miswritten, Place, Translated
from seqcli.kinds.contract import Figures, Loss, Poll, Prepared, Rows
from seqcli.kinds.spec import Spec
from seqcli.kinds.translator import reading, scoring
from seqcli.kinds.translator.batches import (
    Epoch,
    PairBatch,
    Split,
    gather,
    order_of,
    reading_order,
)
from seqcli.kinds.translator.metrics import WITHOUT_SACREBLEU, has_sacrebleu
from seqcli.kinds.translator.network import translator
from seqcli.kinds.translator.reviewing import asked, each, mistakes
from seqcli.kinds.translator.scoring import Written
from seqcli.kinds.translator.sides import Side, Sides
from seqcli.kinds.translator.spec import SPEC, Settings
from seqcli.kinds.translator.translating import answers
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.translation import Translator as Network
from seqcli.readers.pair_source import PairSource, discover_pairs
from seqcli.settings.searching import Searching

PORTION = 8  # of so many pairs one is read to see how long all take
VALIDATED = 500  # sources that outputs are written for while training goes on
BUCKETS = 50  # batches whose pairs are sorted by length together


@dataclass(frozen=True)
class Translator:
    """A translator's settings, and the vocabularies of both sides; see `Kind` for the contract."""

    config: Settings
    sides: Sides

    spec: ClassVar[Spec] = SPEC
    unit: str = "tokens"

    @property
    def source(self) -> Side:
        """What it reads."""
        return self.sides.source

    @property
    def target(self) -> Side:
        """What it writes."""
        return self.sides.target

    @property
    def bfloat16_helps(self) -> bool:
        """See `Kind.bfloat16_helps`: oneDNN has a bfloat16 kernel for this cell alone."""
        return self.config.model.cell == "lstm"

    @classmethod
    def prepare(cls, config: Settings, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """See `Kind.prepare`. Errors: DataError, ConfigError."""
        found = discover_pairs(path, config.data)
        data = load_pairs(found, seed=config.split_seed, poll=poll)
        train = data.splits["train"]
        kind = cls(config, Sides.fit(config, train.sources, _every(train), poll))
        splits = {
            name: kind.split(texts, train=name == "train") for name, texts in data.splits.items()
        }
        reading.enough(path, splits["train"])
        notes = reading.notes(found.format, kind.sides, splits, data.shared)
        sizes = {name: len(split) for name, split in splits.items()}
        return Prepared(kind, dict(splits), sizes, "pairs", notes, found.fingerprint())

    @classmethod
    def survey(cls, config: Settings, path: Path, poll: Poll) -> Survey:
        """See `Kind.survey`."""
        found = discover_pairs(path, config.data)
        data = load_pairs(found, seed=config.split_seed, poll=poll)
        train = data.splits["train"]
        kind = cls(config, Sides.fit(config, train.sources, _every(train), poll))
        splits = {
            name: kind.split(texts, train=name == "train") for name, texts in data.splits.items()
        }
        return reading.survey(found, kind.sides, splits, data.shared, poll)

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> Translator:
        """See `Kind.restore`."""
        return cls(config, Sides.restore(config, learned))

    def learned(self) -> dict[str, Any]:
        """See `Kind.learned`."""
        return self.sides.learned()

    def rows(self, tensor: str) -> Rows | None:
        """See `Kind.rows`."""
        if tensor in ("output.weight", "output.bias"):
            return Rows(self.target.vocab.to_list())
        if tensor == "source.weight" or (tensor == "target.weight" and self.config.model.shared):
            return Rows(self.source.vocab.to_list())
        return Rows(self.target.vocab.to_list()) if tensor == "target.weight" else None

    def fingerprint(self, path: Path) -> str:
        """See `Kind.fingerprint`."""
        return self.found(path).fingerprint()

    def parts(self, path: Path) -> tuple[str, ...]:
        """See `Kind.parts`."""
        return tuple(self.found(path).parts)

    def found(self, path: Path) -> PairSource:
        """The pairs at `path`."""
        return discover_pairs(path, self.config.data)

    def load_split(self, path: Path, split: str, poll: Poll) -> Split:
        """See `Kind.load_split`."""
        source, seed = self.found(path), self.config.split_seed
        if split == "all" or (split in source.parts and split != "train"):
            own = source if split == "all" else source.only(split)
            return self.split(load_pairs(own, seed=seed, whole=True, poll=poll).splits["all"])
        if not {"all", "train"} & set(source.parts):
            raise KeyError(split)
        return self.split(load_pairs(source, seed=seed, poll=poll).splits[split])

    def remarks(self, split: Split) -> list[str]:
        """See `Kind.remarks`."""
        lacking = not self.config.data.single and not has_sacrebleu()
        return reading.remarks(split) + [WITHOUT_SACREBLEU] * lacking

    def split(self, texts: Texts, *, train: bool = False) -> Split:
        """Texts as the network reads them; long pairs are cut, or left out where they `train`."""
        most = self.config.data.max_tokens
        counts = np.array([len(targets) for targets in texts.targets], np.int64)
        rows = np.repeat(np.arange(len(texts)), counts)
        sources = self.source.encode(texts.sources).take(rows)
        targets = self.target.encode(_every(texts))
        long = np.maximum(sources.lengths, targets.lengths) > most
        found = Split(texts, sources, targets, rows, int(long.sum()))
        if train:
            return found.take(np.flatnonzero(~long)) if found.long else found
        cut = sources.cut(most, "first"), targets.cut(most, "first")
        return replace(found, sources=cut[0], targets=cut[1], cut=True)

    def build(self, generator: Generator | None) -> nn.Module:
        """See `Kind.build`."""
        return translator(self.config.model, self.spec.sizes(self.learned()), generator)

    def batches(self, split: Split, epoch: int, ranks: Ranks = ALONE) -> Epoch:
        """See `Kind.batches`."""
        train = self.config.train
        random = batching.generator(train.seed, epoch)
        return Epoch(split, order_of(split, train.batch_size, BUCKETS, random), ranks)

    def loss(self, model: nn.Module, batch: PairBatch, state: Any, runtime: Runtime) -> Loss:
        """Cross-entropy of the targets; the objective is its mean over tokens, smoothed."""
        assert isinstance(model, Network)
        with runtime.products():
            memory, first = model.encode(batch.source, batch.source_lengths)
            outputs, _ = model.outputs(batch.before, first, memory)
        objective, total = model.loss(
            outputs,
            batch.target,
            batch.target_lengths,
            runtime.dtype,
            batch.share / batch.tokens,
            self.config.train.label_smoothing,
        )
        return Loss(objective, total, batch.tokens, total.new_zeros(()))

    def running(self, total: float, count: int, correct: float) -> Figures:
        """See `Kind.running`."""
        return {
            "loss": total / count if count else math.nan,
            "perplexity": metrics.perplexity(total, count),
        }

    def figures(self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.figures`: outputs are searched for as `translate` does by default."""
        found = self._written(model, split, runtime, poll)
        return self._figures(model, split, found, runtime, poll)

    def validation(self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.validation`: greedy outputs, for at most VALIDATED sources."""
        wanted = Searching(greedy=True)
        found = self._written(model, split, runtime, poll, wanted, VALIDATED)
        return self._figures(model, split, found, runtime, poll)

    def searching(self, wanted: Searching) -> Searching:
        """How outputs are searched for, where `wanted` does not say."""
        return wanted.filled(self.config.model.beam, self.config.model.length_penalty)

    def _written(
        self,
        model: nn.Module,
        split: Split,
        runtime: Runtime,
        poll: Poll,
        wanted: Searching | None = None,
        most: int | None = None,
    ) -> Written:
        """The outputs for the first `most` sources."""
        assert isinstance(model, Network)
        sources, references = scoring.questions(split)
        first = np.arange(len(sources))[:most]
        asked = sources.take(first), references[:most]
        search = self.searching(wanted or Searching())
        return scoring.written(self.sides, model, asked, search, runtime, poll)

    def _figures(
        self, model: nn.Module, split: Split, found: Written, runtime: Runtime, poll: Poll
    ) -> Figures:
        """The loss of all pairs, and figures of outputs."""
        total, count = self._losses(model, split, runtime, poll)
        return {
            "kind": self.spec.name,
            "count": int(asked(split).max(initial=-1)) + 1,
            "tokens": count,
            **self.running(total, count, 0),
            **scoring.figures(self.sides, found, single=self.config.data.single),
        }

    def mistakes(
        self, model: nn.Module, split: Split, place: Place, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, list[Miswritten]]:
        """See `Errs.mistakes`: what is farthest off."""
        found = self._written(model, split, runtime, poll)
        figures = self._figures(model, split, found, runtime, poll)
        return figures, mistakes(found, split, place.most)

    def each(
        self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, Each]:
        """See `Compares.each`: a row is a source."""
        assert isinstance(model, Network)
        found = self._written(model, split, runtime, poll)
        figures = self._figures(model, split, found, runtime, poll)
        return figures, each(self.target.vocab, model, split, found, runtime, poll)

    def translate(
        self,
        model: nn.Module,
        texts: Sequence[str],
        numbers: Sequence[int],
        wanted: Searching,
        runtime: Runtime,
        poll: Poll,
    ) -> list[Translated]:
        """See `Translates.translate`."""
        assert isinstance(model, Network)
        most, search = self.config.data.max_tokens, self.searching(wanted)
        with torch.inference_mode():
            return answers(self.sides, model, texts, numbers, search, most, runtime, poll)

    def portion(self, split: Split) -> tuple[Split, float]:
        """See `Kind.portion`."""
        pairs = np.arange(0, len(split), PORTION)
        return split.take(pairs), len(split) / max(len(pairs), 1)

    def _losses(
        self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll
    ) -> tuple[float, int]:
        """The sum of the losses of all targets' tokens, and their number."""
        assert isinstance(model, Network)

        def read(pairs: NDArray[np.int64]) -> tuple[float, int]:
            poll()
            batch = gather(split, pairs).to(runtime.device)
            memory, first = model.encode(batch.source, batch.source_lengths)
            outputs, _ = model.outputs(batch.before, first, memory)
            loss = model.loss(outputs, batch.target, batch.target_lengths)[1].item()
            return loss, batch.tokens

        parts = runtime.own(reading_order(split), read)
        total, count = sum(loss for loss, _ in parts), sum(tokens for _, tokens in parts)
        total, everywhere = runtime.ranks.totals(total, count)
        return total, int(everywhere)


def _every(texts: Texts) -> list[str]:
    """All targets, source by source."""
    return [target for targets in texts.targets for target in targets]
