"""Running text on disk: pieces, documents, split files, odd characters."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seqcli import kinds
from seqcli.errors import DataError
from seqcli.readers import Source, discover, plain_text
from seqcli.settings.sections import RunningText
from seqcli.text.normal import normal

ODD = "a\u0085b\u2028c\x0bd\x0ce\u00a0f 😀👩‍👩‍👧 e\u0301 中文。\tend"


def settings(**values: Any) -> RunningText:
    found = kinds.read({"kind": "language-model", "data": values}).data
    assert isinstance(found, RunningText)
    return found


def text_source(path: Path, data: RunningText) -> Source:
    return discover(path, data, ("text",))


def pieces(path: Path, part: str = "all", **values: Any) -> list[tuple[str, bool]]:
    return list(plain_text.pieces(text_source(path, settings(**values)), part))


def put(folder: Path, content: str | bytes, name: str = "book.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_file_is_one_text_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"one\n\n two \n{ODD}\nlast"
    path = put(tmp_path, text)
    assert "".join(piece for piece, _ in pieces(path, document="file")) == text
    monkeypatch.setattr(plain_text, "CHUNK", 4)
    found = pieces(path, document="file")
    assert len(found) > 3
    assert "".join(piece for piece, _ in found) == text


@given(st.text(st.sampled_from("ab\r\n\u2028é"), max_size=40), st.integers(1, 9))
def test_chunks_lose_nothing_and_break_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, size: int
) -> None:
    path = put(tmp_path, text)
    monkeypatch.setattr(plain_text, "CHUNK", size)
    for tokenizer in ("characters", "spaces"):
        found = [piece for piece, _ in pieces(path, document="file", tokenizer=tokenizer)]
        ends = text.replace("\r\n", "\n")
        assert "".join(found) == (ends if "\n" in text else ends.replace("\r", "\n"))
        assert all(found)
        if tokenizer == "spaces":  # pieces are split into words one by one
            assert all(piece.endswith("\n") for piece in found[:-1])


def test_a_line_without_end_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_text, "CHUNK", 100)
    path = put(tmp_path, "word " * 1000)
    by_character = pieces(path, document="file", tokenizer="characters")
    assert {len(piece) for piece, _ in by_character[:-1]} == {99, 100}
    assert pieces(path, document="file", tokenizer="spaces") == [("word " * 1000, False)]


def test_the_line_of_a_bad_byte_far_into_a_file(tmp_path: Path) -> None:
    good = ("a line of text\n" * 40_000).encode()
    path = put(tmp_path, good + b"\xff\n")
    with pytest.raises(DataError, match="line 40001: utf-8 text expected, found: 0xff"):
        pieces(path, document="file")
    put(tmp_path, good + b"nothing\0\n")
    with pytest.raises(DataError, match="line 40001: text expected, a NUL"):
        pieces(path, document="file")


def test_a_line_is_a_document(tmp_path: Path) -> None:
    path = put(tmp_path, f"\none \n \n{ODD}\n\nlast")
    assert pieces(path, document="line") == [("one ", True), (ODD, True), ("last", True)]


def test_a_paragraph_is_a_document(tmp_path: Path) -> None:
    path = put(tmp_path, f"\n\none\ntwo\n \n\n{ODD}\nlast")
    assert pieces(path, document="blank") == [("one\ntwo", True), (f"{ODD}\nlast", True)]


@pytest.mark.parametrize("document", ["file", "line", "blank"])
def test_line_ends_of_windows_and_a_byte_order_mark(tmp_path: Path, document: str) -> None:
    text = "one\ntwo\n\nthree\n"
    plain = put(tmp_path, text, "plain.txt")
    windows = put(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), "win.txt")
    assert pieces(windows, document=document) == pieces(plain, document=document)
    utf16 = put(tmp_path, text.encode("utf-16"), "wide.txt")
    assert pieces(utf16, document=document, encoding="utf-16") == pieces(plain, document=document)


def test_a_carriage_return_alone_is_text_unless_nothing_else_ends_lines(tmp_path: Path) -> None:
    assert pieces(put(tmp_path, "a\rb\nc\n"), document="file") == [("a\rb\nc\n", False)]
    old = put(tmp_path, "one\rtwo\r\rthree\r")
    assert pieces(old, document="file") == [("one\ntwo\n\nthree\n", False)]
    assert pieces(old, document="blank") == [("one\ntwo", True), ("three", True)]


def test_the_rows_of_a_table_are_documents(tmp_path: Path) -> None:
    path = put(tmp_path, 'n,Text\n1,"a, b\nc"\n2,\n3,d\n', "book.csv")
    assert pieces(path, document="line") == [("a, b\nc", True), ("d", True)]
    assert pieces(path, document="file") == [("a, b\nc\n", False), ("d\n", False)]
    assert pieces(path, document="line", text_column="n")[0] == ("1", True)
    assert pieces(path, document="line", format="text")[0] == ("n,Text", True)
    assert text_source(path, settings()).notes() == ["columns of the csv table: text 'Text'"]
    with pytest.raises(DataError, match="a text column text / sentence"):
        pieces(put(tmp_path, '{"n": 1}', "bad.jsonl"), document="line")


@given(st.text(st.sampled_from("e\u0301\u0323q\u1100\u1161\u11a8é\r\n"), max_size=40))
def test_a_seam_parts_nothing_that_belongs_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(plain_text, "CHUNK", 3)
    assume("\r\r\n" not in text)  # read as "\r\n", and that as one line end
    path = put(tmp_path, text)
    found = pieces(path, document="file", tokenizer="characters")
    whole = text if "\n" in text else text.replace("\r", "\n")
    assert "".join(normal(piece) for piece, _ in found) == normal(whole)


def test_packed_files(tmp_path: Path) -> None:
    path = put(tmp_path, gzip.compress(b"one\ntwo\n"), "book.txt.gz")
    assert pieces(path, document="line") == [("one", True), ("two", True)]


def test_a_folder_of_split_files(tmp_path: Path) -> None:
    for name in ("ptb.test.txt", "ptb.train.txt", "ptb.valid.txt", "README.md"):
        put(tmp_path, f"{name}\n", name)
    source = text_source(tmp_path, settings(document="line"))
    assert list(source.parts) == ["train", "valid", "test"]
    assert list(plain_text.pieces(source, "valid")) == [("ptb.valid.txt", True)]
    assert source.left_out == ("README.md",)
    whole = source.whole()
    texts = [piece for piece, _ in plain_text.pieces(whole, "all")]
    assert texts == ["ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"]
    assert whole.fingerprint() == source.fingerprint()


def test_a_folder_without_split_files(tmp_path: Path) -> None:
    put(tmp_path, "x")
    with pytest.raises(DataError, match="a folder without a train file") as caught:
        text_source(tmp_path, settings())
    assert "book.train.txt" in caught.value.hint


def test_the_fingerprint_follows_the_bytes(tmp_path: Path) -> None:
    one = text_source(put(tmp_path, "one", "a.txt"), settings())
    same = text_source(put(tmp_path, "one", "b.txt"), settings())
    assert one.fingerprint() == same.fingerprint()
    folder = tmp_path / "split"
    folder.mkdir()
    put(folder, "one", "x.train.txt")
    before = text_source(folder, settings()).fingerprint()
    assert before != one.fingerprint()
    put(folder, "two", "x.valid.txt")
    with_valid = text_source(folder, settings()).fingerprint()
    put(folder, "three", "x.train.txt")
    assert len({before, with_valid, text_source(folder, settings()).fingerprint()}) == 3


@pytest.mark.parametrize(
    ("content", "told"), [(b"a\nb\xff\n", "0xff"), (b"a\0b", "NUL"), (b"\x80", "0x80")]
)
def test_what_is_no_text(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        pieces(put(tmp_path, content))
    assert caught.value.line
    assert "--encoding" in caught.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    put(tmp_path, "x")
    with pytest.raises(DataError, match="nothing found there") as caught:
        pieces(tmp_path / "bock.txt")
    assert "book.txt" in caught.value.hint
    with pytest.raises(DataError, match=r"bock\.txt"):
        text_source(tmp_path / "bock.txt", settings()).fingerprint()
