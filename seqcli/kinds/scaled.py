"""Recordings in settings and model files: what clashes there, what is wrong; without NumPy."""

from __future__ import annotations

from seqcli.kinds.spec import Learned, names_problem, refuse_clash
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


def refuse_clashes(data: Series) -> None:
    """Refuse settings of which one would do nothing, or do it twice. Errors: ConfigError."""
    both = "data.label_pattern and data.label_column both say where labels are"
    refuse_clash(bool(data.label_pattern and data.label_column), both)
    sides = "data.group and data.group_pattern both say what the groups are"
    refuse_clash(bool(data.group and data.group_pattern), sides)
    named, grouped = data.test_groups or data.valid_groups, data.group or data.group_pattern
    none = "data.test_groups and data.valid_groups need data.group or data.group_pattern"
    refuse_clash(bool(named and not grouped), none)
    twice = "data.test_groups and data.valid_groups name the same group"
    refuse_clash(bool(set(data.test_groups) & set(data.valid_groups)), twice)


def inputs(learned: Learned) -> int:
    """Numbers a step: of each channel, and whether it is there if that is read too."""
    return len(learned["channels"]) * (2 if learned["mask"] else 1)
