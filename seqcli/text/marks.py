"""Combining marks: what belongs to the letter before it."""

from __future__ import annotations

import unicodedata
from functools import cache


@cache
def marks() -> str:
    """Combining marks. The variation selectors are such too, but belong to emoji."""
    points = (n for n in range(0x300, 0x10000) if not 0xFE00 <= n <= 0xFE0F)
    return "".join(chr(n) for n in points if unicodedata.category(chr(n)) in ("Mn", "Mc"))
