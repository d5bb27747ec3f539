"""How the best output for a source is looked for: asked for, and checked, before torch is there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from seqcli.errors import ConfigError

MOST_BEAM = 1000
MOST_TOKENS = 1 << 20
MOST_PENALTY = 10.0


@dataclass(frozen=True)
class Searching:
    """None: as the model was trained to be used, or as the lengths of the sources say.

    beam: hypotheses side by side; greedy: one, the likeliest token at each step; best: results for
    each source; length_penalty: A of the score log p / length^A; max_tokens: of an output;
    no_repeat: no so many tokens twice, 0: no such rule; replace_unknown: the unknown word may be
    written, and stands for the source word that was looked at; temperature: outputs are drawn (0 is
    greedy), each source from the stream of `seed` and its number; attention: say what was looked
    at. Errors: ConfigError for values without a meaning, and ones that exclude each other.
    """

    beam: int | None = None
    greedy: bool = False
    best: int = 1
    length_penalty: float | None = None
    max_tokens: int | None = None
    no_repeat: int = 0
    replace_unknown: bool = False
    temperature: float | None = None
    seed: int | None = None
    attention: bool = False

    def __post_init__(self) -> None:
        """NaN fails every comparison."""
        beam, penalty, warmth = self.beam, self.length_penalty, self.temperature
        rules = {
            f"beam: 1 to {MOST_BEAM}": beam is None or 1 <= beam <= MOST_BEAM,
            f"n_best: 1 to {MOST_BEAM}": 1 <= self.best <= MOST_BEAM,
            f"length_penalty: 0 to {MOST_PENALTY:g}": penalty is None
            or 0 <= penalty <= MOST_PENALTY,
            f"max_tokens: 1 to {MOST_TOKENS}": self.max_tokens is None
            or 1 <= self.max_tokens <= MOST_TOKENS,
            "no_repeat: 0 to 100": 0 <= self.no_repeat <= 100,
            "temperature: 0 or more": warmth is None or (warmth >= 0 and math.isfinite(warmth)),
            "seed: 0 or more": self.seed is None or 0 <= self.seed < 2**63,
        }
        for rule, kept in rules.items():
            if not kept:
                raise ConfigError(f"{rule} expected", "seqcli translate --help lists the options")
        self._refuse_clashes()
        if warmth == 0:
            object.__setattr__(self, "temperature", None)
            object.__setattr__(self, "greedy", True)

    def _refuse_clashes(self) -> None:
        drawn = self.temperature is not None
        alone = self.greedy or self.temperature == 0
        if drawn and (self.greedy or self.beam is not None):
            problem = "temperature: outputs are drawn, neither greedily nor with a beam"
            raise ConfigError(problem, "give one of them")
        if alone and self.beam not in (None, 1):
            raise ConfigError("greedy: that is a beam of 1", "give one of them")
        if self.seed is not None and not drawn:
            raise ConfigError("seed: nothing is drawn without a temperature", "leave it out")
        if self.best > 1 and (alone or (self.beam or self.best) < self.best):
            width = "that of greedy is 1" if alone else f"found: {self.beam}"
            raise ConfigError(f"n_best: a beam of {self.best} or more expected, {width}")

    def filled(self, beam: int, length_penalty: float) -> Searching:
        """The same with these where nothing was asked for; a beam of 1 is greedy."""
        width = 1 if self.greedy else max(beam, self.best) if self.beam is None else self.beam
        penalty = length_penalty if self.length_penalty is None else self.length_penalty
        drawn = self.temperature is not None
        return replace(
            self,
            beam=None if drawn else width,
            greedy=width == 1 and not drawn,
            length_penalty=penalty,
        )
