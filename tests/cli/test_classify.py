"""`seqcli classify` as typed at the shell."""

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import pytest
from tiny_language import tiny, write
from tiny_models import write_model
from typer.testing import CliRunner, Result

from seqcli.cli.app import app
from seqcli.machine.device import cpu_has_bfloat16

LABELS = ("ham", "spam", "other")
TEXTS = ["win a prize now", "see you at six", "", "x", "free offer", "late late late"]
LINE = re.compile(r"(ham|spam|other)\t[01]\.\d{4}(\tunknown [01]\.\d\d)?")
PAIR = re.compile(r"\tunknown [01]\.\d\d$")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model") / "tiny.pt", LABELS))


def ask(*args: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, ["classify", *args, "--threads", "1"], input=stdin)


def lines(*args: str, stdin: str | bytes = "") -> list[str]:
    """Stdout of a run that succeeds, line by line."""
    result = ask(*args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    found = result.stdout.split("\n")
    assert found.pop() == ""
    return found


def told(*args: str, stdin: str | bytes = "") -> list[str]:
    """The same without what is unknown of each text."""
    return [PAIR.sub("", line) for line in lines(*args, stdin=stdin)]


def documents(*args: str, stdin: str | bytes = "") -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=pytest.fail) for line in lines(*args, stdin=stdin)]


def test_one_line_for_each_text_in_order(model: str) -> None:
    together = lines("--model", model, *TEXTS)
    assert len(together) == len(TEXTS)
    assert all(LINE.fullmatch(line) for line in together)
    assert together == [lines("--model", model, text)[0] for text in TEXTS]
    content = "\n".join(TEXTS)
    assert lines("--model", model, "-", stdin=content) == together
    assert lines("--model", model, "-", stdin=f"{content}\n") == together
    assert lines("--model", model, "--input", "-", stdin=content) == together


def test_every_line_has_its_answer(model: str) -> None:
    odd = [
        "",
        " ",
        "\0",
        "a\0b",
        "\u0085",
        "a\u2028b\fc",
        "\r",
        "zzz",
        "x",
        "win " * 250_000,
        "é😀",
    ]
    answers = lines("--model", model, "-", stdin="\n".join(odd))
    assert len(answers) == len(odd)
    assert lines("--model", model, "-", stdin="") == []
    assert len(lines("--model", model, "-", stdin="\n" * 5000)) == 5000
    assert len(lines("--model", model, "two\nlines", "a half \udce9 of it")) == 2


def test_likeliest_labels(model: str) -> None:
    for line in told("--model", model, *TEXTS, "--top-k", "2"):
        first, one, second, two = line.split("\t")
        assert {first, second} < set(LABELS)
        assert float(one) >= float(two)
    all_three = [line.split("\t") for line in told("--model", model, "x", "--top-k", "99")]
    assert len(all_three[0]) == 6
    assert lines("--model", model, "x", "--top-k", "1") == lines("--model", model, "x")


def test_all_probabilities_after_the_answer(model: str) -> None:
    plain = told("--model", model, *TEXTS)
    for line, short in zip(told("--model", model, *TEXTS, "--probs"), plain, strict=True):
        cells = line.split("\t")
        assert "\t".join(cells[:2]) == short
        assert tuple(cells[2::2]) == LABELS
        assert sum(map(float, cells[3::2])) == pytest.approx(1, abs=2e-4)
        assert max(cells[3::2]) == cells[1]


def test_threshold(model: str) -> None:
    plain = [line.split("\t") for line in told("--model", model, *TEXTS)]
    values = sorted(float(value) for _, value in plain)
    cut = values[3]
    unsure = told("--model", model, *TEXTS, "--threshold", str(cut), "--abstain-label", "?")
    for line, (label, value) in zip(unsure, plain, strict=True):
        assert line == f"{label if float(value) >= cut else '?'}\t{value}"
    assert {line[0] for line in lines("--model", model, *TEXTS, "--threshold", "1")} == {"\t"}
    assert lines("--model", model, *TEXTS, "--threshold", "0") == lines("--model", model, *TEXTS)


def test_json_lines(model: str) -> None:
    odd = [*TEXTS, 'quote " tab \t é \u0085', "win zzz"]
    answers = documents("--model", model, *odd, "--json")
    assert [answer["text"] for answer in answers] == odd
    plain = told("--model", model, *odd)
    for answer, line in zip(answers, plain, strict=True):
        assert list(answer) == ["text", "label", "prob", "probs", "unknown_share"]
        assert tuple(answer["probs"]) == LABELS
        assert f"{answer['label']}\t{answer['prob']:.4f}" == line
        assert answer["prob"] == answer["probs"][answer["label"]]
    assert [answers[0]["unknown_share"], answers[-1]["unknown_share"]] == [0, 0.5]
    top = documents("--model", model, *odd, "--json", "--top-k", "2", "--threshold", "1")
    for short, answer in zip(top, answers, strict=True):
        best = sorted(answer["probs"].items(), key=lambda pair: -pair[1])[:2]
        assert list(short["probs"].items()) == best
        assert (short["label"], short["prob"]) == ("", answer["prob"])


def test_labels_cannot_steer_the_terminal(tmp_path: Path) -> None:
    labels = ("a\tb\n", "\x1b[31mred%s", "é")
    path = str(write_model(tmp_path / "a.pt", labels))
    (line,) = told("--model", path, "x", "--probs")
    assert line.split("\t")[2::2] == ["a\\tb\\n", "\\x1b[31mred%s", "é"]
    assert set(documents("--model", path, "x", "--json")[0]["probs"]) == set(labels)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_table_in_and_out(model: str, tmp_path: Path, ending: str) -> None:
    rows = [["id", "label", "text", "note"]]
    rows += [[str(n), "ham", text, 'a "b", c\nd'] for n, text in enumerate(TEXTS)]
    source, target = tmp_path / "in.csv", tmp_path / f"out.csv{ending}"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    plain = [line.split("\t") for line in told("--model", model, *TEXTS)]
    assert told("--model", model, "--input", str(source)) == ["\t".join(pair) for pair in plain]
    result = ask("--model", model, "--input", str(source), "--output", str(target))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "'predicted_label'" in result.stderr
    assert "6 rows" in result.stderr
    content = target.read_bytes()
    text = (gzip.decompress(content) if ending else content).decode()
    found = list(csv.reader(text.splitlines(keepends=True)))
    assert found[0] == ["id", "label", "text", "note", "predicted_label", "prob"]
    assert [row[:4] for row in found[1:]] == rows[1:]
    assert [[row[4], f"{float(row[5]):.4f}"] for row in found[1:]] == plain


@pytest.mark.parametrize("ending", ["tsv", "jsonl", "parquet", "csv.xz"])
def test_columns_of_every_format(model: str, tmp_path: Path, ending: str) -> None:
    from seqcli.readers import open_table
    from seqcli.settings.sections import LabeledText

    def table(*args: str) -> list[dict[str, Any]]:
        path = tmp_path / f"out.{ending}"
        result = ask("--model", model, *args, "--output", str(path), "--force", "--quiet")
        assert (result.exit_code, result.output) == (0, "")
        found = open_table(path, LabeledText())
        return [dict(zip(found.columns, row.cells, strict=True)) for row in found.rows]

    texts = TEXTS[:2]
    plain = documents("--model", model, *texts, "--json")
    for row, answer in zip(table(*texts), plain, strict=True):
        assert list(row) == ["text", "label", "prob"]
        assert (row["text"], row["label"]) == (answer["text"], answer["label"])
        assert float(row["prob"]) == answer["prob"]
    for row, answer in zip(table(*texts, "--probs"), plain, strict=True):
        assert {label: float(row[f"prob_{label}"]) for label in LABELS} == answer["probs"]
    ranks = ["label", "prob", "label_2", "prob_2", "label_3", "prob_3"]
    for row, answer in zip(table(*texts, "--top-k", "5"), plain, strict=True):
        assert list(row) == ["text", *ranks]
        assert {row[name]: float(row[f"prob{name[5:]}"]) for name in ranks[::2]} == answer["probs"]


def test_inputs_of_every_format(model: str, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    plain = lines("--model", model, *TEXTS)
    (tmp_path / "a.txt").write_text("\n".join(TEXTS))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("\n".join(TEXTS).encode()))
    (tmp_path / "a.tsv").write_text("".join(f"ham\t{text}\n" for text in TEXTS))
    rows = [{"body": text, "n": n} for n, text in enumerate(TEXTS)]
    (tmp_path / "b.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "b.parquet")
    for name in ("a.txt", "a.txt.gz", "a.tsv"):
        assert lines("--model", model, "--input", str(tmp_path / name)) == plain
    column = ("--text-column", "body")
    for name in ("b.jsonl", "b.parquet"):
        assert lines("--model", model, "--input", str(tmp_path / name), *column) == plain
    (tmp_path / "c.txt").write_bytes("é\nü".encode("cp1252"))
    latin = ("--encoding", "cp1252")
    answers = lines("--model", model, "é", "ü")
    assert lines("--model", model, "--input", str(tmp_path / "c.txt"), *latin) == answers
    assert lines("--model", model, "-", *latin, stdin="é\nü".encode("cp1252")) == answers


def test_shards_make_the_whole(model: str, tmp_path: Path) -> None:
    many = [f"win {n}" if n % 3 else "late" for n in range(2500)]
    path = tmp_path / "a.txt"
    path.write_text("\n".join(many))
    for source, stdin in (["--input", str(path)], ""), (["-"], "\n".join(many)), (TEXTS, ""):
        known = TEXTS if source is TEXTS else many
        for shard in range(1, 4):
            args = ["--model", model, *source, "--shard", f"{shard}/3", "--json"]
            found = documents(*args, stdin=stdin)
            assert [answer["text"] for answer in found] == known[shard - 1 :: 3]
    assert lines("--model", model, "one", "--shard", "2/2") == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "no text given"),
        (["a", "--input", "b.csv"], "texts and --input given"),
        (["-", "--input", "b.csv"], "texts and --input given"),
        (["a", "-"], "stands alone"),
        (["a", "--input", ""], "texts and --input given"),
        (["--input", ""], "a path expected"),
        (["a", "--top-k", "0"], "--top-k"),
        (["a", "--top-k", "-3"], "--top-k"),
        (["a", "--top-k", "2", "--probs"], "give one of them"),
        (["a", "--threshold", "nan"], "--threshold"),
        (["a", "--threshold", "1.01"], "--threshold"),
        (["a", "--threshold", "-0.1"], "--threshold"),
        (["a", "--threshold", "high"], "--threshold"),
        (["a", "--abstain-label", "?"], "--abstain-label needs --threshold or --max-unknown"),
        (["a", "--shard", "0/2"], "--shard"),
        (["a", "--shard", "3/2"], "--shard"),
        (["a", "--shard", "1"], "--shard"),
        (["a", "--shard", "1/0"], "--shard"),
        (["a", "--force"], "--force"),
        (["a", "--output", "a.txt"], "names no table format"),
        (["a", "--output", ""], "--output"),
        (["a", "--output", "a.csv", "--json"], "give one of them"),
        (["a", "--text-column", "b"], "--text-column"),
        (["a", "--encoding", "utf-8"], "--encoding"),
        (["-", "--documents", "--text-column", "b"], "--text-column does nothing"),
        (["a", "--documents"], "--documents belongs to --input"),
        (["a", "--format", "csv"], "--format belongs to --input"),
        (["-", "--format", "cvs"], "did you mean 'csv'"),
        (["a", "--max-unknown", "2"], "--max-unknown"),
    ],
)
def test_usage_errors_come_before_the_model(args: list[str], message: str) -> None:
    result = ask("--model", "there-is-none.pt", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_errors_of_files(model: str, tmp_path: Path) -> None:
    assert ask("a").exit_code == 2
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    (tmp_path / "there.csv").touch()
    for args, message in (
        (["--input", str(tmp_path / "none.csv")], "nothing found there"),
        (["--input", str(tmp_path)], "a folder of texts expected, tables found: bad.csv"),
        (["--input", str(tmp_path / "bad.csv")], "found: a, b"),
        (["a", "--output", str(tmp_path / "there.csv")], "--force overwrites it"),
        (["a", "--output", str(tmp_path / "no" / "a.csv")], "cannot be written"),
        (["a", "--output", str(tmp_path)], "names no table format"),
    ):
        result = ask("--model", model, *args)
        assert result.exit_code == (2 if "format" in message else 1)
        assert (result.stdout, message in result.stderr) == ("", True), result.stderr
    assert ask("--model", str(tmp_path / "none.pt"), "a").exit_code == 1
    assert ask("--model", model, "-", "--encoding", "klingon").exit_code == 2


def test_answers_before_an_error(model: str, tmp_path: Path) -> None:
    result = ask("--model", model, "-", stdin=b"win\nlate\n\xff\nfree\n")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert "stdin, line 3: utf-8 text expected, found: 0xff" in result.stderr
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "win"}\n{"text": [8]}\n')
    result = ask("--model", model, "--input", str(path))
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 1)
    assert "line 2" in result.stderr
    target = tmp_path / "out.csv"
    assert ask("--model", model, "--input", str(path), "--output", str(target)).exit_code == 1
    assert not target.exists()


def test_kinds_that_do_not_fit(model: str, tmp_path: Path) -> None:
    path = write(tmp_path / "lm.pt", *tiny())
    result = ask("--model", str(path), "a")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a language model; `classify` needs a classifier" in result.stderr
    assert "seqcli sample" in result.stderr
    result = CliRunner().invoke(app, ["sample", "--model", model])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "`sample` needs a language model" in result.stderr
    assert "seqcli classify" in result.stderr


def start(model: str, *args: str, **more: Any) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "seqcli", "classify", "--model", model, "--threads", "1"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, *args], stdin=pipe, stdout=pipe, stderr=pipe, **more)


def pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_open_pipe_is_answered_until_a_signal(model: str, number: signal.Signals) -> None:
    with start(model, "-") as process:
        stdin, stdout, stderr = pipes(process)
        for text in ("win a prize\n", "late\n", "\n"):
            stdin.write(text.encode())
            stdin.flush()
            assert LINE.fullmatch(stdout.readline().decode().removesuffix("\n"))
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 128 + number
        assert time.monotonic() - begun < 5
        assert b"Traceback" not in stderr.read()


def test_a_reader_that_has_had_enough(model: str) -> None:
    with start(model, "-") as process:
        stdin, stdout, stderr = pipes(process)
        stdin.write(b"win\n" * 100)
        stdin.flush()
        stdout.readline()
        stdout.close()
        try:
            for _ in range(100):
                stdin.write(b"late\n" * 10_000)
                stdin.flush()
        except BrokenPipeError:
            pass
        assert process.wait(30) == 0
        assert stderr.read() == b""


def grown(pid: int) -> int:
    """Anonymous resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert found
    return int(found[1]) // 1024


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_input(model: str) -> None:
    block = ("win a prize now and call me late " * 3 + "\n").encode() * 1000
    blocks = 50 * 2**20 // len(block)
    with start(model, "-") as process:
        stdin, stdout, _ = pipes(process)
        counted = []
        reader = threading.Thread(target=lambda: counted.append(sum(1 for _ in stdout)))
        reader.start()
        sizes = []
        for number in range(blocks):
            stdin.write(block)
            stdin.flush()
            if number in (blocks // 10, blocks - 1):
                sizes.append(grown(process.pid))
        stdin.close()
        reader.join()
        assert process.wait() == 0
    assert counted == [1000 * blocks]
    assert sizes[1] - sizes[0] < 16


def test_a_text_that_looks_like_an_option(model: str) -> None:
    result = ask("--model", model, "-50% off")
    assert result.exit_code == 2
    assert "a text that begins with - goes behind a --" in result.stderr
    args = ["classify", "--model", model, "--threads", "1", "--", "-50% off"]
    assert CliRunner().invoke(app, args).stdout.count("\n") == 1


def test_one_form_of_text_in_all_ways_to_ask(model: str, tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes("win\rcafe\u0301\r".encode())
    expected = lines("--model", model, "win", "caf\u00e9")
    assert lines("--model", model, "--input", str(path)) == expected
    assert lines("--model", model, "-", stdin="win\r\ncafe\u0301\r\n") == expected
    assert lines("--model", model, "win", "cafe\u0301") == expected


def test_products_in_bfloat16_move_the_last_digits(model: str) -> None:
    if not cpu_has_bfloat16():
        pytest.skip("this processor has no bfloat16")
    asked = ["--model", model, *TEXTS, "--json"]
    exact, near = documents(*asked), documents(*asked, "--precision", "bf16")
    assert documents(*asked, "--precision", "fp32") == exact != near
    assert [row["label"] for row in near] == [row["label"] for row in exact]
    assert [row["prob"] for row in near] == pytest.approx([row["prob"] for row in exact], abs=0.02)
    wrong = ask(*asked, "--precision", "half")
    assert wrong.exit_code == 2
    assert "error: unknown precision 'half'" in wrong.stderr
