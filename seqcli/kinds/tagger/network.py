"""A tagger's network, from its settings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from seqcli.errors import ConfigError
from seqcli.kinds.networks import embed, recurrent, start
from seqcli.kinds.tagger.spec import MOST_WIDE, Model
from seqcli.nn.crf import Allowed
from seqcli.nn.tagging import Affixes, Characters, Tagger, Windows
from seqcli.settings.counting import Sizes
from seqcli.text.schemes import OUTSIDE, allowed


def tagger(
    model: Model,
    sizes: Sizes,
    inside: Sequence[str],
    *,
    plain: bool,
    word_counts: Sequence[int] | None,
    generator: Generator | None,
) -> Tagger:
    """A tagger with its first weights.

    inside: the tags it scores; word_counts: how often each row of the vocabulary was trained on,
    None where nothing is to be trained.
    """
    tags = len(inside)
    if model.window and model.window_buckets * tags > MOST_WIDE:
        raise ConfigError(
            f"a table of {model.window_buckets:,} rows for {tags:,} tags is too large",
            f"--set model.window_buckets={MOST_WIDE // tags} is the most",
        )
    words = embed(model, sizes.vocabulary or 1)
    assert isinstance(words, nn.Embedding)
    width = model.embed
    shapes = affixes = characters = windows = None
    if model.shape_embed:
        rows, size = sizes.shapes or 1, model.shape_embed
        shapes = nn.Embedding(rows, size, _weight=torch.empty(rows, size))
        width += size
    if model.affixes:
        affixes = Affixes(sizes.affixes or 1, model.affix_embed)
        width += model.affix_embed
    if model.characters:
        characters = Characters(
            sizes.characters or 1, model.characters, model.character_hidden, model.character_dropout
        )
        width += characters.width
    if model.window:
        windows = Windows(model.window_buckets, tags, model.window_scale, model.window_dropout)
    bias = torch.zeros(tags)
    if not plain:
        bias[list(inside).index(OUTSIDE)] = model.outside_bias
    network = Tagger(
        words,
        shapes,
        affixes,
        characters,
        recurrent(model, width, model.output_dropout),
        tags,
        windows=windows,
        chained=model.output == "crf",
        allowed=None if plain else Allowed(*map(torch.tensor, allowed(inside, model.inside))),
        drop_shares=_drop_shares(model.word_dropout, sizes.vocabulary or 1, word_counts),
        answer_bias=bias,
    )
    if generator is not None:
        start(network, model, network.output, generator)
        if affixes is not None:  # many of them are added up
            scale = model.embed_scale / 2
            nn.init.uniform_(affixes.weight, -scale, scale, generator=generator)
    return network


def _drop_shares(rate: float, rows: int, counts: Sequence[int] | None) -> Tensor:
    """A word is taken for unknown the more often the rarer it is (Kiperwasser & Goldberg 2016)."""
    if counts is None or not rate:
        return torch.zeros(rows)
    seen = torch.tensor(counts, dtype=torch.float32)
    shares = rate / (rate + seen)
    shares[0] = 0  # that row is unknown as it is
    return shares
