"""What `classify` and `tag` make of what they are given: streams, folders, names of files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_model
from tiny_taggers import write as write_tagger
from typer.testing import CliRunner, Result

from seqcli.cli.app import app
from seqcli.modelfile import storage

TEXTS = ["win a prize", "see you\nat six", "late"]
CSV = 'id,what\n1,win a prize\n2,"see you\nat six"\n3,late\n'
ROWS = [{"id": number, "what": text} for number, text in enumerate(TEXTS)]
JSON = "".join(f"{json.dumps(row)}\n" for row in ROWS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that was trained on the column "what"."""
    path = write_model(tmp_path_factory.mktemp("model") / "tiny.pt")
    whole = storage.load(path)
    data = {**whole.description["data"], "columns": {"text": "what", "label": "label"}}
    storage.save(path, {**whole.description, "data": data}, whole.tensors)
    return str(path)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tagger(tmp_path_factory.mktemp("model") / "tagger.pt"))


def ask(command: str, model: str, *args: str, stdin: str | bytes = "") -> Result:
    line = [command, "--model", model, *args, "--threads", "1"]
    result = CliRunner().invoke(app, line, input=stdin)
    assert "Traceback" not in result.output
    return result


def texts(model: str, *args: str, stdin: str | bytes = "") -> list[str]:
    """The texts that were read."""
    result = ask("classify", model, "--json", *args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line)["text"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    "stdin",
    [
        CSV,
        f"\ufeff{CSV}",
        CSV.replace(",", ";"),
        CSV.replace("\n", "\r\n").replace("you\r\n", "you\n"),
        JSON,
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n".join(json.dumps(row, indent=1) for row in ROWS),
    ],
)
@pytest.mark.parametrize("place", ["-", "--input", "/dev/stdin"])
def test_tables_come_on_stdin(model: str, stdin: str, place: str) -> None:
    args = ["--input", "-"] if place == "--input" else ["--input", place] if "/" in place else ["-"]
    assert texts(model, *args, stdin=stdin) == TEXTS
    told = ask("classify", model, *args, stdin=stdin).stderr
    assert told.startswith("stdin: read as ")
    assert "'what' (--format lines: as it is)" in told
    assert ask("classify", model, *args, "--quiet", stdin=stdin).stderr == ""
    assert texts(model, *args, "--format", "lines", stdin=stdin) == [
        line.removeprefix("\ufeff").removesuffix("\r") for line in stdin.rstrip("\n").split("\n")
    ]


@pytest.mark.parametrize(
    ("stdin", "count", "words"),
    [
        ('{"body": "win"}\n{"body": "late"}\n', 2, "--text-column NAME reads a field of: body"),
        ("what\nwin\n", 2, "--format csv takes it as a header"),
        ("ham\twin\n", 1, "--format tsv leaves the label out"),
        ("review,please\n", 1, ""),
        ("review,please\nwin the late prize\n", 2, ""),
        ("text, please\nyes, it is\n", 2, ""),
        ("[spam] hello\n", 1, ""),
        ("{\n", 1, ""),
        ("[\n", 1, ""),
        ("{not json}\n", 1, ""),
        ('{"what": "win"} and more\n', 1, ""),
        ("3\n", 1, ""),
        ("\n\n", 2, ""),
    ],
)
def test_what_is_in_doubt_is_a_text_and_said(
    model: str, stdin: str, count: int, words: str
) -> None:
    result = ask("classify", model, "-", stdin=stdin)
    assert (result.exit_code, result.stdout.count("\n")) == (0, count)
    assert words in result.stderr
    assert bool(words) == bool(result.stderr)


def test_formats_that_are_named(model: str, tmp_path: Path) -> None:
    assert texts(model, "-", "--format", "csv", stdin="what\nwin\n\nlate\n") == ["win", "", "late"]
    assert texts(model, "-", "--format", "tsv", stdin="ham\twin\nspam\tlate\n") == ["win", "late"]
    column = ("--text-column", "2")
    assert texts(model, "-", "--format", "csv", *column, stdin="1,win\n2,late\n") == ["win", "late"]
    assert texts(model, "-", "--text-column", "body", stdin='{"body": "win"}') == ["win"]
    assert texts(model, "-", "--format", "jsonl", stdin=JSON) == TEXTS
    (tmp_path / "odd").write_text(CSV)
    assert texts(model, "--input", str(tmp_path / "odd")) == TEXTS
    assert texts(model, "--input", str(tmp_path / "odd"), "--format", "lines")[0] == "id,what"
    quoted = ask("classify", model, "-", "--format", "tsv", stdin='id\twhat\n1\t"win"\n2\t"late"\n')
    assert quoted.stdout.count("\n") == 2
    assert quoted.stderr.count("quotes in a stream of tsv are a part of the text") == 1


@pytest.mark.parametrize(
    ("args", "stdin", "words"),
    [
        ((), "id,what\n1,win\n2,a,b\n", "stdin, line 3: 2 columns (id, what) expected, 3 found"),
        ((), f'{JSON}{{"id": 9}}\n', "stdin, line 4: key 'what' expected"),
        ((), 'id,what\n1,win\n2,"late\n', "stdin, line 3: a csv row expected"),
        (("--format", "csv"), "a,b\n1,2\n", "what / text / sentence / message / review expected"),
        (("--text-column", "what"), "a,b\n1,2\n", "a column 'what' expected, a text found: a,b"),
        (("--format", "lines", "--text-column", "what"), "a\n", "does nothing for lines"),
        (("--format", "parquet"), "a\n", "parquet cannot be read from a stream"),
    ],
)
def test_errors_of_streams(model: str, args: tuple[str, ...], stdin: str, words: str) -> None:
    result = ask("classify", model, "-", *args, stdin=stdin)
    assert result.exit_code in (1, 2)
    assert words in result.stderr
    if not args:  # what stands before the fault is answered
        assert result.stdout.startswith(("ham\t", "spam\t"))


@pytest.mark.parametrize(
    "parts",
    [
        ("id,what\n1,win\n", '2,"la', 'te"\n'),
        ('id,text\n1,"win\nhi"\n', '2,"la\n', 'te"\n'),
        ('{"what": "win"}\n', '{"what": "la', 'te"}\n'),
        ('[\n{\n"what": "win"\n},\n', '{"what": ', '"late"}]\n'),
        ("win\n", "la", "te\n"),
    ],
)
def test_the_first_answer_comes_before_the_input_ends(model: str, parts: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "seqcli", "classify", "--model", model, "-", "--threads", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write((parts[0] + parts[1]).encode())
        assert process.stdout.readline().endswith(b"\n")  # hangs where nothing comes
        process.stdin.write(parts[2].encode())
        process.stdin.close()
        assert len(process.stdout.readlines()) == 1
        assert process.wait() == 0


def test_a_named_pipe_is_a_stream(model: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["sh", "-c", 'cat > "$0"', tmp_path / "pipe"], stdin=-1) as writer:
        assert writer.stdin is not None
        writer.stdin.write(CSV.encode())
        writer.stdin.close()
        assert texts(model, "--input", str(tmp_path / "pipe")) == TEXTS


def test_names_of_files_are_said_to_be_read_as_texts(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("win\n")
    result = ask("classify", model, "a.txt", "win", "b.txt")
    assert result.stdout.count("\n") == 3
    assert result.stderr.startswith("2 of the texts are names of files ('a.txt', ...)")
    assert "--input FOLDER" in result.stderr
    assert "'b.txt' is the name of a file" in ask("classify", model, "b.txt").stderr
    assert "which is a file, is read as a text" in ask("classify", model, "-", stdin="a.txt").stderr
    assert ask("classify", model, "win", "x" * 5000, "a\0b").stderr == ""


def test_a_folder_has_a_text_a_file(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "b.txt").write_text("win\nlate\n")
    (folder / "a.txt").write_text("")
    (folder / "deep" / "er" / "c").write_text("prize")
    (folder / "README.md").write_text("not one")
    (folder / ".hidden").write_bytes(b"\0")
    (folder / "deep" / "loop").symlink_to(folder)
    assert texts(model, "--input", str(folder)) == ["", "win\nlate", "prize"]
    result = ask("classify", model, "--input", str(folder), "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["path"] for row in rows] == [
        str(folder / name) for name in ("a.txt", "b.txt", "deep/er/c")
    ]
    target = tmp_path / "out.jsonl"
    assert ask("classify", model, "--input", str(folder), "--output", str(target)).exit_code == 0
    written = [json.loads(line) for line in target.read_text().splitlines()]
    assert [list(row) for row in written] == [["path", "text", "label", "prob"]] * 3
    assert texts(model, "--input", str(folder), "--shard", "2/2") == ["win\nlate"]
    assert texts(model, "--input", str(folder / "b.txt"), "--documents") == ["win\nlate"]
    assert texts(model, "-", "--documents", stdin="win\nlate\n") == ["win\nlate"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("b.txt", b"a\0b", "b.txt, line 1: text expected, a NUL character found"),
        ("b.txt", b"\xff", "b.txt, line 1: utf-8 text expected"),
        ("b.bin", b"\x1f\x8bxx", "b.bin: text expected, gzip found"),
        ("b.csv", b"a,b\n", "a folder of texts expected, tables found: b.csv"),
    ],
)
def test_files_that_are_no_texts_are_named(
    model: str, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / "a.txt").write_text("win")
    (tmp_path / name).write_bytes(content)
    result = ask("classify", model, "--input", str(tmp_path))
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stdout.count("\n") == (name != "b.csv")


def test_a_folder_without_files(model: str, tmp_path: Path) -> None:
    result = ask("classify", model, "--input", str(tmp_path))
    assert (result.exit_code, "at least one file expected" in result.stderr) == (1, True)
    (tmp_path / "a").write_text("win")
    result = ask("classify", model, "--input", str(tmp_path), "--format", "csv")
    assert (result.exit_code, "does nothing for documents" in result.stderr) == (2, True)


def test_the_column_of_the_training_goes_before_the_usual_ones(model: str, tmp_path: Path) -> None:
    for name, content in (
        ("a.csv", "text,what\nlate,win\n"),
        ("a.tsv", "text\twhat\nlate\twin\n"),
        ("a.jsonl", '{"text": "late", "what": "win"}\n'),
    ):
        (tmp_path / name).write_text(content)
        assert texts(model, "--input", str(tmp_path / name)) == ["win"]
        column = ("--text-column", "text")
        assert texts(model, "--input", str(tmp_path / name), *column) == ["late"]
    (tmp_path / "b.csv").write_text("id,message\n1,win\n")
    result = ask("classify", model, "--input", str(tmp_path / "b.csv"))
    assert result.stdout.count("\n") == 1
    assert "no column 'what', which the model was trained on: 'message' is read" in result.stderr
    (tmp_path / "c.csv").write_text("id,other\n1,win\n")
    result = ask("classify", model, "--input", str(tmp_path / "c.csv"))
    assert (result.exit_code, "found: id, other" in result.stderr) == (1, True)


def test_what_is_mostly_unknown_is_said_behind_all_else(model: str) -> None:
    asked = ("", "zzz qqq", "win zzz", "win a prize")
    plain = [line.split("\t") for line in ask("classify", model, *asked).stdout.splitlines()]
    assert [line[2:] for line in plain] == [["unknown 1.00"], ["unknown 1.00"], [], []]
    limit = ("--max-unknown", "0.5", "--abstain-label", "?")
    limited = ask("classify", model, *asked, *limit).stdout.splitlines()
    assert [line.split("\t")[0] for line in limited] == ["?", "?", plain[2][0], plain[3][0]]
    rows = ask("classify", model, *asked, *limit, "--json").stdout.splitlines()
    assert [json.loads(row)["unknown_share"] for row in rows] == [1, 1, 0.5, 0]
    assert [json.loads(row)["label"] for row in rows][:2] == ["?", "?"]


def tagged(tagger: str, *args: str, stdin: str = "") -> list[dict[str, Any]]:
    result = ask("tag", tagger, "--json", *args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_tagger_reads_streams_alike(tagger: str, tmp_path: Path) -> None:
    said = tagged(tagger, "she flew", "to Oslo")
    for stdin in (
        "she flew\nto Oslo\n",
        'id,text\n1,she flew\n2,"to Oslo"\n',
        '{"text": "she flew"}\n{"text": "to Oslo"}\n',
    ):
        assert tagged(tagger, "-", stdin=stdin) == said
    lists = '{"tokens": ["she", "flew"]}\n{"tokens": ["to", "Oslo"]}\n'
    assert [row["tokens"] for row in tagged(tagger, "-", stdin=lists)] == [
        ["she", "flew"],
        ["to", "Oslo"],
    ]
    assert len(tagged(tagger, "-", "--format", "lines", stdin=lists)) == 2
    assert len(tagged(tagger, "-", "--format", "csv", stdin="text\nshe flew\n")) == 1
    doubt = ask("tag", tagger, "-", stdin="Oslo\tB-LOC\n")
    assert "--format columns: a token a line" in doubt.stderr
    (tmp_path / "a.txt").write_text("she flew\n")
    named = ask("tag", tagger, str(tmp_path / "a.txt"))
    assert "is the name of a file" in named.stderr
    assert "--input FILE reads what is in it" in named.stderr
