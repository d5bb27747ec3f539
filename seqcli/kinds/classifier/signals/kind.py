"""A classifier of recordings: its data, its training and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, nn
from torch.nn import functional as F

from seqcli.data import batching
from seqcli.data.frames import Frames
from seqcli.data.numbers import Known, Recordings, load_numbers
from seqcli.data.scaling import Scaler
from seqcli.data.survey import Survey
from seqcli.data.varied import Variation
from seqcli.kinds import weighting
from seqcli.kinds.abilities import Each, Mistake, Place
from seqcli.kinds.classifier import scoring
from seqcli.kinds.classifier.signals import reading
from seqcli.kinds.classifier.signals.batches import Epoch, SignalBatch, gather
from seqcli.kinds.classifier.signals.network import signal_classifier
from seqcli.kinds.classifier.signals.spec import SPEC, Settings
from seqcli.kinds.contract import Figures, Loss, Poll, Prepared, Rows
from seqcli.kinds.recordings import found_at, shown
from seqcli.kinds.spec import Spec
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn import signals as networks
from seqcli.nn.heads import log_probabilities
from seqcli.readers.series_source import SeriesSource
from seqcli.settings.sections import Series

PORTION = 8  # of so many rows one is read to see how long all take


@dataclass(frozen=True)
class SignalClassifier:
    """A classifier's settings, channels with their scaling, and labels; see `Kind`."""

    config: Settings
    channels: tuple[str, ...]
    scaler: Scaler
    labels: tuple[str, ...]
    label_counts: tuple[int, ...]  # in the training split

    spec: ClassVar[Spec] = SPEC
    unit: str = "recordings"

    @property
    def bfloat16_helps(self) -> bool:
        """See `Kind.bfloat16_helps`: oneDNN has a bfloat16 kernel for this cell alone."""
        return self.config.model.cell == "lstm"

    @classmethod
    def prepare(cls, config: Settings, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """See `Kind.prepare`. Errors: DataError, ConfigError."""
        source = found_at(path, config.data)
        data = load_numbers(source, seed=config.split_seed, scratch=scratch, poll=poll)
        reading.check_labels(config, path, data.labels)
        counts = np.bincount(data.splits["train"].labels, minlength=len(data.labels))
        kind = cls(config, data.channels, data.scaler, data.labels, tuple(counts.tolist()))
        sizes = {name: len(split) for name, split in data.splits.items()}
        notes = reading.notes(source, data)
        return Prepared(kind, dict(data.splits), sizes, "recordings", notes, data.fingerprint)

    @classmethod
    def survey(cls, config: Settings, path: Path, poll: Poll) -> Survey:
        """See `Kind.survey`."""
        return reading.survey(config, path, poll)

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> SignalClassifier:
        """See `Kind.restore`."""
        return cls(
            config,
            tuple(learned["channels"]),
            Scaler.restore(learned, config.data.scale, mask=learned["mask"]),
            tuple(learned["labels"]),
            tuple(learned["label_counts"]),
        )

    def learned(self) -> dict[str, Any]:
        """See `Kind.learned`."""
        return {
            "channels": list(self.channels),
            **self.scaler.learned(),
            "mask": self.scaler.mask,
            "labels": list(self.labels),
            "label_counts": list(self.label_counts),
        }

    def rows(self, tensor: str) -> Rows | None:
        """See `Kind.rows`: labels and channels, where all are the same."""
        if tensor.startswith("dense.output."):
            return Rows(self.labels, one_by_one=False)
        if tensor.startswith("recurrent.layers.0.") and tensor.endswith(".weight_ih"):
            window = f"windows of {self.config.model.window}"
            return Rows((*self.channels, window), one_by_one=False)
        return None

    def fingerprint(self, path: Path) -> str:
        """See `Kind.fingerprint`."""
        return self.source(path).fingerprint()

    def parts(self, path: Path) -> tuple[str, ...]:
        """See `Kind.parts`."""
        return tuple(self.source(path).parts)

    def source(self, path: Path, split: str = "train") -> SeriesSource:
        """What `load_split` reads: its rows are numbers of records here."""
        source = found_at(path, self.config.data, self.channels)
        # a part by itself: there may be no training part beside it
        return source.only(split) if split in source.parts and split != "train" else source

    def load_split(self, path: Path, split: str, poll: Poll) -> Recordings:
        """See `Kind.load_split`."""
        source = self.source(path, split)
        known = Known(self.channels, self.labels, self.scaler)
        if split == "all" or (split in source.parts and split != "train"):
            return load_numbers(source, seed=1, known=known, whole=True, poll=poll).splits["all"]
        if not {"all", "train"} & set(source.parts):
            raise KeyError(split)
        seed = self.config.split_seed
        return load_numbers(source, seed=seed, known=known, poll=poll).splits[split]

    def remarks(self, split: Recordings) -> list[str]:
        """See `Kind.remarks`."""
        count = split.unlabeled
        return [f"recordings without a label: {count:,} left out"] if count else []

    def build(self, generator: Generator | None) -> nn.Module:
        """See `Kind.build`."""
        inputs = self.scaler.outputs
        return signal_classifier(self.config.model, inputs, self.label_counts, generator)

    def batches(self, split: Recordings, epoch: int, ranks: Ranks = ALONE) -> Epoch:
        """See `Kind.batches`."""
        train = self.config.train
        random = batching.generator(train.seed, epoch)
        order = batching.bucketed_order(split.lengths, train.batch_size, train.buckets, random)
        weights = weighting.weights(train, self.label_counts)
        stream = (train.seed, epoch)
        return Epoch(split, order, ranks, weights, self._variation(), stream)

    def _variation(self) -> Variation | None:
        train = self.config.train
        found = Variation(
            train.tempo,
            train.shift,
            train.level,
            train.blank_channels,
            train.blank_steps,
            len(self.channels),
        )
        return None if found.none else found

    def loss(self, model: nn.Module, batch: SignalBatch, state: Any, runtime: Runtime) -> Loss:
        """Cross-entropy; the objective is the (weighted) mean, with label smoothing."""
        assert isinstance(model, networks.SignalClassifier)
        train, labels = self.config.train, batch.labels
        with runtime.products():
            logits = model.logits(batch.signals.values, batch.signals.lengths)
        trained = log_probabilities(logits, model.head)
        by_label = weighting.weights(train, self.label_counts)
        objective = scoring.objective(trained, labels, train, by_label, batch.share)
        with torch.no_grad():
            answer = model.answer(trained)
            total = F.nll_loss(answer, labels, reduction="sum")
            correct = (answer.argmax(1) == labels).sum()
        return Loss(objective, total, len(labels), correct)

    def running(self, total: float, count: int, correct: float) -> Figures:
        """See `Kind.running`."""
        count = max(count, 1)
        return {"loss": total / count, "accuracy": correct / count}

    def figures(self, model: nn.Module, split: Recordings, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.figures`."""
        return scoring.score(self.predict(model, split, runtime, poll), split.labels, self.labels)

    def validation(
        self, model: nn.Module, split: Recordings, runtime: Runtime, poll: Poll
    ) -> Figures:
        """See `Kind.validation`."""
        return self.figures(model, split, runtime, poll)

    def portion(self, split: Recordings) -> tuple[Recordings, float]:
        """See `Kind.portion`."""
        part = split.take(np.arange(0, len(split), PORTION))
        return part, len(split) / max(len(part), 1)

    def predict(
        self, model: nn.Module, split: Recordings, runtime: Runtime, poll: Poll
    ) -> NDArray[np.float32]:
        """Log-probabilities (R, C) in the order of the rows; the model is in eval mode."""
        result = np.zeros((len(split), len(self.labels)), np.float32)

        def read(rows: NDArray[np.int64]) -> None:
            poll()
            signals = gather(split, rows).to(runtime.device).signals
            result[rows] = model(signals.values, signals.lengths).cpu().numpy()

        runtime.own(batching.reading_order(split.lengths), read)
        runtime.ranks.add(torch.from_numpy(result))  # each row is one rank's, the others' are 0
        return result

    @property
    def reading(self) -> Series:
        """See `ClassifiesNumbers.reading`."""
        named = not all(name.isdecimal() for name in self.channels)
        return replace(self.config.data, channels=self.channels) if named else self.config.data

    def answer_numbers(
        self,
        model: nn.Module,
        recordings: Sequence[NDArray[np.float64]],
        runtime: Runtime,
        poll: Poll,
    ) -> NDArray[np.float32]:
        """See `ClassifiesNumbers.answer_numbers`."""
        frames = Frames.of(list(map(self.scaler, recordings)), self.scaler.outputs)
        rows = np.arange(len(recordings))
        split = Recordings(frames, rows, np.zeros(len(rows), np.int64), rows)
        with torch.inference_mode(), runtime.products():
            return self.predict(model, split, runtime, poll)

    def mistakes(
        self, model: nn.Module, split: Recordings, place: Place, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, list[Mistake]]:
        """See `Errs.mistakes`."""
        predicted = self.predict(model, split, runtime, poll)
        wrong = scoring.surest(predicted, split.labels, place.most)
        wanted = {int(split.numbers[row]): (row, said, prob) for row, said, prob in wrong}
        found: dict[int, Mistake] = {}
        for number, record in enumerate(
            self.source(place.path, place.split).records() if wanted else ()
        ):
            if number in wanted:
                row, said, prob = wanted[number]
                words, answer = shown(record), self.labels[said]
                found[row] = Mistake(words, record.label, answer, prob, record.path, record.line)
        listed = [found[row] for row, _, _ in wrong if row in found]
        return scoring.score(predicted, split.labels, self.labels), listed

    def each(
        self, model: nn.Module, split: Recordings, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, Each]:
        """See `Compares.each`: a row is a recording."""
        predicted = self.predict(model, split, runtime, poll)
        each = scoring.each("recordings", predicted, split.labels, split.numbers)
        return scoring.score(predicted, split.labels, self.labels), each
