"""What a tagger of numbers has for settings, what it holds, and which figures it is judged by."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from seqcli.kinds.scaled import WIDEST, inputs, refuse_clashes, scaling_problem
from seqcli.kinds.spec import Figure, Learned, Spec, names_problem, refuse_clash
from seqcli.kinds.tagger.spec import MOST_TAGS, NAME
from seqcli.settings.config import Config
from seqcli.settings.counting import Sizes, dense, stack
from seqcli.settings.fields import setting
from seqcli.settings.sections import NUMBERS, ByLabel, LabeledSteps, TwoWayLayers
from seqcli.settings.table import Table


@dataclass(frozen=True)
class Model(TwoWayLayers):
    """[model] of a tagger of numbers."""

    differences: tuple[int, ...] = setting(
        (), "read beside each channel how it changes over so many steps each way", low=1, high=1000
    )
    window: int = setting(1, "neighboring steps that are read as one", low=1, high=1 << 10)
    noise: float = setting(
        0.0, "deviation of what is added to the scaled numbers in training", low=0, high=10
    )
    change_cost: float = setting(
        0.0,
        "nats that a change of label costs when answering: fewer, longer stretches",
        low=0,
        high=1000,
    )


@dataclass(frozen=True)
class Train(ByLabel):
    """[train] of a tagger of numbers."""

    piece: int = setting(
        256,
        "steps of a piece that is trained on; an eighth at each end is context",
        low=16,
        high=1 << 16,
    )


Settings = Config[LabeledSteps, Model, Train]


def count(model: Model, sizes: Sizes) -> Table:
    """The table of `model` for `sizes.inputs` numbers a step; without labels without the output.

    Errors: ConfigError as the formulas have it.
    """
    numbers = None
    if sizes.inputs is not None:
        numbers = sizes.inputs * (1 + len(model.differences)) * model.window
    found = stack(model, dataclasses.replace(sizes, inputs=numbers))
    if sizes.outputs is None:
        return found.table(model)
    row = dense("output", found.width, sizes.outputs, (*sizes.lead, sizes.outputs))
    return found.table(
        model, dataclasses.replace(row, work=row.work[::-1], kept=(sizes.outputs, 0))
    )


def trainable(config: Settings) -> None:
    """Refuse what can be counted and listed, but not trained."""
    refuse_clashes(config.data)
    named = "data.label_pattern finds one label a file, and every step has its own here"
    refuse_clash(bool(config.data.label_pattern), named)


def check_learned(config: Settings, learned: Learned) -> str:
    """What is wrong with the channels, their scaling and differences, the labels."""
    problem = scaling_problem(config.data, learned) or names_problem(learned, "labels")
    if problem:
        return problem
    labels, counts, pace = learned["labels"], learned.get("label_counts"), learned.get("pace")
    if not 2 <= len(labels) <= MOST_TAGS:
        return "its labels are too few, or too many"
    if not isinstance(counts, list) or len(counts) != len(labels):
        return "its labels and their counts disagree"
    if not all(type(number) is int and 0 < number < 2**53 for number in counts):
        return "the counts of its labels are no numbers"
    spans = len(config.model.differences)
    if not isinstance(pace, list) or len(pace) != spans:
        return "its settings and its differences disagree"
    for sizes in pace:
        if not isinstance(sizes, list) or len(sizes) != inputs(learned):
            return "its channels and their differences disagree"
        if not all(type(size) is float and 1 / WIDEST <= size <= WIDEST for size in sizes):
            return "the size of its differences is no number"
    return ""


SPEC = Spec(
    name=NAME,
    input=NUMBERS,
    title=f"a {NAME} of numbers",
    target="seqcli.kinds.tagger.frames.kind:FrameTagger",
    data=LabeledSteps,
    model=Model,
    train=Train,
    figures=(
        Figure("loss", "loss {:.4f}", "loss {:.4f}", lower_is_better=True),
        Figure("accuracy", "accuracy {:.2%}", "acc {:.2%}"),
        Figure("macro_f1", "macro-F1 {:.4f}"),
        Figure("edit", "edit {:.4f}"),
        Figure("f1_50", "F1@50 {:.4f}"),
    ),
    metric="accuracy",
    listed=(
        "recordings",
        "frames",
        "unlabeled",
        "loss",
        "accuracy",
        "macro_f1",
        "mcc",
        "majority",
        "edit",
        "f1_10",
        "f1_25",
        "f1_50",
    ),
    count=count,
    sizes=lambda learned: Sizes(inputs=inputs(learned), outputs=len(learned["labels"])),
    trainable=trainable,
    check_learned=check_learned,
    commands={"tag": "tag --model {model} --input recording.csv"},
)
