"""The docs are what the program says; their links lead somewhere; the README runs as written.

Commands in the README stand in blocks fenced with ```sh and run in order, in one empty folder. A
block after `<!-- not run: reason -->` is read, not run: its options must exist.
"""

import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command

from seqcli.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))]
COMMANDS: dict[str, Any] = getattr(get_command(app), "commands", {})
BLOCK = re.compile(
    r"(<!-- not run: (?P<reason>.+?) -->\s*\n)?^```(?P<tag>sh|console|bash)\n(?P<text>.*?)^```",
    re.M | re.S,
)
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)\s]+)\)|^\[[^\]]+\]: (?P<reference>\S+)", re.M)


class Block(NamedTuple):
    text: str
    reason: str


def blocks() -> list[Block]:
    """The README's commands."""
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    found = list(BLOCK.finditer(text))
    return [Block(match["text"], match["reason"] or "") for match in found]


def calls(text: str) -> Iterator[list[str]]:
    """Each `seqcli …` in a piece of shell, as words; also behind a pipe or in front of one."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|;&<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("|;&<>") or not word:
                words.append(word)
                continue
            if words[:1] == ["seqcli"]:
                yield words
            words = []


def test_the_parser_of_commands() -> None:
    text = 'seqcli train --task a \\\n  --out "b c.pt"  # note\ncat x | seqcli classify - > y; ls'
    assert list(calls(text)) == [
        ["seqcli", "train", "--task", "a", "--out", "b c.pt"],
        ["seqcli", "classify", "-"],
    ]


@pytest.mark.parametrize("name", ["cli", "settings"])
def test_generated_pages_are_fresh(name: str) -> None:
    page = runpy.run_path(str(ROOT / "docs" / f"generate_{name}.py"))["page"]()
    written = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert written == page, "`make docs` writes it anew"


@pytest.mark.parametrize("page", [path for path in PAGES if path.exists()], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(
        re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.S)
    ):
        target = match["target"] or match["reference"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(path), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual hosts make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_command_in_the_readme_can_be_typed() -> None:
    for block in blocks():
        for words in calls(block.text):
            if words[1:] in (["--help"], ["--version"], ["--install-completion"]):
                continue
            assert words[1] in COMMANDS, words
            COMMANDS[words[1]].make_context(words[1], words[2:])


def test_every_command_is_in_the_readme() -> None:
    if not blocks():
        pytest.skip("the README has no commands yet")
    named = {words[1] for block in blocks() for words in calls(block.text) if len(words) > 1}
    assert COMMANDS.keys() <= named


def test_the_readme_runs_as_written(tmp_path: Path, shell: dict[str, str]) -> None:
    script = "\n".join(block.text for block in blocks() if not block.reason)
    if not script:
        pytest.skip("the README has no commands to run yet")
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env=shell,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", PAGES[:1] + PAGES[2:], ids=lambda path: path.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    """In backticks or in a table's cell; CHANGELOG, which tells of what was, aside."""
    named = re.findall(
        r"(?<![\w/.])(?:tests|seqcli|benchmarks)/[\w/]+[\w](?:\.\w+)?", page.read_text("utf-8")
    )
    lacking = [
        name
        for name in named
        if not any((ROOT / f"{name}{ending}").exists() for ending in ("", ".py"))
        and "FILE" not in name
    ]
    assert not lacking


def test_every_promise_of_reliability_names_tests_that_exist() -> None:
    """The last cell of a row: files, each with words of its tests' names in backticks.

    A cell without a file goes on with the one above.
    """
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    cells = re.findall(r"\| ([^|\n]+) \|$", page, re.M)
    named = [part for cell in cells for part in re.split(r";|, (?=tests/)", cell)]
    rows, content = 0, ""
    for part in named:
        file = re.search(r"\btest_\w+", part)
        if file is not None:
            (path,) = ROOT.glob(f"tests/**/{file.group()}.py")
            content = path.read_text(encoding="utf-8")
        elif "`" not in part:
            assert part in ("where", "held by", "the same"), part
            continue
        for words in re.findall(r"`(\w+)`", part):
            assert re.search(rf"def test_\w*{words}", content), part
        rows += 1
    assert rows > 30


def test_the_worked_example_of_a_kind_is_the_tests_own() -> None:
    """Every block of Python stands in it word for word, in the page's order."""
    page = (ROOT / "docs" / "adding-a-kind.md").read_text(encoding="utf-8")
    code = (ROOT / "tests" / "number_kind.py").read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    assert len(found) >= 6
    places = [code.find(block) for block in found]
    for block, place in zip(found, places, strict=True):
        assert place >= 0, f"tests/number_kind.py has no\n{block}"
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["adding-a-kind", "architecture", "one-update"])
def test_the_files_that_a_page_names_exist(name: str) -> None:
    """In backticks: from the root of the checkout, or from seqcli/."""
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)*\w+\.(?:py|md|toml|txt)|(?:\w+/)+)`", page)
    assert len(named) >= 3
    for path in named:
        assert (ROOT / path).exists() or (ROOT / "seqcli" / path).exists(), path


def test_the_walk_through_an_update_names_what_is_there() -> None:
    """Each word in backticks is a file, or a name that one of the named files has."""
    page = (ROOT / "docs" / "one-update.md").read_text(encoding="utf-8")
    files = {ROOT / "seqcli" / path for path in re.findall(r"`((?:\w+/)*\w+\.py)`", page)}
    files |= set((ROOT / "seqcli" / "kinds").glob("*.py"))
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    for words in re.findall(r"`([\w.]+)`", page):
        last = words.split(".")[-1]
        known = re.search(rf"\b{last}\b", code) or (ROOT / "seqcli" / words).exists()
        assert known, words
