"""Parameter tables by closed formula: what `train` would build, counted without building it.

Nothing here imports torch or numpy, so that `seqcli params` answers at once. One bias per gate,
as our own cells have; torch's layers keep two, and `Table.torch_total` says what they would store.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from seqcli.errors import ConfigError, lookup
from seqcli.settings.sections import MAX_SIZE, Embedding, Layers
from seqcli.settings.table import Row, Shape, State, Table

Network = TypeVar("Network", bound=Layers)
MARKS = 3  # rows before those of the characters of words: unknown, begin, end


@dataclass(frozen=True)
class Formula:
    """How many numbers one recurrent layer holds, in one direction.

    `products` is the size of one gate's matrices, with `{i}` inputs and `{h}` units in it. `kept`
    is how many numbers a unit leaves at each step for the backward pass: gates, cell, output.
    """

    gates: int
    products: str
    states: tuple[str, ...]
    kept: int
    torch_layer: str
    two_biases_after_reset: bool = False

    def biases(self, bias: bool, reset_after: bool) -> int:
        """Bias vectors a gate: 0, 1, or 2 where the recurrent product keeps its own."""
        return 0 if not bias else 2 if self.two_biases_after_reset and reset_after else 1

    def parameters(self, inputs: int, hidden: int, biases: int) -> int:
        """Numbers in a layer of `hidden` units on `inputs`, with `biases` vectors a gate."""
        return self.gates * (hidden * (inputs + hidden) + biases * hidden)

    def text(self, inputs: int, hidden: int, biases: int, directions: int) -> str:
        """The same with the numbers in it, for `directions` readings: `4*(12*(30+12) + 12)`."""
        terms = [self.products.format(i=inputs, h=hidden), *[str(hidden)] * biases]
        factors = [str(factor) for factor in (directions, self.gates) if factor > 1]
        return "*".join([*factors, f"({' + '.join(terms)})"]) if factors else " + ".join(terms)


FORMULAS: dict[str, Formula] = {
    "rnn": Formula(1, "{h}*({i}+{h})", ("h",), 1, "torch.nn.RNN"),
    "lstm": Formula(4, "{h}*({i}+{h})", ("h", "c"), 6, "torch.nn.LSTM"),
    "gru": Formula(3, "{h}*{i} + {h}*{h}", ("h",), 5, "torch.nn.GRU", two_biases_after_reset=True),
}


@dataclass(frozen=True)
class Sizes:
    """What stands around a network: None where it is not known, or not asked for.

    `vocabulary`: rows of tokens; `inputs`: numbers a step; `outputs`: labels (1: a single logit).
    `time` and `batch` only fill in the shapes. `characters`, `affixes`, `shapes`: rows of a word's
    parts, where they are read. Errors: ConfigError for a size below 1.
    """

    vocabulary: int | None = None
    inputs: int | None = None
    outputs: int | None = None
    time: int | None = None
    batch: int | None = None
    characters: int | None = None
    affixes: int | None = None
    shapes: int | None = None

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size is not None and size < 1:
                shown = "input" if name == "inputs" else name  # as its option
                raise ConfigError(f"{shown}: at least 1 expected, {size} found")

    @property
    def lead(self) -> Shape:
        """The first dimensions of what goes from step to step."""
        return self.batch, self.time


class Stack(NamedTuple):
    """Embedding and recurrent layers: their rows, final states, and the width of the output."""

    rows: list[Row]
    states: list[State]
    width: int

    def table(self, model: Layers, *last: Row) -> Table:
        """The whole network, with what stands behind the stack."""
        layer = FORMULAS[model.cell].torch_layer
        return Table((*self.rows, *last), tuple(self.states), layer, _torch_lacks(model))


def stack(model: Layers, sizes: Sizes, beside: Sequence[Row] = ()) -> Stack:
    """The rows of `model`'s stack on tokens, if it knows an embedding, or on vectors.

    `beside`: parts whose outputs, (B, T, width), are joined to what the first layer reads.
    Errors: ConfigError for an unknown cell, no input size or two of them.
    """
    formula = lookup(FORMULAS, model.cell, "cell")
    if not model.sizes:
        raise ConfigError("model.hidden lists no size", "one number for each layer: 64,64")
    embedding = _embedding(model)
    rows = _front(embedding, sizes)
    one_hot = sizes.vocabulary if embedding and embedding.embed == 0 else None
    width = sizes.inputs or one_hot or (embedding.embed if embedding else 0)
    width += sum(row.output[-1] or 0 for row in beside)
    layers, states, width = _recurrent(model, formula, width, sizes.lead)
    if one_hot:  # a look-up of one row of the input weights: no product
        layers[0] = dataclasses.replace(layers[0], work=_look_up(model, formula))
    return Stack([*rows, *beside, *layers], states, width)


def dense(name: str, width: int, size: int, output: Shape) -> Row:
    """A matrix and a bias, read once a sequence."""
    products = width * size
    text = f"{width}*{size} + {size}"
    return Row(name, output, text, products + size, work=(0, products), kept=(0, size))


def fit_budget(budget: int, model: Network, table_of: Callable[[Any], Table]) -> Network:
    """`model` with the largest hidden size, the same for all layers, whose total fits `budget`.

    The embedding keeps its size, unless its weights are tied and must follow the hidden size.

    Errors: ConfigError when one unit is already too much.
    """
    layers, own = len(model.sizes), _embedding(model)

    def sized(hidden: int) -> Network:
        changed: dict[str, Any] = {"hidden": (hidden,) * layers, "layers": layers}
        if own is not None and own.tied_embedding:
            changed["embed"] = hidden
        return dataclasses.replace(model, **changed)

    def total(hidden: int) -> int:
        return table_of(sized(hidden)).total

    largest = bisect_right(range(1, MAX_SIZE + 1), budget, key=total)
    if largest == 0:
        raise ConfigError(
            f"a budget of {budget:,} parameters does not hold even 1 hidden unit",
            f"the smallest such model has {total(1):,}",
        )
    return sized(largest)


def _embedding(model: Layers) -> Embedding | None:
    """What tells a model's embedding; None where it reads no tokens."""
    return model if isinstance(model, Embedding) else None


def _front(model: Embedding | None, sizes: Sizes) -> list[Row]:
    """The embedding, if there is one; vectors and one-hot tokens go straight into the cells."""
    vocabulary, lead = sizes.vocabulary, sizes.lead
    if model is None and vocabulary is not None:
        raise ConfigError(
            "a vocabulary given to what reads numbers", "--input N: numbers at each step"
        )
    if (vocabulary is None) == (sizes.inputs is None):
        found = "no size" if vocabulary is None else "both a vocabulary and an input size"
        raise ConfigError(
            f"{found} given for what the network reads",
            "--input N for vectors of N numbers, or --vocab V --embed E for tokens",
        )
    if model is None or vocabulary is None or model.embed == 0:
        return []
    size = model.embed
    return [
        Row(
            "embedding",
            (*lead, size),
            f"{vocabulary}*{size}",
            vocabulary * size,
            trainable=not model.frozen_embedding,
            kept=(size, 0),
        )
    ]


def _recurrent(
    model: Layers, formula: Formula, width: int, lead: Shape
) -> tuple[list[Row], list[State], int]:
    """The recurrent layers, their final states, and the width of the last one's output."""
    sides = ("forward ", "backward ") if model.directions.both else ("",)
    biases = formula.biases(model.bias, model.reset_after)
    torch_biases = 2 if model.bias else 0
    rows: list[Row] = []
    states: list[State] = []
    for number, hidden in enumerate(model.sizes, 1):
        name = f"{model.cell} {number}" if len(model.sizes) > 1 else model.cell
        joined = hidden * len(sides) if model.directions.merge == "concat" else hidden
        rows.append(
            Row(
                name,
                (*lead, joined),
                formula.text(width, hidden, biases, len(sides)),
                len(sides) * formula.parameters(width, hidden, biases),
                len(sides) * formula.gates * hidden * (torch_biases - biases),
                work=(len(sides) * formula.gates * hidden * (width + hidden), 0),
                kept=(len(sides) * formula.kept * hidden, 0),
            )
        )
        parts = tuple(side + part for side in sides for part in formula.states)
        states.append((name, parts, (lead[0], hidden)))
        width = joined
    return rows, states, width


def _look_up(model: Layers, formula: Formula) -> tuple[int, int]:
    """The work of a first layer that reads one-hot tokens: the recurrent products alone."""
    sides = 2 if model.directions.both else 1
    return sides * formula.gates * model.sizes[0] ** 2, 0


def _torch_lacks(model: Layers) -> str:
    """What torch's layer cannot do that `model` asks for; empty where it can do all."""
    if model.cell == "gru" and not model.reset_after:
        return "reset before the matrix product"
    if model.activation not in (("tanh", "relu") if model.cell == "rnn" else ("tanh",)):
        return f"{model.activation} as activation"
    if model.cell != "rnn" and model.recurrent_activation != "sigmoid":
        return f"{model.recurrent_activation} as recurrent activation"
    return ""
