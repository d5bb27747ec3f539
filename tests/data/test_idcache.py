"""A long text's ids, kept beside the run: used where everything is the same, else made anew."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from seqcli import kinds
from seqcli.data import idcache
from seqcli.data.corpus import Corpus, load_corpus
from seqcli.data.idcache import FILES, kept_corpus
from seqcli.readers import discover
from seqcli.settings.sections import RunningText
from seqcli.text import growing


@pytest.fixture(autouse=True)
def _long_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "MAPPED_BYTES", 1000)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text("".join(f"line {i % 37} of a book\n" for i in range(300)))
    (tmp_path / "run").mkdir()
    return path


def read(book: Path, **values: object) -> Corpus:
    known = {"tokenizer": "characters", "test": 0.1, "valid": 0.1, **values}
    data = kinds.read({"kind": "language-model", "data": known}).data
    assert isinstance(data, RunningText)
    source = discover(book, data, ("text",))
    return kept_corpus(source, data, source.fingerprint(), book.parent / "run", lambda: None)


def plain(corpus: Corpus) -> tuple[object, ...]:
    streams = {part: (ids.dtype.name, ids.tolist()) for part, ids in corpus.streams.items()}
    return corpus.vocab.to_list(), streams, corpus.unknown_share


@pytest.fixture
def once(book: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """Read once; from now on another reading of the text fails."""
    found = plain(read(book))

    def again(*_: object) -> Corpus:
        raise AssertionError("the text is read again")

    monkeypatch.setattr(idcache, "load_corpus", again)
    return found


def test_the_second_start_maps_what_the_first_has_made(
    book: Path, once: tuple[object, ...]
) -> None:
    again = read(book)
    assert plain(again) == once
    assert isinstance(again.streams["train"], np.memmap)
    assert sorted(path.name for path in (book.parent / "run").iterdir()) == sorted(FILES)


@pytest.mark.usefixtures("once")
def test_other_settings_or_another_text_are_read(book: Path) -> None:
    with pytest.raises(AssertionError, match="read again"):
        read(book, lowercase=True)
    book.write_text(book.read_text().replace("36", "37"))
    with pytest.raises(AssertionError, match="read again"):
        read(book)


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("hurt", ["gone", "cut", "flipped", "empty"])
def test_what_is_damaged_is_made_anew(book: Path, name: str, hurt: str) -> None:
    path = book.parent / "run" / name
    content = bytearray(path.read_bytes())
    if hurt == "gone":
        path.unlink()
    else:
        content[len(content) // 2] ^= 64
        cut = {"cut": len(content) - 7, "flipped": len(content), "empty": 0}[hurt]
        path.write_bytes(content[:cut])
    with pytest.raises(AssertionError, match="read again"):
        read(book)


@pytest.mark.usefixtures("once")
def test_ids_beyond_the_vocabulary_are_not_taken(book: Path) -> None:
    described = json.loads((book.parent / "run" / "ids.json").read_bytes())
    described["vocabulary"] = described["vocabulary"][:5]
    (book.parent / "run" / "ids.json").write_text(json.dumps(described))
    with pytest.raises(AssertionError, match="read again"):
        read(book)


def test_a_short_text_leaves_nothing(book: Path) -> None:
    read(book)
    book.write_text("a short one\n" * 9)
    assert len(read(book).streams["train"]) < 108
    assert not list((book.parent / "run").iterdir())


def test_processes_at_the_same_time_make_it_once(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, found = [], []

    def counted(*given: object) -> Corpus:
        made.append(1)
        return load_corpus(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(idcache, "load_corpus", counted)
    threads = [threading.Thread(target=lambda: found.append(plain(read(book)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert found == [found[0]] * 4


def test_more_tokens_than_two_bytes_can_count(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(" ".join(f"w{i}" for i in range(70_000)) + " w1 w65535 w65536 w69999\n")
    known = {"tokenizer": "spaces", "unknown": False, "test": 0.0, "valid": 0.0}
    data = kinds.read({"kind": "language-model", "data": known}).data
    assert isinstance(data, RunningText)
    corpus = load_corpus(discover(path, data, ("text",)), data, tmp_path, lambda: None)
    found = corpus.vocab.decode(corpus.streams["train"].tolist())
    assert " ".join(found) == path.read_text().strip()
