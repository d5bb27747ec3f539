"""What a writer's settings are, what it holds, and which figures it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.errors import ConfigError
from seqcli.kinds.next_token import FIGURES, LISTED, NextToken, check_tied, output_row
from seqcli.kinds.spec import (
    Figure,
    Learned,
    Spec,
    check_tokens,
    names_problem,
    vocabulary_problem,
)
from seqcli.settings.config import Config
from seqcli.settings.counting import Sizes, stack
from seqcli.settings.fields import setting
from seqcli.settings.sections import MAX_SIZE, LabeledText, Training
from seqcli.settings.table import Row, Table
from seqcli.text.special import END


@dataclass(frozen=True)
class Model(NextToken):
    """[model] of a writer."""

    label_embed: int = setting(
        32, "size of a label's row, which every step reads beside its token", low=1, high=MAX_SIZE
    )


@dataclass(frozen=True)
class Train(Training):
    """[train] of a writer."""

    buckets: int = setting(16, "batches whose texts are sorted by length together; 1 = none", low=1)


Settings = Config[LabeledText, Model, Train]


def count(model: Model, sizes: Sizes) -> Table:
    """The table of `model` for a vocabulary and `sizes.outputs` labels. Errors: ConfigError."""
    if sizes.vocabulary is None or sizes.outputs is None:
        raise ConfigError(
            "a writer needs the size of its vocabulary and the number of its labels",
            "give --vocab V and --outputs C",
        )
    size, lead = model.label_embed, sizes.lead
    text = f"{sizes.outputs}*{size}"
    row = Row("labels", (*lead, size), text, sizes.outputs * size, kept=(size, 0))
    found = stack(model, sizes, [row])
    return found.table(model, output_row(model, found.width, sizes.vocabulary, lead))


def check(config: Settings) -> None:
    """Refuse settings that cannot stand together."""
    check_tokens(config.data)
    check_tied(config.model)


def check_learned(config: Settings, learned: Learned) -> str:
    """What is wrong with the vocabulary, the labels and their counts in training."""
    problem = vocabulary_problem(config.data, learned) or names_problem(learned, "labels")
    if problem:
        return problem
    labels, counts = learned["labels"], learned.get("label_counts")
    if END not in learned["vocabulary"]:
        return "its vocabulary has no end mark"
    if not labels or not isinstance(counts, list) or len(counts) != len(labels):
        return "its labels and their counts disagree"
    if not all(type(count) is int and 0 <= count < 1 << 53 for count in counts):
        return "its labels and their counts disagree"
    return "" if any(counts) else "its labels have no texts"


SPEC = Spec(
    name="writer",
    title="a writer (a language model that is told a label)",
    target="seqcli.kinds.writer.kind:Writer",
    data=LabeledText,
    model=Model,
    train=Train,
    figures=(*FIGURES, Figure("accuracy", last="accuracy {:.2%}", chooses=False)),
    metric="perplexity",
    listed=("count", *LISTED, "accuracy", "macro_f1", "mcc", "majority"),
    count=count,
    sizes=lambda learned: Sizes(len(learned["vocabulary"]), outputs=len(learned["labels"])),
    check=check,
    check_learned=check_learned,
    commands={
        "sample": "sample --model {model} --label all",
        "classify": 'classify --model {model} "your text"',
    },
    options={
        "--label": "what to write",
        "--exclude-trained": "texts it was trained on left out",
        "a second --model": "a comparison",
    },
    by_label=("loss", "perplexity", "f1", "support"),
    worst=Figure("loss", "loss {:.4f}", lower_is_better=True),
)
