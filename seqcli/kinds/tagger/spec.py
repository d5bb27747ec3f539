"""What a tagger's settings are, what it holds, and which figures it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqcli.errors import ConfigError
from seqcli.kinds.spec import Figure, Learned, Spec, check_refit, names_problem
from seqcli.settings.config import Config
from seqcli.settings.counting import FORMULAS, MARKS, Sizes, dense, stack
from seqcli.settings.fields import setting
from seqcli.settings.sections import (
    MAX_SIZE,
    TEXT,
    Refitting,
    TaggedText,
    TokenLayers,
    TwoWayLayers,
    Vectors,
)
from seqcli.settings.table import Row, Table
from seqcli.text.schemes import PLAIN, SCHEMES, all_tags, parted

NAME = "tagger"
USUAL = 7  # characters of a word with the marks at its ends, for the work of a step
MOST_TAGS = 1000  # a chain has a score for each pair, and a step looks at all of them
MOST_WIDE = 1 << 28  # numbers in the table of windows: 1 GB, and twice as much for its moments


@dataclass(frozen=True)
class Model(Vectors, TwoWayLayers, TokenLayers):
    """[model] of a tagger: what a word is, the stack, and how tags are chosen."""

    vector_words: int = setting(
        50_000,
        "words of the vectors' file that training lacks and that have a row too: its first so many",
        low=0,
        high=1 << 22,
    )
    word_dropout: float = setting(
        0.0, "a word seen n times reads as unknown with share w / (w + n)", low=0, high=1e6
    )
    characters: int = setting(
        0, "embedding size of a word's characters; 0 = not read", low=0, high=MAX_SIZE
    )
    character_hidden: int = setting(
        50, "units each way of the LSTM over them", low=1, high=MAX_SIZE
    )
    character_dropout: float = setting(0.0, "on their embedding", low=0, high=0.99)
    affixes: int = setting(
        0, "longest beginning and end of a word with a row of its own; 0 = none", low=0, high=8
    )
    affix_embed: int = setting(64, "size of these rows", low=1, high=MAX_SIZE)
    shape_embed: int = setting(
        0, "embedding size of a word's shape (capitals, digits); 0 = none", low=0, high=MAX_SIZE
    )
    window: bool = setting(
        False, "a linear part on hashed features of five words stands beside the network"
    )
    window_buckets: int = setting(1 << 17, "rows of its table", low=2, high=1 << 28)
    window_scale: float = setting(
        1.0, "what its scores are multiplied by: it learns so much faster", above=0, high=100
    )
    window_dropout: float = setting(0.0, "share of its features dropped", low=0, high=0.99)
    output: str = setting(
        "crf",
        "how tags are chosen: each by itself, or all of a sentence",
        choices=("softmax", "crf"),
    )
    outside_bias: float = setting(
        0.0,
        "added to the score of O when answering: below 0 more spans are found",
        low=-20,
        high=20,
    )
    inside: str = setting("BIO", "how the network writes spans", choices=("BIO", "BIOES"))


@dataclass(frozen=True)
class Train(Refitting):
    """[train] of a tagger of text."""


Settings = Config[TaggedText, Model, Train]


def count(model: Model, sizes: Sizes) -> Table:
    """The table of `model` for `sizes.outputs` tags; without them it ends before the output.

    Errors: ConfigError for a part of words whose rows are not known.
    """
    found = stack(model, sizes, _spelled(model, sizes))
    if sizes.outputs is None:
        if model.window:
            raise ConfigError("the table of windows needs the number of tags", "give --outputs C")
        return found.table(model)
    tags, lead = sizes.outputs, (*sizes.lead, sizes.outputs)
    row = dense("output", found.width, tags, lead)
    rows = [Row(row.name, lead, row.formula, row.parameters, work=row.work[::-1], kept=(tags, 0))]
    if model.window:
        text = f"{model.window_buckets}*{tags}"
        rows.append(Row("windows", lead, text, model.window_buckets * tags, kept=(tags, 0)))
    if model.output == "crf":
        rows.append(
            Row(
                "transitions",
                lead,
                f"{tags}*{tags} + 2*{tags}",
                tags * tags + 2 * tags,
                work=(tags * tags, 0),
                kept=(2 * tags, 0),
            )
        )
    return found.table(model, *rows)


def _spelled(model: Model, sizes: Sizes) -> list[Row]:
    """The parts that look into words."""
    rows, lead = [], sizes.lead
    if model.shape_embed:
        rows.append(_table("shapes", lead, sizes.shapes, model.shape_embed, "shape_embed"))
    if model.affixes:
        rows.append(_table("affixes", lead, sizes.affixes, model.affix_embed, "affixes"))
    if model.characters:
        table = _table("characters", lead, sizes.characters, model.characters, "characters")
        size, hidden, lstm = model.characters, model.character_hidden, FORMULAS["lstm"]
        work = 2 * lstm.gates * hidden * (size + hidden)
        rows.append(
            Row(
                "characters",
                (*lead, 2 * hidden),
                f"{table.formula} + {lstm.text(size, hidden, 1, 2)}",
                table.parameters + 2 * lstm.parameters(size, hidden, 1),
                2 * lstm.gates * hidden,
                work=(USUAL * work, 0),
                kept=(USUAL * (size + 2 * lstm.kept * hidden), 0),
            )
        )
    return rows


def _table(name: str, lead: tuple[int | None, ...], rows: int | None, size: int, key: str) -> Row:
    if rows is None:
        raise ConfigError(
            f"a tagger's {name} need the number of their rows",
            f"--task NAME or --model FILE know it; or --set model.{key}=0",
        )
    return Row(name, (*lead, size), f"{rows}*{size}", rows * size, kept=(size, 0))


def check(config: Settings) -> None:
    """Refuse settings that cannot stand together."""
    if not config.model.embed:
        raise ConfigError("model.embed = 0: a tagger's words need rows", "--embed 100")
    check_refit(config.train)


def trainable(config: Settings) -> None:
    """Refuse what can be counted and listed, but not trained."""
    if config.model.freeze_vectors and not config.model.vectors:
        raise ConfigError(
            "model.freeze_vectors needs model.vectors",
            "--vectors FILE names them (GloVe's text format); --tune-vectors needs none",
        )


def types_of(labels: Sequence[str]) -> list[str]:
    """The types of spans that tags write, sorted."""
    return sorted({parted(label)[1] for label in labels if label != "O"})


def inside_tags(labels: Sequence[str], scheme: str, inside: str) -> list[str]:
    """What the network gives scores to: the labels themselves, or the tags of their types."""
    return list(labels) if scheme == PLAIN else all_tags(types_of(labels), inside)


def check_learned(config: Settings, learned: Learned) -> str:
    """What is wrong with the words and their parts, the labels and their scheme."""
    for part in ("vocabulary", "characters", "affixes", "shapes", "labels", "inside"):
        if problem := names_problem(learned, part):
            return problem
    if learned["vocabulary"][:1] != ["<unk>"]:
        return "its vocabulary does not begin with unknown words"
    if not all(len(character) == 1 for character in learned["characters"]):
        return "its characters are more than that"
    frequent, scheme, labels = learned.get("frequent"), learned.get("scheme"), learned["labels"]
    if type(frequent) is not int or not 1 <= frequent <= len(learned["vocabulary"]):
        return "it does not say which words are frequent"
    trained = learned.get("trained", len(learned["vocabulary"]))
    if type(trained) is not int or not frequent <= trained <= len(learned["vocabulary"]):
        return "it does not say which words it was trained on"
    if max(len(labels), len(learned["inside"])) > MOST_TAGS:
        return f"it has more than {MOST_TAGS:,} tags"
    if scheme not in SCHEMES or not labels:
        return "its labels and their scheme disagree"
    if scheme != PLAIN and labels != all_tags(types_of(labels), scheme):
        return "its labels and their scheme disagree"
    if learned["inside"] != inside_tags(labels, scheme, config.model.inside):
        return "its labels and the network's tags disagree"
    return ""


def sizes(learned: Learned) -> Sizes:
    """Rows of everything that has some: each part of words has one for what is unknown."""
    return Sizes(
        len(learned["vocabulary"]),
        outputs=len(learned["inside"]),
        characters=len(learned["characters"]) + MARKS,
        affixes=len(learned["affixes"]) + 1,
        shapes=len(learned["shapes"]) + 1,
    )


SPEC = Spec(
    name=NAME,
    input=TEXT,
    title="a tagger",
    target="seqcli.kinds.tagger.kind:Tagger",
    data=TaggedText,
    model=Model,
    train=Train,
    figures=(
        Figure("loss", "loss {:.4f}", "loss {:.4f}", lower_is_better=True),
        Figure("accuracy", "accuracy {:.2%}", "acc {:.2%}"),
        Figure("f1", "F1 {:.2%}", "F1 {:.2%}", chooses=False),
        Figure("score"),  # F1 of spans; without spans the accuracy
    ),
    metric="score",
    listed=(
        "sentences",
        "tokens",
        "loss",
        "accuracy",
        "accuracy_known",
        "accuracy_unknown",
        "sentence_accuracy",
    ),
    count=count,
    sizes=sizes,
    check=check,
    trainable=trainable,
    check_learned=check_learned,
    commands={"tag": 'tag --model {model} "your text"'},
    options={
        "--mistakes": "the surest mistakes",
        "a second --model": "a comparison",
        "--exclude-trained": "sentences it was trained on left out",
    },
)
