"""A writer's network, from its settings."""

from __future__ import annotations

import torch
from torch import Generator, nn

from seqcli.kinds.networks import embed, recurrent, start
from seqcli.kinds.writer.spec import Model
from seqcli.nn.models import LabeledLanguageModel


def writer(
    model: Model, vocabulary: int, labels: int, generator: Generator | None
) -> LabeledLanguageModel:
    """A language model over `vocabulary` rows that is told one of `labels`, with first weights."""
    size = model.label_embed
    rows = nn.Embedding(labels, size, _weight=torch.empty(labels, size))
    stack = recurrent(model, (model.embed or vocabulary) + size, model.output_dropout)
    tokens = embed(model, vocabulary)
    network = LabeledLanguageModel(tokens, stack, vocabulary, rows, tied=model.tied)
    if generator is not None:
        start(network, model, network.output, generator)
    return network
