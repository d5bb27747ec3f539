"""Files that readers trip over, and large ones: a model comes of it, or words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tiny_models import write_model

from seqcli.readers import discover
from seqcli.settings.sections import LabeledText
from torture.checks import one_error, words
from torture.conftest import Tally
from torture.forkserver import Server
from torture.runs_hurt import KINDS, SMALL, prepare


def numbered(form: str, rows: int = 30) -> bytes:
    """Rows of two labels; `{n}` is the row."""
    text = (form.replace("{n}", str(n)).replace("{l}", ("ham", "spam")[n % 2]) for n in range(rows))
    return "".join(text).encode("utf-8", "surrogatepass")


TRAPS: dict[str, tuple[bytes, str, int]] = {  # contents, the file's name, a training's exit code
    "NUL bytes": (b"ham\tone\0two\n" * 9, "d.tsv", 1),
    "invalid UTF-8": (b"ham\t\xff\xfe\xfd\n" * 9, "d.tsv", 1),
    "a lone surrogate in UTF-8": (numbered("{l}\ttext \ud800 {n}\n"), "d.tsv", 1),
    "half a character in JSON": (
        numbered('{"label": "{l}", "text": "\\ud800 {n}"}\n'),
        "d.jsonl",
        0,
    ),
    "U+0085 inside of a line": (numbered("{l}\tone\u0085two\u2028three {n}\n"), "d.tsv", 0),
    "a mark in front": (b"\xef\xbb\xbf" + numbered("{l}\ttext {n}\n"), "d.tsv", 0),
    "lines that end in CR LF": (numbered("{l}\ttext {n}\r\n"), "d.tsv", 0),
    "bare quotes": (numbered('{l}\tsay "hi {n}\n'), "d.tsv", 0),
    "quotes that do not close": (b"label,text\n" + numbered('{l},"say hi {n}\n'), "d.csv", 1),
    "one label": (b"ham\tone two three\n" * 20, "d.tsv", 1),
    "no rows": (b"label\ttext\n", "d.tsv", 1),
    "an empty file": (b"", "d.tsv", 1),
    "nothing but line ends": (b"\n" * 1000, "d.tsv", 1),
    "columns of one name": (b"text,text,label\n" + numbered("a {n},b,{l}\n"), "d.csv", 1),
    "labels that are NaN": (numbered('{"label": NaN, "text": "a {n}"}\n'), "d.jsonl", 1),
    "labels that are null": (numbered('{"label": null, "text": "a {n}"}\n'), "d.jsonl", 1),
    "the surname Null": (
        b"text,label\n" + b"".join(b"%s %d,A\n%d NA,B\n" % (b"Null", n, n) for n in range(20)),
        "d.csv",
        0,
    ),
    "texts without a word": (numbered("{l}\t \n"), "d.tsv", 0),
    "rows of other lengths": (b"a,text,label\n" + numbered("x,y,{l},z\n"), "d.csv", 1),
    "JSON that is a list": (b'[{"text": "a", "label": "b"}]\n', "d.jsonl", 1),
    "JSON nested deep": (b"[" * 100_000 + b"\n", "d.jsonl", 1),
    "a number of a million digits": (
        b'{"label": "a", "text": ' + b"1" * 10**6 + b"}\n",
        "d.jsonl",
        1,
    ),
    "labels with escapes": (numbered("\x1b[31m{l}\ttext {n}\n"), "d.tsv", 0),
    "labels in Rich's markup": (numbered("[red]{l}[/red]\ttext {n}\n"), "d.tsv", 0),
    "gzip that is none": (b"not packed", "d.tsv.gz", 1),
    "parquet that is none": (b"PAR1 nothing PAR1", "d.parquet", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap(name: str, place: Path, heavy: Server, tally: Tally) -> None:
    content, file, code = TRAPS[name]
    prepare(place, "classifier")
    (place / file).write_bytes(content)
    args = ["train", "--task", "tiny.toml", "--data", file, "--out", "out.pt", "--epochs", "1"]
    ended = heavy.run([*args, "--device", "cpu"], place, faults={"pictures": False})
    words(ended)
    assert ended.code == code, ended
    if code:
        one_error(ended, 1)
    else:
        scored = heavy.run(["eval", "--model", "out.pt", "--split", "train"], place)
        words(scored)
        assert scored.code == 0
    tally("input: the list of traps", lost=False)


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if SMALL[kind].ending])
def test_a_split_that_is_empty(
    kind: str, part: str, place: Path, heavy: Server, tally: Tally
) -> None:
    """Named in the error; so is one of line ends alone."""
    task, ending = list(prepare(place, kind)), SMALL[kind].ending
    task[task.index("data.txt")] = "parts"
    (place / "parts").mkdir()
    for name in ("train", "valid", "test"):
        (place / "parts" / f"{name}.{ending}").write_bytes((place / "data.txt").read_bytes())
    for content in ("", "\n\n\n"):
        (place / "parts" / f"{part}.{ending}").write_text(content)
        ended = heavy.run([*task, "--out", "o.pt"], place, faults={"pictures": False})
        one_error(ended, 1)
        assert part in ended.err
        tally("input: the list of traps", lost=False)


def test_null_is_a_name(place: Path, heavy: Server) -> None:
    """Not a missing value: a text, and a label."""
    rows = "".join(f"Null,{label}{n}\n" for n in range(3) for label in ("NA", "None", "nan"))
    (place / "n.csv").write_text("text,label\n" + rows)
    source = discover(place / "n.csv", LabeledText())
    found = list(source.records())
    assert {record.text for record in found} == {"Null"}
    assert {record.label[:-1] for record in found} == {"NA", "None", "nan"}


# --- what is large


@pytest.mark.torture
@pytest.mark.parametrize("content", ["a", "word ", "é\t", '"a",'])
@pytest.mark.parametrize("ending", ["tsv", "csv", "jsonl", "txt"])
def test_a_line_of_100_mb(
    ending: str, content: str, place: Path, heavy: Server, tally: Tally
) -> None:
    """Read, or refused, in memory that is a small multiple of it."""
    line = content * ((100 << 20) // len(content.encode()))
    heads = {"tsv": "ham\tx\nspam\t", "csv": "label,text\nham,x\nspam,", "txt": ""}
    if ending == "jsonl":
        text = '{"label": "a", "text": "x"}\n' + json.dumps({"label": "b", "text": line}) + "\n"
    else:
        text = heads[ending] + line + "\n"
    (place / f"d.{ending}").write_text(text)
    write_model(place / "m.pt")
    for args in (
        [
            "classify",
            "--model",
            "m.pt",
            "--input",
            f"d.{ending}",
            "--quiet",
            "--output",
            "o.csv",
            "--force",
        ],
        [
            "train",
            "--task",
            "text",
            "--data",
            f"d.{ending}",
            "--out",
            "o.pt",
            "--max-steps",
            "1",
            "--force",
        ],
    ):
        ended = heavy.run([*args, "--force"], place, timeout=1200, faults={"pictures": False})
        words(ended)
        assert ended.memory < 5 << 30, ended
        tally("input: a line of 100 MB", lost=False)


@pytest.mark.torture
def test_a_million_labels(place: Path, heavy: Server, tally: Tally) -> None:
    """Trained, saved, scored and used, or refused in words."""
    (place / "d.tsv").write_text("".join(f"l{n}\tword {n % 977}\n" for n in range(10**6)))
    prepare(place, "classifier")
    args = ["train", "--task", "tiny.toml", "--data", "d.tsv", "--out", "o.pt", "--max-steps", "1"]
    ended = heavy.run([*args, "--set", "data.repeats=keep"], place)
    words(ended)
    assert ended.memory < 6 << 30, ended
    if ended.code == 0:
        used = heavy.run(["classify", "--model", "o.pt", "word 7"], place)
        words(used)
        assert used.code == 0
    tally("input: a million labels", lost=False)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if SMALL[kind].ending])
@pytest.mark.parametrize("odd", ["/dev/zero", "/dev/full", "/dev/null", "pipe", "loop", "folder"])
def test_data_that_is_no_file(
    odd: str, kind: str, place: Path, heavy: Server, tally: Tally
) -> None:
    (place / "folder").mkdir()
    (place / "loop").symlink_to("loop")
    os.mkfifo(place / "pipe")
    task = list(prepare(place, kind))
    task[task.index("data.txt")] = odd
    one_error(heavy.run([*task, "--out", "o.pt"], place), 1)
    tally("input: what is no file", lost=False)
