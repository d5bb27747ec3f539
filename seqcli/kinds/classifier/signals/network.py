"""The network of a classifier of numbers, from its settings."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator

from seqcli.kinds.classifier.network import log_prior
from seqcli.kinds.classifier.signals.spec import Model
from seqcli.kinds.networks import recurrent, start
from seqcli.nn.heads import Dense, ReadOut
from seqcli.nn.signals import SignalClassifier


def signal_classifier(
    model: Model, inputs: int, label_counts: Sequence[int], generator: Generator | None
) -> SignalClassifier:
    """A classifier with its first weights, for `inputs` numbers a step, labels seen so often."""
    outputs = 1 if model.head == "sigmoid" else len(label_counts)
    stack = recurrent(model, inputs * model.window, 0.0)  # the read-out is dropped instead
    read_out = ReadOut(model.read_out, stack.width)
    dense = Dense(read_out.width, model.dense, outputs, model.dense_dropout)
    network = SignalClassifier(
        stack,
        read_out,
        dense,
        head=model.head,
        window=model.window,
        stride=model.stride,
        noise=model.noise,
        log_prior=log_prior(label_counts, model.prior_power),
        output_dropout=model.output_dropout,
    )
    if generator is not None:
        start(network, model, dense.output, generator)
    return network
