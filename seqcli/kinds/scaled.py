"""What is learned of numbers before training, as a model file holds it: checked without NumPy."""

from __future__ import annotations

from seqcli.kinds.spec import Learned, names_problem
from seqcli.settings.sections import MAX_SIZE, Series

WIDEST = 1e60  # of a center and a width: far above what readers let in


def scaling_problem(data: Series, learned: Learned) -> str:
    """What is wrong with the channels, their centers and widths; "" where nothing is."""
    if problem := names_problem(learned, "channels"):
        return problem
    count = len(learned["channels"])
    if not 1 <= count <= MAX_SIZE:
        return "its channels are none, or too many"
    for part in ("center", "width"):
        numbers = learned.get(part)
        if not isinstance(numbers, list) or len(numbers) != count:
            return f"its channels and their {part} disagree"
        if not all(type(number) is float and abs(number) <= WIDEST for number in numbers):
            return f"the {part} of its channels is no number"
    if not all(width >= 1 / WIDEST for width in learned["width"]):
        return "the width of its channels is no number"
    if learned.get("mask") is not data.mask_channels:
        return "its settings and its channels disagree"
    return ""


def inputs(learned: Learned) -> int:
    """Numbers a step: of each channel, and whether it is there if that is read too."""
    return len(learned["channels"]) * (2 if learned["mask"] else 1)
