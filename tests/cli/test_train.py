"""`seqcli train`: what it says, what it answers, what it refuses."""

from __future__ import annotations

import json
import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest
from tiny_runs import TINY, answer, error, line_of, log_rows, seqcli, train, write_data

from seqcli.kinds import KINDS
from seqcli.kinds.spec import next_commands
from seqcli.modelfile import filecheck

pytestmark = pytest.mark.usefixtures("no_pictures")
RESULT = [
    "task", "preset", "model", "run", "parameters", "epochs", "steps", "seconds",
    "tokens_per_second", "best", "train", "valid", "test", "data",
]  # fmt: skip
EVAL = [
    "kind", "count", "loss", "accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval",
    "mcc", "majority", "labels", "per_label", "confusion",
]  # fmt: skip


def test_the_lines_of_a_run(here: Path) -> None:
    lines = train("--seed", "3").splitlines()
    number = r"[\d.,]+"
    figures = rf"loss {number} accuracy {number}%"
    expected = {
        "task": "task tiny: tiny",
        "data": re.escape("data: data.tsv"),
        "splits": "splits: train 38, valid 10, test 12 examples",
        "columns": "columns of the tsv table: text 'text', label 'label'",
        "labels": r"labels 2: \w+ \d+, \w+ \d+",
        "vocabulary": rf"vocabulary \d+ \(unknown: train 0\.0%, valid {number}%, test {number}%\)",
        "seed": "seed 3 cuts other splits too; data.split_seed=1 keeps seed 1's",
        "model:": "model:",
        "device": "device: cpu, 1 thread, fp32, seed 3",
        "only": r"only 15 updates in all \(3 epochs of 5\): a smaller --batch-size gives more",
        **{
            f"epoch {epoch}/": rf"epoch {epoch}/3  train {figures}  valid {figures}  "
            rf"{number} examples/s(  best)?"
            for epoch in (1, 2, 3)
        },
        "scoring": "scoring the best model: valid, test",
        "done": r"done in \d+ s, 3 epochs: kept best epoch \d, by accuracy",
        "run": re.escape("run:   tiny.run (log, settings, pictures)"),
        "state": r"state: tiny\.run/last\.pt \(0\.1 MB; for --resume, else to be deleted\)",
        "next": "next:  seqcli eval --model tiny.pt --mistakes 10",
        "       seqcli": '       seqcli classify --model tiny.pt "your text"',
    }
    found = [line_of(lines, start) for start in expected]
    for line, pattern in zip(found, expected.values(), strict=True):
        assert re.fullmatch(pattern, line)
    assert sorted(found, key=lines.index) == found

    after = lines[lines.index("model:") + 1 :]
    rows = [re.split(" {2,}", line.strip()) for line in takewhile(lambda s: s[0] == " ", after)]
    table = {name: int(count.replace(",", "")) for name, count, _ in rows}
    assert table["lstm"] == 240
    assert table["output"] == 12
    assert sum(table.values()) == 2 * table["total"]


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_what_a_run_gives_is_on_stdout(here: Path, quiet: tuple[str, ...]) -> None:
    write_data(here / "data.tsv", 90, ("ham", "ham", "ham", "spam"))
    result = seqcli(*TINY, *quiet, "--epochs", "1")
    assert (result.stderr == "") is bool(quiet)
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["valid", "test", "worst label", "model"]
    assert all(len(line) <= 80 for line in lines)
    found = answer(*TINY, "--resume", "--epochs", "1")["test"]
    assert lines[1] == (
        f"test: loss {found['loss']:.4f} accuracy {found['accuracy']:.2%} "
        f"macro-F1 {found['macro_f1']:.4f} (majority {found['majority']:.2%})"
    )
    worst = found["per_label"]["spam"]
    assert lines[2] == f"worst label: spam (F1 {worst['f1']:.4f}, 4 examples in test)"
    again = (*TINY, "--resume", "--epochs", "1", "--quiet")
    assert seqcli(*again).stdout.splitlines() == lines


def test_the_next_commands_are_ones_that_run(here: Path) -> None:
    lines = train("--epochs", "1", "--out", "a name.pt").splitlines()
    look, use = line_of(lines, "next:"), line_of(lines, "       seqcli")
    assert look == "next:  seqcli eval --model 'a name.pt' --mistakes 10"
    assert use == """       seqcli classify --model 'a name.pt' "your text\""""
    assert "mistakes, the surest first" in seqcli(*shlex.split(look)[2:]).stdout
    assert seqcli(*shlex.split(use)[1:]).exit_code == 0


def test_the_state_of_a_complete_run_may_go(here: Path) -> None:
    said = train("--epochs", "1", "--keep-state", "no")
    assert "state:" not in said
    assert not (here / "tiny.run" / "last.pt").exists()
    assert seqcli("classify", "--model", "tiny.pt", "win").exit_code == 0
    assert "tiny.run/last.pt is not there to go on from" in error(1, *TINY, "--resume")
    assert "unknown value of --keep-state 'maybe'" in error(2, *TINY, "--keep-state", "maybe")
    assert "state: tiny.run/last.pt" in train("--epochs", "1", "--force")


def test_without_mistakes_there_is_nothing_to_look_at() -> None:
    spec, out = KINDS["classifier"], Path("a.pt")
    use = 'classify --model a.pt "your text"'
    assert next_commands(spec, out, {"accuracy": 1.0}) == [use]
    assert next_commands(spec, out, {"accuracy": 0.9})[1:] == [use]
    assert next_commands(KINDS["language-model"], out, {}) == ["sample --model a.pt"]


def test_quiet_json_is_the_document_alone(here: Path) -> None:
    result = seqcli(*TINY, "--quiet", "--epochs", "1", "--json")
    assert result.stderr == ""
    assert json.loads(result.stdout)["task"] == "tiny"
    shown = seqcli(*TINY, "--epochs", "1", "--json", "--force")
    assert shown.stdout.count("\n") == 1
    assert "\ntest: loss " in shown.stderr


def test_the_figure_of_the_list_is_said_beside_own_data(here: Path) -> None:
    task = here / "tiny.toml"
    task.write_text(task.read_text().replace('"tiny"', '"tiny"\nfigure = "accuracy 0.99"'))
    assert "      known of the task's own data: accuracy 0.99\n" in train("--epochs", "1")


def test_json(here: Path) -> None:
    found = answer(*TINY)
    assert list(found) == RESULT
    assert list(found["valid"]) == list(found["test"]) == EVAL
    assert list(found["train"]) == ["loss", "accuracy"]
    assert list(found["best"]) == ["epoch", "metric", "value"]
    sizes = {"train": 38, "valid": 10, "test": 12}
    words = found["data"].pop("vocabulary")
    assert found["data"] == {**sizes, "sample": False}
    assert (found["task"], found["preset"]) == ("tiny", None)
    assert (found["model"], found["run"]) == ("tiny.pt", "tiny.run")
    assert (found["epochs"], found["steps"]) == (3, 15)
    assert found["parameters"] == words * 6 + 240 + 12
    assert found["tokens_per_second"] > 0
    assert found["best"]["value"] == found["valid"]["accuracy"]
    assert found["train"] == log_rows(here / "tiny.pt")[-1]["train"]
    assert answer(*TINY, "--resume") == {**found, "data": {**found["data"], "vocabulary": words}}


def test_without_splits_there_are_no_figures_of_them(here: Path) -> None:
    (here / "parts").mkdir()
    write_data(here / "parts" / "train.tsv")
    cut = ("--set", "data.test=0", "--set", "data.valid=0")
    found = answer("train", "--task", "tiny.toml", "--data", "parts", *cut)
    assert found["valid"] is None
    assert found["test"] is None
    assert found["data"]["test"] == 0
    assert not (here / "tiny.run" / "confusion.png").exists()
    scored = seqcli("eval", "--model", "tiny.pt", "--json")
    assert json.loads(scored.stdout)["split"] == "train"
    assert "no test split here" in scored.stderr


def test_the_bundled_sample_says_that_it_is_one(here: Path) -> None:
    result = seqcli("train", "--task", "spam", "--max-steps", "1", "--set", "model.wide_buckets=64")
    assert result.exit_code == 0, result.stderr
    assert "bundled synthetic sample, 1,200 messages" in result.stderr
    assert "--data PATH" in result.stderr
    assert "UCI" in result.stderr
    assert "kept the last" in result.stderr
    assert (here / "spam.pt").exists()
    preset = seqcli("train", "--task", "spam", "--preset", "rnn", "--max-steps", "1", "--quiet")
    assert preset.exit_code == 0
    assert (here / "spam-rnn.pt").exists()


def test_list() -> None:
    shown = seqcli("train", "--list")
    assert shown.exit_code == 0
    rows = answer("train", "--list")
    assert {row["task"] for row in rows} >= {"spam", "text", "ptb", "char"}
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    lines = shown.stdout.splitlines()[1:-2]
    for row, line in zip(rows, lines, strict=True):  # one line a preset
        keys = ["task", "preset", "kind", "title", "data", "figure", "time", "fits", "timed"]
        assert list(row) == keys
        assert (
            line.split()[: 1 + bool(row["preset"])]
            == [row["task"], row["preset"]][: 1 + bool(row["preset"])]
        )
        assert row["title"][:30] in line


def test_list_of_one_task_tells_all_of_it() -> None:
    for args in (("train", "--list", "imdb"), ("train", "--list", "--task", "imdb")):
        shown = seqcli(*args).stdout
        words = " ".join(shown.split())
        for row in (rows := answer(*args)):
            assert all(
                str(row[key]) in words for key in ("kind", "title", "data", "figure", "time")
            )
        assert [row["preset"] for row in rows] == [None, "rnn", "lstm", "gru", "glove"]
        assert "  command   seqcli train --task imdb --preset gru --data imdb/\n" in shown
        assert all(len(line) <= 80 or "  command " in line for line in shown.splitlines())


def test_list_of_a_task_that_is_none(here: Path) -> None:
    assert "did you mean 'imdb'" in error(2, "train", "--list", "imbd")
    assert "tiny" in seqcli("train", "--list", "tiny.toml").stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "--task is missing"),
        (("--task", "span"), "did you mean 'spam'"),
        (("--task", "spam", "--preset", "rn"), "did you mean 'rnn'"),
        (("--task", "text"), "--data PATH names"),
        ((*TINY[1:], "--resume", "--force"), "--resume"),
        ((*TINY[1:], "--lr", "-1"), "train.lr"),
        ((*TINY[1:], "--set", "train.ephocs=3"), "did you mean 'epochs'"),
        ((*TINY[1:], "--set", "epochs"), "SECTION.KEY=VALUE"),
        ((*TINY[1:], "--max-time", "soon"), "90s, 10m or 1h30m"),
        ((*TINY[1:], "--max-time", "0"), "more than no time"),
        ((*TINY[1:], "--freeze-vectors"), "--vectors"),
    ],
)
def test_usage(here: Path, args: tuple[str, ...], words: str) -> None:
    assert words in error(2, "train", *args)
    assert not (here / "tiny.run").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--task", "none.toml"), "none.toml"),
        (("--task", "tiny.toml", "--data", "none.tsv"), "none.tsv"),
        ((*TINY[1:], "--out", "."), "a folder"),
        ((*TINY[1:], "--out", "no/where.pt"), "no/where.run"),
        ((*TINY[1:], "--init-from", "data.tsv"), "data.tsv"),
        ((*TINY[1:], "--vectors", "none.txt"), "none.txt"),
    ],
)
def test_files_that_are_not_there(here: Path, args: tuple[str, ...], words: str) -> None:
    assert words in error(1, "train", *args)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("10m", 600), ("1h30m", 5400), ("2h", 7200)]
)
def test_max_time_is_read(here: Path, text: str, seconds: float) -> None:
    train("--max-time", text, "--max-steps", "1")
    assert filecheck.describe(here / "tiny.pt")["config"]["train"]["max_time"] == seconds


def test_a_run_cut_by_time_says_so(here: Path) -> None:
    shown = train("--max-time", "0.000001")
    assert "cut short by --max-time\n" in shown
    task = here / "tiny.toml"
    task.write_text(task.read_text().replace('"tiny"', '"tiny"\npublished = "98 %"'))
    shown = train("--max-time", "0.000001", "--force")
    assert "cut short by --max-time; not the published schedule\n" in shown


def test_a_table_with_three_labels(here: Path) -> None:
    write_data(here / "raw.tsv", 90, ("ham", "spam", "eggs"))
    rows = [line.split("\t") for line in (here / "raw.tsv").read_text().splitlines()]
    table = "".join(f'{n},{label},"{text}, ok"\n' for n, (label, text) in enumerate(rows))
    (here / "mine.csv").write_text("number,what,said\n" + table)
    small = ("--set", "model.wide_buckets=64", "--hidden", "4", "--embed", "4", "--epochs", "1")
    found = answer(
        "train", "--task", "text", "--data", "mine.csv", "--text-column", "said",
        "--label-column", "what", "--out", "mine.pt", *small,
    )  # fmt: skip
    assert found["test"]["labels"] == ["eggs", "ham", "spam"]
    assert len(found["test"]["confusion"]) == 3
    assert answer("eval", "--model", "mine.pt")["accuracy"] == found["test"]["accuracy"]


def test_progress_without_a_terminal_is_told_now_and_then(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqcli.cli.progress.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("seqcli.cli.progress.REFRESH", 0.0)
    shown = train("--epochs", "1", "--batch-size", "1")
    told = [line for line in shown.splitlines() if line.startswith("epoch 1/1 ") and "left" in line]
    assert len(told) == 10
    assert all(len(line) < 100 for line in told)
    assert "\r" not in shown
    assert "\x1b" not in shown
