"""What a classifier of numbers has for settings, and what it holds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from seqcli.kinds.classifier.spec import (
    FIGURES,
    LISTED,
    NAME,
    Answer,
    answer_rows,
    check_answer,
    labels_problem,
)
from seqcli.kinds.scaled import inputs, refuse_clashes, scaling_problem
from seqcli.kinds.spec import Learned, Spec, refuse_clash
from seqcli.settings.config import Config
from seqcli.settings.counting import Sizes, stack
from seqcli.settings.fields import setting
from seqcli.settings.sections import NUMBERS, ByLabel, Series
from seqcli.settings.table import Table

WIDEST = 1 << 10  # steps of a window


@dataclass(frozen=True)
class Model(Answer):
    """[model] of a classifier of numbers: the stack reads windows of steps."""

    window: int = setting(1, "neighboring steps that are read as one", low=1, high=WIDEST)
    stride: int = setting(1, "steps from one window to the next", low=1, high=WIDEST)
    noise: float = setting(
        0.0, "deviation of what is added to the scaled numbers in training", low=0, high=10
    )


@dataclass(frozen=True)
class Train(ByLabel):
    """[train] of a classifier of numbers: versions of each recording."""

    tempo: float = setting(0.0, "versions up to 1 + this times as fast or as slow", low=0, high=4)
    shift: float = setting(
        0.0, "versions up to so many channels higher or lower: bands of pitch", low=0, high=64
    )
    level: float = setting(
        0.0, "versions with up to this added to, or taken off all scaled numbers", low=0, high=10
    )
    blank_channels: int = setting(
        0, "versions with up to so many neighboring channels set to 0", low=0, high=1 << 12
    )
    blank_steps: float = setting(
        0.0, "versions with a stretch of up to this share of the steps set to 0", low=0, high=0.9
    )


Settings = Config[Series, Model, Train]


def count(model: Model, sizes: Sizes) -> Table:
    """The table of `model` for `sizes.inputs` channels; without labels it ends before the output.

    Errors: ConfigError as the formulas have it.
    """
    wide = None if sizes.inputs is None else sizes.inputs * model.window
    time = None if sizes.time is None else -(-sizes.time // model.stride)
    found = stack(model, dataclasses.replace(sizes, inputs=wide, time=time))
    return found.table(model, *answer_rows(model, found.width, sizes))


def check(config: Settings) -> None:
    """Refuse settings that cannot stand together."""
    check_answer(config.model)


def trainable(config: Settings) -> None:
    """Refuse what can be counted and listed, but not trained."""
    model, data = config.model, config.data
    skipped = "model.stride above model.window leaves out steps"
    refuse_clash(model.stride > model.window, skipped)
    refuse_clashes(data)


def check_learned(config: Settings, learned: Learned) -> str:
    """What is wrong with the channels, their scaling, the labels."""
    return scaling_problem(config.data, learned) or labels_problem(config.model, learned)


SPEC = Spec(
    name=NAME,
    input=NUMBERS,
    title=f"a {NAME} of numbers",
    target="seqcli.kinds.classifier.signals.kind:SignalClassifier",
    data=Series,
    model=Model,
    train=Train,
    figures=FIGURES,
    metric="accuracy",
    listed=LISTED,
    count=count,
    sizes=lambda learned: Sizes(inputs=inputs(learned), outputs=len(learned["labels"])),
    check=check,
    trainable=trainable,
    check_learned=check_learned,
    commands={"classify": "classify --model {model} --input recordings.ts"},
    options={"--mistakes": "the surest mistakes", "a second --model": "a comparison"},
)
