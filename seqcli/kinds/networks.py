"""From settings to modules: what the networks of several kinds share."""

from __future__ import annotations

import torch
from torch import Generator, nn

from seqcli.errors import ConfigError
from seqcli.nn.heads import OneHot, ReadOut
from seqcli.nn.init import start_cells, start_linear, start_normal
from seqcli.nn.recurrent import Recurrent
from seqcli.settings.sections import Embedding, Layers

MOST_ONE_HOT = 4096  # an identity of this size is 64 MB


def recurrent(model: Layers, inputs: int, output_dropout: float) -> Recurrent:
    """The stack of recurrent layers on `inputs` numbers a step."""
    return Recurrent(
        inputs,
        model.sizes,
        cell=model.cell,
        bidirectional=model.directions.both,
        merge=model.directions.merge,
        backwards=model.directions.backwards,
        bias=model.bias,
        activation=model.activation,
        recurrent_activation=model.recurrent_activation,
        reset_after=model.reset_after,
        dropout=model.dropout,
        output_dropout=output_dropout,
        recurrent_dropout=model.recurrent_dropout,
        locked=model.dropout_mask == "sequence",
    )


def embed(model: Embedding, vocabulary: int) -> nn.Embedding | OneHot:
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
    embedding.weight.requires_grad_(not model.frozen_embedding)
    return embedding


def start(network: nn.Module, model: Layers, output: nn.Linear, generator: Generator) -> None:
    """First weights, drawn in the order of the modules: the same seed gives the same model."""
    scale = model.init_scale
    if isinstance(model, Embedding) and model.init != "uniform":
        scale = model.embed_scale
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
