"""What a text classifier's settings are, what it holds, and which figures it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.errors import ConfigError
from seqcli.kinds.spec import (
    Figure,
    Learned,
    Spec,
    check_refit,
    check_tokens,
    names_problem,
    refuse_clash,
    vocabulary_problem,
)
from seqcli.settings.config import Config
from seqcli.settings.counting import Sizes, dense, stack
from seqcli.settings.fields import setting
from seqcli.settings.sections import (
    MAX_SIZE,
    TEXT,
    ByLabel,
    NgramTraining,
    Refitting,
    TokenLayers,
    TrimmedText,
    TwoWayLayers,
    Vectors,
)
from seqcli.settings.table import Row, Table


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Answer(TwoWayLayers):
    """[model]: a stack of layers, and how a label comes of its steps."""

    read_out: tuple[str, ...] = setting(
        ("last",),
        "what stands for the whole; several are joined",
        choices=("last", "mean", "max", "attention"),
    )
    dense: tuple[int, ...] = setting((), "hidden layers before the labels", low=1, high=MAX_SIZE)
    dense_dropout: float = setting(0.0, "after each dense layer", low=0, high=0.99)
    head: str = setting(
        "softmax", "C logits, or one for two labels", choices=("softmax", "sigmoid")
    )
    prior_power: float = setting(
        0.0, "answers are divided by label shares to this power", low=0, high=2
    )


@dataclass(frozen=True)
class Model(Vectors, Answer, TokenLayers):
    """[model] of a classifier of text: n-grams beside the stack."""

    word_dropout: float = setting(0.0, "share of whole tokens dropped", low=0, high=0.99)
    wide_words: tuple[int, ...] = setting(
        (), "orders of hashed word n-grams read beside the network", low=1, high=8
    )
    wide_characters: tuple[int, ...] = setting(
        (), "orders of hashed character n-grams, likewise", low=1, high=12
    )
    wide_placed: tuple[int, ...] = setting(
        (),
        "orders of hashed character n-grams that count by where they stand: for aligned texts",
        low=1,
        high=12,
    )
    wide_within: bool = setting(
        False, "n-grams of wide_characters stand within words, a space at either end"
    )
    wide_buckets: int = setting(1 << 18, "rows of the n-gram table", low=2, high=1 << 28)
    wide_init: str = setting(
        "zero",
        "how the n-gram table starts; naive-bayes also gives each n-gram a rate of its own; "
        "smoothed-bayes, for few rows, is added to what the table learns from zero",
        choices=("zero", "naive-bayes", "smoothed-bayes"),
    )
    wide_idf: bool = setting(
        False,
        "n-grams weigh by inverse document frequency, those that no text of training has nothing",
    )
    wide_share: float | None = setting(
        None,
        "the n-grams' share in the mean of logits, each path with a loss of its own; "
        "absent: logits are added and trained together",
        low=0,
        high=1,
    )

    @property
    def wide(self) -> bool:
        """Whether a linear part on hashed n-grams stands beside the recurrent path."""
        return bool(self.wide_words or self.wide_characters or self.wide_placed)


@dataclass(frozen=True)
class Train(ByLabel, NgramTraining, Refitting):
    """[train] of a classifier of text."""

    draw: str = setting("shuffle", "every row once, or label first", choices=("shuffle", "label"))
    draws: int = setting(0, "draw = label: draws an epoch; 0 = one a row", low=0, high=1 << 30)


Settings = Config[TrimmedText, Model, Train]


def count(model: Model, sizes: Sizes) -> Table:
    """The table of `model` for `sizes.outputs` labels; without them it ends before the output.

    Errors: ConfigError for sizes that do not fit together (a sigmoid for 3 labels).
    """
    if model.wide and sizes.outputs is None:
        raise ConfigError("the n-gram table needs the number of labels", "give --outputs C")
    found = stack(model, sizes)
    rows = answer_rows(model, found.width, sizes)
    if model.wide:
        logits = 1 if model.head == "sigmoid" else sizes.outputs or 1
        size = model.wide_buckets * logits + logits
        text = f"{model.wide_buckets}*{logits} + {logits}"
        rows.append(Row("n-gram table", (sizes.batch, logits), text, size))
    return found.table(model, *rows)


def answer_rows(model: Answer, width: int, sizes: Sizes) -> list[Row]:
    """What stands behind a stack of that width, as far as the output if labels are known.

    Errors: ConfigError for a head that does not fit the labels.
    """
    rows, batch = list[Row](), sizes.batch
    if model.read_out != ("last",):
        rows.append(_read_out(model, width, batch))
        width *= len(model.read_out)
    for number, size in enumerate(model.dense, 1):
        name = f"dense {number}" if len(model.dense) > 1 else "dense"
        rows.append(dense(name, width, size, (batch, size)))
        width = size
    if sizes.outputs is None:
        return rows
    if model.head == "sigmoid" and sizes.outputs > 2:
        raise ConfigError(
            f"a sigmoid head decides between 2 labels, not {sizes.outputs}", "use head = softmax"
        )
    logits = 1 if model.head == "sigmoid" else sizes.outputs
    return [*rows, dense("output", width, logits, (batch, logits))]


def _read_out(model: Answer, width: int, batch: int | None) -> Row:
    """How the steps become one vector; attention alone has weights: v . tanh(W h + b)."""
    name = f"read-out: {', '.join(model.read_out)}"
    joined = width * len(model.read_out)
    if "attention" not in model.read_out:
        return Row(name, (batch, joined), "0", 0, kept=(0, joined))
    size = width * width + 2 * width
    text = f"{width}*{width} + 2*{width}"
    return Row(name, (batch, joined), text, size, work=(size, 0), kept=(width, joined))


def check_answer(model: Answer) -> None:
    """Errors: ConfigError for a model without a read-out."""
    if not model.read_out:
        raise ConfigError("model.read_out: at least one read-out expected")


def check(config: Settings) -> None:
    """Refuse settings that cannot stand together, or of which one would do nothing."""
    check_tokens(config.data)
    model, train = config.model, config.train
    check_answer(model)
    check_refit(train)
    if train.draws and train.draw != "label":
        raise ConfigError("train.draws counts the draws of train.draw = label")
    ngrams = "needs model.wide_words, wide_characters or wide_placed"
    if model.wide_init != "zero" and not model.wide:
        raise ConfigError(f"model.wide_init {ngrams}", "without: --set model.wide_init=zero")
    if model.wide_idf and not model.wide:
        raise ConfigError(f"model.wide_idf {ngrams}", "without: --set model.wide_idf=false")
    if model.wide_within and not model.wide_characters:
        raise ConfigError(
            "model.wide_within needs model.wide_characters",
            "without: --set model.wide_within=false",
        )


def trainable(config: Settings) -> None:
    """Refuse what can be counted and listed, but not trained."""
    if config.model.freeze_vectors and not config.model.vectors:
        raise ConfigError(
            "model.freeze_vectors needs model.vectors",
            "--vectors FILE names them (GloVe's text format); --tune-vectors needs none",
        )
    if config.model.vectors and config.data.tokenizer == "subwords":
        raise ConfigError(
            "model.vectors are of words, and data.tokenizer is subwords",
            "--set data.tokenizer=words",
        )
    model, train = config.model, config.train
    if train.draw == "label":  # labels drawn equally often are equally common to the model
        rare = "corrects for rare labels, as train.draw = label does already"
        refuse_clash(bool(model.prior_power), f"model.prior_power {rare}")
        refuse_clash(train.class_weight != "none", f"train.class_weight {rare}")
        shuffled = "train.buckets sorts what is shuffled, train.draw = label draws row by row"
        refuse_clash(train.buckets != Train.buckets, shuffled)


def check_learned(config: Settings, learned: Learned) -> str:
    """What is wrong with the vocabulary, the labels and their counts in training."""
    return vocabulary_problem(config.data, learned) or labels_problem(config.model, learned)


def labels_problem(model: Answer, learned: Learned) -> str:
    """What is wrong with the labels and their counts; "" where nothing is."""
    if problem := names_problem(learned, "labels"):
        return problem
    labels, counts = learned["labels"], learned.get("label_counts")
    if not isinstance(counts, list) or len(counts) != len(labels):
        return "its labels and their counts disagree"
    if not all(type(count) is int and 0 <= count < 1 << 53 for count in counts):
        return "its labels and their counts disagree"
    if model.head == "sigmoid" and len(labels) != 2:
        return "its head is for two labels"
    return ""


FIGURES = (
    Figure("loss", "loss {:.4f}", "loss {:.4f}", lower_is_better=True),
    Figure("accuracy", "accuracy {:.2%}", "acc {:.2%}"),
    Figure("macro_f1", last="macro-F1 {:.4f}"),
    Figure("mcc"),
    Figure("majority", last="(majority {:.2%})", chooses=False),
)
LISTED = ("count", "loss", "accuracy", "macro_f1", "mcc", "majority")
NAME = "classifier"

SPEC = Spec(
    name=NAME,
    input=TEXT,
    title="a classifier",
    target="seqcli.kinds.classifier.kind:Classifier",
    data=TrimmedText,
    model=Model,
    train=Train,
    figures=FIGURES,
    metric="accuracy",
    listed=LISTED,
    count=count,
    sizes=lambda learned: Sizes(len(learned["vocabulary"]), outputs=len(learned["labels"])),
    check=check,
    trainable=trainable,
    check_learned=check_learned,
    commands={"classify": 'classify --model {model} "your text"'},
    options={
        "--mistakes": "the surest mistakes",
        "--exclude-trained": "rows it was trained on left out",
        "a second --model": "a comparison",
    },
)
