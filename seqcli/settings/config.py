"""All settings of a run, as frozen dataclasses: one section of the task file each.

Precedence: task file -> preset -> options of the command line -> `--set section.key=value`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seqcli.errors import ConfigError, unknown_name
from seqcli.settings import fields
from seqcli.settings.fields import setting

CLASSIFIER = ("classifier",)
LANGUAGE = ("language-model",)
FORMATS = ("auto", "csv", "tsv", "jsonl", "parquet", "fasttext", "folders", "files", "text")
MAX_SIZE = 1 << 20  # of a layer: far above any use, far below what overflows a product


@dataclass(frozen=True)
class DataConfig:
    """Where the data is, how it is split, and how text becomes ids."""

    path: str = setting("", "file or folder; empty: the task's bundled sample")
    format: str = setting("auto", "raw format; text: as it stands, no table", choices=FORMATS)
    text_column: str = setting(
        "", "column with the text, or several: title,body; by name or number"
    )
    label_column: str = setting("", "column with the label, by name or number", kinds=CLASSIFIER)
    skip_unlabeled: bool = setting(
        True, "leave out texts without a label, counted; else they are errors", kinds=CLASSIFIER
    )
    encoding: str = setting("utf-8", "text encoding of the files")
    normalize: str = setting(
        "nfc",
        "Unicode form of all text, and one kind of line end; none: as it stands",
        choices=("nfc", "nfkc", "none"),
    )
    tokenizer: str = setting(
        "words", "how text becomes tokens", choices=("words", "letters", "spaces", "characters")
    )
    lowercase: bool = setting(False, "lower-case the text first")
    strip_accents: bool = setting(False, "drop combining marks after NFD, so that é becomes e")
    fold_digits: bool = setting(False, "every digit reads as 0")
    alphabet: str = setting("", "fixed set of characters; all others are dropped")
    unknown: bool = setting(True, "give the vocabulary an <unk> row; without it others are dropped")
    max_tokens: int = setting(0, "longest text in tokens, 0 = no limit", low=0, kinds=CLASSIFIER)
    keep: str = setting(
        "first", "which end of a longer text stays", choices=("first", "last"), kinds=CLASSIFIER
    )
    min_count: int = setting(1, "a token seen less often is unknown", low=1)
    vocabulary: int = setting(0, "most rows the vocabulary may have, specials in; 0 = all", low=0)
    document: str = setting(
        "file", "what <eos> closes", choices=("file", "line", "blank"), kinds=LANGUAGE
    )
    end_mark: bool = setting(True, "close every document with <eos>", kinds=LANGUAGE)
    test: float = setting(0.2, "share cut off as test split where there is none", low=0, high=0.9)
    valid: float = setting(0.1, "share of the rest cut off for validation", low=0, high=0.9)
    split_seed: int | None = setting(None, "seed of the cut; train.seed where absent", low=0)
    repeats: str = setting(
        "group",
        "equal texts: all on one side of the cut, or all but the first dropped, or kept",
        choices=("group", "drop", "keep"),
        kinds=CLASSIFIER,
    )
    repeats_casefold: bool = setting(False, "case alone makes no difference", kinds=CLASSIFIER)


@dataclass(frozen=True)
class ModelConfig:
    """The network: sizes, cells, where dropout sits, how weights start."""

    cell: str = setting("lstm", "recurrent cell")  # choices: counting.FORMULAS
    embed: int = setting(64, "embedding size; 0 = one-hot tokens", low=0, high=MAX_SIZE)
    hidden: tuple[int, ...] = setting((128,), "units, one number a layer", low=1, high=MAX_SIZE)
    layers: int | None = setting(None, "number of layers, for one hidden size", low=1, high=64)
    bidirectional: bool = setting(False, "read in both directions", kinds=CLASSIFIER)
    merge: str = setting(
        "concat", "how directions join", choices=("concat", "sum", "mul", "ave"), kinds=CLASSIFIER
    )
    activation: str = setting("tanh", "of the state", choices=("tanh", "relu", "sigmoid", "linear"))
    recurrent_activation: str = setting(
        "sigmoid", "of the gates", choices=("sigmoid", "hard_sigmoid", "tanh", "relu", "linear")
    )
    reset_after: bool = setting(True, "GRU: reset gate after the matrix product (two biases)")
    bias: bool = setting(True, "bias in the recurrent layers")
    unit_forget_bias: bool = setting(False, "LSTM: the forget gate's bias starts at 1")
    backwards: bool = setting(False, "read from the last token to the first", kinds=CLASSIFIER)
    dropout: float = setting(0.0, "on the input of every recurrent layer", low=0, high=0.99)
    output_dropout: float = setting(
        0.0, "on the last one's output, or the read-out", low=0, high=0.99
    )
    recurrent_dropout: float = setting(0.0, "on the state inside the recurrence", low=0, high=0.99)
    word_dropout: float = setting(
        0.0, "share of whole tokens dropped", low=0, high=0.99, kinds=CLASSIFIER
    )
    dropout_mask: str = setting(
        "step", "one mask a step, or one a sequence (locked)", choices=("step", "sequence")
    )
    read_out: tuple[str, ...] = setting(
        ("last",),
        "what stands for the text; several are joined",
        choices=("last", "mean", "max", "attention"),
        kinds=CLASSIFIER,
    )
    dense: tuple[int, ...] = setting(
        (), "hidden layers before the labels", low=1, high=MAX_SIZE, kinds=CLASSIFIER
    )
    dense_dropout: float = setting(
        0.0, "after each dense layer", low=0, high=0.99, kinds=CLASSIFIER
    )
    head: str = setting(
        "softmax",
        "C logits, or one for two labels",
        choices=("softmax", "sigmoid"),
        kinds=CLASSIFIER,
    )
    tied: bool = setting(False, "output weights are the embedding's", kinds=LANGUAGE)
    prior_power: float = setting(
        0.0, "answers are divided by label shares to this power", low=0, high=2, kinds=CLASSIFIER
    )
    init: str = setting(
        "keras",
        "how recurrent and dense weights start",
        choices=("keras", "glorot", "torch", "linear", "uniform"),
    )
    init_scale: float = setting(0.1, "init = uniform: ± this, for all weights", above=0, high=1e6)
    embed_scale: float = setting(0.05, "embedding starts uniform in ± this", above=0, high=1e6)
    output_scale: float | None = setting(
        None, "output weights start normal with this deviation", above=0, high=1e6
    )
    output_bias: float = setting(0.0, "output bias starts at this", low=-1e6, high=1e6)
    vectors: str = setting("", "word vectors in GloVe's text format", kinds=CLASSIFIER)
    freeze_vectors: bool = setting(False, "keep the embedding as it starts", kinds=CLASSIFIER)
    wide_words: tuple[int, ...] = setting(
        (), "orders of hashed word n-grams read beside the network", low=1, high=8, kinds=CLASSIFIER
    )
    wide_characters: tuple[int, ...] = setting(
        (), "orders of hashed character n-grams, likewise", low=1, high=12, kinds=CLASSIFIER
    )
    wide_buckets: int = setting(
        1 << 18, "rows of the n-gram table", low=2, high=1 << 28, kinds=CLASSIFIER
    )
    wide_init: str = setting(
        "zero",
        "how the n-gram table starts; naive-bayes also gives each n-gram a rate of its own",
        choices=("zero", "naive-bayes"),
        kinds=CLASSIFIER,
    )
    wide_share: float | None = setting(
        None,
        "the n-grams' share in the mean of logits, each path with a loss of its own; "
        "absent: logits are added and trained together",
        low=0,
        high=1,
        kinds=CLASSIFIER,
    )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Hidden size of each layer; `layers` repeats a single size."""
        if self.layers is None or len(self.hidden) == self.layers:
            return self.hidden
        if len(self.hidden) != 1:
            raise ConfigError(
                f"model.layers is {self.layers}, but model.hidden lists {len(self.hidden)} sizes",
                "give one hidden size for all layers, or one for each",
            )
        return self.hidden * self.layers

    @property
    def wide(self) -> bool:
        """Whether a linear part on hashed n-grams stands beside the recurrent path."""
        return bool(self.wide_words or self.wide_characters)


@dataclass(frozen=True)
class TrainConfig:
    """Batches, the optimizer and its schedule, and when to stop."""

    epochs: int = setting(10, "passes over the training split", low=1)
    max_steps: int | None = setting(None, "stop after this many updates", low=1)
    max_time: float | None = setting(None, "stop after this many seconds", above=0)
    batch_size: int = setting(32, "sequences (language model: columns) an update", low=1)
    steps: int = setting(35, "time steps of a window", low=1, kinds=LANGUAGE)
    buckets: int = setting(
        16, "batches whose texts are sorted by length together; 1 = none", low=1, kinds=CLASSIFIER
    )
    optimizer: str = setting("adam", "update rule", choices=("sgd", "adam", "adamw", "rmsprop"))
    lr: float = setting(0.001, "learning rate", above=0)
    momentum: float = setting(0.0, "of SGD and RMSProp", low=0, high=1)
    beta1: float = setting(0.9, "Adam: decay of the mean", low=0, high=0.9999)
    beta2: float = setting(0.999, "Adam: decay of the square", low=0, high=0.999999)
    rho: float = setting(0.9, "RMSProp: decay of the square", low=0, high=0.999999)
    epsilon: float = setting(1e-8, "Adam, RMSProp: added to the root", above=0)
    mean_square: float = setting(0.0, "RMSProp: the square's first value", low=0)
    weight_decay: float = setting(0.0, "decay of the weights", low=0)
    wide_lr: float = setting(
        1.0, "learning rate of the n-gram table (SGD)", above=0, kinds=CLASSIFIER
    )
    wide_momentum: float = setting(
        0.9, "momentum of the n-gram table", low=0, high=0.9999, kinds=CLASSIFIER
    )
    clip: float = setting(0.0, "largest global gradient norm, 0 = no limit", low=0)
    on_nan: str = setting(
        "stop",
        "where the loss is no number: end, or go back to what was saved last, with half the rate",
        choices=("stop", "rollback"),
    )
    time_sum: bool = setting(False, "sum the loss over time, average over columns", kinds=LANGUAGE)
    schedule: str = setting(
        "constant",
        "how the rate moves",
        choices=("constant", "step", "linear", "cosine", "plateau"),
    )
    warmup: float = setting(0.0, "share of the run in which the rate rises", low=0, high=0.5)
    decay: float = setting(0.5, "step, plateau: factor of a fall", above=0, high=1)
    full_rate_epochs: int = setting(0, "step: epochs before the first fall", low=0)
    plateau: int = setting(1, "plateau: evaluations without gain before a fall", low=1)
    class_weight: str = setting(
        "none", "weight of a label's loss", choices=("none", "balanced"), kinds=CLASSIFIER
    )
    class_weight_power: float = setting(
        1.0, "balanced: exponent of the weights, 0.5 = square root", low=0, high=4, kinds=CLASSIFIER
    )
    label_smoothing: float = setting(
        0.0, "share given to all labels", low=0, high=0.5, kinds=CLASSIFIER
    )
    draw: str = setting(
        "shuffle", "every row once, or label first", choices=("shuffle", "label"), kinds=CLASSIFIER
    )
    draws: int = setting(
        0, "draw = label: draws an epoch; 0 = one a row", low=0, high=1 << 30, kinds=CLASSIFIER
    )
    patience: int = setting(0, "evaluations without gain before stopping; 0 = never", low=0)
    select: str = setting(
        "",
        "validation figure that chooses the best epoch, or the last epoch; empty: the kind's",
        choices=("", "last", "loss", "accuracy", "macro_f1", "mcc", "perplexity"),
    )
    precision: str = setting("auto", "of the matrix products", choices=("auto", "fp32", "bf16"))
    deterministic: bool = setting(False, "refuse operations that differ from run to run")
    seed: int = setting(1, "of splits and training", low=0, high=2**63 - 1)


SECTIONS: dict[str, type[Any]] = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}


@dataclass(frozen=True)
class Config:
    """Everything that decides what is trained; stored whole in the model file."""

    kind: str
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    @property
    def split_seed(self) -> int:
        """Seed of the cut into splits."""
        return self.train.seed if self.data.split_seed is None else self.data.split_seed


def from_dict(table: Mapping[str, Any]) -> Config:
    """A Config from plain values, strictly: unknown sections, keys and values are errors."""
    sections: dict[str, Any] = {}
    for name, value in table.items():
        if name == "kind":
            continue
        if name not in SECTIONS:
            raise unknown_name("section", name, SECTIONS)
        if not isinstance(value, Mapping):
            raise ConfigError(f"[{name}]: a table expected, {value!r} found")
        sections[name] = fields.read(SECTIONS[name], value, name)
        _belongs(str(table["kind"]), name, value)
    return Config(str(table["kind"]), **sections)


def to_dict(config: Config) -> dict[str, Any]:
    """The inverse of `from_dict`; `None` and settings of other kinds are left out."""
    plain: dict[str, Any] = {"kind": config.kind}
    for name, section in SECTIONS.items():
        every = dataclasses.fields(section)
        kinds = {item.name: item.metadata["kinds"] or (config.kind,) for item in every}
        values = fields.as_dict(getattr(config, name))
        plain[name] = {key: value for key, value in values.items() if config.kind in kinds[key]}
    return plain


def override(table: dict[str, Any], assignments: Mapping[str, str]) -> None:
    """Put `--set section.key=value` texts into a table of settings, in place."""
    for target, text in assignments.items():
        section, _, key = target.partition(".")
        if section not in SECTIONS:
            raise unknown_name("section", section, SECTIONS)
        value = fields.from_text(SECTIONS[section], key, text, section)
        table.setdefault(section, {})[key] = value


def _belongs(kind: str, name: str, table: Mapping[str, Any]) -> None:
    """Refuse a setting that would do nothing for this kind of model."""
    for item in dataclasses.fields(SECTIONS[name]):
        kinds = item.metadata["kinds"]
        if item.name in table and kinds and kind not in kinds:
            only = f"it belongs to: {', '.join(kinds)}"
            raise ConfigError(f"{name}.{item.name} does nothing in a {kind}", only)
