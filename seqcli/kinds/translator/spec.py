"""What a translator's settings are, what it holds, and which figures it is judged by."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from seqcli.errors import ConfigError
from seqcli.kinds.spec import Figure, Learned, Spec, names_problem, refuse_clash
from seqcli.settings.config import Config
from seqcli.settings.counting import FORMULAS, Sizes, dense, stack
from seqcli.settings.fields import Option, setting
from seqcli.settings.sections import MAX_SIZE, Pairs, TokenLayers, Training, TwoWayLayers
from seqcli.settings.table import Row, State, Table

ATTENTIONS = ("dot", "general", "additive")
SPECIALS = ["<unk>", "<eos>"]  # the first rows of both vocabularies
SUBWORDS = "subwords"


@dataclass(frozen=True)
class Model(TwoWayLayers, TokenLayers):
    """[model] of a translator: `hidden` and what else is said of layers is the encoder's."""

    decoder: tuple[int, ...] = setting(
        (),
        "units of the decoder, one number a layer; empty: as the encoder",
        low=1,
        high=MAX_SIZE,
        option=Option("Units of the decoder, one number a layer.", metavar="N[,N...]"),
    )
    attention: str = setting(
        "general",
        "how a target step scores the source's steps",
        choices=ATTENTIONS,
        option="Attention: dot, general or additive.",
    )
    input_feeding: bool = setting(
        False, "each step reads what the attention found at the one before; trains step by step"
    )
    shared: bool = setting(False, "source and target have one vocabulary and one embedding")
    tied: bool = setting(True, "output weights are the target embedding's")
    memory_dropout: float = setting(0.0, "on the encoder's outputs", low=0, high=0.99)
    word_dropout: float = setting(
        0.0, "share of the tokens of both sides that read as zeros in training", low=0, high=0.99
    )
    beam: int = setting(
        5, "hypotheses side by side when an output is searched for; 1 = greedy", low=1, high=1000
    )
    length_penalty: float = setting(
        0.6, "A of a hypothesis's score, log p / length^A", low=0, high=10
    )

    @property
    def decoder_sizes(self) -> tuple[int, ...]:
        """Units of each of the decoder's layers."""
        return self.decoder or self.sizes

    @property
    def encoder_width(self) -> int:
        """Of the encoder's outputs."""
        ways = self.directions
        return self.sizes[-1] * (2 if ways.both and ways.merge == "concat" else 1)


@dataclass(frozen=True)
class Train(Training):
    """[train] of a translator."""

    label_smoothing: float = setting(
        0.0, "share of a target's probability that goes to all rows evenly", low=0, high=0.9
    )


Settings = Config[Pairs, Model, Train]


def count(model: Model, sizes: Sizes) -> Table:
    """The table of `model`: `sizes.vocabulary` rows of the source, `outputs` of the target.

    Errors: ConfigError for sizes that are not known, or cannot stand together.
    """
    if sizes.vocabulary is None or sizes.outputs is None:
        problem = "a translator needs the sizes of both vocabularies"
        raise ConfigError(problem, "give --vocab V of the source, --outputs C of the target")
    _check_widths(model)
    encoder = stack(model, sizes)
    one_way = dataclasses.replace(
        model, hidden=model.decoder_sizes, layers=None, bidirectional=False, backwards=False
    )
    inputs = model.embed * (2 if model.input_feeding else 1)
    lead = {"time": sizes.time, "batch": sizes.batch}
    decoder = stack(one_way, Sizes(inputs=inputs, **lead))
    target = encoder.rows[0]  # the embedding: its rows are counted once where both sides share it
    rows, states = list[Row](), list[State]()
    for part, found in (("encoder", encoder), ("decoder", decoder)):
        named = [row for row in found.rows if row is not target]
        rows += [dataclasses.replace(row, name=f"{part} {row.name}") for row in named]
        states += [(f"{part} {name}", *rest) for name, *rest in found.states]  # type: ignore[misc]
    size, outputs = model.embed, sizes.outputs
    embeddings = [dataclasses.replace(target, name="embedding" if model.shared else "source")]
    if not model.shared:
        embeddings.append(
            Row("target", (*sizes.lead, size), f"{outputs}*{size}", outputs * size, kept=(size, 0))
        )
    width = len(FORMULAS[model.cell].states) * sum(model.decoder_sizes)
    bridge = dense("bridge", encoder.width, width, (sizes.batch, width))
    joined = decoder.width + encoder.width
    return Table(
        (
            *embeddings,
            *[row for row in rows if row.name.startswith("encoder")],
            bridge,
            *[row for row in rows if row.name.startswith("decoder")],
            *_attention(model, encoder.width, decoder.width, sizes),
            _each_step(dense("combination", joined, size, (*sizes.lead, size))),
            _output(model, size, outputs, sizes),
        ),
        tuple(states),
        FORMULAS[model.cell].torch_layer,
        encoder.table(model).torch_lacks,
    )


def _attention(model: Model, memory: int, queries: int, sizes: Sizes) -> list[Row]:
    """What the attention's scores hold; dot has no weights. Work: of a source and a target step."""
    if model.attention == "dot":
        return []
    products, rest, text = memory * queries, 0, f"{memory}*{queries}"
    if model.attention == "additive":
        products += queries * queries
        rest = 2 * queries  # a bias, and the vector of the score
        text += f" + {queries}*{queries} + {queries} + {queries}"
    shape = (*sizes.lead, queries)
    return [Row("attention", shape, text, products + rest, work=(products, 0), kept=(queries, 0))]


def _output(model: Model, size: int, outputs: int, sizes: Sizes) -> Row:
    row = _each_step(dense("output", size, outputs, (*sizes.lead, outputs)))
    if not model.tied:
        return row
    return dataclasses.replace(row, name="output, tied", formula=str(outputs), parameters=outputs)


def _each_step(row: Row) -> Row:
    """What is counted once a sequence, once a step."""
    return dataclasses.replace(row, work=row.work[::-1], kept=row.kept[::-1])


def _check_widths(model: Model) -> None:
    if model.attention == "dot" and model.encoder_width != model.decoder_sizes[-1]:
        raise ConfigError(
            f"dot attention needs equal widths, but the encoder's outputs have "
            f"{model.encoder_width} numbers and the last layer of the decoder "
            f"{model.decoder_sizes[-1]}",
            "--attention general; or --merge sum, or --decoder N, for equal ones",
        )


def check(config: Settings) -> None:
    """Refuse settings that cannot stand together."""
    if not config.model.embed:
        raise ConfigError("model.embed = 0: a translator's tokens need rows", "--embed 256")
    _check_widths(config.model)
    data = config.data
    refuse_clash(
        config.model.shared and data.target_tokenizer not in ("", data.tokenizer),
        "model.shared needs sides that are split alike, but data.target_tokenizer is another",
    )


def check_learned(config: Settings, learned: Learned) -> str:
    """What is wrong with the two vocabularies."""
    for part in ("source", "target"):
        if problem := names_problem(learned, part):
            return problem
        if learned[part][: len(SPECIALS)] != SPECIALS:
            return f"its {part} does not begin with {' and '.join(SPECIALS)}"
    source, target = learned["source"], learned["target"]
    if config.model.shared and source[: len(target)] != target:
        return "its shared vocabulary does not begin with the target's"
    return _subwords_problem(config, learned)


def _subwords_problem(config: Settings, learned: Learned) -> str:
    """What is wrong with the merges of the sides that have subwords; "" where nothing is."""
    from seqcli.text import subwords  # late: other kinds of files need none of it

    data, tables = config.data, learned.get("subwords", {})
    split = [data.tokenizer == SUBWORDS, (data.target_tokenizer or data.tokenizer) == SUBWORDS]
    needed = {"source"} if split[0] else set[str]()
    if split[1]:
        needed.add("source" if config.model.shared else "target")
    if not isinstance(tables, dict) or tables.keys() != needed:
        return "its subwords are not those of its sides"
    for table in tables.values():
        try:
            pieces = subwords.Subwords.from_json(table).pieces
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return "its subwords make no sense"
        if problem := subwords.problem(table, pieces):
            return problem
    return ""


def sizes(learned: Learned) -> Sizes:
    """Rows of both vocabularies."""
    return Sizes(len(learned["source"]), outputs=len(learned["target"]))


SPEC = Spec(
    name="translator",
    title="a translator",
    target="seqcli.kinds.translator.kind:Translator",
    data=Pairs,
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
        Figure("exact", "exact {:.2%}", "exact {:.2%}"),
        Figure("token_error_rate", "TER {:.2%}", "TER {:.2%}", lower_is_better=True),
        Figure("bleu", "BLEU {:.2f}", "BLEU {:.2f}"),
    ),
    metric="loss",
    listed=(
        "count",
        "tokens",
        "loss",
        "perplexity",
        "exact",
        "edit_distance",
        "token_error_rate",
        "word_error_rate",
        "bleu",
        "chrf",
        "signature",
    ),
    count=count,
    sizes=sizes,
    check=check,
    check_learned=check_learned,
    commands={"translate": 'translate --model {model} "your text"'},
    options={"--mistakes": "what is farthest off", "a second --model": "a comparison"},
)
