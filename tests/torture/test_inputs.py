"""Any bytes as data, any text as input: words, never a traceback; no hang, no memory blown up."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny_language
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import write_model

from seqcli.data.corpus import load_corpus
from seqcli.data.labeled import load
from seqcli.data.vectors import find
from seqcli.errors import SeqcliError
from seqcli.readers import READERS, discover, open_table
from seqcli.readers.live import arriving
from seqcli.settings.sections import LabeledText, RunningText
from seqcli.tasks import taskfile
from seqcli.text.vocab import Vocab
from torture.checks import words
from torture.conftest import Tally
from torture.forkserver import Server

# Bytes that readers trip over, between any others.
PIECES = st.sampled_from(
    [
        *(b"\0", b"\n", b"\r\n", b"\r", b"\t", b",", b'"', b'""', b"{", b"}", b"NaN", b"null"),
        *(b"\xff", b"\x80", b"\xed\xa0\x80", b"\xc2\x85", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80"),
        *(b"\xef\xbb\xbf", b"\xff\xfe", b"\x1b[2J", b"[red]", b"=1+1", b"Null", b"1e999"),
        *(b"__label__", b"__label__spam ", b"text", b"label", b"text,label\n", b"label\ttext\n"),
        *(b"spam\twin\n", b"ham\tsee you\n", b'{"text": "a", "label": "b"}\n', b'{"text": null}\n'),
        *(b"PK\x03\x04", b"PAR1", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00"),
    ]
)
BYTES = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=40).map(b"".join))
TEXT = st.text(st.characters(), max_size=60)
MANY = [60, pytest.param(3000, marks=pytest.mark.torture)]
ENDINGS = [*READERS, "txt", "csv.gz", "tsv.bz2", "jsonl.xz", "toml", "vectors"]


@contextmanager
def soon(busy: int = 20, idle: int = 300) -> Iterator[None]:
    """Fails where what is inside takes so many seconds of the processor, or of the day."""

    def hung(*_: object) -> None:
        raise AssertionError("it hangs")

    before = [(number, signal.signal(number, hung)) for number in (signal.SIGALRM, signal.SIGPROF)]
    signal.alarm(idle)
    signal.setitimer(signal.ITIMER_PROF, busy)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in before:
            signal.signal(number, handler)


def as_labeled(path: Path, kind: str) -> None:
    data = LabeledText(format=kind if kind in READERS else "auto")
    source = discover(path.parent if kind in ("folders", "files") else path, data)
    load(source, data, seed=1)


def as_text(path: Path, document: str) -> None:
    for tokenizer in ("words", "characters"):
        data = RunningText(document=document, tokenizer=tokenizer)
        load_corpus(discover(path, data, ("text",)), data, None, lambda: None)


def as_table(path: Path, encoding: str) -> None:
    for row in (table := open_table(path, LabeledText(encoding=encoding))).rows:
        table.getter("text")(row), table.getter("label")(row)


def as_stream(path: Path, encoding: str) -> None:
    with path.open("rb") as stream:
        for group in arriving(stream, encoding, rows=3, characters=20):
            assert all("\n" not in line for line in group)


READ: dict[str, Callable[[Path], object]] = {
    **{f"labeled {kind}": lambda path, kind=kind: as_labeled(path, kind) for kind in READERS},  # type: ignore[misc]
    "labeled": lambda path: as_labeled(path, ""),
    "text, a file": lambda path: as_text(path, "file"),
    "text, lines": lambda path: as_text(path, "line"),
    "text, paragraphs": lambda path: as_text(path, "blank"),
    "a table": lambda path: as_table(path, "utf-8"),
    "a table in utf-16": lambda path: as_table(path, "utf-16"),
    "a stream": lambda path: as_stream(path, "utf-8"),
    "a stream in utf-16": lambda path: as_stream(path, "utf-16"),
    "a stream in utf-7": lambda path: as_stream(path, "utf-7"),
    "vectors": lambda path: find(path, Vocab(["<unk>", "spam", "text"]), 2),
    "a task": lambda path: taskfile.resolve(str(path.rename(path.with_name("t.toml")))),
}


@pytest.mark.parametrize("times", MANY)
@pytest.mark.parametrize("name", READ)
def test_any_bytes(name: str, times: int, tmp_path: Path, tally: Tally) -> None:
    endings = [ending for ending in ENDINGS if not name.startswith("labeled ")] or ["txt"]

    @settings(max_examples=times)
    @given(BYTES, st.sampled_from(endings))
    def read(content: bytes, ending: str) -> None:
        path = tmp_path / f"data.{ending}"
        path.write_bytes(content)
        tally("input: any bytes as data", lost=False)
        try:
            with soon():
                READ[name](path)
        except SeqcliError as error:
            str(error).encode()  # can be shown
        finally:
            for left in tmp_path.iterdir():
                left.unlink()

    read()


# --- any text, through the commands


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models."""
    folder = tmp_path_factory.mktemp("texts")
    write_model(folder / "classifier.pt", ("ham", "spam"))
    tiny_language.write(folder / "language.pt", *tiny_language.tiny())
    return folder


@pytest.mark.parametrize("times", [12, pytest.param(600, marks=pytest.mark.torture)])
def test_any_text(times: int, stage: Path, heavy: Server, tally: Tally) -> None:
    @settings(max_examples=times)
    @given(TEXT)
    def run(text: str) -> None:
        text = text.replace("\0", "")
        text = text.encode("utf-8", "surrogateescape" if "\udc80" in text else "replace").decode(
            "utf-8", "surrogateescape"
        )
        for args in (
            ["classify", "--model", "classifier.pt", "--json", "--", text],
            ["sample", "--model", "language.pt", "--seed", "1", f"--prompt={text}", "--json"],
        ):
            ended = heavy.run(args, stage)
            words(ended)
            if ended.code == 0:
                assert all(isinstance(json.loads(line), dict) for line in ended.out.splitlines())
                assert ended.out.rstrip("\n").isprintable()
            tally("input: any text to classify and sample", lost=False)

    run()


@pytest.mark.parametrize("times", [12, pytest.param(600, marks=pytest.mark.torture)])
def test_any_bytes_on_stdin(times: int, stage: Path, heavy: Server, tally: Tally) -> None:
    """As many answers as lines, up to the first that is no text."""

    @settings(max_examples=times)
    @given(BYTES)
    def run(content: bytes) -> None:
        (stage / "stdin").write_bytes(content)
        ended = heavy.run(
            ["classify", "--model", "classifier.pt", "-"], stage, stdin=stage / "stdin"
        )
        words(ended)
        if ended.code == 0:
            plain = content.replace(b"\r\n", b"\n")
            if b"\n" not in content:  # there alone a CR by itself ends a line
                plain = content.replace(b"\r", b"\n")
            assert ended.out.count("\n") == len(plain.removesuffix(b"\n").split(b"\n")) * (
                plain != b""
            )
        sampled = heavy.run(
            ["sample", "--model", "language.pt", "--seed", "1", "--prompt", "-"],
            stage,
            stdin=stage / "stdin",
        )
        words(sampled)
        tally("input: any bytes on stdin", lost=False)

    run()
