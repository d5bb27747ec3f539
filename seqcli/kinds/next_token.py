"""What kinds have in common that predict the next token: settings, output layer, figures."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from seqcli.errors import ConfigError
from seqcli.kinds.spec import Figure
from seqcli.settings.counting import dense
from seqcli.settings.fields import setting
from seqcli.settings.sections import TokenLayers
from seqcli.settings.table import Row, Shape


@dataclass(frozen=True)
class NextToken(TokenLayers):
    """[model]: the stack, and one logit a token."""

    tied: bool = setting(False, "output weights are the embedding's")

    @property
    def tied_embedding(self) -> bool:
        """As the settings say."""
        return self.tied


FIGURES = (
    Figure("loss", "loss {:.4f}", "loss {:.4f}", lower_is_better=True),
    Figure("perplexity", "perplexity {:.2f}", "ppl {:.2f}", lower_is_better=True, logarithmic=True),
    Figure("bits_per_character", "{:.4f} bpc", "{:.4f} bpc", lower_is_better=True, chooses=False),
)
LISTED = ("tokens", "loss", "perplexity", "bits_per_token", "bits_per_character", "unknown_share")


def output_row(model: NextToken, width: int, vocabulary: int, lead: Shape) -> Row:
    """The output layer on `width` numbers, read at every step. Errors: ConfigError."""
    if model.tied and model.embed != width:
        raise ConfigError(
            f"tied weights need equal sizes, but model.embed is {model.embed} and the last of "
            f"model.hidden {width}",
            f"--embed {width}",
        )
    name = "output, tied" if model.tied else "output"
    row = dense(name, width, vocabulary, (*lead, vocabulary))
    if model.tied:
        row = dataclasses.replace(row, formula=str(vocabulary), parameters=vocabulary)
    return dataclasses.replace(row, work=row.work[::-1], kept=row.kept[::-1])


def check_tied(model: NextToken) -> None:
    """Refuse tied weights of unequal sizes. Errors: ConfigError."""
    if model.tied and model.embed != model.sizes[-1]:
        raise ConfigError(
            f"tied weights need model.embed ({model.embed}) equal to the last hidden size "
            f"({model.sizes[-1]})"
        )
