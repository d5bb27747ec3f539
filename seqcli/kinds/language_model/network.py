"""A language model's network, from its settings."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator

from seqcli.kinds.language_model.spec import Model, count
from seqcli.kinds.networks import embed, recurrent, start
from seqcli.nn.kneser_ney import SHARE, KneserNey
from seqcli.nn.models import LanguageModel
from seqcli.settings.counting import Sizes
from seqcli.text.kneser_ney import Counted


def language_model(
    model: Model,
    vocabulary: int,
    generator: Generator | None,
    grams: Counted | Sequence[int] = (),
) -> LanguageModel:
    """A language model over `vocabulary` rows, with its first weights.

    grams: if any are beside it, the n-grams, or how many there are of two tokens and more. Errors:
    ConfigError for tied weights of unequal sizes.
    """
    count(model, Sizes(vocabulary))  # refuses what does not fit together
    stack = recurrent(model, model.embed or vocabulary, model.output_dropout)
    share = SHARE if model.ngram_share is None else model.ngram_share
    sizes = grams.sizes if isinstance(grams, Counted) else grams
    beside = KneserNey(vocabulary, sizes, share) if model.ngrams else None
    rows = embed(model, vocabulary)
    network = LanguageModel(rows, stack, vocabulary, tied=model.tied, grams=beside)
    if beside is not None and generator is not None and isinstance(grams, Counted):
        beside.fill(grams)
    if generator is not None:
        start(network, model, network.output, generator)
    return network
