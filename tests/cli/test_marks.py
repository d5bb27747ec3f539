"""Marks on a line: painted on a terminal, listed elsewhere; whatever the text holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.cli.console import safe
from seqcli.cli.marks import colored, listed, painted, shown
from seqcli.kinds.abilities import Mark

TEXT = "Win a prize, see you"
MARKS = [
    Mark(0, 3, 1.5), Mark(4, 5, 0.004), Mark(6, 11, 0.5), Mark(11, 12, 0.0), Mark(13, 16, -1.2),
    Mark(17, 20, -0.4),
]  # fmt: skip


def stripped(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_list_has_the_heaviest_in_the_order_of_the_text() -> None:
    assert listed(TEXT, MARKS) == "Win:+1.50 prize:+0.50 see:-1.20 you:-0.40"
    many = [Mark(place, place + 1, place / 100) for place in range(20)]
    assert listed("abcdefghijklmnopqrst", many).startswith("k:+0.10 l:+0.11 m:+0.12")
    assert len(listed("abcdefghijklmnopqrst", many).split()) == 10
    assert listed("a b", [Mark(1, 2, 1.0)]) == "␣:+1.00"
    assert listed("\x1b\t", [Mark(0, 1, 1.0), Mark(1, 2, -1.0)]) == "\\x1b:+1.00 \\t:-1.00"
    assert listed("a", [Mark(0, 1, float("nan"))]) == ""  # of a broken model
    assert listed("", []) == painted("", []) == ""


def test_paint_tells_side_and_strength() -> None:
    assert painted(TEXT, MARKS) == (
        "\x1b[30;46mWin\x1b[0m a \x1b[30;48;5;195mprize\x1b[0m, "
        "\x1b[30;43msee\x1b[0m \x1b[30;48;5;229myou\x1b[0m"
    )
    slight = [Mark(0, 3, 0.02), Mark(4, 5, 0.001)]
    assert painted("Win a", slight) == "\x1b[30;48;5;195mWin\x1b[0m a"


def test_a_long_text_is_shown_where_its_marks_are() -> None:
    text = "x " * 5000 + "prize" + " y" * 5000 + "free" + " z" * 500
    marks = [Mark(place, place + 1, 0.0) for place in range(0, 9000, 2)]
    marks += [Mark(10_000, 10_005, 2.0), Mark(20_005, 20_009, -2.0)]
    found = painted(text, [*marks[:8], *marks[-2:]])
    assert len(stripped(found)) < 400
    assert re.search(r"… ?x.*prize.* y ?….*free.* z ?…$", stripped(found))
    assert painted("a" * 9000, []) == "…"


@given(st.text(st.characters() | st.sampled_from("\x1b\n\t 中e\u0301"), max_size=30), st.data())
def test_paint_leaves_the_text_and_no_escape_of_its_own(text: str, data: st.DataObject) -> None:
    edges = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    marks = [Mark(a, b, data.draw(st.floats(-3, 3))) for a, b in pairs]
    found = painted(text, marks)
    cut = safe(text)
    assert stripped(found) == cut or "\x1b" not in stripped(found)
    assert len(stripped(found)) >= len(text)
    assert "\n" not in found


@pytest.mark.parametrize(
    ("terminal", "environment", "expected"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colors_are_for_terminals_that_want_them(
    terminal: bool, environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    monkeypatch.delenv("TERM", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colored() is expected
    assert ("\x1b" in shown(TEXT, MARKS)) is expected
