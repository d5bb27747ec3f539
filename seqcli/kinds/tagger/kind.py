"""A tagger: its data, its training and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, nn

from seqcli.data import batching
from seqcli.data.pieces import Pieces
from seqcli.data.survey import Survey
from seqcli.data.tagged import TaggedSentences, load_tagged
from seqcli.data.trained import Keys
from seqcli.data.vectors import find
from seqcli.errors import DataError
from seqcli.kinds.abilities import Each, Mistake, Place, Tagged
from seqcli.kinds.contract import Figures, Loss, Poll, Prepared, Rows
from seqcli.kinds.spec import Spec
from seqcli.kinds.tagger import metrics, reading
from seqcli.kinds.tagger.answering import Reading, answers, outer
from seqcli.kinds.tagger.batches import (
    UNKNOWN_TAG,
    Epoch,
    Split,
    TagBatch,
)
from seqcli.kinds.tagger.fitting import (
    described,
    labels_of,
    refuse_ill_formed,
    spelling_of,
    words_tokenizer,
)
from seqcli.kinds.tagger.mistakes import mistakes
from seqcli.kinds.tagger.network import tagger
from seqcli.kinds.tagger.scoring import Read, read
from seqcli.kinds.tagger.spec import MOST_TAGS, SPEC, Settings, inside_tags
from seqcli.machine.device import Runtime
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.nn.tagging import Tagger as Network
from seqcli.readers.tagged_source import TaggedSource, discover_tagged
from seqcli.text.rejoining import rejoined
from seqcli.text.schemes import OUTSIDE, PLAIN, convert, ill_formed, repair
from seqcli.text.sequences import Sequences
from seqcli.text.spelling import Spelling
from seqcli.text.vocab import Vocab

PORTION = 8  # of so many sentences one is read to see how long all take
BUCKETS = 50  # batches whose sentences are sorted by length together


@dataclass(frozen=True)
class Tagger:
    """A tagger's settings, words and labels; see `Kind` for the contract.

    labels: as the data writes them, in `scheme`; inside: the tags that the network scores.
    """

    config: Settings
    spelling: Spelling
    labels: tuple[str, ...]
    scheme: str
    word_counts: tuple[int, ...] | None = None  # of each row of the vocabulary, in training
    vectors: NDArray[np.float32] | None = None  # (V, E) the embedding starts from

    spec: ClassVar[Spec] = SPEC
    unit: str = "words"
    bfloat16_helps: bool = False  # small matrices

    @cached_property
    def inside(self) -> tuple[str, ...]:
        """The network's tags."""
        return tuple(inside_tags(self.labels, self.scheme, self.config.model.inside))

    @property
    def outside(self) -> str | None:
        """See `Tags.outside`."""
        return None if self.scheme == PLAIN else OUTSIDE

    @classmethod
    def prepare(cls, config: Settings, path: Path, scratch: Path, poll: Poll) -> Prepared:
        """See `Kind.prepare`. Errors: DataError, ConfigError."""
        source = discover_tagged(path, config.data)
        data = load_tagged(source, seed=config.split_seed, scratch=scratch, poll=poll)
        train = data.splits["train"]
        scheme, labels = labels_of(train, config.data.scheme)
        if len(labels) < 2:
            problem = f"at least two tags expected, found: {', '.join(labels)}"
            raise DataError(path, 0, problem, "is the tag column the right one? see --tag-column")
        if len(inside_tags(labels, scheme, config.model.inside)) > MOST_TAGS:
            problem = f"at most {MOST_TAGS:,} tags expected, found: {len(labels):,}"
            raise DataError(path, 0, problem, "is the tag column the right one? see --tag-column")
        spelling, counts = spelling_of(config, train)
        notes = [f"tags: {described(scheme, labels)}; sentences: {source.format}"]
        if config.data.ill_formed == "refuse":
            for sentences in data.splits.values():
                refuse_ill_formed(sentences, scheme)
        vectors = None
        if config.model.vectors:
            vectors, found, more = find(
                Path(config.model.vectors),
                spelling.vocab,
                config.model.embed,
                fold=spelling.fold,
                more=config.model.vector_words,
            )
            spelling, counts = spelling.widened(more), (*counts, *[0] * len(more))
            beside = f", and {len(more):,} words have rows by them" if more else ""
            notes.append(f"word vectors found for {found.sum():,} of {len(found):,} rows{beside}")
        kind = cls(config, spelling, labels, scheme, counts, vectors)
        splits = {name: kind.split(sentences) for name, sentences in data.splits.items()}
        notes += _notes(kind, splits, data.shared)
        if data.again:
            notes.append(f"{data.again:,} sentences repeat an earlier one, and are used as well")
        sizes = {name: len(split.sentences) for name, split in splits.items()}
        return Prepared(kind, dict(splits), sizes, "sentences", notes, source.fingerprint())

    @classmethod
    def survey(cls, config: Settings, path: Path, poll: Poll) -> Survey:
        """See `Kind.survey`."""
        return reading.survey(config, path, poll)

    @classmethod
    def restore(cls, config: Settings, learned: dict[str, Any]) -> Tagger:
        """See `Kind.restore`."""
        spelling = Spelling(
            Vocab(learned["vocabulary"]),
            learned["frequent"],
            tuple(learned["characters"]),
            tuple(learned["affixes"]),
            tuple(learned["shapes"]),
            words_tokenizer(config).clean,
            config.model.affixes,
            learned.get("trained", len(learned["vocabulary"])),  # files before 2026-11-28 lack it
        )
        return cls(config, spelling, tuple(learned["labels"]), learned["scheme"])

    def learned(self) -> dict[str, Any]:
        """See `Kind.learned`."""
        return {
            "vocabulary": self.spelling.vocab.to_list(),
            "frequent": self.spelling.frequent,
            "trained": self.spelling.trained,
            "characters": list(self.spelling.characters),
            "affixes": list(self.spelling.affixes),
            "shapes": list(self.spelling.shapes),
            "labels": list(self.labels),
            "inside": list(self.inside),
            "scheme": self.scheme,
        }

    def rows(self, tensor: str) -> Rows | None:
        """See `Kind.rows`: words and their parts one by one, tags only where all are the same."""
        spelling = self.spelling
        if tensor == "embedding.weight":
            return Rows(spelling.vocab.to_list())
        if tensor == "characters.embedding.weight":
            return Rows(["unknown", "begin", "end", *(f"={one}" for one in spelling.characters)])
        if tensor == "affixes.weight":
            return Rows(["", *spelling.affixes])
        if tensor == "shapes.weight":
            return Rows(["", *spelling.shapes])
        if tensor.startswith(("output.", "windows.", "chain.")):
            return Rows(self.inside, one_by_one=False)
        return None

    def fingerprint(self, path: Path) -> str:
        """See `Kind.fingerprint`."""
        return self.source(path).fingerprint()

    def parts(self, path: Path) -> tuple[str, ...]:
        """See `Kind.parts`."""
        return tuple(self.source(path).parts)

    def source(self, path: Path) -> TaggedSource:
        """The sentences at `path`."""
        return discover_tagged(path, self.config.data)

    def load_split(self, path: Path, split: str, poll: Poll) -> Split:
        """See `Kind.load_split`."""
        source, seed = self.source(path), self.config.split_seed
        if split == "all" or (split in source.parts and split != "train"):
            own = source if split == "all" else source.only(split)
            return self.split(load_tagged(own, seed=seed, whole=True, poll=poll).splits["all"])
        if not {"all", "train"} & set(source.parts):
            raise KeyError(split)
        return self.split(load_tagged(source, seed=seed, poll=poll).splits[split])

    def remarks(self, split: Split) -> list[str]:
        """See `Kind.remarks`: nothing is left out."""
        return []

    @property
    def row(self) -> str:
        """See `Remembers.row`."""
        return "sentences"

    def size(self, split: Split) -> str:
        """See `Remembers.size`."""
        return f"{len(split.sentences):,} sentences, {split.tokens:,} tokens"

    def keys(self, split: Split) -> Keys | None:
        """See `Remembers.keys`: the keys that the cut into splits goes by."""
        return split.sentences.keys

    def only(self, split: Split, rows: NDArray[np.int64]) -> Split:
        """See `Remembers.only`."""
        return self.split(split.sentences.take(rows))

    def split(self, sentences: TaggedSentences) -> Split:
        """Sentences as the network reads them, their tags repaired and converted."""
        pieces = Pieces.of(sentences.words.lengths, self.config.data.max_tokens)
        place = {tag: number for number, tag in enumerate(self.inside)}
        if self.scheme == PLAIN:
            known = [place.get(name, UNKNOWN_TAG) for name in sentences.names]
            ids = np.array(known or [0], np.int32)[sentences.tags.ids]
            tags = Sequences(ids, sentences.tags.offsets)
        else:
            inside = self.config.model.inside
            tags = Sequences.from_rows(
                [place.get(tag, UNKNOWN_TAG) for tag in convert(row, self.scheme, inside)]
                for row in sentences.tag_rows()
            )
        spelled = self.spelling.words(sentences.vocabulary)
        return Split(sentences, pieces, pieces.cut(sentences.words), pieces.cut(tags), spelled)

    def together(self, train: Split, valid: Split) -> tuple[Tagger, Split]:
        """See `Refits.together`; sentences with a tag that training lacks are left out."""
        known = [
            row
            for row, tags in enumerate(valid.sentences.tag_rows())
            if set(self._mended(tags)) <= set(self.labels)
        ]
        more = valid.sentences.take(np.array(known, np.int64))
        return self, self.split(train.sentences.joined(more))

    def build(self, generator: Generator | None) -> nn.Module:
        """See `Kind.build`."""
        network = tagger(
            self.config.model,
            self.spec.sizes(self.learned()),
            self.inside,
            plain=self.scheme == PLAIN,
            word_counts=self.word_counts,
            generator=generator,
        )
        if generator is not None and self.vectors is not None:
            with torch.no_grad():
                network.embedding.weight.copy_(torch.from_numpy(self.vectors))
        return network

    @property
    def buckets(self) -> int:
        """Rows of the table of windows, 0 without."""
        return self.config.model.window_buckets if self.config.model.window else 0

    def batches(self, split: Split, epoch: int, ranks: Ranks = ALONE) -> Epoch:
        """See `Kind.batches`."""
        train = self.config.train
        random = batching.generator(train.seed, epoch)
        order = batching.bucketed_order(split.lengths, train.batch_size, BUCKETS, random)
        return Epoch(split, order, self.buckets, ranks)

    def loss(self, model: nn.Module, batch: TagBatch, state: Any, runtime: Runtime) -> Loss:
        """-log p of the tags; the objective is its mean over the batch's tokens."""
        assert isinstance(model, Network)
        lengths = batch.sentences.lengths
        with runtime.products():
            scores = model(batch.sentences)
        total = model.loss(scores, batch.tags, lengths).sum()
        with torch.no_grad():
            right = model.answers(scores, lengths) == batch.tags
            if lengths is not None:
                right &= torch.arange(right.shape[1], device=right.device) < lengths[:, None]
        objective = total / batch.tokens * batch.share
        return Loss(objective, total.detach(), batch.tokens, right.sum())

    def running(self, total: float, count: int, correct: float) -> Figures:
        """See `Kind.running`."""
        count = max(count, 1)
        return {"loss": total / count, "accuracy": correct / count}

    def figures(self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.figures`."""
        assert isinstance(model, Network)
        found = read(model, split, len(self.inside), self.buckets, runtime, poll)
        return self._figures(split, found)

    def _figures(self, split: Split, found: Read) -> Figures:
        true, answered = self._both(split, found)
        known = self.spelling.known(split.spelled.rows)[split.sentences.words.ids]
        figures = metrics.figures(
            true,
            answered,
            [part.tolist() for part in np.split(known, split.sentences.words.offsets[1:-1])],
            self.labels,
            self.scheme,
        )
        span = figures["span"]
        return {
            "kind": self.spec.name,
            "scheme": self.scheme,
            "loss": found.loss,
            **figures,
            "f1": None if span is None else span["f1"],
            "score": figures["accuracy"] if span is None else span["f1"],
        }

    def _both(self, split: Split, found: Read) -> tuple[list[list[str]], list[list[str]]]:
        """True and answered tags, by sentence."""
        true = [self._mended(tags) for tags in split.sentences.tag_rows()]
        return true, outer(self.reading, found.tags, split.sentences.tags.offsets)

    def each(
        self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, Each]:
        """See `Compares.each`: a row is a sentence, right where all its tags are."""
        assert isinstance(model, Network)
        found = read(model, split, len(self.inside), self.buckets, runtime, poll)
        true, answered = self._both(split, found)
        return self._figures(split, found), found.each(split, true, answered, self.scheme)

    def validation(self, model: nn.Module, split: Split, runtime: Runtime, poll: Poll) -> Figures:
        """See `Kind.validation`."""
        return self.figures(model, split, runtime, poll)

    def portion(self, split: Split) -> tuple[Split, float]:
        """See `Kind.portion`."""
        old = split.sentences
        rows = np.arange(0, len(old), PORTION)
        return self.split(old.take(rows)), len(old) / max(len(rows), 1)

    def mistakes(
        self, model: nn.Module, split: Split, place: Place, runtime: Runtime, poll: Poll
    ) -> tuple[Figures, list[Mistake]]:
        """See `Errs.mistakes`."""
        figures = self.figures(model, split, runtime, poll)
        own = split.sentences
        tokens = [
            [own.vocabulary[word] for word in own.words.row(row).tolist()]
            for row in range(len(own))
        ]
        answered = self.tag(model, tokens, 0.0, runtime, poll)
        true = [self._mended(tags) for tags in own.tag_rows()]
        return figures, mistakes(own, true, answered, self.scheme)[: place.most]

    def _mended(self, tags: list[str]) -> list[str]:
        return tags if self.scheme == PLAIN else repair(tags, self.scheme)

    @property
    def tokenization(self) -> str:
        """See `Tags.tokenization`."""
        name = self.config.data.tokenizer
        if name != "words":
            return f"by {name}"
        return "words and single symbols, joined and parted as the training words are"

    def tokens(self, text: str) -> list[tuple[int, int]]:
        """See `Tags.tokens`."""
        found = words_tokenizer(self.config, clean=False).spans(text)
        if self.config.data.tokenizer != "words":
            return found
        return rejoined(text, found, self.spelling.trained_on)

    @cached_property
    def reading(self) -> Reading:
        """How sentences are read and tags written."""
        model, most = self.config.model, self.config.data.max_tokens
        return Reading(self.spelling, self.inside, model.inside, self.scheme, most, self.buckets)

    def tag(
        self,
        model: nn.Module,
        sentences: Sequence[Sequence[str]],
        threshold: float,
        runtime: Runtime,
        poll: Poll,
    ) -> list[Tagged]:
        """See `Tags.tag`."""
        assert isinstance(model, Network)
        return answers(self.reading, model, sentences, threshold, runtime, poll)


def _notes(kind: Tagger, splits: dict[str, Split], shared: int) -> list[str]:
    """What a person should know of the data before it is trained on."""
    shares = ", ".join(
        f"{name} {1 - float((split.spelled.rows != 0)[split.sentences.words.ids].mean()):.1%}"
        for name, split in splits.items()
    )
    notes = [f"vocabulary {len(kind.spelling.vocab):,} (unknown: {shares})"]
    bad = sum(
        len(ill_formed(tags, kind.scheme))
        for split in splits.values()
        for tags in split.sentences.tag_rows()
    )
    if bad:
        notes.append(f"{bad:,} tags that {kind.scheme} forbids where they stand: repaired")
    long = sum(len(split.pieces.rows) - len(split.sentences) for split in splits.values())
    if long:
        notes.append(f"long sentences are read in {long:,} pieces more")
    foreign = {
        name: int((split.tags.ids == UNKNOWN_TAG).sum())
        for name, split in splits.items()
        if (split.tags.ids == UNKNOWN_TAG).any()
    }
    for name, count in foreign.items():
        notes.append(f"{name}: {count:,} tokens with a tag that training lacks")
    if shared:
        notes.append(f"{shared:,} sentences of train stand in valid or test too")
    return notes
