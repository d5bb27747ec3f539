"""`seqcli tag` as typed at the shell, and `seqcli.load(…).tag`."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_taggers
from tiny_models import write_model
from typer.testing import CliRunner, Result

from seqcli.api import load
from seqcli.cli.app import app
from seqcli.text.schemes import ill_formed

TEXTS = ["She flew to Oslo.", "", "Mary Smith saw the U.S.", "x", "\u0085 a\u2028b", "they don't"]
CONLLU = (
    "# newdoc id = d\n# text = They don't.\n"
    "1\tThey\tthey\tPRON\tPRP\t_\t2\tnsubj\t_\t_\n"
    "2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n"
    "2\tdo\tdo\tX\tMD\t_\t0\troot\t_\t_\n"
    "3\tn't\tnot\tX\tRB\t_\t2\tadvmod\t_\t_\n"
    "3.1\tgo\tgo\tVERB\t_\t_\t_\t_\t_\t_\n"
    "\n\n# text = Oslo\n"
    "1\tOslo\tOslo\tPROPN\tNNP\t_\t0\troot\t_\t_\n"
    "\n# the end\n"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_taggers.write(tmp_path_factory.mktemp("model") / "tiny.pt"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_taggers.write(tmp_path_factory.mktemp("model") / "plain.pt", "plain"))


def ask(*args: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, ["tag", *args, "--threads", "1"], input=stdin)


def stdout(*args: str, stdin: str | bytes = "") -> str:
    """Of a run that succeeds."""
    result = ask(*args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return str(result.stdout)


def documents(*args: str, stdin: str | bytes = "") -> list[dict[str, Any]]:
    told = stdout(*args, "--json", stdin=stdin)
    return [json.loads(line, parse_constant=pytest.fail) for line in told.split("\n")[:-1]]


def test_a_line_a_token_and_a_blank_one_a_sentence(model: str) -> None:
    told = stdout("--model", model, *TEXTS)
    sentences = told.removesuffix("\n").split("\n\n")
    assert told.count("\n\n") >= len(TEXTS) - 1
    words = [line.split("\t")[0] for line in sentences[0].split("\n")]
    assert words == ["She", "flew", "to", "Oslo", "."]
    assert stdout("--model", model, "-", stdin="\n".join(TEXTS)) == told
    assert stdout("--model", model, "--input", "-", stdin="\n".join(TEXTS) + "\n") == told


def test_json_says_where_spans_stand(model: str) -> None:
    found = documents("--model", model, *TEXTS)
    assert [one["text"] for one in found] == TEXTS
    keys = {"text", "tokens", "tags", "probs", "spans", "unknown_share"}
    for one in found:
        assert one.keys() == keys
        assert len(one["tokens"]) == len(one["tags"]) == len(one["probs"])
        assert not ill_formed(one["tags"], "BIO")
        for span in one["spans"]:
            assert list(span) == ["start", "end", "type", "text", "prob"]
            assert one["text"][span["start"] : span["end"]] == span["text"]
            assert 0 <= span["prob"] <= 1
    assert any(one["spans"] for one in found)
    assert found[1]["tokens"] == []
    assert found[5]["tokens"] == ["they", "do", "n't"]


def test_how_text_was_cut_is_said_aloud(model: str) -> None:
    result = ask("--model", model, "a b")
    assert "text becomes tokens: words and single symbols" in result.stderr
    assert ask("--model", model, "a b", "--quiet").stderr == ""
    told = ask("--model", model, "a.b c", "--tokenized")
    assert told.stderr == ""
    assert [line.split("\t")[0] for line in told.stdout.split("\n")[:2]] == ["a.b", "c"]


def test_conllu_keeps_all_but_the_tags(plain: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in.conllu", tmp_path / "out.conllu"
    source.write_text(CONLLU)
    stdout("--model", plain, "--input", str(source), "--output", str(out))
    before, after = CONLLU.split("\n"), out.read_text().split("\n")
    assert len(before) == len(after)
    tags = []
    for old, new in zip(before, after, strict=True):
        if not old[:1].isdigit() or "-" in old.split("\t")[0] or "." in old.split("\t")[0]:
            assert old == new
            continue
        cells, others = old.split("\t"), new.split("\t")
        tags.append(others.pop(3))
        assert cells[:3] + cells[4:] == others
    assert len(tags) == 4
    assert set(tags) <= {"ADJ", "NOUN", "VERB"}
    stdout(
        *("--model", plain, "--input", str(source), "--output", str(out)),
        *("--force", "--tag-column", "xpos"),
    )
    assert "\tPRON\t" in out.read_text()


def test_columns_gain_one(model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in.conll", tmp_path / "out.conll.gz"
    source.write_bytes(b"She PRP\nflew VBD\n\nOslo NNP\r\n")
    stdout("--model", model, "--input", str(source), "--output", str(out))
    with gzip.open(out, "rt") as file:
        rows = [line.split(" ") for line in file.read().split("\n")]
    assert [row[:2] for row in rows if len(row) > 1][:2] == [["She", "PRP"], ["flew", "VBD"]]
    assert all(len(row) == 3 for row in rows if len(row) > 1)


def test_json_lines_of_tokens_and_tables_of_texts(model: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"tokens": ["Mary Smith", "."], "id": 1}\n')
    (one,) = documents("--model", model, "--input", str(tmp_path / "t.jsonl"))
    assert one["tokens"] == ["Mary Smith", "."]
    (tmp_path / "t.csv").write_text('id,text\n7,"Mary, Smith"\n8,\n9,Oslo\n')
    assert [
        one["text"] for one in documents("--model", model, "--input", str(tmp_path / "t.csv"))
    ] == [
        "Mary, Smith",
        "",
        "Oslo",
    ]


def test_a_table_has_a_row_a_span(model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,text\n" + "".join(f"{n},Mary Smith flew to Oslo\n" for n in range(30)))
    stdout("--model", model, "--input", str(source), "--output", str(out))
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = documents("--model", model, "Mary Smith flew to Oslo")[0]["spans"]
    assert expected
    assert len(rows) == 30 * len(expected)
    for number, row in enumerate(rows):
        span = expected[number % len(expected)]
        assert row["id"] == str(number // len(expected))
        assert int(row["sentence"]) == number // len(expected) + 1
        assert row["span"] == row["text"][int(row["start"]) : int(row["end"])] == span["text"]
        assert (row["type"], float(row["prob"])) == (span["type"], span["prob"])


def test_a_table_of_plain_tags_has_a_row_a_token(plain: str, tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    stdout("--model", plain, "She flew", "Oslo", "--output", str(out))
    rows = [line.split("\t") for line in out.read_text().splitlines()]
    assert rows[0] == ["sentence", "start", "end", "token", "tag", "prob"]
    assert [row[:4] for row in rows[1:]] == [
        ["1", "0", "3", "She"],
        ["1", "4", "8", "flew"],
        ["2", "0", "4", "Oslo"],
    ]


def test_parquet_and_json_lines_out(model: str, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    stdout("--model", model, *TEXTS, "--output", str(tmp_path / "o.parquet"))
    stdout("--model", model, *TEXTS, "--output", str(tmp_path / "o.jsonl"))
    found = documents("--model", model, *TEXTS)
    lines = (tmp_path / "o.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line) for line in lines] == found
    table = pandas.read_parquet(tmp_path / "o.parquet")
    assert table["span"].tolist() == [span["text"] for one in found for span in one["spans"]]


def test_shards_are_disjoint_and_together_the_whole(model: str) -> None:
    texts = [f"Mary {n} flew" for n in range(50)]
    stream = "\n".join(texts)
    parts = [documents("--model", model, "-", "--shard", f"{n}/3", stdin=stream) for n in (1, 2, 3)]
    whole = documents("--model", model, "-", stdin=stream)
    assert [parts[n % 3][n // 3] for n in range(50)] == whole


def test_a_threshold_drops_spans(model: str, plain: str) -> None:
    (one,) = documents("--model", model, "Mary Smith flew to Oslo", "--threshold", "1")
    assert one["spans"] == []
    assert set(one["tags"]) == {"O"}
    result = ask("--model", plain, "Oslo", "--threshold", "0.5")
    assert (result.exit_code, "write none" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        ((), 2, "no text given"),
        (("a", "--input", "x.txt"), 2, "texts and --input given"),
        (("-", "a"), 2, "stands alone"),
        (("a", "--threshold", "2"), 2, "a probability expected"),
        (("a", "--force"), 2, "--force belongs to --output"),
        (("a", "--json", "--output", "x.csv"), 2, "give one of them"),
        (("a", "--output", "x.xyz"), 2, "names no format"),
        (("a", "--output", "x.parquet.gz"), 2, "names no format"),
        (("a", "--format", "conllu"), 2, "--format belongs to"),
        (("a", "--text-column", "x"), 2, "does nothing for input in the format text"),
        (("--input", "x.txt", "--format", "columnz"), 2, "unknown format"),
        (("--input", "no.conll"), 1, "no.conll"),
        (("--input", "bad.conllu"), 1, "bad.conllu, line 1"),
        (("--input", "some.csv", "--format", "jsonl"), 1, "JSON expected"),
        (("a", "--output", "there.csv"), 1, "there.csv exists"),
        (("a", "--encoding", "nonsense"), 2, "a text encoding expected"),
    ],
)
def test_what_is_wrong_is_said(
    words: tuple[str, ...],
    code: int,
    problem: str,
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.conllu").write_text("one\ttwo\n")
    (tmp_path / "some.csv").write_text("text\na\n")
    (tmp_path / "there.csv").write_text("")
    result = ask("--model", model, *words)
    assert result.exit_code == code, result.stderr
    assert problem in result.stderr
    assert result.stderr.count("error: ") == 1


def test_what_stands_before_a_fault_is_answered(model: str, tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_text("Oslo\tA\n\nMary\tB\textra\n")
    result = ask("--model", model, "--input", str(tmp_path / "x.conll"))
    assert result.exit_code == 1
    assert result.stdout.startswith("Oslo\t")
    assert "x.conll, line 3: 2 columns expected" in result.stderr


def test_other_kinds_say_what_serves_them(tmp_path: Path, model: str) -> None:
    other = str(write_model(tmp_path / "c.pt"))
    result = ask("--model", other, "x")
    assert result.exit_code == 1
    assert "a classifier; `tag` needs a tagger" in result.stderr
    wrong = CliRunner().invoke(app, ["classify", "--model", model, "x"])
    assert "a tagger; `classify` needs a classifier" in wrong.stderr
    assert f"seqcli tag --model {model}" in wrong.stderr


def test_nothing_steers_a_terminal(model: str) -> None:
    told = stdout("--model", model, "a\x1b[31mb \u202ec")
    assert "\x1b" not in told
    assert "\u202e" not in told


def test_spans_are_colored_on_a_terminal(model: str) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "seqcli", "tag", "--model", model, "--threads", "1", "--quiet"]
    env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    done = subprocess.run(
        [*command, "Mary Smith flew to Oslo"], stdout=follower, env=env, check=False, timeout=60
    )
    os.close(follower)
    told = os.read(leader, 4096).decode()
    os.close(leader)
    assert done.returncode == 0
    assert "\x1b[30;" in told
    assert "person" in told or "place" in told
    assert "\t" not in told


def test_the_first_answer_comes_before_the_input_ends(model: str) -> None:
    command = [sys.executable, "-m", "seqcli", "tag", "--model", model, "--threads", "1", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        signal.alarm(60)
        try:
            for word in ("Oslo", "Mary"):
                process.stdin.write(f"{word}\n".encode())
                process.stdin.flush()
                assert process.stdout.readline().decode().startswith(f"{word}\t")
                assert process.stdout.readline() == b"\n"
        finally:
            signal.alarm(0)
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("scheme", ["BIO", "plain"])
def test_the_surest_mistakes(scheme: str, tmp_path: Path) -> None:
    model = str(tiny_taggers.write(tmp_path / "m.pt", scheme))
    tags = ["O"] * 4 + ["B-other"] if scheme == "BIO" else ["ADP"] * 5  # none is answered so
    words = ["Mary", "Smith", "flew", "to", "Oslo"]
    rows = [*(f"{word}\t{tag}" for word, tag in zip(words, tags, strict=True)), ""]
    (tmp_path / "x.conll").write_text("\n".join(rows * 9))
    command = ["eval", "--model", model, "--data", str(tmp_path / "x.conll"), "--mistakes", "3"]
    done = CliRunner().invoke(app, [*command, "--json", "--threads", "1"])
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)["mistakes"]
    assert len(found) == 3
    assert sorted((one["prob"] for one in found), reverse=True) == [one["prob"] for one in found]
    for one in found:
        assert "[" in one["text"]
        assert one["label"] != one["predicted"]
        assert one["line"] % 6 == 1
    shown = CliRunner().invoke(app, [*command, "--threads", "1"])
    assert "mistakes, the surest first" in shown.stdout


def test_from_python(model: str, tmp_path: Path) -> None:
    opened = load(model, threads=1)
    assert opened.labels == ("O", "B-person", "I-person", "B-place", "I-place")
    assert "tagger" in repr(opened)
    table = opened.tag(["She flew to Oslo.", ["Mary", "Smith"], ""])
    assert list(table.columns) == ["text", "tokens", "tags", "probs", "spans", "unknown_share"]
    assert table["tokens"].tolist() == [
        ["She", "flew", "to", "Oslo", "."],
        ["Mary", "Smith"],
        [],
    ]
    assert table.iloc[0].to_dict() == documents("--model", model, "She flew to Oslo.")[0]
    with pytest.raises(Exception, match="needs a tagger"):
        load(write_model(tmp_path / "c.pt")).tag(["x"])
