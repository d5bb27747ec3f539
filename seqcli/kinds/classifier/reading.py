"""What a classifier reads beside the tokens of its texts: n-grams."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcli.data.labeled import Examples
from seqcli.kinds.classifier.network import ngrams
from seqcli.kinds.classifier.spec import Settings
from seqcli.text.ngrams import naive_bayes, rarity, smoothed_bayes
from seqcli.text.sequences import Features


def features(config: Settings) -> Features | None:
    """What makes a row of n-grams of each text, if the model reads any."""
    grams = ngrams(config)
    return None if grams is None else grams.rows


def naive_scores(config: Settings, train: Examples, labels: int) -> NDArray[np.float32] | None:
    """What the n-gram table starts from, fitted on the rows that are trained on alone."""
    model, grams = config.model, ngrams(config)
    if model.wide_init == "zero" or train.features is None or grams is None:
        return None
    if model.wide_init == "smoothed-bayes":
        return smoothed_bayes(train.features, train.labels, labels, grams)
    return naive_bayes(train.features, train.labels, labels, model.wide_buckets)


def rarities(config: Settings, train: Examples) -> NDArray[np.float32] | None:
    """What the n-grams weigh, where that is by how many texts have them."""
    if not config.model.wide_idf or train.features is None:
        return None
    return rarity(train.features, config.model.wide_buckets)
