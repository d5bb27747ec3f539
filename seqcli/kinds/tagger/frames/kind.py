"""A tagger of recordings: its data, its training and its answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, nn
from torch.nn import functional as F

from seqcli.data import batching
from seqcli.data.frames import Floats, Frames
from seqcli.data.numbers import NONE, Known, load_numbers
from seqcli.data.pieces import Pieces, stride
from seqcli.data.scaling import Scaler
from seqcli.data.survey import Survey
from seqcli.kinds import metrics, weighting
from seqcli.kinds.abilities import Framed
from seqcli.kinds.contract import Figures, Loss, Poll, Prepared, Rows
from seqcli.kinds.recordings import found_at
from seqcli.kinds.spec import Spec
from seqcli.kinds.tagger.frames import reading
from seqcli.kinds.tagger.frames.batches import Epoch, FrameBatch, Split, asked, gather
from seqcli.kinds.tagger.frames.metrics import segment_figures
from seqcli.kinds.tagger.frames.network import frame_tagger
from seqcli.kinds.tagger.frames.spec import SPEC, Settings
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.frames import FrameTagger as Network
from seqcli.readers.series_source import SeriesSource
from seqcli.settings.sections import Series

PORTION = 8  # of so many recordings one is read to see how long all take


@dataclass(frozen=True)
class FrameTagger:
    """A tagger's settings, channels with their scaling, and labels; see `Kind`.

    pace: the usual size of each difference that is read, (len(differences), E).
    """

    config: Settings
    channels: tuple[str, ...]
    scaler: Scaler
    pace: tuple[tuple[float, ...], ...]
    labels: tuple[str, ...]
    label_counts: tuple[int, ...]  # steps of the training split

    spec: ClassVar[Spec] = SPEC
    unit: str = "steps"

    @property
    def bfloat16_helps(self) -> bool:
        """See `Kind.bfloat16_helps`: oneDNN has a bfloat16 kernel for this cell alone."""
        return self.config.model.cell == "lstm"

    @classmethod
    def prepare(cls, config: Settings, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """See `Kind.prepare`. Errors: DataError, ConfigError."""
        found = reading.fitted(config, path, scratch, poll)
        data, splits = found.data, found.splits
        train = splits["train"].recordings
        pace = tuple(
            tuple(reading.usual_differences(train, span).tolist())
            for span in config.model.differences
        )
        kind = cls(config, data.channels, data.scaler, pace, found.labels, found.counts)
        sizes = {name: len(split.recordings) for name, split in splits.items()}
        notes = reading.notes(found)
        fingerprint, steps = data.fingerprint, found.steps
        return Prepared(kind, dict(splits), sizes, "recordings", notes, fingerprint, steps=steps)

    @classmethod
    def survey(cls, config: Settings, path: Path, poll: Poll) -> Survey:
        """See `Kind.survey`."""
        return reading.survey(config, path, poll)

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> FrameTagger:
        """See `Kind.restore`."""
        return cls(
            config,
            tuple(learned["channels"]),
            Scaler.restore(learned, config.data.scale, mask=learned["mask"]),
            tuple(map(tuple, learned["pace"])),
            tuple(learned["labels"]),
            tuple(learned["label_counts"]),
        )

    def learned(self) -> dict[str, Any]:
        """See `Kind.learned`."""
        return {
            "channels": list(self.channels),
            **self.scaler.learned(),
            "mask": self.scaler.mask,
            "pace": list(map(list, self.pace)),
            "labels": list(self.labels),
            "label_counts": list(self.label_counts),
        }

    def rows(self, tensor: str) -> Rows | None:
        """See `Kind.rows`: labels and channels, where all are the same."""
        if tensor.startswith("output."):
            return Rows(self.labels, one_by_one=False)
        if tensor.startswith("recurrent.layers.0.") and tensor.endswith(".weight_ih"):
            model = self.config.model
            read = f"windows of {model.window}, differences over {model.differences}"
            return Rows((*self.channels, read), one_by_one=False)
        return None

    def fingerprint(self, path: Path) -> str:
        """See `Kind.fingerprint`."""
        return self.source(path).fingerprint()

    def parts(self, path: Path) -> tuple[str, ...]:
        """See `Kind.parts`."""
        return tuple(self.source(path).parts)

    def source(self, path: Path) -> SeriesSource:
        """The recordings at `path`."""
        return found_at(path, self.config.data, self.channels)

    def load_split(self, path: Path, split: str, poll: Poll) -> Split:
        """See `Kind.load_split`."""
        source, most = self.source(path), self.config.data.max_steps
        known = Known(self.channels, self.labels, self.scaler)
        if split == "all" or (split in source.parts and split != "train"):
            own = source if split == "all" else source.only(split)
            data = load_numbers(own, seed=1, known=known, whole=True, each=True, poll=poll)
            return Split.of(data.splits["all"], most)
        if not {"all", "train"} & set(source.parts):
            raise KeyError(split)
        seed = self.config.split_seed
        data = load_numbers(source, seed=seed, known=known, each=True, poll=poll)
        return Split.of(data.splits[split], most)

    def remarks(self, split: Split) -> list[str]:
        """See `Kind.remarks`."""
        left, foreign = split.recordings.unlabeled, split.recordings.foreign
        return [
            *[f"recordings without a label: {left:,} left out"] * bool(left),
            *[f"steps with a label that the model lacks: {foreign:,}, not scored"] * bool(foreign),
        ]

    def build(self, generator: Generator | None) -> nn.Module:
        """See `Kind.build`."""
        inputs = self.scaler.outputs
        return frame_tagger(self.config.model, inputs, len(self.labels), self.pace, generator)

    def batches(self, split: Split, epoch: int, ranks: Ranks = ALONE) -> Epoch:
        """See `Kind.batches`: every epoch cuts its pieces at other places."""
        train = self.config.train
        random = batching.generator(train.seed, epoch)
        lengths = split.recordings.lengths
        shifts = random.integers(stride(train.piece), size=len(lengths))
        cut = replace(split, pieces=Pieces.of(lengths, train.piece, shifts))
        rows = np.flatnonzero(asked(cut))
        order = batching.bucketed_order(cut.lengths[rows], train.batch_size, train.buckets, random)
        weights = weighting.weights(train, self.label_counts)
        return Epoch(cut, [rows[places] for places in order], ranks, weights)

    def loss(self, model: nn.Module, batch: FrameBatch, state: Any, runtime: Runtime) -> Loss:
        """Cross-entropy of the labels that there are; the objective is the (weighted) mean."""
        assert isinstance(model, Network)
        train, there = self.config.train, batch.labels != NONE
        with runtime.products():
            scores = model(batch.signals.values, batch.signals.lengths)
        predicted, labels = F.log_softmax(scores[there], 1), batch.labels[there]
        weights = weighting.weights(train, self.label_counts)
        each = F.nll_loss(predicted, labels, reduction="none")
        smoothed = each
        if train.label_smoothing:
            rest = -predicted.mean(1)
            smoothed = (1 - train.label_smoothing) * each + train.label_smoothing * rest
        own = torch.ones_like(each)
        if weights is not None:
            own = torch.as_tensor(weights).to(each)[labels]
        objective = (smoothed * own).sum() / own.sum().clamp(min=1e-12) * batch.share
        correct = (predicted.argmax(1) == labels).sum()
        return Loss(objective, each.detach().sum(), len(labels), correct)

    def running(self, total: float, count: int, correct: float) -> Figures:
        """See `Kind.running`."""
        count = max(count, 1)
        return {"loss": total / count, "accuracy": correct / count}

    def figures(self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.figures`; steps without a label are taken out before anything is counted."""
        found, loss = self._read(model, split, runtime, poll)
        there = split.labels != NONE
        true = split.labels.astype(np.int64)
        matrix = metrics.confusion(true[there], found[there], len(self.labels))
        pairs = zip(split.by_recording(true), split.by_recording(found), strict=True)
        rows = [(own[own != NONE], given[own != NONE]) for own, given in pairs]
        stretches = segment_figures([own for own, _ in rows], [given for _, given in rows])
        return {
            "kind": self.spec.name,
            "recordings": len(split.recordings),
            "frames": int(there.sum()),
            "unlabeled": int((~there).sum()),
            "loss": loss,
            "accuracy": metrics.accuracy(matrix),
            "macro_f1": metrics.macro_f1(matrix),
            "mcc": metrics.mcc(matrix),
            "majority": metrics.majority(matrix),
            **stretches,
            "labels": list(self.labels),
            "per_label": {
                label: asdict(figures)
                for label, figures in zip(self.labels, metrics.per_label(matrix), strict=True)
            },
            "confusion": matrix.tolist(),
        }

    def validation(self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.validation`."""
        return self.figures(model, split, runtime, poll)

    def portion(self, split: Split) -> tuple[Split, float]:
        """See `Kind.portion`."""
        own = split.recordings
        part = own.take(np.arange(0, len(own), PORTION))
        share = own.lengths.sum() / max(int(part.lengths.sum()), 1)
        return Split.of(part, self.config.data.max_steps), float(share)

    def _read(
        self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll
    ) -> tuple[NDArray[np.int64], float]:
        """The answer for every step (M,), and the loss of those with a label."""
        assert isinstance(model, Network)
        found, pieces = np.zeros(len(split.labels), np.int64), split.pieces

        def read(rows: NDArray[np.int64]) -> tuple[float, int]:
            poll()
            batch = gather(split, rows).to(runtime.device)
            lengths = batch.signals.lengths
            scores = model(batch.signals.values, lengths)
            answered = model.answers(scores, lengths).cpu().numpy()
            each = F.cross_entropy(
                scores.flatten(0, 1), batch.labels.flatten(), ignore_index=NONE, reduction="sum"
            )
            for piece, answer in zip(rows.tolist(), answered, strict=True):
                at, start = split.offsets[pieces.rows[piece]], pieces.starts[piece]
                first, last = pieces.first[piece], pieces.last[piece]
                found[at + first : at + last] = answer[first - start : last - start]
            return float(each), int((batch.labels != NONE).sum())

        parts = runtime.own(batching.reading_order(split.lengths), read)
        total, count = sum(loss for loss, _ in parts), float(sum(size for _, size in parts))
        runtime.ranks.add(torch.from_numpy(found))  # each step is one rank's, the others' are 0
        total, count = runtime.ranks.totals(total, count)
        return found, total / count if count else float("nan")

    @property
    def reading(self) -> Series:
        """See `TagsNumbers.reading`."""
        named = not all(name.isdecimal() for name in self.channels)
        return replace(self.config.data, channels=self.channels) if named else self.config.data

    @property
    def most(self) -> int:
        """See `TagsNumbers.most`."""
        return self.config.data.max_steps

    def scaled(self, blocks: Iterable[NDArray[np.float64]]) -> Scaler:
        """See `TagsNumbers.scaled`."""
        return self.scaler.of_recording(blocks)

    def tag_numbers(
        self, model: nn.Module, pieces: Sequence[Floats], runtime: Runtime, poll: Poll
    ) -> list[Framed]:
        """See `TagsNumbers.tag_numbers`."""
        assert isinstance(model, Network)
        found: list[Framed | None] = [None] * len(pieces)
        sizes = np.array(list(map(len, pieces)), np.int64)

        def read(rows: NDArray[np.int64]) -> None:
            poll()
            own = Frames.of([pieces[row] for row in rows.tolist()], self.scaler.outputs).padded
            signals = own.to(runtime.device)
            # marginals are a gradient, which an inference tensor has none of
            with torch.inference_mode(False), torch.no_grad():
                scores = model(signals.values, signals.lengths)
                labels = model.answers(scores, signals.lengths).cpu().numpy()
                probs = model.probabilities(scores, signals.lengths).cpu().numpy()
            for place, row in enumerate(rows.tolist()):
                steps = sizes[row]
                found[row] = Framed(labels[place, :steps], probs[place, :steps])

        runtime.each(batching.reading_order(sizes), read)
        return [one for one in found if one is not None]
