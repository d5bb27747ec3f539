"""A text classifier's network, from its settings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator

from seqcli.errors import ConfigError
from seqcli.kinds.classifier.spec import Model, Settings
from seqcli.kinds.networks import embed, recurrent, start
from seqcli.nn.heads import Dense, ReadOut
from seqcli.nn.models import TextClassifier
from seqcli.nn.wide import Wide
from seqcli.text.ngrams import Ngrams
from seqcli.text.normal import normalizer

MOST_WIDE = 1 << 28  # numbers in an n-gram table: 1 GB, and as much for gradient and momentum


def ngrams(config: Settings) -> Ngrams | None:
    """The n-grams that the wide part reads, if there is one."""
    model = config.model
    if not model.wide:
        return None
    return Ngrams(
        model.wide_words,
        model.wide_characters,
        model.wide_buckets,
        normalizer(config.data),
        model.wide_placed,
        model.wide_within,
    )


def text_classifier(
    model: Model, vocabulary: int, label_counts: Sequence[int], generator: Generator | None
) -> TextClassifier:
    """A classifier with its first weights, for `vocabulary` rows and labels seen so often."""
    labels = len(label_counts)
    outputs = 1 if model.head == "sigmoid" else labels
    embedding = embed(model, vocabulary)
    stack = recurrent(model, model.embed or vocabulary, 0.0)  # the read-out is dropped instead
    read_out = ReadOut(model.read_out, stack.width)
    dense = Dense(read_out.width, model.dense, outputs, model.dense_dropout)
    if model.wide and model.wide_buckets * outputs > MOST_WIDE:
        raise ConfigError(
            f"an n-gram table of {model.wide_buckets:,} rows for {outputs:,} labels is too large",
            f"--set model.wide_buckets={MOST_WIDE // outputs} is the most",
        )
    wide = None
    if model.wide:
        wide = _wide(model, outputs)
    network = TextClassifier(
        embedding,
        stack,
        read_out,
        dense,
        head=model.head,
        wide=wide,
        wide_share=model.wide_share,
        log_prior=log_prior(label_counts, model.prior_power),
        word_dropout=model.word_dropout,
        output_dropout=model.output_dropout,
    )
    if generator is not None:
        start(network, model, dense.output, generator)
    return network


def _wide(model: Model, outputs: int) -> Wide:
    read = model.wide_words, model.wide_characters, model.wide_buckets
    return Wide(
        model.wide_buckets,
        outputs,
        rated=model.wide_init == "naive-bayes",
        told=model.wide_init == "smoothed-bayes",
        weighed_from=Ngrams(*read, placed=model.wide_placed).share if model.wide_idf else None,
    )


def log_prior(label_counts: Sequence[int], power: float) -> torch.Tensor | None:
    """Logarithms of the labels' shares, times that power.

    In plain numbers: for `log` on a skeleton without memory torch imports its whole compiler.
    """
    if not power:
        return None
    seen = [max(count, 1) for count in label_counts]
    return torch.tensor([power * math.log(count / sum(seen)) for count in seen])
