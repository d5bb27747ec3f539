from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import ConfigError, DataError
from seqcli.readers.lines import lines, plain_name

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def written(folder: Path, content: bytes, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refused(path: Path, encoding: str = "utf-8") -> DataError:
    with pytest.raises(DataError) as caught:
        list(lines(path, encoding))
    return caught.value


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]))))
def test_lines_end_at_line_feeds_alone(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    path.write_bytes("".join(f"x{text}.\n" for text in texts).encode())
    assert list(lines(path)) == [f"x{text}." for text in texts]


def test_next_line_character_and_form_feed_stay_inside(tmp_path: Path) -> None:
    path = written(tmp_path, "a\u0085b\u2028c\x0cd\re\nlast".encode())
    assert list(lines(path)) == ["a\u0085b\u2028c\x0cd\re", "last"]


def test_windows_line_ends_lose_one_carriage_return(tmp_path: Path) -> None:
    path = written(tmp_path, b"a\r\nb\r\r\nc\r")
    assert list(lines(path)) == ["a", "b\r", "c"]
    assert list(lines(path, ends=True)) == ["a\r\n", "b\r", "\r\n", "c\r"]


def test_a_byte_order_mark_is_skipped_once(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffa\n\ufeffb".encode())
    assert list(lines(path)) == ["a", "\ufeffb"]
    assert list(lines(written(tmp_path, "a\nb".encode("utf-16")), "utf-16")) == ["a", "b"]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert list(lines(written(tmp_path, b""))) == []


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_files_are_read_as_they_are(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, PACKERS[ending]("naïve\nb\n".encode()), f"a.txt{ending}")
    assert list(lines(path)) == ["naïve", "b"]
    assert plain_name(path) == "a.txt"


@pytest.mark.parametrize("ending", PACKERS)
def test_damaged_packed_files(tmp_path: Path, ending: str) -> None:
    packed = PACKERS[ending](os.urandom(50_000).hex().encode())
    cut = refused(written(tmp_path, packed[: len(packed) // 2], f"cut{ending}"))
    assert f"cut{ending}, line 1: sound {ending} data expected, found: its end" in cut.message
    plain = refused(written(tmp_path, b"plain text", f"plain{ending}"))
    assert f"sound {ending} data expected" in plain.message
    assert "take the ending off" in plain.hint


def test_the_line_of_a_bad_byte_is_named(tmp_path: Path) -> None:
    content = b"good line\n" * 5000 + "Ca va, fran\xe7ais\n".encode("latin-1") + b"more\n" * 10
    path = written(tmp_path, content)
    error = refused(path)
    assert error.message == f"{path}, line 5001: utf-8 text expected, found: 0xe7"
    assert error.hint == "name the file's encoding, for example --encoding cp1252"
    assert list(lines(path, "cp1252"))[5000] == "Ca va, français"


def test_utf_16_without_its_mark(tmp_path: Path) -> None:
    path = written(tmp_path, b"plain text")
    error = refused(path, "utf-16")
    assert error.message.startswith(f"{path}, line 1: utf-16 text expected, found: ")
    assert "--encoding" in error.hint


def test_lines_before_a_bad_byte_in_another_block_come_through(tmp_path: Path) -> None:
    path = written(tmp_path, b"x\n" * 9000 + b"\xff")
    stream = lines(path)
    assert [next(stream) for _ in range(4000)] == ["x"] * 4000
    assert refused(path).line == 9001


def test_nul_characters_are_refused_with_the_cure(tmp_path: Path) -> None:
    error = refused(written(tmp_path, "a\nb".encode("utf-16-le")))
    assert error.message.endswith("line 1: text expected, a NUL character found")
    assert "--encoding utf-16" in error.hint


@pytest.mark.parametrize("encoding", ["utf-99", "rot13"])
def test_an_unknown_encoding(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ConfigError, match=f"a text encoding expected, '{encoding}' found"):
        list(lines(written(tmp_path, b"a"), encoding))


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, b"", "messages.txt")
    error = refused(tmp_path / "mesages.txt")
    assert error.message == (
        f"{tmp_path / 'mesages.txt'}: a file or folder expected, nothing found there"
    )
    assert error.hint == f"did you mean {tmp_path / 'messages.txt'}?"
    assert refused(tmp_path / "no" / "where").hint == "check the path"


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    assert refused(tmp_path).message == f"{tmp_path}: a file expected, a folder found"


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, b"secret")

    def denied(*_: object) -> None:  # root, who runs the tests in a container, is never denied
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("seqcli.readers.lines.open", denied, raising=False)
    error = refused(path)
    assert error.message == f"{path}: a readable file expected, permission denied"
    assert str(path) in error.hint


def test_stdin_is_read_and_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO("a\u0085\nb".encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffer))
    assert list(lines("-")) == ["a\u0085", "b"]
    assert not buffer.closed


def test_the_first_line_comes_before_the_input_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "wb", buffering=0) as out:
        monkeypatch.setattr(sys, "stdin", stdin)
        stream: Any = lines("-")
        out.write(b"first\nsec")
        assert next(stream) == "first"
        stream.close()


def test_a_line_of_many_megabytes(tmp_path: Path) -> None:
    long = "word " * 2_000_000
    assert list(lines(written(tmp_path, f"{long}\nb\n".encode()))) == [long, "b"]


def test_a_carriage_return_ends_lines_where_nothing_else_does(tmp_path: Path) -> None:
    assert list(lines(written(tmp_path, b"a\rb\r\rc\r"))) == ["a", "b", "", "c"]
    assert list(lines(written(tmp_path, "a\rb".encode("utf-16")), "utf-16")) == ["a", "b"]
    packed = written(tmp_path, gzip.compress(b"a\rb\r", mtime=0), "a.txt.gz")
    assert list(lines(packed)) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "found", "cure"),
    [
        ("a.csv", gzip.compress(b"text\n", mtime=0), "gzip", ".gz"),
        ("a.csv", bz2.compress(b"text\n"), "bzip2", ".bz2"),
        ("a.csv", lzma.compress(b"text\n"), "xz", ".xz"),
        ("a.csv.gz", gzip.compress(gzip.compress(b"text\n", mtime=0), mtime=0), "gzip", ".gz"),
        ("a.csv", b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "Excel", "save it as csv"),
        ("a.csv", b"PK\x03\x04\x14\0\0\0a.txt", "zip", "unpack"),
        ("a.txt", b"\x28\xb5\x2f\xfd\x04", "zstd", "zstd -d"),
        ("a.txt", b"PAR1\x15", "parquet", "data.format=parquet"),
        ("a.txt", b"%PDF-1.7", "PDF", "pdftotext"),
        ("a.txt", b"a.csv".ljust(257, b"\0") + b"ustar\0", "tar archive", "unpack"),
    ],
)
def test_what_is_no_text_is_named(
    tmp_path: Path, name: str, content: bytes, found: str, cure: str
) -> None:
    error = refused(written(tmp_path, content, name))
    assert error.problem.startswith(f"text expected, {found}")
    assert cure in error.hint
