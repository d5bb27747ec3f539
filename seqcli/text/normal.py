"""One form of text, for training and for use: line ends, composed characters, whole characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Literal, cast

from seqcli.settings.sections import Tokens

Normal = Callable[[str], str]
Form = Literal["NFC", "NFKC"]
AROUND = 16  # characters in which a composition could reach
LOOKED_AT = 1000  # places tried for a seam
HELD = 1 << 22  # characters kept together for want of one


def normalizer(data: Tokens) -> Normal:
    """What `data.normalize` asks for; whoever reads text for a model passes it through this."""
    if data.normalize == "none":
        return str
    return partial(normal, form=cast(Form, data.normalize.upper()))


def normal(text: str, form: Form = "NFC") -> str:
    r"""The text with "\n" for every line end (also "\r\n", "\r"), in Unicode's form `form`."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() or unicodedata.is_normalized(form, text):
        return text
    return unicodedata.normalize(form, text)


def whole(text: str) -> str:
    """The text with each half character (a lone surrogate) as U+FFFD: no file can hold one."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def seam(text: str, change: Normal) -> int:
    """The last place where `text` can be cut so that `change` makes the same of both parts.

    0 where there is none; of very long marks without a letter, the end.
    """
    for place in range(len(text) - 1, max(len(text) - LOOKED_AT, 0), -1):
        near, rest = text[max(place - AROUND, 0) : place], text[place : place + AROUND]
        apart = not unicodedata.combining(rest[0]) and near[-1] != "\r"
        if apart and change(near) + change(rest) == change(near + rest):
            return place
    return len(text) if len(text) > HELD else 0
