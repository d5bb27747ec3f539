"""Pairs out of every format, and each trouble said with its file and line."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqcli import kinds
from seqcli.errors import DataError
from seqcli.readers.pair_source import PairSource, discover_pairs
from seqcli.readers.pairs import PAIR_READERS, PairRecord

PAIRS = [("Ein Hund.", "A dog."), ("Zwei\u2028Katzen, laut", "Two cats, loud"), ('"Ja"', "Yes")]


def found(path: Path, **data: Any) -> PairSource:
    config: Any = kinds.read({"kind": "translator", "data": data})
    return discover_pairs(path, config.data)


def read(path: Path, part: str = "all", **data: Any) -> list[tuple[str, ...]]:
    records = list(found(path, **data).records(part))
    return [(record.source, *record.targets) for record in records]


def sides(folder: Path, name: str = "all", *, pack: Callable[[bytes], bytes] = bytes) -> Path:
    ending = {gzip.compress: ".gz", bz2.compress: ".bz2", lzma.compress: ".xz"}.get(pack, "")
    for place, side in enumerate(("de", "en")):
        text = "".join(f"{pair[place]}\n" for pair in PAIRS)
        (folder / f"{name}.{side}{ending}").write_bytes(pack(text.encode()))
    return folder


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_aligned_files(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    sides(tmp_path, pack=pack)
    assert read(tmp_path, source="de", target="en") == PAIRS
    assert read(tmp_path, source="en", target="de") == [pair[::-1] for pair in PAIRS]
    one = next(path for path in tmp_path.iterdir() if ".de" in path.name)
    assert read(one, source="de", target="en") == PAIRS


def test_official_parts_and_several_references(tmp_path: Path) -> None:
    for name in ("train", "val", "test_2016_flickr"):
        sides(tmp_path, name)
    (tmp_path / "test_2016_flickr.en2").write_text("x\ny\nz\n")
    (tmp_path / "README.md").write_text("what this is")
    source = found(tmp_path, source="de", target="en,en2")
    assert list(source.parts) == ["train", "valid", "test"]
    assert next(source.records("train")).targets == ("A dog.",)
    last = PairRecord('"Ja"', ("Yes", "z"), str(tmp_path / "test_2016_flickr.de"), 3)
    assert list(source.records("test"))[2] == last
    assert source.only("test").parts.keys() == {"test"}


@pytest.mark.parametrize(
    ("name", "text", "data"),
    [
        ("x.tsv", "a b\tc d\n\ne\tf\n", {}),
        ("x", "a b\tc d\ne\tf\n", {}),
        ("x.tsv", "target\tsource\nc d\ta b\nf\te\n", {}),
        ("x.tsv", "c d\t0\ta b\nf\t0\te\n", {"source": "3", "target": "1"}),
        ("x.csv", "source,target\na b,c d\ne,f\n", {}),
        ("x.csv", 'English;Deutsch\n"c d";a b\nf;e\n', {"source": "deutsch", "target": "English"}),
        ("x.csv", "a b,c d\ne,f\n", {"source": "1", "target": "2"}),
        ("x.jsonl", '{"source": "a b", "target": "c d"}\n{"src": "e", "tgt": "f"}\n', {}),
        ("x", '{"a": "a b", "b": ["c d"]}\n{"a": "e", "b": "f"}', {"source": "a", "target": "b"}),
    ],
)  # fmt: skip
def test_tables(tmp_path: Path, name: str, text: str, data: dict[str, str]) -> None:
    (tmp_path / name).write_text(text)
    assert read(tmp_path / name, **data) == [("a b", "c d"), ("e", "f")]


def test_references_in_columns_and_in_lists(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("a\tb\tc\n")
    assert read(tmp_path / "x.tsv", source="1", target="2,3") == [("a", "b", "c")]
    (tmp_path / "x.jsonl").write_text('{"source": "a", "target": ["b", "c"]}')
    assert read(tmp_path / "x.jsonl") == [("a", "b", "c")]


def test_features_stand_behind_their_source(tmp_path: Path) -> None:
    (tmp_path / "english-train").write_text("walk\twalked\tV;PST\nfly\tflies\tV;3;SG;PRS\n")
    columns = {"source": "1", "target": "2", "features": "3"}
    assert read(tmp_path / "english-train", **columns) == [
        ("walk\tV;PST", "walked"),
        ("fly\tV;3;SG;PRS", "flies"),
    ]
    (tmp_path / "x.jsonl").write_text('{"source": "go", "target": "went", "features": "PST"}')
    assert read(tmp_path / "x.jsonl", features="features") == [("go\tPST", "went")]


def test_files_of_a_folder_are_told_apart_by_a_pattern(tmp_path: Path) -> None:
    for name in ("fre_train.tsv", "fre_dev.tsv", "kor_train.tsv"):
        (tmp_path / name).write_text(f"{name}\tx\n")
    with pytest.raises(DataError, match=r"one train file expected, found: fre_train.tsv, kor_tr"):
        found(tmp_path)
    source = found(tmp_path, files="fre_*")
    assert list(source.parts) == ["train", "valid"]
    assert next(source.records("train")).source == "fre_train.tsv"


@pytest.mark.parametrize(
    ("files", "data", "said"),
    [
        ({"a.de": "x\ny\n", "a.en": "x\n"}, {}, r"a.en, line 2: .*found: 2 \(a.de\), 1 \(a.en\)"),
        ({"a.de": "x\n", "a.fr": "x\n"}, {}, r"a file with the ending .en expected, found: a.de"),
        ({"a.de": "x\n", "b.de": "x\n", "a.en": "x\n"}, {}, "one file .* ending .de expected"),
        ({"train.tsv": "x\ty\n", "dev.csv": "de,en\nx,y\n"}, {}, "parts of one format expected"),
        ({}, {}, "train, valid and test files expected, found: nothing"),
        ({"x.csv": "a,b\n1,2\n"}, {}, "a header with a source and a target expected, found: a, b"),
        ({"x.csv": "de,b\n1,2\n"}, {}, "a target column 'en' expected, found: de, b"),
        ({"x.tsv": "de\ten\n1\t2\n1\n"}, {}, "line 3: 2 columns expected, 1 found"),
        ({"x.tsv": "1\t2\n"}, {"source": "1", "target": "3"}, "a target column '3' expected"),
        ({"x.jsonl": '{"de": "x"}'}, {}, "a key 'en' expected, found: 'de'"),
        ({"x.jsonl": '{"de": "x", "en": 3}'}, {}, "text in 'en' expected, a number found"),
        ({"x.jsonl": '{"de": "x", "en": []}'}, {}, "text in 'en' expected, an empty list found"),
        ({"x.jsonl": '{"de": ["x", "y"], "en": "z"}'}, {}, "one text as the source expected"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, files: dict[str, str], data: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read(tmp_path, **{"source": "de", "target": "en", **data})


def test_a_single_file_of_the_wrong_kind(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a\tb\n")
    with pytest.raises(DataError, match=r"a folder, or a file with the ending .de expected"):
        found(tmp_path / "x.txt", format="aligned", source="de", target="en")
    with pytest.raises(DataError, match="nothing found there"):
        found(tmp_path / "none")


def test_a_fingerprint_is_that_of_what_is_read(tmp_path: Path) -> None:
    sides(tmp_path, "train")
    before = found(tmp_path, source="de", target="en").fingerprint()
    (tmp_path / "train.fr").write_text("x\n")
    assert found(tmp_path, source="de", target="en").fingerprint() == before
    (tmp_path / "train.en").write_text("a\nb\nc\n")
    assert found(tmp_path, source="de", target="en").fingerprint() != before


def test_readers_are_the_formats() -> None:
    assert set(PAIR_READERS) == {"aligned", "csv", "tsv", "jsonl"}
