"""A language model's network, from its settings."""

from __future__ import annotations

from torch import Generator

from seqcli.kinds.language_model.spec import Model, count
from seqcli.kinds.networks import embed, recurrent, start
from seqcli.nn.models import LanguageModel
from seqcli.settings.counting import Sizes


def language_model(model: Model, vocabulary: int, generator: Generator | None) -> LanguageModel:
    """A language model over `vocabulary` rows, with its first weights.

    Errors: ConfigError for tied weights of unequal sizes.
    """
    count(model, Sizes(vocabulary))  # refuses what does not fit together
    stack = recurrent(model, model.embed or vocabulary, model.output_dropout)
    network = LanguageModel(embed(model, vocabulary), stack, vocabulary, tied=model.tied)
    if generator is not None:
        start(network, model, network.output, generator)
    return network
