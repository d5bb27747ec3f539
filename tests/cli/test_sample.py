"""`seqcli sample` as typed at the shell, and the way to it: train, eval, sample on own text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_language import LETTERS, letters, tiny, write
from tiny_models import write_model
from typer.testing import CliRunner, Result

from seqcli.cli.app import app


def run(*args: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, list(args), input=stdin)


def good(*args: str, stdin: str | bytes = "") -> Result:
    result = run(*args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return result


def bad(*args: str, code: int = 2) -> str:
    result = run(*args)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert re.search(r"^error: .+\n(.*\n)*hint: .+$", result.stderr, re.MULTILINE), result.stderr
    return result.stderr


def ask(model: str, *args: str, stdin: str | bytes = "") -> str:
    """Stdout of a sample with seed 1."""
    return good("sample", "--model", model, "--seed", "1", *args, stdin=stdin).stdout


def records(model: str, *args: str) -> list[dict[str, Any]]:
    lines = ask(model, "--json", *args).split("\n")
    assert lines.pop() == ""
    return [json.loads(line, parse_constant=pytest.fail) for line in lines]


def texts(model: str, *args: str) -> list[str]:
    return [row["text"] for row in records(model, *args)]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write(tmp_path_factory.mktemp("words") / "words.pt", *tiny(size=0.6)))


@pytest.fixture(scope="module")
def characters(tmp_path_factory: pytest.TempPathFactory) -> str:
    pair = tiny(LETTERS, data=letters(), size=0.4)
    return str(write(tmp_path_factory.mktemp("letters") / "letters.pt", *pair))


def test_bfloat16_where_there_is_none(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcli.machine.device.cpu_has_bfloat16", lambda: False)
    asked = ("sample", "--model", words, "--seed", "1", "--precision")
    assert "no bf16 on this machine's cpu" in bad(*asked, "bf16", code=1)
    assert good(*asked, "auto").stdout == good(*asked, "fp32").stdout


def test_word_text_is_readable(words: str) -> None:
    text = ask(words, "--count", "50", "--max-tokens", "30")
    lines = text.split("\n")
    assert len(lines) == 51
    assert lines.pop() == ""
    assert "<" not in text
    known = {"the", "cat", "sat", "on", "a", "mat", "N", "n't", ",", "$"}
    assert {word for line in lines for word in line.split(" ") if line} == known
    assert all(line == " ".join(line.split()) for line in lines)


def test_one_line_texts_stand_one_a_line(tmp_path: Path) -> None:
    """Names, say: no blank lines between; a text of several lines is set apart."""
    data = {"tokenizer": "characters", "document": "line", "unknown": False}
    names = str(write(tmp_path / "n.pt", *tiny(["<eos>", "a", "b", "c"], data=data, size=0.3)))
    found = records(names, "--count", "12", "--max-tokens", "6")
    shown = good("sample", "--model", names, "--seed", "1", "--count", "12", "--max-tokens", "6")
    assert shown.stdout == "".join(row["text"] + "\n" for row in found)
    cut = [number for number, row in enumerate(found, 1) if row["stopped"] == "length"]
    assert 1 < len(cut) < 10
    listed = ", ".join(map(str, cut))
    assert shown.stderr == f"{len(cut)} of 12 texts cut at --max-tokens 6: {listed}\n"
    several = ask(names, "--count", "3", "--max-tokens", "90", "--lines", "3")
    assert len(several.split("\n\n")) >= 3


def test_a_text_cut_short_is_said(words: str, characters: str) -> None:
    asked = ("sample", "--seed", "1", "--max-tokens", "1", "--prompt", "the", "--model")
    assert good(*asked, words).stderr == "the text is cut at --max-tokens 1\n"
    assert good(*asked, words, "--quiet").stderr == ""
    assert good(*asked, words, "--count", "2").stderr == "all 2 texts are cut at --max-tokens 1\n"
    assert "cut" not in good(*asked, characters).stderr  # it has no end mark to stop at


def test_character_text_is_exact(characters: str) -> None:
    found = records(characters, "--count", "3", "--max-tokens", "200")
    assert all(len(row["text"]) == row["tokens"] == 200 for row in found)
    everything = "".join(row["text"] for row in found)
    assert set(everything) == set(LETTERS)
    plain = ask(characters, "--count", "3", "--max-tokens", "200")
    shown = "\n\n".join(row["text"] for row in found) + "\n"
    assert plain == shown.replace("\x1b", "\\x1b")  # a text cannot steer the terminal


def test_json_keys(words: str) -> None:
    found = records(words, "--count", "30", "--max-tokens", "6", "--prompt", "the cat")
    assert all(list(row) == ["prompt", "text", "tokens", "logprob", "stopped"] for row in found)
    assert {row["stopped"] for row in found} == {"end", "length"}
    for row in found:
        assert row["tokens"] == len(row["text"].split())
        assert row["tokens"] == 6 or row["stopped"] == "end"


def test_logprob_is_that_of_the_whole_text(words: str) -> None:
    _, network = tiny(size=0.6)
    kind, _ = tiny()
    options = ["--temperature", "0.7", "--top-k", "5", "--lines", "2", "--max-tokens", "9"]
    for row in records(words, "--count", "12", "--prompt", "on a", *options):
        context, _ = kind.context("on a")
        drawn = [token for line in row["text"].split("\n") for token in (*line.split(), "<eos>")]
        if row["stopped"] == "length":
            drawn.pop()
        places = [kind.vocab.to_list().index(token) for token in drawn]
        with torch.no_grad():
            outputs, _ = network(torch.tensor([[*context, *places]]), None)
            logits = network.output(outputs)[0].double()
        logits[:, 0] = -torch.inf
        steps = logits.log_softmax(1)[len(context) - 1 : -1]
        wanted = sum(step[place].item() for step, place in zip(steps, places, strict=True))
        assert row["logprob"] == pytest.approx(wanted, abs=1e-4)


def test_plain_output_shows_prompt_and_text(words: str, characters: str) -> None:
    (row,) = records(words, "--prompt", "the cat")
    assert ask(words, "--prompt", "the cat") == f"the cat {row['text']}\n"
    assert ask(words, "--prompt", "the cat ") == f"the cat {row['text']}\n"
    (row,) = records(characters, "--prompt", "ab", "--max-tokens", "40")
    shown = f"ab{row['text']}\n".replace("\x1b", "\\x1b")
    assert ask(characters, "--prompt", "ab", "--max-tokens", "40") == shown
    empty = [row["text"] for row in records(words, "--count", "60", "--prompt", "a")].index("")
    lines = ask(words, "--count", "60", "--prompt", "a").split("\n")
    assert lines[empty] == "a"


@pytest.mark.parametrize("lines", ["1", "3"])
@pytest.mark.parametrize("prompt", ["", "the cat", "the cat "])
@pytest.mark.parametrize("seed", range(6))
def test_streaming_shows_the_same(words: str, lines: str, prompt: str, seed: int) -> None:
    options = ["--model", words, "--lines", lines, "--prompt", prompt, "--seed", str(seed)]
    plain = good("sample", *options, "--max-tokens", "12").stdout
    assert good("sample", *options, "--max-tokens", "12", "--stream").stdout == plain


def test_streaming_characters_and_paragraphs(characters: str, tmp_path: Path) -> None:
    options = ["--prompt", "a\tb", "--max-tokens", "300"]
    assert ask(characters, *options, "--stream") == ask(characters, *options)
    data = {**letters(), "document": "blank"}
    pair = tiny(["<eos>", *"ab \n"], data=data, size=0.5)
    blank = str(write(tmp_path / "blank.pt", *pair))
    plain = ask(blank, "--lines", "4")
    assert plain.count("\n\n") >= 3
    assert ask(blank, "--lines", "4", "--stream") == plain


def test_lines_goes_on_past_end_marks(words: str) -> None:
    for lines in (1, 2, 5):
        found = records(words, "--count", "20", "--lines", str(lines), "--max-tokens", "500")
        assert {row["stopped"] for row in found} == {"end"}
        assert {row["text"].count("\n") for row in found} == {lines - 1}


def test_the_prompt_from_stdin(words: str, characters: str) -> None:
    wanted = ask(words, "--prompt", "the cat")
    assert ask(words, "--prompt", "-", stdin="the cat\n") == wanted
    assert ask(characters, "--prompt", "-", stdin="ab") == ask(characters, "--prompt", "ab")
    result = run("sample", "--model", characters, "--prompt", "-", "--seed", "1", stdin=b"a\xffb")
    assert result.exit_code == 0
    assert "unknown in the prompt: '\ufffd'" in result.stderr


def test_unknown_words_in_the_prompt(words: str, characters: str) -> None:
    result = good("sample", "--model", words, "--seed", "1", "--prompt", "my cat my dog")
    assert result.stderr == "unknown in the prompt: 'my', 'dog'\n"
    assert result.stdout.startswith("my cat my dog ")
    again = texts(words, "--prompt", "<unk> cat <unk> <unk>")
    assert again == texts(words, "--prompt", "my cat my dog")
    result = good("sample", "--model", characters, "--seed", "1", "--prompt", "axb")
    assert result.stderr == "unknown in the prompt: 'x'\n"
    assert texts(characters, "--prompt", "axb") == texts(characters, "--prompt", "ab")


def test_one_token(words: str) -> None:
    found = records(words, "--max-tokens", "1", "--count", "30")
    assert {row["tokens"] for row in found} == {0, 1}
    assert {(row["tokens"], row["stopped"]) for row in found} == {(0, "end"), (1, "length")}


def test_seeds(words: str) -> None:
    options = ["--count", "4", "--model", words]
    one, two, other = (good("sample", *options, "--seed", s).stdout for s in ("7", "7", "8"))
    assert one == two != other
    unsaid = good("sample", *options)
    seed = re.fullmatch(r"seed (\d+)\n", unsaid.stderr)
    assert seed is not None
    assert good("sample", *options, "--seed", seed[1]).stdout == unsaid.stdout
    assert good("sample", *options, "--quiet").stderr == ""
    first = records(words, "--count", "5")[:2]
    for row, same in zip(records(words, "--count", "2"), first, strict=True):
        assert row == {**same, "logprob": pytest.approx(same["logprob"], abs=1e-5)}


def test_greedy(words: str) -> None:
    greedy = good("sample", "--model", words, "--greedy", "--max-tokens", "20")
    assert greedy.stderr == ""  # nothing is drawn: no seed to say
    for options in (["--temperature", "0"], ["--temperature", "1e-300"], ["--top-k", "1"]):
        assert ask(words, *options, "--max-tokens", "20") == greedy.stdout
    assert ask(words, "--top-p", "1e-12", "--max-tokens", "20") == greedy.stdout
    assert len(ask(words, "--temperature", "1e300", "--lines", "9", "--max-tokens", "50")) > 50


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--temperature", "-0.1"),
        ("--temperature", "nan"),
        ("--temperature", "inf"),
        ("--top-k", "-1"),
        ("--top-p", "0"),
        ("--top-p", "1.01"),
        ("--top-p", "nan"),
        ("--count", "0"),
        ("--max-tokens", "0"),
        ("--max-tokens", "x"),
        ("--lines", "0"),
        ("--repetition-penalty", "0"),
        ("--repetition-penalty", "inf"),
        ("--seed", "-1"),
        ("--seed", str(2**63)),
    ],
)
def test_values_without_a_meaning(words: str, option: str, value: str) -> None:
    assert option in bad("sample", "--model", words, option, value)


def test_wrong_use(words: str, tmp_path: Path) -> None:
    assert "--stream" in bad("sample", "--model", words, "--stream", "--count", "2")
    assert "--stream" in bad("sample", "--model", words, "--stream", "--json")
    assert "--model" in bad("sample")
    told = bad("sample", "--model", str(tmp_path / "no.pt"), code=1)
    assert "no.pt" in told
    classifier = str(write_model(tmp_path / "spam.pt"))
    told = bad("sample", "--model", classifier, code=1)
    assert "a classifier; `sample` needs a language model" in told
    assert "seqcli classify" in told
