"""A picture of attention as PNG bytes: which source tokens each output token looked at.

Letters that matplotlib's own font lacks are taken from whatever fonts the machine has; one that no
font has stands as its number, "U+BC14".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from seqcli.interrupts import interrupts
from seqcli.runs.pictures import FONT_SIZE, blank_figure, known_signs, png_bytes

CELL = 0.42  # inches, of a token
LARGEST = 16.0  # inches, of a side; more tokens have smaller cells
NAMED_TOKENS = 60  # every token is named up to so many, then every n-th
LONGEST_TOKEN = 16  # characters
FONTS_TRIED = 400
NO_LETTERS = ("Last Resort", "cm", "STIX")  # of matplotlib: frames for letters, formulas
END_OF_SOURCE = "end"


@interrupts.held()
def attention_png(
    weights: npt.ArrayLike, source_tokens: Sequence[str], tokens: Sequence[str]
) -> bytes:
    """Weights (T, S) or (T, S + 1) with an end mark; S source tokens across, T tokens downwards."""
    looks = np.asarray(weights, np.float64)
    across = _labels(source_tokens)[: looks.shape[1]]
    across += [END_OF_SOURCE] * (looks.shape[1] - len(across))
    down = _labels(tokens)
    widest, longest = max(map(len, down), default=1), max(map(len, across), default=1)
    width = min(max(CELL * len(across), 2.0), LARGEST) + 0.11 * widest + 1.6
    height = min(max(CELL * len(down), 1.6), LARGEST) + 0.09 * longest + 0.8
    figure = blank_figure(width, height)
    axes = figure.subplots()
    image = axes.imshow(looks, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(np.arange(-0.5, len(across)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(down)), minor=True)
    axes.grid(which="minor", color="#e6e6e6", linewidth=0.6)
    axes.xaxis.tick_top()
    for axis, texts in ((axes.xaxis, across), (axes.yaxis, down)):
        every = -(-len(texts) // NAMED_TOKENS) or 1
        places = range(0, len(texts), every)
        axis.set_ticks(places, [texts[place] for place in places], parse_math=False)
    axes.tick_params(which="both", length=0, labelsize=FONT_SIZE + 1)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_fontfamily(_families("".join((*across, *down))))
    if any(len(label) > 2 for label in across if label != END_OF_SOURCE):
        for text in axes.get_xticklabels():
            text.set(rotation=45, ha="left", rotation_mode="anchor")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03, aspect=18)
    bar.outline.set_visible(False)
    bar.set_label("share of attention", fontsize=FONT_SIZE)
    return png_bytes(figure)


def _labels(tokens: Sequence[str]) -> list[str]:
    """Tokens as they are shown: "·" begins a piece that goes on with a word."""
    pieces = any(token[:1] == " " and token.strip() for token in tokens)
    found = list[str]()
    for token in tokens:
        text = token.strip() or "␣"
        if pieces and token[:1].isalnum() and found:
            text = f"·{text}"
        cut = len(text) > LONGEST_TOKEN
        found.append(_drawable(text[: LONGEST_TOKEN - 1] + "…" if cut else text))
    return found


def _drawable(text: str) -> str:
    known = known_signs()
    return "".join(
        sign if ord(sign) in known or _font_of(ord(sign)) else f"U+{ord(sign):04X}" for sign in text
    )


def _families(text: str) -> list[str]:
    """matplotlib's own fonts, and those that have what these lack."""
    from matplotlib import rcParams

    known = known_signs()
    others = {_font_of(ord(sign)) for sign in text if ord(sign) not in known}
    return [*rcParams["font.family"], *sorted(filter(None, others))]


@cache
def _font_of(point: int) -> str:
    """The name of an installed font that has this sign; "" where none has."""
    from matplotlib.font_manager import fontManager, get_font

    for entry in fontManager.ttflist[:FONTS_TRIED]:
        if entry.style != "normal" or entry.name.startswith(NO_LETTERS):
            continue
        try:
            if point in get_font(entry.fname).get_charmap():
                return str(entry.name)
        except (OSError, RuntimeError):  # a font that cannot be read
            continue
    return ""
