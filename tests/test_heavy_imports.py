"""What answers at once must not load what is slow to load: asked of a fresh interpreter."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from seqcli.cli.app import app

COMMANDS = sorted(getattr(get_command(app), "commands", {}))
HEAVY = ("matplotlib", "numpy", "pandas", "pyarrow", "torch", "torch._dynamo")
TOLD = "loaded: "
# Runs the program, then says on stderr what was loaded.
PROBE = f"""
import json, sys
from seqcli.cli.app import main
try:
    main()
except SystemExit as end:
    code = end.code
print({TOLD!r} + json.dumps([code, sorted(set({HEAVY!r}) & sys.modules.keys())]), file=sys.stderr)
"""


def run(*args: str, **variables: str) -> tuple[int, list[str], str]:
    """Exit code, heavy modules, stdout."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *args],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"seqcli {' '.join(args)}: {time.perf_counter() - start:.2f} s")  # pytest -rP shows it
    told = next(line for line in done.stderr.splitlines() if line.startswith(TOLD))
    code, heavy = json.loads(told.removeprefix(TOLD))
    return code, heavy, done.stdout


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--help"],
        ["--version"],
        *([command, "--help"] for command in COMMANDS),
        ["params", "lstm", "--hidden", "12", "--input", "30"],
        ["params", "lstm", "--hidden", "12", "--input", "30", "--json"],
        ["params", "--task", "spam"],
        ["train", "--list"],
    ],
    ids=" ".join,
)
def test_this_is_light(args: list[str]) -> None:
    code, heavy, stdout = run(*args)
    assert (code, heavy) == (0, [])
    assert stdout


def test_telling_what_a_model_is_is_light(tmp_path: Path) -> None:
    import tiny_models

    path = tiny_models.write_model(tmp_path / "m.pt")
    for more in ([], ["--json"]):
        code, heavy, stdout = run("info", "--model", str(path), *more)
        assert (code, heavy) == (0, [])
        assert "classifier" in stdout
    (tmp_path / "x.pt").write_bytes(b"PK\x03\x04")
    assert run("info", "--model", str(tmp_path / "x.pt"))[:2] == (1, [])


@pytest.mark.parametrize("args", [["train", "--epohcs", "3"], ["trian"], ["params", "lstn"]])
def test_usage_errors_are_light(args: list[str]) -> None:
    code, heavy, _ = run(*args)
    assert (code, heavy) == (2, [])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_light(shell: str) -> None:
    _, heavy, stdout = run(_SEQCLI_COMPLETE=f"source_{shell}")
    assert heavy == []
    assert "seqcli" in stdout


def test_completing_a_word_is_light() -> None:
    words = {"COMP_WORDS": "seqcli tr", "COMP_CWORD": "1"}
    _, heavy, stdout = run(_SEQCLI_COMPLETE="complete_bash", **words)
    assert heavy == []
    assert "train" in stdout.split()


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"prior_power": 0.5, "wide_words": [1, 2], "wide_buckets": 64, "wide_init": "naive-bayes"},
        {"cell": "gru", "dense": [5], "head": "softmax", "bidirectional": True},
    ],
    ids=["plain", "wide", "gru"],
)
def test_labeling_loads_torch_without_its_compiler(model: dict[str, Any], tmp_path: Path) -> None:
    """That is 0.8 s, and some operations on a skeleton without memory import it."""
    import tiny_models

    path = tiny_models.write_model(tmp_path / "m.pt", model=model)
    code, heavy, stdout = run("classify", "--model", str(path), "win a prize", "--threads", "1")
    assert (code, heavy) == (0, ["numpy", "torch"])
    assert stdout.count("\n") == 1


def test_sampling_loads_torch_without_its_compiler(tmp_path: Path) -> None:
    import tiny_language

    path = tiny_language.write(tmp_path / "m.pt", *tiny_language.tiny())
    code, heavy, stdout = run("sample", "--model", str(path), "--max-tokens", "3")
    assert (code, heavy) == (0, ["numpy", "torch"])
    assert stdout
