"""A translator's network, from its settings."""

from __future__ import annotations

import torch
from torch import Generator, nn

from seqcli.kinds.networks import embed, recurrent
from seqcli.kinds.translator.spec import Model
from seqcli.nn.attention import attention
from seqcli.nn.cells import CELLS
from seqcli.nn.init import start_cells, start_linear
from seqcli.nn.recurrent import Recurrent
from seqcli.nn.translation import Bridge, Translator
from seqcli.settings.counting import Sizes


def translator(model: Model, sizes: Sizes, generator: Generator | None) -> Translator:
    """A translator with its first weights, for both vocabularies' sizes."""
    outputs = sizes.outputs or 1
    source = embed(model, sizes.vocabulary or 1)
    target = source if model.shared else embed(model, outputs)
    assert isinstance(source, nn.Embedding)
    assert isinstance(target, nn.Embedding)
    encoder = recurrent(model, model.embed, model.memory_dropout)
    decoder = Recurrent(
        model.embed * (2 if model.input_feeding else 1),
        model.decoder_sizes,
        cell=model.cell,
        bias=model.bias,
        activation=model.activation,
        recurrent_activation=model.recurrent_activation,
        reset_after=model.reset_after,
        dropout=model.dropout,
        recurrent_dropout=model.recurrent_dropout,
        locked=model.dropout_mask == "sequence",
    )
    network = Translator(
        source,
        target,
        encoder,
        Bridge(encoder.width, model.decoder_sizes, CELLS[model.cell].states),
        decoder,
        attention(model.attention, decoder.width, encoder.width),
        outputs=outputs,
        tied=model.tied,
        feed=model.input_feeding,
        output_dropout=model.output_dropout,
        word_dropout=model.word_dropout,
    )
    if generator is not None:
        _start(network, model, generator)
    return network


def _start(network: Translator, model: Model, generator: Generator) -> None:
    """First weights, drawn in the order of the modules: the same seed gives the same model."""
    scale = model.init_scale if model.init == "uniform" else model.embed_scale
    start_cells(network, model.init, model.init_scale, model.unit_forget_bias, generator)
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            nn.init.uniform_(module.weight, -scale, scale, generator=generator)
        elif isinstance(module, nn.Linear):
            start_linear(module, model.init, model.init_scale, generator)
    output = network.output
    nn.init.constant_(output.bias, model.output_bias)
    if output.weight is not None:
        nn.init.uniform_(output.weight, -scale, scale, generator=generator)
    if model.output_scale is not None:
        with torch.no_grad():
            network.output_weight.normal_(0, model.output_scale, generator=generator)
