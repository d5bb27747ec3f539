"""What is known of a kind without torch: its settings, figures, commands, and how it is counted.

Settings, `params`, model files and the command line ask it; training and answers ask the class that
it loads.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqcli.errors import ConfigError
from seqcli.settings.counting import Sizes
from seqcli.settings.sections import TEXT, Tokens, Training, refits
from seqcli.settings.table import Table
from seqcli.text import subwords

Learned = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure of merit: a key of what `eval --json` prints, and how a person sees it.

    line: on the one line of an epoch, `short`: in the bar, `last`: in the last words of a run; ""
    where it is not shown there, None where as on the line.
    """

    name: str
    line: str = ""
    short: str = ""
    last: str | None = None
    lower_is_better: bool = False
    chooses: bool = True  # it may say which epoch is best
    logarithmic: bool = False  # where its values span much


@dataclass(frozen=True)
class Spec:
    """A kind, before anything heavy is imported."""

    name: str  # as task files spell it; two specs of one name differ in what they read
    title: str  # "a classifier"
    target: str  # the class that trains and answers, as "module:name"; it needs torch
    data: type[Any]
    model: type[Any]
    train: type[Any]
    figures: tuple[Figure, ...]  # the first is the loss
    metric: str  # that chooses the best epoch
    listed: tuple[str, ...]  # what `eval` prints of the figures, in this order
    count: Callable[[Any, Sizes], Table]
    sizes: Callable[[Learned], Sizes]  # of what was learned
    check_learned: Callable[[Any, Learned], str]  # what is wrong with it; "" where nothing is
    check: Callable[[Any], None] = lambda config: None  # settings that cannot stand together
    trainable: Callable[[Any], None] = lambda config: None  # what can be counted, but not trained
    # What serves the kind: a command, and what to type after `seqcli` (the first one is said after
    # training); or an option that not every kind knows, and what it is for.
    commands: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    # Settings that, switched on, make another kind of it: their "section.key", and its name.
    switches: Mapping[str, str] = field(default_factory=dict)
    by_label: tuple[str, ...] = ("precision", "recall", "f1", "support")  # columns of `per_label`
    worst: Figure = Figure("f1", "F1 {:.4f}")  # of these, what says which label is the worst
    exploded: float = 1e6  # a loss a prediction that no training comes back from
    input: str = ""  # what a sequence is made of, where the kind has a choice: `data.input`

    @property
    def key(self) -> str:
        """Its own name among all specs: that of its kind, for what most people read."""
        return self.name if self.input in ("", TEXT) else f"{self.name} of {self.input}"

    @property
    def sections(self) -> dict[str, type[Any]]:
        """The dataclass of each section of the task file."""
        return {"data": self.data, "model": self.model, "train": self.train}

    @property
    def choosing(self) -> tuple[str, ...]:
        """Figures that may choose the best epoch."""
        return tuple(figure.name for figure in self.figures if figure.chooses)

    def figure(self, name: str) -> Figure:
        """The figure of that name."""
        return next(figure for figure in self.figures if figure.name == name)


def typed(form: str, model: Path) -> str:
    """A command as it is typed after `seqcli`, for the model at `model`."""
    return form.replace("{model}", shlex.quote(str(model)))


def next_commands(spec: Spec, model: Path, figures: Mapping[str, Any]) -> list[str]:
    """The same, and before it where there are mistakes, a look at them; of the model's figures."""
    mistaken = "--mistakes" in spec.options and (figures.get("accuracy") or 0) < 1
    looks = [typed("eval --model {model} --mistakes 10", model)] if mistaken else []
    return [*looks, next_command(spec, model)]


def next_command(spec: Spec, model: Path) -> str:
    """What a person would type to use the model at `model`."""
    return typed(next(iter(spec.commands.values()), "eval --model {model}"), model)


def better(figure: Figure, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether `new` beats `old`; where the figure is equal the loss decides."""
    sign = -1 if figure.lower_is_better else 1
    name = figure.name
    return (sign * new[name], -new["loss"]) > (sign * old[name], -old["loss"])


def refuse_clash(clash: bool, problem: str) -> None:
    """Refuse two settings of which one would do nothing, or do it twice. Errors: ConfigError."""
    if clash:
        raise ConfigError(problem, "use one of them")


def vocabulary_problem(data: Tokens, learned: Learned) -> str:
    """What is wrong with the vocabulary, or with the subwords in it; "" where nothing is."""
    if problem := names_problem(learned, "vocabulary"):
        return problem
    if data.tokenizer == "subwords":
        return subwords.problem(learned.get("subwords"), learned["vocabulary"])
    return "its tokenizer has no subwords, but they are there" if "subwords" in learned else ""


def check_tokens(data: Tokens) -> None:
    """Refuse a vocabulary that is too small. Errors: ConfigError."""
    if data.tokenizer == "subwords":
        subwords.size_of(data)


def check_refit(train: Training) -> None:
    """Refuse a schedule that a pass without validation cannot repeat. Errors: ConfigError."""
    refuse_clash(
        refits(train) and train.schedule == "plateau",
        "train.refit repeats the schedule, and train.schedule = plateau follows validation",
    )


def names_problem(learned: Learned, part: str) -> str:
    """What is wrong with a list of different texts (a vocabulary, labels); "" where nothing is."""
    items = learned.get(part)
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return f"its {part} is not a list of text"
    return f"its {part} has an entry twice" if len(set(items)) != len(items) else ""
