"""Pairs of settings of which one would make the other void: refused before anything is read.

What only names its own switch (a factor of a schedule, a size of the n-gram table) is none: presets
switch parts off, and keep their sizes.
"""

from __future__ import annotations

from seqcli.errors import ConfigError
from seqcli.settings.config import Config, ModelConfig, TrainConfig


def refuse_clashes(config: Config) -> None:
    """Errors: ConfigError that says which of two settings would do nothing, or do it twice."""
    model, train = config.model, config.train
    by_label = train.draw == "label"
    rules = {
        "model.prior_power corrects for rare labels, as train.draw = label does already": by_label
        and bool(model.prior_power),
        "train.class_weight corrects for rare labels, as train.draw = label does already": by_label
        and train.class_weight != "none",
        "train.buckets sorts what is shuffled, train.draw = label draws row by row": by_label
        and train.buckets != TrainConfig.buckets,
        "model.backwards turns the text round, model.bidirectional reads it both ways": (
            model.backwards and model.bidirectional
        ),
        "model.unit_forget_bias starts the forget gate's bias: it needs an lstm with model.bias": (
            model.unit_forget_bias and (model.cell != "lstm" or not model.bias)
        ),
        "model.recurrent_activation is that of gates, which model.cell = rnn does not have": (
            model.cell == "rnn" and model.recurrent_activation != ModelConfig.recurrent_activation
        ),
    }
    for problem, clash in rules.items():
        if clash:
            raise ConfigError(problem, "use one of them")
