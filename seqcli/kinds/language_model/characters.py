"""How many characters the tokens of a text stand for: what bits a character are counted by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcli.data.corpus import BLOCK, Stream
from seqcli.text.special import END
from seqcli.text.subwords import BYTES
from seqcli.text.vocab import Vocab


def characters_each(ids: Stream, vocab: Vocab) -> float:
    """Characters of a text (N,) of subwords for each token that is predicted: all but the first.

    An end mark counts as one, as the line break that it stands for. A character in bytes counts
    once, the space that a line's first word has in its piece alone not at all.
    """
    sizes, spaced, ends = _sizes(vocab)
    total = 0
    for at in range(0, len(ids), BLOCK):
        some = ids[at : at + BLOCK + 1]  # the last one is the first of the next block
        total += int(sizes[some[1:]].sum()) - int((ends[some[:-1]] & spaced[some[1:]]).sum())
    return total / max(len(ids) - 1, 1)


def _sizes(vocab: Vocab) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Of each row (V,): its characters, whether it begins with a space, whether a line ends so."""
    whole = dict.fromkeys(BYTES, 0) | {name: 1 for name in BYTES if name >= "<0xC0>"} | {END: 1}
    names = vocab.to_list()
    sizes = np.array([whole.get(name, len(name)) for name in names], np.int64)
    spaced = np.array([name.startswith(" ") for name in names])
    return sizes, spaced, np.array([name in (END, "\n") for name in names])
