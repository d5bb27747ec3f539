"""How to draw text: asked for, and checked, before torch is there."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqcli.errors import ConfigError

MOST = 1 << 24  # texts, and tokens of one


@dataclass(frozen=True)
class Options:
    """How to draw; a temperature of 0 is `greedy`, which takes the likeliest token.

    0 and 1.0 switch top_k and top_p off; `lines`: end marks after which a text ends. Errors:
    ConfigError for values without a meaning.
    """

    temperature: float = 1.0
    greedy: bool = False
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_tokens: int = 100
    lines: int = 1
    count: int = 1
    seed: int | None = None

    def __post_init__(self) -> None:
        """NaN fails every comparison."""
        rules = {
            "temperature: 0 or more": self.temperature >= 0 and math.isfinite(self.temperature),
            "top_k: 0 or more": self.top_k >= 0,
            "top_p: more than 0, at most 1": 0 < self.top_p <= 1,
            "repetition_penalty: more than 0": 0 < self.repetition_penalty < math.inf,
            f"max_tokens: 1 to {MOST}": 1 <= self.max_tokens <= MOST,
            f"lines: 1 to {MOST}": 1 <= self.lines <= MOST,
            f"count: 1 to {MOST}": 1 <= self.count <= MOST,
            "seed: 0 or more": self.seed is None or 0 <= self.seed < 2**63,
        }
        for rule, kept in rules.items():
            if not kept:
                raise ConfigError(f"{rule} expected", "seqcli sample --help lists the options")
        if self.temperature == 0:
            object.__setattr__(self, "temperature", 1.0)
            object.__setattr__(self, "greedy", True)

    @property
    def plain(self) -> bool:
        """Whether to draw from the model's own distribution."""
        limited = self.top_k or self.top_p < 1.0 or self.repetition_penalty != 1.0
        return self.temperature == 1.0 and not self.greedy and not limited
