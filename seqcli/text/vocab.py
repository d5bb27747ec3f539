"""The vocabulary: tokens to ids and back, special rows first, in an order that never changes.

Two spellings are reserved. A data token spelled `<unk>` is an unknown word (as in PTB): it takes
the unknown row, never one of its own. A data token spelled `<eos>` is an unknown word as well:
the end mark stands only where the program puts it (`Vocab.end`), so that no text can end itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from seqcli.settings.sections import Tokens
from seqcli.text.sequences import Ids
from seqcli.text.special import END, RESERVED, UNKNOWN


class Vocab:
    """V tokens by id. `unknown` and `end` are the ids of the special rows, None where absent."""

    def __init__(self, tokens: Iterable[str]) -> None:
        """Ids in the order of `tokens`, as `to_list` gives them (ValueError for a repeat)."""
        self._tokens = tuple(tokens)
        self._ids = {token: place for place, token in enumerate(self._tokens)}
        if len(self._ids) != len(self._tokens):
            raise ValueError("a vocabulary lists each token once")
        self.unknown: int | None = self._ids.get(UNKNOWN)
        self.end: int | None = self._ids.pop(END, None)

    @classmethod
    def fit(
        cls,
        tokens: Sequence[str],
        counts: Ids | Sequence[int],
        *,
        min_count: int = 1,
        size: int = 0,
        unknown: bool = True,
        end: bool = False,
    ) -> Vocab:
        """The specials, then the tokens seen `min_count` times or more, the most frequent first.

        tokens: V', each once, in the order of their first appearance (which settles ties);
        counts (V',). `size` is the most rows in all, specials in; 0 = no limit.
        """
        special = [UNKNOWN] * unknown + [END] * end
        seen = np.asarray(counts)
        order = np.argsort(-seen, kind="stable")
        order = order[seen[order] >= max(min_count, 1)]
        ordinary = [tokens[place] for place in order if tokens[place] not in RESERVED]
        if size:
            ordinary = ordinary[: max(size - len(special), 0)]
        return cls(special + ordinary)

    @classmethod
    def for_data(
        cls, tokens: Sequence[str], counts: Ids, data: Tokens, *, end: bool = False
    ) -> Vocab:
        """The vocabulary that the settings ask for; `tokens` and `counts` as for `fit`.

        Characters of a fixed alphabet all get their row, in its order, seen or not.
        """
        if data.alphabet and data.tokenizer == "characters":
            fixed = list(dict.fromkeys(data.alphabet))
            return cls.fit(fixed, [1] * len(fixed), unknown=data.unknown, end=end)
        return cls.fit(
            tokens,
            counts,
            min_count=data.min_count,
            size=data.vocabulary,
            unknown=data.unknown,
            end=end,
        )

    @classmethod
    def from_list(cls, tokens: Sequence[str]) -> Vocab:
        """The inverse of `to_list`."""
        return cls(tokens)

    def to_list(self) -> list[str]:
        """All tokens by id, specials in: what the model file keeps."""
        return list(self._tokens)

    def __len__(self) -> int:
        """V, specials in."""
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        """Whether a data token has a row of its own."""
        return token != UNKNOWN and token in self._ids

    def places(self, tokens: Iterable[str]) -> NDArray[np.int32]:
        """The id of each token (len(tokens),): unknown ones get the unknown id, or -1 without."""
        missing = -1 if self.unknown is None else self.unknown
        return np.fromiter(map(self._ids.get, tokens, repeat(missing)), np.int32)

    def encode(self, tokens: Iterable[str]) -> NDArray[np.int32]:
        """Ids of a text's tokens; unknown ones are dropped where there is no unknown row."""
        ids = self.places(tokens)
        return ids if self.unknown is not None else ids[ids >= 0]

    def decode(self, ids: Iterable[int] | Ids) -> list[str]:
        """Tokens of ids (IndexError for one outside 0 … V - 1); specials by their spelling."""
        found = [int(place) for place in ids]
        if any(place < 0 for place in found):
            raise IndexError("ids count from 0")
        return [self._tokens[place] for place in found]
