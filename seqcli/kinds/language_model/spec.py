"""What a language model's settings are, what it holds, and which figures it is judged by."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from seqcli.errors import ConfigError
from seqcli.kinds.spec import Figure, Learned, Spec, check_tokens, vocabulary_problem
from seqcli.settings.config import Config
from seqcli.settings.counting import Sizes, dense, stack
from seqcli.settings.fields import setting
from seqcli.settings.sections import RunningText, TokenLayers, Training
from seqcli.settings.table import Table


@dataclass(frozen=True)
class Model(TokenLayers):
    """[model] of a language model: the stack, and one logit a token."""

    tied: bool = setting(False, "output weights are the embedding's")

    @property
    def tied_embedding(self) -> bool:
        """As the settings say."""
        return self.tied


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
    if model.tied and model.embed != found.width:
        raise ConfigError(
            f"tied weights need equal sizes, but model.embed is {model.embed} and the last of "
            f"model.hidden {found.width}",
            f"--embed {found.width}",
        )
    name = "output, tied" if model.tied else "output"
    row = dense(name, found.width, vocabulary, (*sizes.lead, vocabulary))
    if model.tied:
        row = dataclasses.replace(row, formula=str(vocabulary), parameters=vocabulary)
    each_step = dataclasses.replace(row, work=row.work[::-1], kept=row.kept[::-1])
    return found.table(model, each_step)


def check(config: Settings) -> None:
    """Refuse settings that cannot stand together."""
    check_tokens(config.data)
    model = config.model
    if model.tied and model.embed != model.sizes[-1]:
        raise ConfigError(
            f"tied weights need model.embed ({model.embed}) equal to the last hidden size "
            f"({model.sizes[-1]})"
        )


def check_learned(config: Settings, learned: Learned) -> str:
    """What is wrong with the vocabulary, or with how often its tokens begin a text."""
    if problem := vocabulary_problem(config.data, learned):
        return problem
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
    figures=(
        Figure("loss", "loss {:.4f}", "loss {:.4f}", lower_is_better=True),
        Figure(
            "perplexity",
            "perplexity {:.2f}",
            "ppl {:.2f}",
            lower_is_better=True,
            logarithmic=True,
        ),
        Figure(
            "bits_per_character", "{:.4f} bpc", "{:.4f} bpc", lower_is_better=True, chooses=False
        ),
    ),
    metric="perplexity",
    listed=(
        "tokens",
        "loss",
        "perplexity",
        "bits_per_token",
        "bits_per_character",
        "unknown_share",
    ),
    count=count,
    sizes=lambda learned: Sizes(len(learned["vocabulary"])),
    check=check,
    check_learned=check_learned,
    commands={"sample": "sample --model {model}"},
    options={
        "--batch-size": "columns read at once",
        "--exclude-trained": "documents it was trained on left out",
        "a second --model": "a comparison",
    },
)
