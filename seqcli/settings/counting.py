"""Parameter tables by closed formula: what `train` would build, counted without building it.

Nothing here imports torch or numpy, so that `seqcli params` answers at once. One bias per gate,
as our own cells have; torch's layers keep two, and `Table.torch_total` says what they would store.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from seqcli.errors import ConfigError, lookup, unknown_name
from seqcli.settings.config import CLASSIFIER, LANGUAGE, MAX_SIZE, ModelConfig
from seqcli.settings.table import Row, Shape, State, Table


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


def count(
    model: ModelConfig,
    *,
    vocabulary: int | None = None,
    inputs: int | None = None,
    outputs: int | None = None,
    kind: str | None = None,
    time: int | None = None,
    batch: int | None = None,
) -> Table:
    """The table of `model` on tokens (`vocabulary` rows) or on vectors (`inputs` numbers a step).

    `outputs` is the number of labels (1: a single logit) and makes it a classifier; a language
    model's outputs are its vocabulary. With neither, the table ends with the dense layers, or with
    the recurrent ones. `time` and `batch` only fill in the shapes.

    Errors: ConfigError for a size below 1, an unknown cell or kind, no input size or two of them,
    and parts that do not fit together (tied weights of unequal sizes, a sigmoid for 3 labels).
    """
    formula = lookup(FORMULAS, model.cell, "cell")
    given = {"vocabulary": vocabulary, "input": inputs, "outputs": outputs}
    _check({**given, "time": time, "batch": batch}, model.sizes, kind)
    lead = (batch, time)
    rows = _front(model, vocabulary, inputs, lead)
    one_hot = vocabulary if model.embed == 0 else None
    layers, states, width = _recurrent(model, formula, inputs or one_hot or model.embed, lead)
    if one_hot:  # a look-up of one row of the input weights: no product
        layers[0] = dataclasses.replace(layers[0], work=_look_up(model, formula))
    if kind in LANGUAGE:
        last = [_vocabulary_output(model, width, vocabulary, outputs, lead)]
    else:
        last = _classifier(model, width, outputs, batch)
    torch_lacks = _torch_lacks(model)
    return Table((*rows, *layers, *last), tuple(states), formula.torch_layer, torch_lacks)


def fit_budget(
    budget: int, model: ModelConfig, table_of: Callable[[ModelConfig], Table]
) -> ModelConfig:
    """`model` with the largest hidden size, the same for all layers, whose total fits `budget`.

    The embedding keeps its size, unless its weights are tied and must follow the hidden size.

    Errors: ConfigError when one unit is already too much.
    """
    layers = len(model.sizes)

    def sized(hidden: int) -> ModelConfig:
        embed = hidden if model.tied else model.embed
        return dataclasses.replace(model, hidden=(hidden,) * layers, layers=layers, embed=embed)

    def total(hidden: int) -> int:
        return table_of(sized(hidden)).total

    largest = bisect_right(range(1, MAX_SIZE + 1), budget, key=total)
    if largest == 0:
        raise ConfigError(
            f"a budget of {budget:,} parameters does not hold even 1 hidden unit",
            f"the smallest such model has {total(1):,}",
        )
    return sized(largest)


def _check(sizes: dict[str, int | None], hidden: tuple[int, ...], kind: str | None) -> None:
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ConfigError(f"{name}: at least 1 expected, {size} found")
    if not hidden:
        raise ConfigError("model.hidden lists no size", "one number for each layer: 64,64")
    if kind is not None and kind not in (*CLASSIFIER, *LANGUAGE):
        raise unknown_name("kind", kind, (*CLASSIFIER, *LANGUAGE))


def _front(
    model: ModelConfig, vocabulary: int | None, inputs: int | None, lead: Shape
) -> list[Row]:
    """The embedding, if there is one; vectors and one-hot tokens go straight into the cells."""
    if (vocabulary is None) == (inputs is None):
        found = "no size" if vocabulary is None else "both a vocabulary and an input size"
        raise ConfigError(
            f"{found} given for what the network reads",
            "--input N for vectors of N numbers, or --vocab V --embed E for tokens",
        )
    size = model.embed
    if vocabulary is None or size == 0:
        return []
    return [
        Row(
            "embedding",
            (*lead, size),
            f"{vocabulary}*{size}",
            vocabulary * size,
            trainable=not model.freeze_vectors,
            kept=(size, 0),
        )
    ]


def _recurrent(
    model: ModelConfig, formula: Formula, width: int, lead: Shape
) -> tuple[list[Row], list[State], int]:
    """The recurrent layers, their final states, and the width of the last one's output."""
    sides = ("forward ", "backward ") if model.bidirectional else ("",)
    biases = formula.biases(model.bias, model.reset_after)
    torch_biases = 2 if model.bias else 0
    rows: list[Row] = []
    states: list[State] = []
    for number, hidden in enumerate(model.sizes, 1):
        name = f"{model.cell} {number}" if len(model.sizes) > 1 else model.cell
        joined = hidden * len(sides) if model.merge == "concat" else hidden
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


def _vocabulary_output(
    model: ModelConfig, width: int, vocabulary: int | None, outputs: int | None, lead: Shape
) -> Row:
    if vocabulary is None:
        raise ConfigError("a language model needs the size of its vocabulary", "give --vocab V")
    if outputs not in (None, vocabulary):
        raise ConfigError(
            f"a language model on {vocabulary} words cannot have {outputs} outputs",
            "its outputs are its vocabulary: leave --outputs away",
        )
    if model.tied and model.embed != width:
        raise ConfigError(
            f"tied weights need equal sizes, but model.embed is {model.embed} and the last of "
            f"model.hidden {width}",
            f"--embed {width}",
        )
    name = "output, tied" if model.tied else "output"
    row = _dense(name, width, vocabulary, (*lead, vocabulary))
    if model.tied:
        row = dataclasses.replace(row, formula=str(vocabulary), parameters=vocabulary)
    return dataclasses.replace(row, work=row.work[::-1], kept=row.kept[::-1])


def _classifier(
    model: ModelConfig, width: int, outputs: int | None, batch: int | None
) -> list[Row]:
    """Read-out, dense layers, output and n-gram table, each as far as it is there."""
    rows = []
    if model.read_out != ("last",):
        rows.append(_read_out(model, width, batch))
        width *= len(model.read_out)
    for number, size in enumerate(model.dense, 1):
        name = f"dense {number}" if len(model.dense) > 1 else "dense"
        rows.append(_dense(name, width, size, (batch, size)))
        width = size
    if outputs is None:
        if model.wide:
            raise ConfigError("the n-gram table needs the number of labels", "give --outputs C")
        return rows
    if model.head == "sigmoid" and outputs > 2:
        raise ConfigError(
            f"a sigmoid head decides between 2 labels, not {outputs}", "use head = softmax"
        )
    logits = 1 if model.head == "sigmoid" else outputs
    rows.append(_dense("output", width, logits, (batch, logits)))
    if model.wide:
        size = model.wide_buckets * logits + logits
        text = f"{model.wide_buckets}*{logits} + {logits}"
        rows.append(Row("n-gram table", (batch, logits), text, size))
    return rows


def _read_out(model: ModelConfig, width: int, batch: int | None) -> Row:
    """How the steps become one vector; attention alone has weights: v . tanh(W h + b)."""
    name = f"read-out: {', '.join(model.read_out)}"
    joined = width * len(model.read_out)
    if "attention" not in model.read_out:
        return Row(name, (batch, joined), "0", 0, kept=(0, joined))
    size = width * width + 2 * width
    text = f"{width}*{width} + 2*{width}"
    return Row(name, (batch, joined), text, size, work=(size, 0), kept=(width, joined))


def _dense(name: str, width: int, size: int, output: Shape) -> Row:
    """A matrix and a bias, read once a sequence."""
    products = width * size
    text = f"{width}*{size} + {size}"
    return Row(name, output, text, products + size, work=(0, products), kept=(0, size))


def _look_up(model: ModelConfig, formula: Formula) -> tuple[int, int]:
    """The work of a first layer that reads one-hot tokens: the recurrent products alone."""
    sides = 2 if model.bidirectional else 1
    return sides * formula.gates * model.sizes[0] ** 2, 0


def _torch_lacks(model: ModelConfig) -> str:
    """What torch's layer cannot do that `model` asks for; empty where it can do all."""
    if model.cell == "gru" and not model.reset_after:
        return "reset before the matrix product"
    if model.activation not in (("tanh", "relu") if model.cell == "rnn" else ("tanh",)):
        return f"{model.activation} as activation"
    if model.cell != "rnn" and model.recurrent_activation != "sigmoid":
        return f"{model.recurrent_activation} as recurrent activation"
    return ""
