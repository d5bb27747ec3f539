"""Figures in a terminal: what fits, what goes on below, and nothing that could steer it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seqcli.cli.tables import confusion_tables, figure_lines, mistake_lines
from seqcli.kinds.abilities import Mistake
from seqcli.kinds.classifier.spec import SPEC

NAMES = [
    "Arabic", "Chinese", "Czech", "Dutch", "English", "French", "German", "Greek", "Irish",
    "Italian", "Japanese", "Korean", "Polish", "Portuguese", "Russian", "Scottish", "Spanish",
    "Vietnamese",
]  # fmt: skip


def drawn(labels: list[str], matrix: list[list[int]], width: int) -> list[str]:
    screen = Console(file=io.StringIO(), width=width)
    for table in confusion_tables({"labels": labels, "confusion": matrix}, width):
        screen.print(table)
    text: str = screen.file.getvalue()  # type: ignore[attr-defined]
    return text.splitlines()


def surnames() -> list[list[int]]:
    """18 labels, unequal sizes, up to 1,880 in a cell."""
    places = range(18)
    right = [1880 // (row + 1) ** 2 for row in places]
    return [[(row * at) % 7 + right[row] * (row == at) for at in places] for row in places]


def test_18_labels_stand_in_80_columns() -> None:
    lines = drawn(NAMES, surnames(), 80)
    assert len(lines) == 19
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[-18:] == [str(number) for number in range(1, 19)]
    for name, line, row in zip(NAMES, lines[1:], surnames(), strict=True):
        assert line.split()[1] == name
        assert [int(cell.replace(".", "0")) for cell in line.split()[2:]] == row


@pytest.mark.parametrize("width", [20, 40, 60])
def test_what_does_not_fit_goes_on_below(width: int) -> None:
    lines = drawn(NAMES, surnames(), width)
    assert "…" not in "".join(lines)
    assert len(lines) % 19 == 0
    assert len(lines) > 19
    rows: list[list[str]] = [[] for _ in range(19)]
    for number, line in enumerate(lines):
        rows[number % 19] += re.sub(r"^true \\ pred\.|^ *\d+ \w+", "", line).split()
    assert rows[0] == [str(number) for number in range(1, 19)]
    assert [[int(c.replace(".", "0")) for c in row] for row in rows[1:]] == surnames()


def test_few_labels_head_their_columns_by_name() -> None:
    lines = drawn(["ham", "spam"], [[4825, 0], [13, 734]], 80)
    assert [line.split() for line in lines] == [
        ["true", "\\", "predicted", "ham", "spam"],
        ["ham", "4,825", "."],
        ["spam", "13", "734"],
    ]


def test_labels_are_cut_and_made_harmless() -> None:
    labels = ["\x1b[31mred", "long-" * 20, "中文" * 9]
    lines = drawn(labels, [[1, 2, 3]] * 3, 40)
    assert "\x1b" not in "".join(lines)
    assert lines[1].split() == ["1", "\\x1b[31mred", "1", "2", "3"]
    assert lines[2].split() == ["2", "long-long-long-long…", "1", "2", "3"]
    assert lines[3].split() == ["3", "中文" * 4 + "中…", "1", "2", "3"]


def test_more_labels_than_a_table_can_show() -> None:
    assert confusion_tables({"labels": ["a"] * 21, "confusion": [[0] * 21] * 21}, 80) == []
    assert confusion_tables({"labels": ["a"] * 2000, "confusion": None}, 80) == []


def test_figures_with_their_intervals() -> None:
    figures: dict[str, Any] = {
        "count": 25000, "loss": 0.25, "accuracy": 0.9, "accuracy_interval": [0.89, 0.91],
        "macro_f1": 0.8, "macro_f1_interval": [float("nan")] * 2, "mcc": 0.7, "majority": 0.5,
    }  # fmt: skip
    assert figure_lines(figures, SPEC.listed) == [
        "count      25,000",
        "loss       0.2500",
        "accuracy   0.9000  95 % interval 0.8900 to 0.9100",
        "macro_f1   0.8000",
        "mcc        0.7000",
        "majority   0.5000",
    ]


def test_mistakes_in_80_columns() -> None:
    mistakes = [
        Mistake("win\ta\x1b[2J  prize", "h\x1bam", "spam", 0.99996, "/data/a/b.tsv", 7),
        Mistake("word " * 200_000, "spam", "ham", 0.5, "/elsewhere/c.tsv", 123_456),
        Mistake("中文" * 100, "ham", "spam", 0.5, "/data/d.tsv", 1),
        Mistake("", "ham", "spam", 0.5, "/data/d.tsv", 2),
    ]
    heading, *lines = mistake_lines(mistakes, Path("/data"), 80)
    assert heading == "mistakes, the surest first"
    assert lines[0] == "1.0000  true h\\x1bam, predicted spam  a/b.tsv:7"
    assert lines[1] == "        win a\\x1b[2J prize"
    assert lines[2] == "0.5000  true spam, predicted ham  c.tsv:123456"
    assert len(lines[3]) == 80
    assert lines[3].startswith("        word word ")
    assert lines[3].endswith("…")
    assert lines[5] == "        " + "中文" * 17 + "中…"
    assert lines[7].strip() == ""
