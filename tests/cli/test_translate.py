"""`seqcli translate` as typed at the shell, and `seqcli.load(…).translate`."""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_translators
from tiny_models import write_model
from typer.testing import CliRunner, Result

from seqcli.api import load
from seqcli.cli.app import app

TEXTS = ["ein hund schläft", "", "die katze", "x", "eine katze schläft eine katze", "  ", "hund"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_translators.write(tmp_path_factory.mktemp("model") / "tiny.pt"))


def ask(*args: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, ["translate", *args, "--threads", "1"], input=stdin)


def stdout(*args: str, stdin: str | bytes = "") -> str:
    """Of a run that succeeds."""
    result = ask(*args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return str(result.stdout)


def documents(*args: str, stdin: str | bytes = "") -> list[dict[str, Any]]:
    told = stdout(*args, "--json", stdin=stdin)
    return [json.loads(line, parse_constant=pytest.fail) for line in told.split("\n")[:-1]]


def test_a_line_for_each_text_in_order(model: str) -> None:
    lines = stdout("--model", model, *TEXTS).split("\n")[:-1]
    assert len(lines) == len(TEXTS)
    assert [bool(line) for line in lines] == [bool(text.strip()) for text in TEXTS]
    assert "<unk>" not in " ".join(lines)
    stdin = "\n".join(TEXTS) + "\n"
    assert stdout("--model", model, "-", stdin=stdin).split("\n")[:-1] == lines
    assert stdout("--model", model, "--input", "-", stdin=stdin).split("\n")[:-1] == lines


def test_json_says_what_was_read_and_written(model: str) -> None:
    found = documents("--model", model, *TEXTS, "--n-best", "3")
    assert [one["source"] for one in found] == TEXTS
    for text, one in zip(TEXTS, found, strict=True):
        assert {"source", "text", "score", "alternatives", "attention", "unknown_share"} < set(one)
        scores = [other["score"] for other in one["alternatives"]]
        assert scores == sorted(scores, reverse=True)
        assert one["alternatives"][0] == {"text": one["text"], "score": one["score"]}
        assert len(one["alternatives"]) == (3 if text.strip() else 1)
        assert one["source_tokens"] == text.split()
        if one["tokens"]:
            rows = one["attention"]
            assert len(rows) == len(one["tokens"])
            assert all(len(row) == len(text.split()) + 1 for row in rows)  # and the end mark
            assert all(sum(row) == pytest.approx(1, abs=0.001) for row in rows)
    assert found[1]["attention"] is None
    assert found[3]["unknown_share"] == 1.0


def test_an_answer_hangs_on_nothing_else(model: str) -> None:
    for extra in (["--beam", "3", "--n-best", "2"], ["--greedy"], ["--no-repeat", "2"]):
        together = documents("--model", model, *TEXTS, *extra)
        alone = [documents("--model", model, text, *extra)[0] for text in TEXTS]
        for one, other in zip(together, alone, strict=True):
            assert one["text"] == other["text"]
            assert one["score"] == pytest.approx(other["score"], abs=2e-4)


def test_a_beam_of_one_is_greedy(model: str) -> None:
    greedy = stdout("--model", model, *TEXTS, "--greedy", "--max-tokens", "20")
    for same in (["--beam", "1"], ["--temperature", "0"], ["--greedy", "--beam", "1"]):
        assert stdout("--model", model, *TEXTS, *same, "--max-tokens", "20") == greedy


def test_n_best_stand_on_one_line(model: str) -> None:
    told = stdout("--model", model, "ein hund", "", "--n-best", "2").split("\n")[:-1]
    cells = told[0].split("\t")
    assert len(cells) == 4
    assert float(cells[1]) >= float(cells[3])
    assert told[1] == "\t0.0000"


def test_options_do_what_they_say(model: str) -> None:
    short = documents("--model", model, "ein hund", "--max-tokens", "2")[0]
    assert len(short["tokens"]) <= 2
    result = ask("--model", model, "ein hund", "hund", "--greedy", "--max-tokens", "3")
    assert "2 of 2 outputs are cut at the most tokens" in result.stderr
    tokens = documents("--model", model, "ein hund", "--greedy", "--no-repeat", "1")[0]["tokens"]
    assert tokens
    assert len(set(tokens)) == len(tokens)
    plain = documents("--model", model, "ein hund", "--length-penalty", "0", "--n-best", "4")[0]
    long = documents("--model", model, "ein hund", "--length-penalty", "3", "--n-best", "4")[0]
    assert len(plain["text"]) < len(long["text"])


def test_what_is_drawn_goes_by_seed_and_place(model: str) -> None:
    options = ["--temperature", "1.5", "--seed", "7", "--max-tokens", "8"]
    lines = stdout("--model", model, *TEXTS, *options).split("\n")
    assert stdout("--model", model, *TEXTS, *options).split("\n") == lines
    assert stdout("--model", model, *TEXTS, *options[:2], "--seed", "8").split("\n") != lines
    parts = [
        stdout("--model", model, *TEXTS, *options, "--shard", f"{place}/3").split("\n")[:-1]
        for place in (1, 2, 3)
    ]
    assert [parts[row % 3][row // 3] for row in range(len(TEXTS))] == lines[:-1]
    several = documents("--model", model, "hund", *options, "--n-best", "4")[0]["alternatives"]
    assert len({one["text"] for one in several}) > 1
    result = ask("--model", model, "hund", "--temperature", "1")
    assert result.stderr.startswith("seed ")


def test_the_unknown_word_becomes_the_one_that_was_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "unk.pt"
    kind, network = tiny_translators.tiny(data={"lowercase": True})
    state = network.state_dict()
    state["output.bias"][0] += 3  # unknown is what it would write
    state["output.bias"][1] += 2
    tiny_translators.write(path, data={"lowercase": True}, weights=state)
    assert kind.target.vocab.to_list()[0] == "<unk>"
    plain = documents("--model", str(path), "Der Hund ZZZ", "--greedy")[0]
    assert "<unk>" not in plain["text"]
    copied = documents("--model", str(path), "Der Hund ZZZ", "--greedy", "--replace-unknown")[0]
    looked = [row[:3].index(max(row[:3])) for row in copied["attention"]]
    words = [["Der", "Hund", "ZZZ"][place] for place in looked]
    assert copied["tokens"]
    assert copied["tokens"][0] == words[0]
    assert set(copied["tokens"]) <= {*words, *kind.target.vocab.to_list()[2:]}
    assert copied["text"] == " ".join(copied["tokens"])


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "csv.gz", "parquet"])
def test_tables_keep_the_columns_of_the_input(model: str, tmp_path: Path, ending: str) -> None:
    source = tmp_path / "in.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["id", "text", "score"], *([n, t, 9] for n, t in enumerate(TEXTS))]
        )
    out = tmp_path / f"out.{ending}"
    result = ask("--model", model, "--input", str(source), "--output", str(out), "--n-best", "2")
    assert result.exit_code == 0, result.stderr
    assert "the input has a column 'score': the answers are in 'predicted_score'" in result.stderr
    assert f"{out}: {len(TEXTS)} rows" in result.stderr
    rows = read(out)
    names = ["id", "text", "score", "translation", "predicted_score", "translation_2", "score_2"]
    assert list(rows[0]) == names
    lines = stdout("--model", model, *TEXTS, "--beam", "5").split("\n")[:-1]
    assert [row["translation"] for row in rows] == lines
    assert [row["text"] for row in rows] == TEXTS


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet

        found: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
        return found
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    sign = "\t" if path.suffix == ".tsv" else ","
    return list(csv.DictReader(text.splitlines(), delimiter=sign))


def test_a_text_file_has_a_line_for_each_line(model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in.de", tmp_path / "out.txt"
    source.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    stdout("--model", model, "--input", str(source), "--output", str(out))
    assert out.read_text() == stdout("--model", model, *TEXTS)
    packed = tmp_path / "out.txt.gz"
    stdout("--model", model, "--input", str(source), "--output", str(packed))
    assert gzip.decompress(packed.read_bytes()) == out.read_bytes()
    result = ask("--model", model, "hund", "--output", str(out))
    assert result.exit_code == 1
    assert "exists" in result.stderr
    stdout("--model", model, "hund", "--output", str(out), "--force")
    assert out.read_text() == stdout("--model", model, "hund")


def test_a_picture_of_attention(model: str, tmp_path: Path) -> None:
    path = tmp_path / "look.png"
    result = ask("--model", model, "ein hund schläft", "--attention", str(path))
    assert result.exit_code == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert f"picture: {path}" in result.stderr
    assert ask("--model", model, "ein hund", "--attention", str(path)).exit_code == 1
    told = stdout("--model", model, "ein hund", "--attention", str(path), "--force", "--quiet")
    assert told == stdout("--model", model, "ein hund")
    for texts in (["a", "b"], ["-"], ["--input", "x.txt"]):
        assert ask("--model", model, *texts, "--attention", "new.png").exit_code == 2
    assert ask("--model", model, "a", "--attention", "new.jpg").exit_code == 2
    empty = ask("--model", model, "", "--attention", str(tmp_path / "empty.png"))
    assert empty.exit_code == 1
    assert not (tmp_path / "empty.png").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--beam", "0"],
        ["--beam", "1001"],
        ["--n-best", "0"],
        ["--beam", "2", "--n-best", "3"],
        ["--greedy", "--n-best", "2"],
        ["--greedy", "--beam", "3"],
        ["--greedy", "--temperature", "1"],
        ["--beam", "3", "--temperature", "1"],
        ["--temperature", "-1"],
        ["--temperature", "nan"],
        ["--seed", "3"],
        ["--temperature", "1", "--seed", "-3"],
        ["--length-penalty", "-0.1"],
        ["--length-penalty", "nan"],
        ["--max-tokens", "0"],
        ["--no-repeat", "-1"],
        ["--shard", "3/2"],
        ["--force"],
        ["--json", "--output", "x.csv"],
        ["--output", "x.doc"],
        ["--output", "x.parquet.gz"],
        ["--text-column", "a"],
        ["--input", "x.csv"],
        ["--beams", "3"],
    ],
)
def test_options_without_a_meaning(model: str, options: list[str]) -> None:
    result = ask("--model", model, "ein hund", *options)
    assert result.exit_code == 2
    errors = result.stderr.splitlines()
    assert errors[0].startswith("error: ")
    assert "Traceback" not in result.stderr
    assert len(errors) <= 2


def test_a_model_of_another_kind(tmp_path: Path, model: str) -> None:
    other = tmp_path / "spam.pt"
    write_model(other)
    result = ask("--model", str(other), "x")
    assert result.exit_code == 1
    assert "`translate` needs a translator" in result.stderr
    for command in (["classify", "x"], ["tag", "x"], ["sample"]):
        done = CliRunner().invoke(app, [*command, "--model", model])
        assert done.exit_code == 1
        assert "a translator" in done.stderr
        assert "seqcli translate" in done.stderr


def test_wrong_files(model: str, tmp_path: Path) -> None:
    latin = tmp_path / "latin.txt"
    latin.write_bytes("ein hund\nschläft\n".encode("latin-1"))
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "none.csv").write_text("id,words\n1,hund\n")
    for path, words in (
        (latin, "latin.txt, line 2: "),
        (tmp_path / "empty.csv", "empty.csv"),
        (tmp_path / "none.csv", "none.csv, line 1: "),
        (tmp_path / "missing.txt", "missing.txt"),
        (tmp_path, str(tmp_path)),
    ):
        result = ask("--model", model, "--input", str(path))
        assert result.exit_code == 1, path
        assert f"error: {'' if path == tmp_path else tmp_path}" in result.stderr
        assert words in result.stderr
    assert stdout("--model", model, "--input", str(latin), "--encoding", "latin-1").count("\n") == 2
    nothing = tmp_path / "empty.txt"
    nothing.write_text("")
    assert ask("--model", model, "--input", str(nothing)).exit_code in (0, 1)
    assert stdout("--model", model, "-", stdin="") == ""
    result = ask("--model", model, "-", stdin=b"ein hund\n" + b"\xe4\n")
    assert result.exit_code == 1
    assert result.stdout == stdout("--model", model, "ein hund")


def test_a_very_long_line_is_cut(model: str) -> None:
    result = ask("--model", model, "-", "--max-tokens", "5", stdin="hund " * 40_000 + "\nhund\n")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 2
    assert "1 of 2 texts are longer than the model reads: cut" in result.stderr
    assert result.stdout.split("\n")[1] + "\n" == stdout(
        "--model", model, "hund", "--max-tokens", "5"
    )


def test_the_first_answer_comes_before_the_input_ends(model: str) -> None:
    command = [sys.executable, "-m", "seqcli", "translate", "--model", model, "--threads", "1", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(b"ein hund\n")
        process.stdin.flush()
        assert process.stdout.readline().decode() == stdout("--model", model, "ein hund")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == b""


def test_a_reader_that_has_had_enough(model: str) -> None:
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", "seqcli", "translate", "--model", model, "--threads", "1", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=write_end, stderr=subprocess.PIPE
    ) as process:
        os.close(write_end)
        os.close(read_end)
        _, stderr = process.communicate(b"ein hund\n" * 20)
    assert process.returncode == 0
    assert stderr == b""


def test_from_python(model: str) -> None:
    loaded = load(model, threads=1)
    table = loaded.translate(TEXTS, beam=3)
    assert list(table.columns) == [
        *("source", "text", "score", "alternatives", "attention", "unknown_share"),
        *("source_tokens", "tokens"),
    ]
    lines = stdout("--model", model, *TEXTS, "--beam", "3").split("\n")[:-1]
    assert table["text"].tolist() == lines
    assert table["attention"].isna().all()
    looked = loaded.translate(["ein hund"], attention=True, n_best=2)
    assert len(looked["attention"][0]) == len(looked["tokens"][0])
    assert len(looked["alternatives"][0]) == 2
    with pytest.raises(TypeError, match="a list of texts expected"):
        loaded.translate("ein hund")
    drawn = loaded.translate(["hund"] * 3, temperature=2.0, seed=1, max_tokens=9)
    assert drawn.equals(loaded.translate(["hund"] * 3, temperature=2.0, seed=1, max_tokens=9))
    assert all(math.isfinite(score) for score in drawn["score"])
