"""Every task and preset, end to end through the command line: two steps, then scored and used."""

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import seqcli, write_pairs, write_recordings, write_tagged

from seqcli import kinds
from seqcli.tasks import taskfile

SAMPLES = Path(__file__).parents[2] / "sample_data"
RECORDINGS = {
    "digits": SAMPLES / "sounds" / "ai_ada_0.wav",
    "frames": SAMPLES / "movements" / "test" / "hand11.csv",
}
WORDS = ["the", "old", "mill", "turns", "and", "a", "cat", "sleeps", "by", "warm", "stone"]


def variants() -> list[tuple[str, str]]:
    found = []
    for name in taskfile.names():
        found += [(name, preset) for preset in ("", *taskfile.resolve(name).presets)]
    return found


def data(task: str, preset: str, folder: Path) -> list[str]:
    """Options for a little data of the task's kind: the big presets take long over a whole sample.

    None where the sample is small by itself.
    """
    if preset == "gesture":
        (folder / "gestures").mkdir()
        for number, name in enumerate(("a1", "a2", "a3", "b1", "b3"), start=1):
            hand = SAMPLES / "movements" / "train" / f"hand{number}.csv"
            shutil.copy(hand, folder / "gestures" / f"{name}_raw.csv")
        return ["--data", "gestures"]
    if task in RECORDINGS:
        return []
    if task == "inflect":
        rows = [f"walk{word}\twalk{word}ed\tV;PST\n" for word in WORDS]
        (folder / "forms.tsv").write_text("".join(rows))
        return ["--data", "forms.tsv"]
    if task == "dna":
        boxes = ("tataat", "ttgaca")
        rows = [
            f"{'+-'[place % 2]}, S{place}, {boxes[place % 2]}{''.join(letters)}\n"
            for place, letters in enumerate(itertools.product("acgt", repeat=3))
        ]
        (folder / "dna.csv").write_text("".join(rows))
        return ["--data", "dna.csv"]
    spec = kinds.spec_of(taskfile.resolve(task, preset).config)
    if spec.input == "numbers":
        write_recordings(folder / "data.txt")
        return ["--data", "data.txt", "--set", "data.format=ucr"]
    if spec.name == "translator":
        write_pairs(folder / "pairs.tsv")
        return ["--data", "pairs.tsv", "--source", "1", "--target", "2"]
    if spec.name == "tagger":
        return ["--data", write_tagged(folder / "tags.conll").name]
    if spec.name in ("classifier", "writer"):
        rows = [
            f"{'ab'[len(word) > 3]}\t{word} {other}\n" for word in WORDS[:4] for other in WORDS * 3
        ]
        (folder / "rows.tsv").write_text("".join(rows))
        return ["--data", "rows.tsv"]
    lines = [" ".join(WORDS[i % 11 :] + WORDS[: i % 7]) + "\n" for i in range(150)]
    (folder / "text.txt").write_text("".join(lines))
    return ["--data", "text.txt"]


def told(*words: str) -> str:
    """What a command that succeeds prints: in this process, since starting is most of its time."""
    done = seqcli(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(("task", "preset"), variants())
def test_two_steps(task: str, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = data(task, preset, tmp_path)
    choice = ["--preset", preset] if preset else []
    model = taskfile.resolve(task, preset).config.model
    if getattr(model, "frozen_embedding", False):
        vectors = "".join(f"{word} " + "0.1 " * 99 + "0.1\n" for word in WORDS)
        (tmp_path / "vectors.txt").write_text(vectors, encoding="utf-8")
        choice += ["--vectors", "vectors.txt"]
    options = ["--max-steps", "2", "--json", "--set", "train.batch_size=8"]
    trained = told("train", "--task", task, *choice, *source, *options)
    result = json.loads(trained)
    assert (result["steps"], result["task"], result["preset"]) == (2, task, preset or None)
    assert Path(result["model"]).name == f"{task}{'-' * bool(preset)}{preset}.pt"
    counted = told("params", "--model", result["model"], "--json")
    assert json.loads(counted)["total"] == result["parameters"]
    scored = json.loads(told("eval", "--model", result["model"], "--json"))
    split = "test" if result["test"] else "valid"
    assert scored.pop("split") == split
    if split == "test":
        assert scored["loss"] == pytest.approx(result["test"]["loss"], rel=1e-4)
    answered = answer(tmp_path, result, scored)
    assert answered.endswith("\n")
    assert "<unk>" not in answered


def answer(folder: Path, result: dict[str, Any], scored: dict[str, Any]) -> str:
    """What a model of any kind says to something like what it was trained on."""
    for_text = {
        "tagger": ("tag", "the old mill"),
        "classifier": ("classify", "the old mill"),
        "translator": ("translate", "--max-tokens", "5", "haus"),
        "writer": ("sample", "--label", "a", "--max-tokens", "5"),
        "language-model": ("sample", "--max-tokens", "5"),
    }
    command, *given = for_text[scored["kind"]]
    if result["task"] in RECORDINGS:
        given = ["--input", str(RECORDINGS[result["task"]])]
    elif result["task"] == "signals":
        (folder / "in.jsonl").write_text('{"values": [0.5, 0.6, 0.7, 0.8]}\n')
        given = ["--input", "in.jsonl"]
    found = told(command, "--model", result["model"], *given)
    if given == ["the old mill"] and command == "tag":
        assert [line.split("\t")[0] for line in found.split("\n")[:3]] == ["the", "old", "mill"]
    if command == "classify":
        assert found.split("\t")[0] in scored["labels"]
    return found
