"""`seqcli check`: what training would find, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_runs import answer, error, seqcli

ROWS = "".join(f"text number {n} goes on,{'xy'[n % 2]}\n" for n in range(40))


def table(folder: Path, more: str = "") -> Path:
    path = folder / "t.csv"
    path.write_text(f"text,label\n{ROWS}{more}", encoding="utf-8")
    return path


def checked(path: Path, *flags: str, task: str = "text") -> dict[str, Any]:
    found: dict[str, Any] = answer("check", "--task", task, "--data", path, *flags)
    return found


def named(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in found["findings"]}


def test_what_is_there_is_told(tmp_path: Path) -> None:
    found = checked(table(tmp_path))
    assert (found["task"], found["format"]) == ("text", "csv")
    assert found["columns"] == {"text": "'text'", "label": "'label'"}
    assert sum(found["splits"].values()) == 40
    assert found["labels"] == {"x": 20, "y": 20}
    assert found["lengths"]["max"] == 5
    assert found["findings"] == []
    assert not list(tmp_path.glob("*.run"))


def test_words_of_one_length_are_read_by_what_stands_where(tmp_path: Path) -> None:
    codes = [f"{'ab'[n % 2]}{n:03}" for n in range(40)]
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"{code},{code[0]}\n" for code in codes))
    assert checked(path)["aligned"]
    said = seqcli("check", "--task", "text", "--data", str(path)).stdout
    assert "of mostly 1 token of one length: " in said
    assert "wide_placed 1x2x3" in said
    path.write_text(path.read_text() + "longer,a\n" * 20)
    assert not checked(path)["aligned"]
    assert "wide_placed" not in seqcli("check", "--task", "text", "--data", str(path)).stdout


@pytest.mark.parametrize(
    ("row", "name", "line"),
    [
        ("cafÃ© is nice to see,x\n", "mojibake", 42),
        ("lost \ufffd here and there,x\n", "replacement-characters", 42),
        ("bad \x92 sign in here,y\n", "control-characters", 42),
        ("<br />line &amp; more of it,y\n", "markup", 42),
        ("...,x\n", "near-empty", 42),
    ],
)
def test_damage_is_found_with_its_line(tmp_path: Path, row: str, name: str, line: int) -> None:
    finding = named(checked(table(tmp_path, row)))[name]
    assert finding["count"] == 1
    assert finding["advice"]
    assert [example["line"] for example in finding["examples"]] == [line]
    assert finding["examples"][0]["path"] == str(tmp_path / "t.csv")


def test_sound_text_in_many_scripts_is_no_damage(tmp_path: Path) -> None:
    rows = "".join(
        f"{text},x\n" for text in ("é à ü ß", "Ζωή όλα", "Привет, мир", "日本語", "<unk> a")
    )
    assert (
        not {"mojibake", "markup", "control-characters"}
        & named(checked(table(tmp_path, rows.replace(", м", " м")))).keys()
    )


def test_an_extreme_text_and_contradictions(tmp_path: Path) -> None:
    more = f"{'long ' * 2000},x\ntext number 3 goes on,x\n"
    found = named(checked(table(tmp_path, more)))
    assert found["extreme"]["count"] == 1
    assert found["contradictions"]["count"] == 1


def test_running_text(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("the cat sat on the mat\n" * 300 + "cafÃ©\n", encoding="utf-8")
    found = checked(path, task="char")
    assert found["labels"] is None
    assert found["splits"].keys() == {"train", "valid"}
    assert named(found)["mojibake"]["examples"][0]["line"] == 301


def test_strict_is_for_scripts(tmp_path: Path) -> None:
    sound = seqcli("check", "--task", "text", "--data", table(tmp_path), "--strict")
    assert sound.exit_code == 0
    assert "nothing odd was found" in sound.stdout
    odd = seqcli("check", "--task", "text", "--data", table(tmp_path, "...,x\n"), "--strict")
    assert odd.exit_code == 1
    assert "t.csv:42" in odd.stdout


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert "--task is missing" in error(2, "check")
    error(1, "check", "--task", "text", "--data", tmp_path / "none.csv")


def test_every_bundled_sample_can_be_checked() -> None:
    for task in ("spam", "names", "ptb"):
        assert answer("check", "--task", task)["splits"]["train"] > 0
