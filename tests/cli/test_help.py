"""Help that is complete, examples that run as written, and typing errors answered in words."""

import csv
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

import seqcli
from seqcli.cli.app import app

COMMANDS: dict[str, Any] = dict(sorted(getattr(get_command(app), "commands", {}).items()))
# Names that are promised: what a script may rely on.
PROMISED = {
    "train": """--task --preset --list --data --text-column --label-column --out --force --cell
        --hidden --layers --embed --bidirectional --no-bidirectional --merge --dropout
        --recurrent-dropout --vectors --freeze-vectors --epochs --max-steps --batch-size --lr
        --optimizer --clip --class-weight --patience --max-time --precision --deterministic --set
        --resume --allow-changed-data --seed --init-from --json --quiet --device --threads""",
    "eval": "--model --data --split --json --plots --device --threads --quiet",
    "sample": """--model --prompt --temperature --greedy --top-k --top-p --count --max-tokens
        --lines --repetition-penalty --seed --stream --json --device --threads""",
    "classify": """--model --input --text-column --top-k --probs --threshold --abstain-label --json
        --output --shard --device --threads --quiet""",
    "tag": """--model --input --threshold --json --output --shard --force --device --threads
        --quiet""",
    "translate": """--model --input --beam --greedy --n-best --length-penalty --max-tokens
        --no-repeat --replace-unknown --temperature --seed --attention --json --output --shard
        --force --device --threads --quiet""",
    "check": """--task --preset --data --text-column --label-column --encoding --set --strict --json
        --quiet""",
    "info": "--model --json",
    "params": """--hidden --layers --bidirectional --merge --no-bias --reset-after --no-reset-after
        --vocab --embed --input --dense --outputs --tied --time --batch --task --preset --model
        --budget --json""",
}
EXPLAINED = r"\S.*\.  \[(default: [^\]]+|required)\](  \[.*\])?"  # at last a range
SLOW = {("train", 0)}  # examples that train for more than 20 seconds


def examples(command: str) -> list[str]:
    """The commands that stand after `Examples:`, which ends the help."""
    _, _, tail = (COMMANDS[command].epilog or "").partition("Examples:")
    return [line.strip() for line in tail.splitlines() if line.strip()]


def cases() -> Iterator[Any]:
    for command in COMMANDS:
        for number, line in enumerate(examples(command)):
            marks = [pytest.mark.slow] if (command, number) in SLOW else []
            yield pytest.param(line, id=f"{command}-{number + 1}", marks=marks)


def invoke(*args: str, **variables: str) -> Result:
    return CliRunner().invoke(app, list(args), env=variables)


def options(command: str) -> list[Any]:
    """Its options; what comes at the call, such as --help, is not among them."""
    return [param for param in COMMANDS[command].params if param.opts[0].startswith("-")]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_two_examples(command: str) -> None:
    lines = examples(command)
    assert len(lines) == 2
    assert all(re.search(rf"(^|\| )seqcli {command} ", line) for line in lines)
    shown = invoke(command, "--help", COLUMNS="80").stdout.rstrip().splitlines()
    assert [line.strip() for line in shown[-2:]] == lines


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_is_explained_with_its_default(command: str) -> None:
    assert options(command)
    context = COMMANDS[command].make_context(command, [], resilient_parsing=True)
    for option in options(command):
        _, text = option.get_help_record(context)
        assert re.fullmatch(EXPLAINED, text), (option.opts, text)


@pytest.mark.parametrize("command", COMMANDS)
def test_promised_options_are_there(command: str) -> None:
    names = {name for option in options(command) for name in option.opts + option.secondary_opts}
    assert not set(PROMISED[command].split()) - names


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_help_at_any_width(command: str, columns: str) -> None:
    result = invoke(command, "--help", COLUMNS=columns)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Examples:" in result.stdout


def refused(*args: str) -> str:
    """Stderr of a command line that is wrong."""
    result = invoke(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["error:", "hint:"], result.stderr
    return result.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("typo", ["--quiett", "--jsn", "--no-such-thing=3", "-Z"])
def test_a_mistyped_option(command: str, typo: str) -> None:
    assert typo.split("=")[0] in refused(command, typo)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_without_its_value(command: str) -> None:
    takes = next(option for option in options(command) if not option.is_flag)
    assert takes.opts[0] in refused(command, takes.opts[0])


def test_a_mistyped_command() -> None:
    assert "trian" in refused("trian", "--task", "spam")


def test_a_number_that_is_none() -> None:
    assert "--epochs" in refused("train", "--task", "spam", "--epochs", "many")


def test_no_command_shows_the_help() -> None:
    result = invoke()
    assert result.exit_code == 0
    assert all(f"\n  {command} " in result.stdout for command in COMMANDS)


def test_summaries_end_where_a_thought_ends() -> None:
    _, _, commands = invoke(COLUMNS="80").stdout.partition("Commands:\n")
    lines = commands.splitlines()
    assert len(lines) == len(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("..") for line in lines)


FRAGMENTS = ("Of ", "On ", "By ", "Above ", "Below ")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_in_whole_phrases(command: str) -> None:
    context = COMMANDS[command].make_context(command, [], resilient_parsing=True)
    for option in options(command):
        _, text = option.get_help_record(context)
        assert not text.startswith(FRAGMENTS), text
        assert len(re.split(r"\.  \[", text)[0].split()) > 1, text


def test_version() -> None:
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, f"seqcli {seqcli.__version__}\n")


@pytest.mark.parametrize(
    ("args", "variables"),
    [
        (["--debug", "params", "lstn"], {}),
        (["params", "lstn", "--debug"], {}),
        (["params", "lstn"], {"SEQCLI_DEBUG": "1"}),
    ],
)
def test_debug_shows_the_traceback(args: list[str], variables: dict[str, str]) -> None:
    result = invoke(*args, **variables)
    assert result.exit_code == 2
    assert result.stderr.startswith("Traceback")
    assert "\nerror: unknown cell 'lstn'\nhint: did you mean 'lstm'?\n" in result.stderr


@pytest.mark.parametrize("value", ["", "0"])
def test_debug_turned_off(value: str) -> None:
    assert "Traceback" not in invoke("params", "lstn", SEQCLI_DEBUG=value).stderr


def test_debug_after_two_dashes_is_a_text() -> None:
    assert "Traceback" not in invoke("params", "lstn", "--", "--debug").stderr


# Models that the examples use: large enough to be loaded, too little trained to be good.
MODELS = {
    "spam.pt": "--task spam",
    "ner.pt": "--task ner",
    "pos.pt": "--task pos",
    "translate.pt": "--task translate --hidden 16 --embed 16",
    "ptb.pt": "--task ptb --hidden 32 --embed 32 --data words.txt",
    "char.pt": "--task char --hidden 32 --data tale.txt",
}


def train_for(line: str, folder: Path, shell: dict[str, str]) -> None:
    """Have the models there that a command reads."""
    for name in re.findall(r"--model (\S+)", line):
        if (folder / name).exists():
            continue
        words = ["seqcli", "train", *MODELS[name].split(), "--max-steps", "2", "--out", name]
        done = subprocess.run(
            words, cwd=folder, env=shell, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """A folder with the files that the examples speak of."""
    folder = tmp_path_factory.mktemp("bench")
    shutil.copy(sample / "spam.tsv", folder / "more.tsv")
    rows = [
        line.split("\t", 1)
        for line in (sample / "reviews.tsv").read_text(encoding="utf-8").splitlines()
    ]
    for name, count in (("reviews.csv", 120), ("messages.csv", 20)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("label", "text"), *rows[:count]])
    texts = "".join(f"{text}\n" for _, text in rows[:20])
    (folder / "lines.txt").write_text(texts, encoding="utf-8")
    for name, source in (("words.txt", "words/words.train.txt"), ("tale.txt", "tale.txt")):
        lines = (sample / source).read_text(encoding="utf-8").splitlines(keepends=True)[:300]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize("line", list(cases()))
def test_an_example_runs_as_written(
    line: str, bench: Path, shell: dict[str, str], tmp_path: Path
) -> None:
    folder = bench
    if " train " in line:  # elsewhere, since nothing is overwritten
        folder = tmp_path / "train"
        shutil.copytree(bench, folder, ignore=shutil.ignore_patterns("*.pt", "*.run"))
    train_for(line, folder, shell)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env=shell,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout or done.stderr
