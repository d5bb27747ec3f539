"""The vocabulary: tokens to ids and back, special rows first, in an order that never changes.

Two spellings are reserved. A data token spelled `<unk>` is an unknown word (as in PTB): it takes
the unknown row, never one of its own. A data token spelled `<eos>` is an unknown word as well:
the end mark stands only where the program puts it (`Vocab.end`), so that no text can end itself.
Subwords spell both as any other text: no piece is one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.settings.sections import Tokens
from seqcli.text.sequences import Ids, Sequences
from seqcli.text.special import END, RESERVED, UNKNOWN
from seqcli.text.subwords import LEAST, Subwords, size_of
from seqcli.text.tokens import SUBWORDS


class Vocab:
    """V tokens by id. `unknown` and `end` are the ids of the special rows, None where absent.

    subwords: what makes the tokens of a text, where they were learned; None where a rule does.
    """

    def __init__(self, tokens: Iterable[str], subwords: Subwords | None = None) -> None:
        """Ids in the order of `tokens`, as `to_list` gives them (ValueError for a repeat)."""
        self._tokens = tuple(tokens)
        self.subwords = subwords
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
        cls,
        tokens: Sequence[str],
        counts: Ids,
        data: Tokens,
        *,
        end: bool = False,
        poll: Callable[[], None] = lambda: None,
    ) -> Vocab:
        """The vocabulary that the settings ask for; `tokens` (see `counted`) and `counts` as `fit`.

        Characters of a fixed alphabet all get their row, in its order, seen or not. Subwords are
        learned, which takes seconds: `poll` is called, and may raise to stop.
        """
        if data.tokenizer == SUBWORDS:
            words = dict(zip(tokens, counts.tolist(), strict=True))
            least, size = max(data.min_count, LEAST), size_of(data) - end
            return cls.of_subwords(Subwords.learn(words, size, least=least, poll=poll), end=end)
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
    def of_subwords(cls, subwords: Subwords, *, end: bool = False) -> Vocab:
        """The end mark where there is one, then all pieces; nothing is unknown."""
        return cls([END] * end + list(subwords.pieces), subwords)

    @classmethod
    def restore(cls, learned: Mapping[str, Any]) -> Vocab:
        """The inverse of `learned`, for what was checked."""
        table = learned.get("subwords")
        subwords = None if table is None else Subwords.from_json(table)
        return cls(learned["vocabulary"], subwords)

    def learned(self) -> dict[str, Any]:
        """What the model file keeps, as JSON values."""
        table = {} if self.subwords is None else {"subwords": self.subwords.to_json()}
        return {"vocabulary": self.to_list(), **table}

    def to_list(self) -> list[str]:
        """All tokens by id, specials in: what the model file keeps."""
        return list(self._tokens)

    def __len__(self) -> int:
        """V, specials in."""
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        """Whether a data token has a row of its own."""
        return token != UNKNOWN and token in self._ids

    def place(self, token: str) -> int:
        """The id of a token; of an unknown one the unknown id, or -1 without."""
        return self._ids.get(token, -1 if self.unknown is None else self.unknown)

    def places(self, tokens: Iterable[str]) -> NDArray[np.int32]:
        """The id of each token (len(tokens),): unknown ones get the unknown id, or -1 without."""
        missing = -1 if self.unknown is None else self.unknown
        return np.fromiter(map(self._ids.get, tokens, repeat(missing)), np.int32)

    def parts(self, tokens: Sequence[str]) -> Sequences:
        """A row of ids for each of the tokens that `counted` gives.

        That is its id, or nothing where it is unknown and there is no such row; of a word those of
        its subwords.
        """
        if self.subwords is None:
            ids = self.places(tokens)
            return Sequences(ids, np.arange(len(ids) + 1)).where(ids >= 0)
        rows = [self.subwords.of_word(word) for word in tokens]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter(chain.from_iterable(rows), np.int32, int(lengths.sum()))
        ids += np.int32(self.end is not None)  # it stands before all pieces
        return Sequences(ids, np.concatenate(([0], np.cumsum(lengths))))

    def knows(self, tokens: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each of these is known, (len(tokens),): a word that has subwords always is."""
        if self.subwords is not None:
            return np.ones(len(tokens), np.bool_)
        return np.fromiter((token in self for token in tokens), np.bool_, len(tokens))

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
