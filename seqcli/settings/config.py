"""A Config: the three sections of one run, read strictly from plain values and given back as such.

Precedence: task file -> preset -> options of the command line -> `--set section.key=value`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from seqcli.errors import ConfigError, unknown_name
from seqcli.settings import fields
from seqcli.settings.sections import Reading, Training

SECTIONS = ("data", "model", "train")

Data = TypeVar("Data", bound=Reading, covariant=True)
Model = TypeVar("Model", covariant=True)
Train = TypeVar("Train", bound=Training, covariant=True)


@dataclass(frozen=True)
class Config(Generic[Data, Model, Train]):
    """Everything that decides what is trained; stored whole in the model file."""

    kind: str
    data: Data
    model: Model
    train: Train

    @property
    def split_seed(self) -> int:
        """Seed of the cut into splits."""
        return self.train.seed if self.data.split_seed is None else self.data.split_seed


AnyConfig = Config[Reading, Any, Training]


def from_dict(table: Mapping[str, Any], sections: Mapping[str, type[Any]]) -> AnyConfig:
    """A Config from plain values, strictly: unknown sections, keys and values are errors.

    `sections`: the dataclass of each of SECTIONS.
    """
    found = {name: section() for name, section in sections.items()}
    for name, value in table.items():
        if name == "kind":
            continue
        if name not in sections:
            raise _placed(unknown_name("section", name, sections), name)
        if not isinstance(value, Mapping):
            raise _placed(ConfigError(f"[{name}]: a table expected, {value!r} found"), name)
        found[name] = fields.read(sections[name], value, name)
    return Config(str(table["kind"]), **found)


def _placed(error: ConfigError, section: str) -> ConfigError:
    error.key = (section,)
    return error


def to_dict(config: AnyConfig) -> dict[str, Any]:
    """The inverse of `from_dict`; `None` is left out."""
    sections = {name: fields.as_dict(getattr(config, name)) for name in SECTIONS}
    return {"kind": config.kind, **sections}
