"""Which rows a model was trained on: short keys of them, which its file keeps.

A key is 40 bits of `splits.text_key`, so that a million rows take 7 MB of text and a row that is
new is taken for a known one with a probability of one in a million; among fewer rows less often
(rows / 2^40). The training data itself would tell as much, but where rows were appended to it, or a
model has moved, it is no longer what it was.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

BYTES = 5  # of a key
MOST = 1 << 20  # distinct keys that a file keeps; of more none, and nothing is known

Keys = NDArray[np.uint64]


def packed(keys: Keys) -> str | None:
    """The distinct keys as text, in their order; None for more than MOST."""
    distinct = _shortened(keys)
    if len(distinct) > MOST:
        return None
    parts = distinct.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :BYTES]
    return base64.b64encode(parts.tobytes()).decode("ascii")


def unpacked(text: str) -> Keys:
    """What `packed` was given, shortened. Errors: ValueError for what it did not write."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("no base64") from error
    if len(content) % BYTES or len(content) > BYTES * MOST:
        raise ValueError("no whole number of keys")
    whole = np.zeros((len(content) // BYTES, 8), np.uint8)
    whole[:, :BYTES] = np.frombuffer(content, np.uint8).reshape(-1, BYTES)
    return whole.view("<u8").ravel().astype(np.uint64)


def among(keys: Keys, known: Keys) -> NDArray[np.bool_]:
    """Which of R keys (R,) are among those that `unpacked` gave."""
    return np.isin(keys & np.uint64((1 << 8 * BYTES) - 1), known)


def _shortened(keys: Keys) -> Keys:
    return np.unique(keys & np.uint64((1 << 8 * BYTES) - 1))
