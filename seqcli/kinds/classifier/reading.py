"""What a classifier reads beside the tokens of its texts: n-grams."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcli.data.labeled import Examples
from seqcli.kinds.classifier.network import ngrams
from seqcli.kinds.classifier.spec import Settings
from seqcli.text.ngrams import naive_bayes
from seqcli.text.sequences import Features


def features(config: Settings) -> Features | None:
    """What makes a row of n-grams of each text, if the model reads any."""
    grams = ngrams(config)
    return None if grams is None else grams.rows


def naive_scores(config: Settings, train: Examples, labels: int) -> NDArray[np.float32] | None:
    """What the n-gram table starts from, fitted on the rows that are trained on alone."""
    model = config.model
    if model.wide_init != "naive-bayes" or train.features is None:
        return None
    return naive_bayes(train.features, train.labels, labels, model.wide_buckets)
