"""What a language model's settings are, what it holds, and which figures it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.errors import ConfigError
from seqcli.kinds.next_token import FIGURES, LISTED, NextToken, check_tied, output_row
from seqcli.kinds.spec import Learned, Spec, check_tokens, vocabulary_problem
from seqcli.settings.config import Config
from seqcli.settings.counting import Sizes, stack
from seqcli.settings.fields import setting
from seqcli.settings.sections import RunningText, Training
from seqcli.settings.table import Table


@dataclass(frozen=True)
class Model(NextToken):
    """[model] of a language model."""

    condition: bool = setting(
        False, "texts that each have a label, which the model is told: kind = writer"
    )
    ngrams: int = setting(
        0, "longest n-gram that is counted beside the network, in tokens; 0 = none", low=0, high=16
    )
    ngram_share: float | None = setting(
        None,
        "the n-grams' part of the answer; absent: fitted to the validation part",
        low=0.001,
        high=0.999,
    )


@dataclass(frozen=True)
class Train(Training):
    """[train] of a language model."""

    steps: int = setting(35, "time steps of a window", low=1)
    time_sum: bool = setting(False, "sum the loss over time, average over columns")


Settings = Config[RunningText, Model, Train]


def count(model: Model, sizes: Sizes) -> Table:
    """The table of `model`; its outputs are its vocabulary. Errors: ConfigError."""
    found, vocabulary = stack(model, sizes), sizes.vocabulary
    if vocabulary is None:
        raise ConfigError("a language model needs the size of its vocabulary", "give --vocab V")
    if sizes.outputs not in (None, vocabulary):
        raise ConfigError(
            f"a language model on {vocabulary} words cannot have {sizes.outputs} outputs",
            "its outputs are its vocabulary: leave --outputs away",
        )
    return found.table(model, output_row(model, found.width, vocabulary, sizes.lead))


def check(config: Settings) -> None:
    """Refuse settings that cannot stand together."""
    check_tokens(config.data)
    check_tied(config.model)


def check_learned(config: Settings, learned: Learned) -> str:
    """What is wrong with the vocabulary, how often its tokens begin a text, or its n-grams."""
    if problem := vocabulary_problem(config.data, learned):
        return problem
    sizes, most = learned.get("ngrams", []), max(config.model.ngrams - 1, 0)
    if not isinstance(sizes, list) or len(sizes) > most:
        return "its n-grams are not those of its settings"
    if not all(type(size) is int and 0 < size < 1 << 40 for size in sizes):
        return "its n-grams are not counts"
    starts, size = learned.get("starts", []), len(learned["vocabulary"])
    whole = isinstance(starts, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(type(number) is int for number in pair)
        and 0 <= pair[0] < size
        and 0 < pair[1] < 1 << 53
        for pair in starts
    )
    return "" if whole else "its starts of texts are not counts of tokens"


SPEC = Spec(
    name="language-model",
    title="a language model",
    target="seqcli.kinds.language_model.kind:LanguageModel",
    data=RunningText,
    model=Model,
    train=Train,
    figures=FIGURES,
    metric="perplexity",
    listed=(*LISTED, "ngram_share"),
    count=count,
    sizes=lambda learned: Sizes(len(learned["vocabulary"])),
    check=check,
    check_learned=check_learned,
    switches={"model.condition": "writer"},
    commands={"sample": "sample --model {model}"},
    options={
        "--batch-size": "columns read at once",
        "--exclude-trained": "documents it was trained on left out",
        "a second --model": "a comparison",
    },
)
