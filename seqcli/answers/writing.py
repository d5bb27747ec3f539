"""New text from a saved model: the one way that the command line and `seqcli.load` share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from torch import nn

from seqcli import kinds
from seqcli.answers.loading import Loaded
from seqcli.answers.options import Options
from seqcli.answers.sampling import TOGETHER, Drawn, Specials, generate
from seqcli.data.labels import placed
from seqcli.errors import ConfigError, unknown_name
from seqcli.interrupts import interrupts
from seqcli.kinds.abilities import Told, Writes
from seqcli.machine.device import Runtime, choose_precision
from seqcli.nn.models import LanguageModel
from seqcli.nn.stepping import bfloat16_pays
from seqcli.readers.record import spelled_label

EVERY = "all"  # as a label: some of each


@dataclass(frozen=True)
class Writer:
    """A model that writes text, in eval mode on its device; `told`: for a label."""

    kind: Writes
    model: nn.Module
    runtime: Runtime
    told: bool = False

    @classmethod
    def of(cls, loaded: Loaded) -> Writer:
        """Errors: SeqcliError for a kind that writes nothing."""
        spec = loaded.kind.spec
        kinds.refuse(spec, "sample", loaded.path)
        told = "--label" in spec.options
        return cls(cast(Writes, loaded.kind), loaded.model, loaded.runtime, told)

    def chosen(self, labels: Sequence[str]) -> list[int | None]:
        """Places of the labels to write for; [None] for a model that is told none.

        "all" is every label, unless one is called so. Errors: ConfigError for a label that is
        missing, unknown, or given to a model that is told none.
        """
        if not self.told:
            if labels:
                raise ConfigError("a label needs a model that was trained with labels")
            return [None]
        known = cast(Told, self.kind).labels
        if not labels:
            listed = ", ".join(known)
            raise ConfigError(
                "--label is missing: this model writes for a label", f"all, or: {listed}"
            )
        places, found = placed(known), dict[int | None, None]()
        for label in labels:
            if label == EVERY and EVERY not in places:
                found |= dict.fromkeys(range(len(known)))
            elif (spelled := spelled_label(label)) in places:
                found[places[spelled]] = None
            else:
                raise unknown_name("label", label, known)
        return list(found)

    def label(self, place: int) -> str:
        """The name of a label."""
        return cast(Told, self.kind).labels[place]

    def write(
        self,
        context: list[int],
        options: Options,
        labels: Sequence[int | None] = (None,),
        *,
        precision: str = "auto",
        tell: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[int | None, Drawn]]:
        """Texts that go on from `context`, the prompt as `Writes.context` reads it, with labels.

        `options.count` for each of `labels`, as `chosen` gives them. Errors: ConfigError,
        TrainingError for a precision that is not there.
        """
        if options.seed is None:
            options = replace(options, seed=secrets.randbelow(2**31))
        for number, label in enumerate(labels):
            network = self.model
            if label is not None:
                network = cast(Told, self.kind).told(self.model, label)
            first = number * options.count
            for drawn in self._drawn(network, context, options, first, precision, tell):
                yield label, drawn

    def _drawn(
        self,
        model: nn.Module,
        context: list[int],
        options: Options,
        first: int,
        precision: str,
        tell: Callable[[int], None] | None,
    ) -> Iterator[Drawn]:
        network, device, kind = cast(LanguageModel, model), self.runtime.device, self.kind
        pays = device.type == "cpu" and bfloat16_pays(network, min(options.count, TOGETHER))
        vocab = kind.vocab
        return generate(
            network,
            context,
            Specials(vocab.unknown, vocab.end, kind.start, kind.starts, kind.carries),
            options,
            seed=options.seed or 0,
            count=options.count,
            first=first,
            half=choose_precision(precision, device, pays) == "bf16",
            poll=interrupts.poll,
            tell=tell,
        )
