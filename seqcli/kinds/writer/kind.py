"""A writer: its data, its training, what it writes for a label, and which label a text has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, nn

from seqcli.data import batching
from seqcli.data.labeled import Encoder, Examples, load
from seqcli.data.survey import Survey
from seqcli.data.trained import Keys
from seqcli.errors import DataError
from seqcli.kinds import labeled, metrics
from seqcli.kinds.abilities import Each, Mark, Scores
from seqcli.kinds.contract import Figures, Loss, Poll, Prepared, Rows
from seqcli.kinds.explanation import Reader, explain
from seqcli.kinds.spec import Spec
from seqcli.kinds.writer.bayes import log_priors, posterior
from seqcli.kinds.writer.documents import Documents, Epoch, gather
from seqcli.kinds.writer.network import writer
from seqcli.kinds.writer.spec import SPEC, Settings
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.models import LabeledLanguageModel as Network
from seqcli.nn.models import LanguageModel
from seqcli.settings.sections import LabeledText
from seqcli.text.documents import readable
from seqcli.text.sequences import Sequences
from seqcli.text.tokens import Tokenizer, tokenizer
from seqcli.text.vocab import Vocab

PORTION = 8  # of so many texts one is read to see how long all take
MOST_READ = 1 << 22  # predictions times labels: of more, figures tell nothing of labels answered


@dataclass(frozen=True)
class Writer:
    """A writer's settings, vocabulary and labels; see `Kind` for the contract."""

    config: Settings
    vocab: Vocab
    labels: tuple[str, ...]
    label_counts: tuple[int, ...]  # in the training split

    spec: ClassVar[Spec] = SPEC

    @property
    def unit(self) -> str:
        """See `Kind.unit`."""
        name = self.config.data.tokenizer
        return name if name in ("characters", "subwords") else "words"

    @property
    def tokenizer(self) -> Tokenizer:
        """How text becomes tokens."""
        return tokenizer(self.config.data, self.vocab.subwords)

    @property
    def characters(self) -> float | None:
        """Characters that a token is, where that is known of all."""
        return 1.0 if self.unit == "characters" else None

    @property
    def bfloat16_helps(self) -> bool:
        """See `Kind.bfloat16_helps`: oneDNN has a bfloat16 kernel for this cell alone."""
        return self.config.model.cell == "lstm"

    @property
    def end(self) -> int:
        """The end mark's row, with which a document is also begun."""
        return self.vocab.end or 0

    @property
    def uncut(self) -> LabeledText:
        """How data is read: whole, since a text that is cut has no end to be learned."""
        return replace(self.config.data, max_tokens=0)

    @classmethod
    def prepare(cls, config: Settings, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """See `Kind.prepare`. Errors: DataError."""
        source = labeled.found_at(path, config.data)
        whole = replace(config.data, max_tokens=0)
        data = load(
            source, whole, seed=config.split_seed, fewest=1, end=True, scratch=scratch, poll=poll
        )
        counts = np.bincount(data.splits["train"].labels, minlength=len(data.labels))
        kind = cls(config, data.vocab, data.labels, tuple(counts.tolist()))
        if len(data.vocab) == 1 + (data.vocab.unknown is not None):
            raise DataError(
                path,
                0,
                "every token of the training part is unknown: nothing to learn",
                "data.vocabulary, data.min_count and data.alphabet say which tokens are known",
            )
        splits = {
            name: kind.split(examples, data.unknown_share[name])
            for name, examples in data.splits.items()
        }
        sizes = {name: len(split) for name, split in splits.items()}
        notes = labeled.notes(source, data, config.data.repeats) + _cut(splits)
        columns = source.named()
        return Prepared(kind, dict(splits), sizes, "texts", notes, data.fingerprint, columns)

    @classmethod
    def survey(cls, config: Settings, path: Path, poll: Poll) -> Survey:
        """See `Kind.survey`."""
        return labeled.survey(config.data, config.split_seed, path, poll, fewest=1)

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> Writer:
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
        """See `Kind.rows`: tokens and labels, one by one."""
        if tensor in ("embedding.weight", "output.weight", "output.bias"):
            return Rows(self.vocab.to_list())
        if tensor == "labels.weight":
            return Rows(self.labels)
        if not self.config.model.embed and tensor.startswith("recurrent.layers.0."):
            names = (*self.vocab.to_list(), str(self.config.model.label_embed))
            return Rows(names, one_by_one=False, dim=1) if tensor.endswith(".weight_ih") else None
        return None

    def fingerprint(self, path: Path) -> str:
        """See `Kind.fingerprint`."""
        return labeled.found_at(path, self.config.data).fingerprint()

    def parts(self, path: Path) -> tuple[str, ...]:
        """See `Kind.parts`."""
        return tuple(labeled.found_at(path, self.config.data).parts)

    def load_split(self, path: Path, split: str, poll: Poll) -> Documents:
        """See `Kind.load_split`."""
        found = labeled.load_split(
            path,
            split,
            self.uncut,
            seed=self.config.split_seed,
            vocab=self.vocab,
            labels=self.labels,
            poll=poll,
        )
        return self.split(*found)

    def remarks(self, split: Documents) -> list[str]:
        """See `Kind.remarks`."""
        return labeled.remarks(split.examples)

    @property
    def row(self) -> str:
        """See `Remembers.row`."""
        return "texts"

    def size(self, split: Documents) -> str:
        """See `Remembers.size`."""
        return f"{len(split):,} texts"

    def keys(self, split: Documents) -> Keys | None:
        """See `Remembers.keys`."""
        return split.examples.keys

    def only(self, split: Documents, rows: NDArray[np.int64]) -> Documents:
        """See `Remembers.only`."""
        return split.take(rows)

    def split(self, examples: Examples, unknown_share: float) -> Documents:
        """Labeled texts as this model reads them."""
        return Documents(examples, self.config.data.max_tokens, self.end, unknown_share)

    def build(self, generator: Generator | None) -> nn.Module:
        """See `Kind.build`."""
        return writer(self.config.model, len(self.vocab), len(self.labels), generator)

    def batches(self, split: Documents, epoch: int, ranks: Ranks = ALONE) -> Epoch:
        """See `Kind.batches`."""
        train = self.config.train
        random = batching.generator(train.seed, epoch)
        order = batching.bucketed_order(split.lengths, train.batch_size, train.buckets, random)
        return Epoch(split, order, ranks)

    def loss(self, model: nn.Module, batch: Any, state: Any, runtime: Runtime) -> Loss:
        """Cross-entropy of the real steps; the objective is its mean over the batch's."""
        assert isinstance(model, Network)
        text, real = batch.text, batch.text.mask
        with runtime.products():
            outputs = model.read(text.values, text.lengths, batch.labels)
        count = batch.tokens
        picked, targets = outputs[real][None], batch.targets[real][None]
        objective, total = model.loss(picked, targets, runtime.dtype, batch.share / max(count, 1))
        return Loss(objective, total, count, total.new_zeros(()))

    def running(self, total: float, count: int, correct: float) -> Figures:
        """See `Kind.running`."""
        return {"kind": self.spec.name, **metrics.next_token(total, count, self.characters)}

    def figures(self, model: nn.Module, split: Documents, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.figures`; of few predictions also how well labels are told by Bayes' rule."""
        labels = split.labels
        if int(split.lengths.sum()) * len(self.labels) > MOST_READ:
            return self._figures(split, self.losses(model, split, runtime, poll), None)
        every = self.every_loss(model, split, runtime, poll)
        answered = self.posterior(split, every).argmax(1)
        own = every[np.arange(len(labels)), labels]
        return self._figures(split, own, answered)

    def validation(
        self, model: nn.Module, split: Documents, runtime: Runtime, poll: Poll
    ) -> Figures:
        """See `Kind.validation`: each text for its own label alone."""
        losses = self.losses(model, split, runtime, poll)
        found = self.running(float(losses.sum()), int(split.lengths.sum()), 0.0)
        return {**found, "unknown_share": split.unknown_share}

    def portion(self, split: Documents) -> tuple[Documents, float]:
        """See `Kind.portion`."""
        rows = np.arange(0, len(split), PORTION)
        return split.take(rows), len(split) / max(len(rows), 1)

    def losses(
        self,
        model: nn.Module,
        split: Documents,
        runtime: Runtime,
        poll: Poll,
        labels: Sequence[int] | None = None,
    ) -> NDArray[np.float64]:
        """-log p(text | label) of R texts, nats: of their own labels (R,), or of each (R, K)."""
        assert isinstance(model, Network)
        wanted = [None] if labels is None else labels
        found = np.zeros((len(split), len(wanted)))

        def read(rows: NDArray[np.int64]) -> None:
            batch = gather(split, rows).to(runtime.device)
            text, real = batch.text, batch.text.mask
            for place, label in enumerate(wanted):
                poll()
                told = batch.labels if label is None else torch.full_like(batch.labels, label)
                each = model.losses(text.values, text.lengths, told, batch.targets, real)
                found[rows, place] = each.cpu().numpy()

        runtime.own(batching.reading_order(split.lengths), read)
        runtime.ranks.add(torch.from_numpy(found))  # each row is one rank's, the others' are 0
        return found[:, 0] if labels is None else found

    def every_loss(
        self, model: nn.Module, split: Documents, runtime: Runtime, poll: Poll
    ) -> NDArray[np.float64]:
        """-log p(text | label) for every label, (R, C)."""
        return self.losses(model, split, runtime, poll, range(len(self.labels)))

    def posterior(self, split: Documents, every: NDArray[np.float64]) -> NDArray[np.float64]:
        """log p(label | text) from `every_loss`, (R, C); a text without tokens tells nothing."""
        bare = split.examples.tokens.lengths == 0
        return posterior(log_priors(self.label_counts), np.where(bare[:, None], 0.0, every))

    def _figures(
        self,
        split: Documents,
        losses: NDArray[np.float64],
        answered: NDArray[np.int64] | None,
    ) -> Figures:
        """From each text's loss for its own label (R,), and the label that it is given (R,)."""
        size, characters = len(self.labels), self.characters
        support = np.bincount(split.labels, minlength=size).tolist()
        totals = np.bincount(split.labels, weights=losses, minlength=size).tolist()
        counts = np.bincount(split.labels, weights=split.lengths, minlength=size).tolist()
        told: Figures = {"labels": list(self.labels), "per_label": {}, "accuracy": None}
        if answered is not None:
            told = labeled.figures(split.labels, answered, self.labels)
        per_label = {
            label: {
                "support": support[place],
                **metrics.next_token(totals[place], int(counts[place]), characters),
                **told["per_label"].get(label, {}),
            }
            for place, label in enumerate(self.labels)
        }
        return {
            "kind": self.spec.name,
            "count": len(split),
            **metrics.next_token(sum(totals), int(sum(counts)), characters),
            "unknown_share": split.unknown_share,
            **told,
            "per_label": per_label,
        }

    def each(
        self, model: nn.Module, split: Documents, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, Each]:
        """See `Compares.each`: a row is a text."""
        losses = self.losses(model, split, runtime, poll)
        what = hashlib.sha256("\0".join(self.vocab.to_list()).encode("utf-8", "surrogatepass"))
        each = Each(what.hexdigest(), split.examples.rows, losses, split.lengths, None)
        return self._figures(split, losses, None), each

    @cached_property
    def encoder(self) -> Encoder:
        """What makes ids of texts that come without labels."""
        return Encoder(self.vocab, self.uncut)

    def encoded(self, texts: Sequence[str]) -> tuple[Documents, NDArray[np.float64]]:
        """Texts without labels as documents, and the unknown share of each (R,)."""
        ids, unknown = self.encoder(texts)
        return self._documents(ids), unknown

    def _documents(self, ids: Sequences) -> Documents:
        rows = np.arange(len(ids))
        return self.split(Examples(ids, np.zeros(len(ids), np.int64), None, rows), 0.0)

    def answer(
        self, model: nn.Module, texts: Sequence[str], runtime: Runtime, poll: Poll
    ) -> Scores:
        """See `Classifies.answer`: p(label | text) ~ p(label) p(text | label) (Bayes 1763)."""
        split, unknown = self.encoded(texts)
        scores = self._scores(model, split, runtime, poll)
        bare = (split.examples.tokens.lengths == 0).any()
        said = "texts without a known token: answered by how frequent the labels are"
        return Scores(scores, unknown, said if bare else "")

    def _scores(
        self, model: nn.Module, split: Documents, runtime: Runtime, poll: Poll
    ) -> NDArray[np.float32]:
        with torch.inference_mode():
            every = self.every_loss(model, split, runtime, poll)
        return self.posterior(split, every).astype(np.float32)

    def explain(
        self, model: nn.Module, text: str, label: int, runtime: Runtime, poll: Poll
    ) -> list[Mark]:
        """See `Classifies.explain`."""

        def score(ids: Sequences, features: Sequences | None) -> NDArray[np.float32]:
            return self._scores(model, self._documents(ids), runtime, poll)

        return explain(Reader(self.config.data, self.vocab, None, score), text, label)

    def told(self, model: nn.Module, label: int) -> LanguageModel:
        """See `Told.told`."""
        assert isinstance(model, Network)
        return model.told(label)

    def context(self, text: str) -> tuple[list[int], list[str]]:
        """See `Writes.context`: a prompt is the beginning of one document."""
        tokens = self.tokenizer.split(text)
        unknown = [token for token in tokens if token not in self.vocab]
        return [self.end, *self.vocab.encode(tokens).tolist()], unknown

    @property
    def start(self) -> int | None:
        """See `Writes.start`."""
        return self.end

    @property
    def starts(self) -> Mapping[int, int]:
        """See `Writes.starts`: there is a start."""
        return {}

    @property
    def between(self) -> str:
        """See `Writes.between`."""
        return "\n"

    @property
    def carries(self) -> bool:
        """See `Writes.carries`: each document is read from the zero state."""
        return False

    def text(self, ids: Iterable[int], before: str = "") -> str:
        """See `Writes.text`."""
        return readable(ids, self.vocab, self.tokenizer, self.between, before)


def _cut(splits: Mapping[str, Documents]) -> list[str]:
    """What is left out of long texts, for a person."""
    counts = {name: int(split.cut.sum()) for name, split in splits.items()}
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    return [f"texts cut at data.max_tokens, without an end: {listed}"] if listed else []
