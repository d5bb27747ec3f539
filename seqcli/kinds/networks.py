"""From settings to modules: the one place where a ModelConfig meets `nn/`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, nn

from seqcli.errors import ConfigError
from seqcli.nn.heads import Dense, OneHot, ReadOut
from seqcli.nn.init import start_cells, start_linear, start_normal
from seqcli.nn.models import LanguageModel, TextClassifier
from seqcli.nn.recurrent import Recurrent
from seqcli.nn.wide import Wide
from seqcli.settings.config import LANGUAGE, ModelConfig
from seqcli.settings.counting import count

MOST_WIDE = 1 << 28  # numbers in an n-gram table: 1 GB, and as much for gradient and momentum
MOST_ONE_HOT = 4096  # an identity of this size is 64 MB


def recurrent(model: ModelConfig, inputs: int, output_dropout: float) -> Recurrent:
    """The stack of recurrent layers on `inputs` numbers a step."""
    return Recurrent(
        inputs,
        model.sizes,
        cell=model.cell,
        bidirectional=model.bidirectional,
        merge=model.merge,
        backwards=model.backwards,
        bias=model.bias,
        activation=model.activation,
        recurrent_activation=model.recurrent_activation,
        reset_after=model.reset_after,
        dropout=model.dropout,
        output_dropout=output_dropout,
        recurrent_dropout=model.recurrent_dropout,
        locked=model.dropout_mask == "sequence",
    )


def text_classifier(
    model: ModelConfig, vocabulary: int, label_counts: Sequence[int], generator: Generator | None
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
    rated = model.wide_init == "naive-bayes"
    wide = Wide(model.wide_buckets, outputs, rated=rated) if model.wide else None
    network = TextClassifier(
        embedding,
        stack,
        read_out,
        dense,
        head=model.head,
        wide=wide,
        wide_share=model.wide_share,
        log_prior=_log_prior(label_counts, model.prior_power),
        word_dropout=model.word_dropout,
        output_dropout=model.output_dropout,
    )
    if generator is not None:
        start(network, model, dense.output, generator)
    return network


def language_model(
    model: ModelConfig, vocabulary: int, generator: Generator | None
) -> LanguageModel:
    """A language model over `vocabulary` rows, with its first weights.

    Errors: ConfigError for tied weights of unequal sizes.
    """
    count(model, vocabulary=vocabulary, kind=LANGUAGE[0])  # refuses what does not fit together
    stack = recurrent(model, model.embed or vocabulary, model.output_dropout)
    network = LanguageModel(embed(model, vocabulary), stack, vocabulary, tied=model.tied)
    if generator is not None:
        start(network, model, network.output, generator)
    return network


def embed(model: ModelConfig, vocabulary: int) -> nn.Embedding | OneHot:
    """Rows to look up, or one-hot tokens where `embed` is 0."""
    if model.embed == 0:
        if vocabulary > MOST_ONE_HOT:
            raise ConfigError(
                f"one-hot tokens (model.embed = 0) of a vocabulary of {vocabulary:,}: too wide",
                f"give --embed N, or a vocabulary of at most {MOST_ONE_HOT:,} rows",
            )
        return OneHot(vocabulary)
    # _weight: the constructor's own random draw would take time and be thrown away
    embedding = nn.Embedding(vocabulary, model.embed, _weight=torch.empty(vocabulary, model.embed))
    embedding.weight.requires_grad_(not model.freeze_vectors)
    return embedding


def start(network: nn.Module, model: ModelConfig, output: nn.Linear, generator: Generator) -> None:
    """First weights, drawn in the order of the modules: the same seed gives the same model."""
    scale = model.init_scale if model.init == "uniform" else model.embed_scale
    start_cells(network, model.init, model.init_scale, model.unit_forget_bias, generator)
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            nn.init.uniform_(module.weight, -scale, scale, generator=generator)
        elif isinstance(module, nn.Linear):
            start_linear(module, model.init, model.init_scale, generator)
        elif isinstance(module, ReadOut) and "attention" in module.names:
            bound = 1 / module.query.numel() ** 0.5
            nn.init.uniform_(module.query, -bound, bound, generator=generator)
    if model.output_scale is not None:
        start_normal(output, model.output_scale, generator)
    if model.output_bias:
        nn.init.constant_(output.bias, model.output_bias)


def _log_prior(label_counts: Sequence[int], power: float) -> torch.Tensor | None:
    """Logarithms of the labels' shares, times that power.

    In plain numbers: for `log` on a skeleton without memory torch imports its whole compiler.
    """
    if not power:
        return None
    seen = [max(count, 1) for count in label_counts]
    return torch.tensor([power * math.log(count / sum(seen)) for count in seen])
