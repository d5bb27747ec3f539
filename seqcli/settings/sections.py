"""Sections of settings that kinds are made of.

A kind's own sections inherit from these and add what it alone knows: a setting is a kind's if and
only if it is a field of its section. What is only ever a part has no methods of a dataclass: making
them takes a millisecond a class, and `--help` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from seqcli.errors import ConfigError
from seqcli.settings.fields import Option, setting

TABLES = ("csv", "tsv", "jsonl", "parquet")
FORMATS = ("auto", *TABLES, "fasttext", "folders", "files", "text")
SERIES_FORMATS = ("auto", "ts", "arff", "ucr", *TABLES, "npz", "npy", "wav")
TAG_FORMATS = ("auto", "columns", "conllu", "jsonl", "aligned", "slash")
PAIR_FORMATS = ("auto", "aligned", "csv", "tsv", "jsonl")
BY_RECORDING = ("recording", "whole")  # of data.scale: what each recording says by itself
TEXT, NUMBERS = INPUTS = ("text", "numbers")  # what sequences are made of
MAX_SIZE = 1 << 20  # of a layer: far above any use, far below what overflows a product


@dataclass(frozen=True)
class Reading:
    """[data] of every kind: where the data is, and how it is split."""

    path: str = setting("", "file or folder; empty: the task's bundled sample")
    encoding: str = setting(
        "utf-8", "text encoding of the files", option=Option("Text encoding of the data.", "utf-8")
    )
    test: float = setting(0.2, "share cut off as test split where there is none", low=0, high=0.9)
    valid: float = setting(0.1, "share of the rest cut off for validation", low=0, high=0.9)
    split_seed: int | None = setting(None, "seed of the cut; train.seed where absent", low=0)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Tables:
    """Text in files: their format, and which column counts."""

    format: str = setting("auto", "raw format; text: as it stands, no table", choices=FORMATS)
    text_column: str = setting(
        "",
        "column with the text, or several: title,body; by name or number",
        option=Option("Its name or number, or A,B.", "text, sentence, message or review"),
    )


@dataclass(frozen=True)
class Tokens:
    """How text becomes tokens, and tokens ids."""

    normalize: str = setting(
        "nfc",
        "Unicode form of all text, and one kind of line end; none: as it stands",
        choices=("nfc", "nfkc", "none"),
    )
    tokenizer: str = setting(
        "words",
        "how text becomes tokens; subwords: byte-pair merges learned from the training split",
        choices=("words", "letters", "spaces", "characters", "subwords"),
    )
    lowercase: bool = setting(False, "lower-case the text first")
    strip_accents: bool = setting(False, "drop combining marks after NFD, so that é becomes e")
    fold_digits: bool = setting(False, "every digit reads as 0")
    alphabet: str = setting("", "fixed set of characters; all others are dropped")
    unknown: bool = setting(
        True, "give the vocabulary an <unk> row; without it others are dropped; subwords need none"
    )
    min_count: int = setting(
        1, "a token seen less often is unknown; of subwords: it gets no row (at least 2)", low=1
    )
    vocabulary: int = setting(
        0,
        "most rows the vocabulary may have, specials in; 0 = all, or of subwords 4,000",
        low=0,
    )


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Text(Tokens, Tables, Reading):
    """[data] of text, whatever it is for."""


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Labels:
    """Labels in files: which column holds them, and whether one may be missing."""

    label_column: str = setting(
        "",
        "column with the label, by name or number",
        option=Option("Column with the label.", "label, class or category"),
    )
    skip_unlabeled: bool = setting(
        True,
        "leave out what has no label, counted; else it is an error",
        option=Option("Leave out what has no label.", "yes"),
    )


@dataclass(frozen=True)
class LabeledText(Labels, Text):
    """[data] of texts that each have a label; a longer one is read from its beginning."""

    max_tokens: int = setting(0, "longest text in tokens, 0 = no limit", low=0)
    repeats: str = setting(
        "group",
        "equal texts: on one side, or also all but the first of a label dropped, or left alone",
        choices=("group", "drop", "keep"),
    )
    repeats_casefold: bool = setting(False, "case alone makes no difference")

    @property
    def kept_end(self) -> str:
        """Which end of a longer text is read: "first" or "last"."""
        return "first"


@dataclass(frozen=True)
class TrimmedText(LabeledText):
    """The same of texts that are only read: their ends can count more than their beginnings."""

    input: str = setting(TEXT, "what a sequence is made of", choices=INPUTS)
    keep: str = setting("first", "which end of a longer text stays", choices=("first", "last"))

    @property
    def kept_end(self) -> str:
        """As the settings say."""
        return self.keep


@dataclass(frozen=True)
class RunningText(Text):
    """[data] of text that goes on."""

    document: str = setting("file", "what <eos> closes", choices=("file", "line", "blank"))
    end_mark: bool = setting(True, "close every document with <eos>")


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Sound:
    """[data] of wav files: how samples become log-mel frames."""

    sample_rate: int = setting(
        16000, "wav: samples a second that every file is brought to", low=1000, high=192_000
    )
    frame_length: float = setting(
        25.0, "wav: milliseconds that a frame is computed of (Hann window)", low=1, high=1000
    )
    frame_step: float = setting(
        10.0, "wav: milliseconds from one frame to the next", low=0.5, high=1000
    )
    mel_bands: int = setting(40, "wav: bands of a frame, which are its channels", low=1, high=256)
    mel_low: float = setting(20.0, "wav: Hz at which the lowest band begins", low=0, high=96_000)
    mel_high: float = setting(
        0.0, "wav: Hz at which the highest ends; 0 = half of the rate", low=0, high=96_000
    )
    mel_floor: float = setting(
        1e-10, "wav: least power of a band, before its logarithm", above=0, high=1
    )


@dataclass(frozen=True)
class Series(Sound, Labels, Reading):
    """[data] of recordings: rows of numbers, a number a channel at every step."""

    input: str = setting(NUMBERS, "what a sequence is made of", choices=INPUTS)
    format: str = setting("auto", "raw format of recordings", choices=SERIES_FORMATS)
    id_column: str = setting(
        "", "long tables: column that says which recording; empty: the usual names, id among them"
    )
    time_column: str = setting(
        "", "long tables: column with the time, which must rise; empty: the usual names"
    )
    channels: tuple[str, ...] = setting(
        (), "columns with the numbers, by name or number; empty: all that is left"
    )
    label_pattern: str = setting(
        "", "regular expression for a file's name: what its parentheses find is the label"
    )
    group: str = setting("", "column whose rows (a person's) stay on one side of a cut")
    group_pattern: str = setting(
        "", "regular expression for a file's name: what its parentheses find is the group"
    )
    test_groups: tuple[str, ...] = setting(
        (), "groups that test, by name; empty: the share data.test of them is drawn"
    )
    valid_groups: tuple[str, ...] = setting((), "groups that validate, likewise")
    missing: str = setting("", "a value that stands for none, besides empty, ? and NaN")
    mask_channels: bool = setting(
        False, "read beside each channel whether its number is there: 1, else 0"
    )
    scale: str = setting(
        "standard",
        "numbers less their mean, by their deviation; robust: median and quartiles (both of the "
        "training split); recording: mean and deviation of each recording; whole: the same of all "
        "its channels together, which of sound is its loudness",
        choices=("standard", "robust", *BY_RECORDING, "none"),
    )
    repeats: str = setting(
        "group",
        "equal recordings: on one side, or also all but the first of a label dropped, or left "
        "alone; they are left alone where there are groups",
        choices=("group", "drop", "keep"),
    )


@dataclass(frozen=True)
class LabeledSteps(Series):
    """[data] of recordings of which every step has a label of its own."""

    max_steps: int = setting(
        2048, "longer recordings are answered in pieces that overlap", low=16, high=1 << 20
    )


@dataclass(frozen=True)
class TaggedText(Reading):
    """[data] of sentences with a tag for every token."""

    input: str = setting(TEXT, "what a sequence is made of", choices=INPUTS)
    format: str = setting("auto", "raw format of tagged sentences", choices=TAG_FORMATS)
    token_column: str = setting(
        "",
        "column or field with the token: a name, or a number from 1",
        option=Option("Column with the token, by name or number.", "the first; form; tokens"),
    )
    tag_column: str = setting(
        "",
        "column or field with the tag: a name, or a number, from -1 backwards",
        option=Option("Column with the tag, by name or number.", "the last; upos; tags"),
    )
    scheme: str = setting(
        "auto",
        "how tags write spans; auto: told by all of the training part",
        choices=("auto", "plain", "IOB1", "BIO", "BIOES", "BILOU"),
    )
    ill_formed: str = setting(
        "repair", "tags that the scheme forbids where they stand", choices=("repair", "refuse")
    )
    tokenizer: str = setting(
        "words", "how text becomes tokens", choices=("words", "letters", "spaces", "characters")
    )
    lowercase: bool = setting(True, "case makes no difference to the vocabulary")
    fold_digits: bool = setting(True, "every digit reads as 0 in the vocabulary")
    min_count: int = setting(1, "a token seen less often is unknown", low=1)
    vocabulary: int = setting(0, "most rows the vocabulary may have, specials in; 0 = all", low=0)
    max_tokens: int = setting(
        256, "longer sentences are read in pieces that overlap", low=16, high=1 << 16
    )
    repeats: str = setting(
        "group",
        "equal sentences of one file: on one side of its cut, or left alone",
        choices=("group", "keep"),
    )


@dataclass(frozen=True)
class Pairs(Reading):
    """[data] of pairs: a source, and one or several targets that may be written for it."""

    format: str = setting(
        "auto", "raw format of pairs; aligned: a file for each side", choices=PAIR_FORMATS
    )
    files: str = setting(
        "",
        "which files of a folder are read: a pattern, such as fre_*.tsv",
        option=Option("Which files of a folder, as a pattern: fre_*.tsv.", "all of them"),
    )
    source: str = setting(
        "",
        "the source: the ending of its files, or its column by name or number",
        option=Option("Source: its files' ending, or its column by name or number."),
    )
    target: str = setting(
        "",
        "the target, likewise; several, parted by commas, are references of one source",
        option=Option("Target, likewise; A,B are references of one source."),
    )
    features: str = setting(
        "", "column with what is wanted of the source, parted by `;`: a token each, behind it"
    )
    normalize: str = setting(
        "nfc",
        "Unicode form of all text, and one kind of line end; none: as it stands",
        choices=("nfc", "nfkc", "none"),
    )
    tokenizer: str = setting(
        "words",
        "how the source becomes tokens; subwords: byte-pair merges learned on the training part",
        choices=("words", "letters", "spaces", "characters", "subwords"),
    )
    target_tokenizer: str = setting(
        "",
        "how the target becomes tokens; empty: as the source",
        choices=("", "words", "letters", "spaces", "characters", "subwords"),
    )
    decompose: bool = setting(
        False, "source letters are read in their parts: accents, the letters of Korean syllables"
    )
    lowercase: bool = setting(False, "case makes no difference to the source")
    min_count: int = setting(1, "a token seen less often is unknown", low=1)
    vocabulary: int = setting(
        0,
        "most rows of the source's vocabulary (shared: of both); 0 = all, or 4,000 subwords",
        low=0,
    )
    target_vocabulary: int = setting(0, "most rows of the target's; 0 = as the source", low=0)
    single: bool = setting(
        False, "a target is one word: an output is right or wrong as a whole, and has no BLEU"
    )
    max_tokens: int = setting(
        256, "longer pairs are not trained on, and are cut elsewhere", low=2, high=1 << 14
    )
    repeats: str = setting(
        "group",
        "pairs with one source in a file: on one side of its cut, or left alone",
        choices=("group", "keep"),
    )


class Directions(NamedTuple):
    """Which ways a recurrent layer reads, and how two of them join."""

    both: bool = False
    merge: str = "concat"
    backwards: bool = False


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Layers:
    """[model]: a stack of recurrent layers, where dropout sits, how weights start."""

    cell: str = setting(  # choices: counting.FORMULAS
        "lstm", "recurrent cell", option="Recurrent cell: rnn, lstm or gru."
    )
    hidden: tuple[int, ...] = setting(
        (128,),
        "units, one number a layer",
        low=1,
        high=MAX_SIZE,
        option=Option("Units, one number a layer.", metavar="N[,N...]"),
    )
    layers: int | None = setting(
        None,
        "number of layers, for one hidden size",
        low=1,
        high=64,
        option="Number of layers, of one hidden size.",
    )
    activation: str = setting("tanh", "of the state", choices=("tanh", "relu", "sigmoid", "linear"))
    recurrent_activation: str = setting(
        "sigmoid", "of the gates", choices=("sigmoid", "hard_sigmoid", "tanh", "relu", "linear")
    )
    reset_after: bool = setting(True, "GRU: reset gate after the matrix product (two biases)")
    bias: bool = setting(True, "bias in the recurrent layers")
    unit_forget_bias: bool = setting(False, "LSTM: the forget gate's bias starts at 1")
    dropout: float = setting(
        0.0,
        "on the input of every recurrent layer",
        low=0,
        high=0.99,
        option="Dropout on every layer's input.",
    )
    output_dropout: float = setting(
        0.0, "on the last one's output, or the read-out", low=0, high=0.99
    )
    recurrent_dropout: float = setting(
        0.0, "on the state inside the recurrence", low=0, high=0.99, option="Dropout on the state."
    )
    dropout_mask: str = setting(
        "step", "one mask a step, or one a sequence (locked)", choices=("step", "sequence")
    )
    init: str = setting(
        "keras",
        "how recurrent and dense weights start",
        choices=("keras", "glorot", "torch", "linear", "uniform"),
    )
    init_scale: float = setting(0.1, "init = uniform: ± this, for all weights", above=0, high=1e6)
    output_scale: float | None = setting(
        None, "output weights start normal with this deviation", above=0, high=1e6
    )
    output_bias: float = setting(0.0, "output bias starts at this", low=-1e6, high=1e6)

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
    def directions(self) -> Directions:
        """Forward alone, unless the kind has a choice."""
        return Directions()


@dataclass(frozen=True, init=False, repr=False, eq=False)
class TwoWayLayers(Layers):
    """The same for rows that are there as a whole: they can be read from either end."""

    bidirectional: bool = setting(
        False, "read in both directions", option="Read in both directions."
    )
    merge: str = setting(
        "concat",
        "how directions join",
        choices=("concat", "sum", "mul", "ave"),
        option="How directions join: concat, sum, mul or ave.",
    )
    backwards: bool = setting(False, "read from the last token to the first")

    @property
    def directions(self) -> Directions:
        """As the settings say."""
        return Directions(self.bidirectional, self.merge, self.backwards)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Embedding:
    """[model]: what a token is to the first layer."""

    embed: int = setting(
        64,
        "embedding size; 0 = one-hot tokens",
        low=0,
        high=MAX_SIZE,
        option="Embedding size; 0 is one-hot.",
    )
    embed_scale: float = setting(0.05, "embedding starts uniform in ± this", above=0, high=1e6)

    @property
    def frozen_embedding(self) -> bool:
        """Whether the embedding stays as it starts."""
        return False

    @property
    def tied_embedding(self) -> bool:
        """Whether the output's weights are the embedding's: it is as wide as the last layer."""
        return False


@dataclass(frozen=True, init=False, repr=False, eq=False)
class TokenLayers(Embedding, Layers):
    """A recurrent stack that reads tokens."""


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Vectors(Embedding):
    """The same, with word vectors to start from."""

    vectors: str = setting(
        "",
        "word vectors in GloVe's text format",
        option=Option("Word vectors, GloVe's text format.", metavar="FILE"),
    )
    freeze_vectors: bool = setting(
        False,
        "keep the embedding as it starts",
        option=Option("Keep the vectors as they are.", flags="--freeze-vectors/--tune-vectors"),
    )

    @property
    def frozen_embedding(self) -> bool:
        """As the settings say."""
        return self.freeze_vectors


@dataclass(frozen=True)
class Training:
    """[train] of every kind: batches, the optimizer and its schedule, and when to stop."""

    epochs: int = setting(
        10, "passes over the training split", low=1, option="Passes over the data."
    )
    max_steps: int | None = setting(
        None, "stop after this many updates", low=1, option="Stop after this many updates."
    )
    max_time: float | None = setting(
        None,
        "stop after this many seconds",
        above=0,
        option=Option(
            "End after this time, with the rate fallen.", "none", metavar="10m", spelled=True
        ),
    )
    batch_size: int = setting(
        32, "sequences (language model: columns) an update", low=1, option="Sequences in an update."
    )
    optimizer: str = setting(
        "adam",
        "update rule",
        choices=("sgd", "adam", "adamw", "rmsprop"),
        option="Update rule: sgd, adam, adamw or rmsprop.",
    )
    lr: float = setting(0.001, "learning rate", above=0, option="Learning rate.")
    momentum: float = setting(0.0, "of SGD and RMSProp", low=0, high=1)
    beta1: float = setting(0.9, "Adam: decay of the mean", low=0, high=0.9999)
    beta2: float = setting(0.999, "Adam: decay of the square", low=0, high=0.999999)
    rho: float = setting(0.9, "RMSProp: decay of the square", low=0, high=0.999999)
    epsilon: float = setting(1e-8, "Adam, RMSProp: added to the root", above=0)
    mean_square: float = setting(0.0, "RMSProp: the square's first value", low=0)
    weight_decay: float = setting(0.0, "decay of the weights", low=0)
    clip: float = setting(
        0.0,
        "largest global gradient norm, 0 = no limit",
        low=0,
        option="Largest gradient norm; 0 is no limit.",
    )
    on_nan: str = setting(
        "stop",
        "where the loss is no number: end, or go back to what was saved last, with half the rate",
        choices=("stop", "rollback"),
        option="If the loss is no number: stop, or rollback and halve the rate.",
    )
    schedule: str = setting(
        "constant",
        "how the rate moves",
        choices=("constant", "step", "linear", "cosine", "plateau"),
    )
    warmup: float = setting(0.0, "share of the run in which the rate rises", low=0, high=0.5)
    decay: float = setting(0.5, "step, plateau: factor of a fall", above=0, high=1)
    full_rate_epochs: int = setting(0, "step: epochs before the first fall", low=0)
    plateau: int = setting(1, "plateau: evaluations without gain before a fall", low=1)
    average: float = setting(
        0.0,
        "answer with the mean of the weights over about this last share of the run; 0 = off",
        low=0,
        high=1,
    )
    patience: int = setting(
        0,
        "evaluations without gain before stopping; 0 = never",
        low=0,
        option="Stop after so many epochs without gain; 0 is never.",
    )
    select: str = setting(
        "",
        "validation figure that chooses the best epoch, or `last`; empty: the kind's own",
    )
    precision: str = setting(
        "auto",
        "of the matrix products",
        choices=("auto", "fp32", "bf16"),
        option="Precision of products: auto, fp32 or bf16.",
    )
    deterministic: bool = setting(
        False,
        "refuse operations that differ from run to run",
        option=Option("Refuse what differs from run to run.", flags="--deterministic"),
    )
    seed: int = setting(
        1,
        "of splits and training",
        low=0,
        high=2**63 - 1,
        option=Option("Seed of splits and training.", "1"),
    )


@dataclass(frozen=True, init=False, repr=False, eq=False)
class ByLabel(Training):
    """[train]: how much an example counts, by its label."""

    buckets: int = setting(16, "batches that are sorted by length together; 1 = none", low=1)
    class_weight: str = setting(
        "none",
        "weight of a label's loss",
        choices=("none", "balanced"),
        option="Weight of a label's loss: none or balanced.",
    )
    class_weight_power: float = setting(
        1.0, "balanced: exponent of the weights, 0.5 = square root", low=0, high=4
    )
    label_smoothing: float = setting(0.0, "share given to all labels", low=0, high=0.5)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Refitting(Training):
    """[train]: a last pass over all that is labeled, once validation has said how long."""

    refit: bool = setting(
        False,
        "train anew on training and validation rows together, up to the best epoch, and keep that",
        option=Option(
            "Train anew on validation rows too, up to the best epoch.", flags="--refit/--no-refit"
        ),
    )


def refits(train: Training) -> bool:
    """Whether a last pass is asked for."""
    return isinstance(train, Refitting) and train.refit


@dataclass(frozen=True, init=False, repr=False, eq=False)
class NgramTraining(Training):
    """The same beside a table of n-grams, which has an optimizer of its own."""

    wide_lr: float = setting(1.0, "learning rate of the n-gram table (SGD)", above=0)
    wide_momentum: float = setting(0.9, "momentum of the n-gram table", low=0, high=0.9999)
