"""Every task and preset, end to end through the command line: two steps, then scored and used."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import write_tagged

from seqcli.tasks import taskfile

WORDS = ["the", "old", "mill", "turns", "and", "a", "cat", "sleeps", "by", "warm", "stone"]


def variants() -> list[tuple[str, str]]:
    found = []
    for name in taskfile.names():
        found += [(name, preset) for preset in ("", *taskfile.resolve(name).presets)]
    return found


def data(task: str, folder: Path) -> Path:
    """A little data of the task's kind: the big presets take long over a whole sample."""
    kind = taskfile.resolve(task).config.kind
    if kind == "tagger":
        return write_tagged(folder / "tags.conll")
    if kind == "classifier":
        rows = [
            f"{word} {other}\t{'ab'[len(word) > 3]}" for word in WORDS[:4] for other in WORDS * 3
        ]
        text = "".join("\t".join(reversed(row.split("\t"))) + "\n" for row in rows)
        path = folder / "rows.tsv"
    else:
        lines = [" ".join(WORDS[i % 11 :] + WORDS[: i % 7]) for i in range(150)]
        text = "".join(line + "\n" for line in lines)
        path = folder / "text.txt"
    path.write_text(text, encoding="utf-8")
    return path


def seqcli(folder: Path, shell: dict[str, str], *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "seqcli", *args],
        cwd=folder,
        env=shell,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("task", "preset"), variants())
def test_two_steps(task: str, preset: str, tmp_path: Path, shell: dict[str, str]) -> None:
    source = str(data(task, tmp_path))
    choice = ["--preset", preset] if preset else []
    if taskfile.resolve(task, preset).config.model.frozen_embedding:
        vectors = "".join(f"{word} " + "0.1 " * 99 + "0.1\n" for word in WORDS)
        (tmp_path / "vectors.txt").write_text(vectors, encoding="utf-8")
        choice += ["--vectors", "vectors.txt"]
    options = ["--max-steps", "2", "--threads", "1", "--json", "--set", "train.batch_size=8"]
    told = seqcli(tmp_path, shell, "train", "--task", task, *choice, "--data", source, *options)
    result = json.loads(told)
    assert (result["steps"], result["task"], result["preset"]) == (2, task, preset or None)
    assert Path(tmp_path, result["model"]).name == f"{task}{'-' * bool(preset)}{preset}.pt"
    counted = seqcli(tmp_path, shell, "params", "--model", result["model"], "--json")
    assert json.loads(counted)["total"] == result["parameters"]
    scored = json.loads(seqcli(tmp_path, shell, "eval", "--model", result["model"], "--json"))
    split = "test" if result["test"] else "valid"
    assert scored.pop("split") == split
    if split == "test":
        assert scored["loss"] == pytest.approx(result["test"]["loss"], rel=1e-4)
    if scored["kind"] == "tagger":
        answer = seqcli(tmp_path, shell, "tag", "--model", result["model"], "the old mill")
        assert [line.split("\t")[0] for line in answer.split("\n")[:3]] == ["the", "old", "mill"]
    elif scored["kind"] == "classifier":
        answer = seqcli(tmp_path, shell, "classify", "--model", result["model"], "the old mill")
        assert answer.split("\t")[0] in scored["labels"]
    else:
        text = seqcli(tmp_path, shell, "sample", "--model", result["model"], "--max-tokens", "5")
        assert text.endswith("\n")
        assert "<unk>" not in text
