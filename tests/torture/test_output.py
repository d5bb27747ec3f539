"""Strings out of files never steer a terminal or Rich, and never become formulas unasked."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
from pathlib import Path

import pytest
import tiny_language
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import write_model

from seqcli.answers.formulas import guard
from torture.checks import STEERING
from torture.conftest import Tally
from torture.forkserver import Server

PAYLOADS = (
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[31m",
    "\x9b31m",
    "\x08\x08\x08",
    "\x7f",
    "\u202eexe",
    "[red]r[/red]",
    "[/]",
    "[link=http://x]x[/link]",
    ":smile:",
)
# Rich's own bar: colors, cursor, erasing a line.
OWN = re.compile(r"\x1b\[[\d;]*[mKAGJH]|\x1b\[\?25[lh]|\r")


def clean(text: str, payload: str) -> None:
    """Nothing that steers; markup stands as it was written."""
    assert not STEERING.search(text), repr(STEERING.search(text))
    if payload.isprintable() and payload in ("[red]r[/red]", ":smile:"):
        assert payload in text


SAMPLED = [
    payload if place in (1, 6) else pytest.param(payload, marks=pytest.mark.torture)
    for place, payload in enumerate(PAYLOADS)
]


@pytest.mark.parametrize("payload", SAMPLED)
def test_labels_words_and_names(payload: str, place: Path, heavy: Server, tally: Tally) -> None:
    """In every place of a file that a command shows."""
    data = place / f"d{payload.replace('/', '_')}.tsv"
    data.write_text("".join(f"{payload}{n % 2}\tword{payload} {n}\n" for n in range(30)))
    title = json.dumps(payload)  # TOML spells it alike, but for U+007F
    title = title.replace("\x7f", "\\u007f")
    (place / "t.toml").write_text(
        f'kind = "classifier"\n[about]\ntitle = {title}\nsource = {title}\n'
        "[model]\nembed = 4\nhidden = [3]\n[train]\nepochs = 1\n"
    )
    (place / "bad.csv").write_text(f"{payload},b\n1,2\n")
    commands = [
        ["train", "--task", "t.toml", "--data", data.name, "--out", "o.pt", "--threads", "1"],
        ["eval", "--model", "o.pt"],
        ["eval", "--model", "o.pt", "--json"],
        ["classify", "--model", "o.pt", "--top-k", "2", f"some {payload}"],
        ["classify", "--model", "o.pt", "--probs", "--json", f"some {payload}"],
        ["classify", "--model", "o.pt", "--input", "bad.csv"],
        ["classify", "--model", "o.pt", "--input", data.name, "--output", f"{payload}.csv"],
        ["classify", "--model", f"{payload}.pt", "x"],
        ["eval", "--model", "o.pt", "--data", "bad.csv", "--text-column", payload],
        ["eval", "--model", "o.pt", "--data", "bad.csv", "--debug"],
        ["train", "--task", payload],
        ["train", "--task", "t.toml", "--set", f"model.{payload}=1"],
        ["train", "--task", "t.toml", "--data", data.name, "--out", "p.pt", "--cell", payload],
        [f"--{payload}"],
        [payload],
        ["params", f"--{payload}"],
    ]
    for args in commands:
        ended = heavy.run(args, place, faults={"pictures": False})
        assert "Traceback" not in ended.err or "--debug" in args
        clean(ended.err, "")
        clean(ended.out, "")
        tally("output: a string that steers, by command", lost=False)
    shown = heavy.run(["eval", "--model", "o.pt"], place).out
    clean(shown, payload)


@pytest.mark.parametrize("payload", SAMPLED)
def test_what_a_language_model_says(payload: str, place: Path, heavy: Server, tally: Tally) -> None:
    kind, network = tiny_language.tiny(["<unk>", "<eos>", payload, "a"])
    tiny_language.write(place / "m.pt", kind, network)
    for more in ([], ["--json"], ["--stream"]):
        args = ["sample", "--model", "m.pt", "--prompt", payload, "--seed", "1", *more]
        ended = heavy.run(args, place)
        assert ended.code == 0, ended
        clean(ended.out, payload)
        clean(ended.err, "")
        tally("output: a string that steers, by command", lost=False)


@pytest.mark.parametrize(
    "payloads", [PAYLOADS[1:2], pytest.param(PAYLOADS, marks=pytest.mark.torture)]
)
def test_on_a_terminal(payloads: tuple[str, ...], place: Path, heavy: Server, tally: Tally) -> None:
    """Where Rich draws: what it draws of its own is taken off, and nothing else steers."""
    for payload in payloads:
        (place / "d.tsv").write_text("".join(f"{payload}{n % 2}\tword {n}\n" for n in range(30)))
        (place / "t.toml").write_text('kind = "classifier"\n[train]\nepochs = 2\n')
        train = ["train", "--task", "t.toml", "--data", "d.tsv", "--out", "o.pt", "--force"]
        for args in (train, ["eval", "--model", "o.pt"], ["classify", "--model", "o.pt", "a"]):
            shown = on_a_terminal(heavy, place, args)
            rest = OWN.sub("", shown)
            assert not STEERING.search(rest), repr(rest)
            tally("output: a string that steers, on a terminal", lost=False)


def on_a_terminal(server: Server, place: Path, args: list[str]) -> str:
    """What a command writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    child = server.start(args, place, out=name, err=name, env={"TERM": "xterm", "COLUMNS": "80"})
    got = b""
    ended = None
    os.set_blocking(ours, False)
    while ended is None:
        done = child.phase() == "ended"
        try:
            while piece := os.read(ours, 1 << 16):
                got += piece
        except BlockingIOError:
            pass
        if done:
            ended = child.wait()
    os.close(theirs)
    os.close(ours)
    assert ended.code == 0, got
    return got.decode("utf-8", "replace")


FORMULAS = ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "＝1", '=HYPERLINK("http://x")']
PLAIN = ["text", "-1.5", "+3e-7", "", "a=b", "'=1", "1-2", " =1"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz"])
def test_cells_are_guarded_only_if_asked(
    ending: str, place: Path, heavy: Server, tally: Tally
) -> None:
    import gzip

    write_model(place / "m.pt", ("=danger", "plain", "-5"))
    rows = [{"text": cell, "=other": cell} for cell in [*FORMULAS, *PLAIN]]
    (place / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    args = ["classify", "--model", "m.pt", "--input", "in.jsonl", "--force"]
    args += ["--output", f"o.{ending}"]
    for more, safe in (([], False), (["--safe-csv"], True)):
        ended = heavy.run([*args, *more], place)
        assert ended.code == 0, ended
        assert ("begin like a formula" in ended.err) == safe
        content = (place / f"o.{ending}").read_bytes()
        text = (gzip.decompress(content) if ending.endswith("gz") else content).decode()
        table = list(
            csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "tsv" in ending else ",")
        )
        assert len(table) == len(rows) + 1
        risky = [cell for row in table for cell in row if guard(cell) != cell]
        assert bool(risky) != safe, risky
        tally("output: cells that a spreadsheet would compute", lost=False)
    assert [row[0] for row in table[len(FORMULAS) + 1 :]] == PLAIN


@pytest.mark.parametrize("output", ["o.jsonl", "o.parquet", None])
def test_safe_csv_belongs_to_csv(output: str | None, place: Path, heavy: Server) -> None:
    write_model(place / "m.pt")
    more = [] if output is None else ["--output", output]
    ended = heavy.run(["classify", "--model", "m.pt", "--safe-csv", *more, "x"], place)
    assert ended.code == 2
    assert "--safe-csv" in ended.err


@given(st.text(max_size=8))
def test_a_guarded_cell_is_no_formula(text: str) -> None:
    safe = guard(text)
    assert guard(safe) == safe
    assert safe in (text, f"'{text}")
