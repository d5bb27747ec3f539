"""New text from a saved model: the one way that the command line and `seqcli.load` share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from torch import nn

from seqcli import kinds
from seqcli.answers.loading import Loaded
from seqcli.answers.options import Options
from seqcli.answers.sampling import TOGETHER, Drawn, Specials, generate
from seqcli.interrupts import interrupts
from seqcli.kinds.abilities import Writes
from seqcli.machine.device import Runtime, choose_precision
from seqcli.nn.models import LanguageModel
from seqcli.nn.stepping import bfloat16_pays


@dataclass(frozen=True)
class Writer:
    """A model that writes text, in eval mode on its device."""

    kind: Writes
    model: nn.Module
    runtime: Runtime

    @classmethod
    def of(cls, loaded: Loaded) -> Writer:
        """Errors: SeqcliError for a kind that writes nothing."""
        kinds.refuse(loaded.kind.spec, "sample", loaded.path)
        return cls(cast(Writes, loaded.kind), loaded.model, loaded.runtime)

    def write(
        self,
        context: list[int],
        options: Options,
        *,
        precision: str = "auto",
        tell: Callable[[int], None] | None = None,
    ) -> Iterator[Drawn]:
        """Texts that go on from `context`, the prompt as `Writes.context` reads it.

        Errors: ConfigError, TrainingError for a precision that is not there.
        """
        network, device = cast(LanguageModel, self.model), self.runtime.device
        pays = device.type == "cpu" and bfloat16_pays(network, min(options.count, TOGETHER))
        vocab = self.kind.vocab
        return generate(
            network,
            context,
            Specials(vocab.unknown, vocab.end, self.kind.start, self.kind.starts),
            options,
            seed=secrets.randbelow(2**31) if options.seed is None else options.seed,
            count=options.count,
            half=choose_precision(precision, device, pays) == "bf16",
            poll=interrupts.poll,
            tell=tell,
        )
