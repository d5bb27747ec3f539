from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from seqcli.errors import DataError
from seqcli.readers import READERS, Source, discover
from seqcli.readers.layout import split_files, split_of
from seqcli.readers.record import spelled_label
from seqcli.settings.sections import FORMATS, LabeledText


def tree(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def found(path: Path, **options: Any) -> Source:
    return discover(path, LabeledText(**options))


def pairs(source: Source, part: str | None = None) -> list[tuple[str, str]]:
    return [(record.label, record.text) for record in source.records(part)]


def refused(path: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        list(found(path, **options).records())
    assert str(path) in caught.value.message
    return caught.value


def test_every_format_of_the_settings_has_a_reader() -> None:
    assert tuple(READERS) == FORMATS[1:]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", 'label,text\nx,"a, b"\ny,Null\n', "csv"),
        ("a.tsv", "x\ta, b\ny\tNull\n", "tsv"),
        ("a.tsv", "text\tlabel\na, b\tx\nNull\ty\n", "tsv"),
        ("a.txt", "x\ta, b\r\ny\tNull\r\n", "tsv"),
        ("SMSSpamCollection", "\ufeffx\ta, b\ny\tNull", "tsv"),
        (
            "a.jsonl",
            '{"text": "a, b", "label": "x"}\n{"label": "y", "text": "Null", "z": 1}',
            "jsonl",
        ),
        ("a.dat", '{"text": "a, b", "label": "x"}\n{"label": "y", "text": "Null"}', "jsonl"),
        ("a.train", "__label__x a, b\n\n__label__y Null\n", "fasttext"),
        ("a.tsv.gz", gzip.compress(b"x\ta, b\ny\tNull\n", mtime=0), "tsv"),
    ],
)
def test_single_files(tmp_path: Path, name: str, content: str | bytes, kind: str) -> None:
    source = found(tree(tmp_path, {name: content}) / name)
    assert source.format == kind
    assert list(source.parts) == ["all"]
    for _ in range(2):  # every call reads anew
        assert pairs(source) == [("x", "a, b"), ("y", "Null")]
    assert found(tmp_path).files == source.files  # the folder with this one file


def test_records_know_where_they_stand(tmp_path: Path) -> None:
    path = tree(tmp_path, {"a.csv": 'label,text\nx,"1\n2"\ny,3\n'}) / "a.csv"
    assert [(record.path, record.line) for record in found(path).records()] == [
        (str(path), 2),
        (str(path), 4),
    ]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("imdb.train.tsv.xz", "train"),
        ("dev.csv", "valid"),
        ("my-val_1.txt", "valid"),
        ("validation-00000-of-00002.parquet", "valid"),
        ("TEST.csv", "test"),
        ("cooking.train", "train"),
        ("trainer.csv", None),
        ("train-test.csv", None),
    ],
)
def test_split_words(name: str, part: str | None) -> None:
    assert split_of(name) == part


def test_split_files_in_a_folder(tmp_path: Path) -> None:
    files = {f"m.{part}.tsv": f"x\t{part}\n" for part in ("test", "val", "train")}
    source = found(tree(tmp_path, {**files, "README.md": "", "notes.csv": "", ".train.csv": ""}))
    assert list(source.parts) == ["train", "valid", "test"]
    assert pairs(source) == [("x", "train"), ("x", "val"), ("x", "test")]
    assert pairs(source, "valid") == [("x", "val")]
    assert pairs(source.only("test")) == [("x", "test")]
    assert list(split_files(tmp_path)) == ["train", "valid", "test"]


def test_several_files_of_one_split(tmp_path: Path) -> None:
    files = {f"train-0000{n}-of-2.csv": f"label,text\nx,{n}\n" for n in (1, 0)}
    assert pairs(found(tree(tmp_path, files))) == [("x", "0"), ("x", "1")]


def test_a_folder_per_label_with_official_parts(tmp_path: Path) -> None:
    files = {
        "train/pos/0.txt": "good\nfilm\n",
        "train/neg/1.txt": "bad",
        "train/neg/.hidden": "x",
        "train/unsup/2.txt": "no label",
        "train/urls_pos.txt": "http",
        "test/pos/3.txt": "fine\u0085",
        "README": "",
        "imdb.vocab": "the",
    }
    source = found(tree(tmp_path, files))
    assert source.format == "folders"
    assert pairs(source, "train") == [("neg", "bad"), ("pos", "good\nfilm")]
    assert pairs(source, "test") == [("pos", "fine\u0085")]


def test_a_folder_and_a_file_per_label(tmp_path: Path) -> None:
    folders = found(tree(tmp_path / "a", {"ham/1": "hi", "spam/2.md": "win"}))
    assert pairs(folders) == [("ham", "hi"), ("spam", "win")]
    names = found(
        tree(
            tmp_path / "b",
            {"Russian.txt": "A\n\nB\n", "Dutch.txt.gz": gzip.compress(b"C", mtime=0)},
        )
    )
    assert names.format == "files"
    assert pairs(names) == [("Dutch", "C"), ("Russian", "A"), ("Russian", "B")]
    dev = found(tree(tmp_path / "c", {"dev.txt": "A", "ops.txt": "B"}))  # labels, not splits
    assert pairs(dev) == [("dev", "A"), ("ops", "B")]


def test_the_format_may_be_told(tmp_path: Path) -> None:
    tree(tmp_path, {"a/x": "1\n2", "b/x": "3", "readme.txt": ""})
    assert pairs(found(tmp_path, format="folders")) == [("a", "1\n2"), ("b", "3")]
    assert pairs(found(tmp_path / "a", format="files")) == [("x", "1"), ("x", "2")]
    path = tree(tmp_path, {"odd.csv": "x\ta"}) / "odd.csv"
    assert pairs(found(path, format="tsv")) == [("x", "a")]


def test_the_fingerprint_is_of_the_bytes(tmp_path: Path) -> None:
    path = tree(tmp_path, {"a.tsv": "x\ta\n"}) / "a.tsv"
    expected = hashlib.sha256(b"x\ta\n").hexdigest()
    assert found(path).fingerprint() == expected
    folder = found(tmp_path).fingerprint()
    assert folder == hashlib.sha256(f"{expected}  a.tsv\n".encode()).hexdigest()
    tree(tmp_path, {"README.md": "unused"})
    assert found(tmp_path).fingerprint() == folder
    path.rename(tmp_path / "b.tsv")
    assert found(tmp_path).fingerprint() != folder


@pytest.mark.parametrize(
    ("files", "path", "problem", "hint"),
    [
        ({"a.txt": "just words\n"}, "a.txt", "a.txt, line 1: label TAB text", "data.format"),
        ({"a.txt": ""}, "a.txt", "a.txt: labeled text expected, an empty file found", ""),
        (
            {"a.tsv": "hello\n"},
            "a.tsv",
            "line 1: label TAB text expected, a line",
            "label in front",
        ),
        ({"a.csv": "text,n\na,1\n"}, "a.csv", "label column label / class", "--label-column"),
        ({"a.ft": "__label__a b\nc d\n"}, "a.ft", "line 2: __label__NAME and a", "label"),
        ({"a.ft": "__label__a __label__b c\n"}, "a.ft", "a second found: __label__b", "one"),
        ({"README": ""}, "", "one table, train / valid / test files, a folder", "arrange"),
        ({"a.csv": "", "b.csv": ""}, "", "expected, found: a.csv, b.csv", "name the one file"),
        ({"a/.b/c.txt": "x"}, "", "expected, found: a", "arrange"),
        ({"train.csv": "", "test.tsv": ""}, "", "train.csv (csv), test.tsv (tsv)", "data.format"),
        ({"train.csv": "", "train.csv.gz": ""}, "", "found: train.csv, train.csv.gz", "leave one"),
        ({"val/a.csv": "x", "dev/a.csv": "x"}, "", "one folder for valid expected", ""),
        ({"train/a.csv": "", "test/x/a": ""}, "", "csv as in the part before expected", ""),
    ],
)
def test_errors(tmp_path: Path, files: dict[str, str], path: str, problem: str, hint: str) -> None:
    error = refused(tree(tmp_path, files) / path)
    assert problem in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("folders", "a folder of text files per label expected, found: nothing"),
        ("files", "a text file per label expected, found: nothing"),
        ("csv", "one csv file, or train / valid / test files expected, found: nothing"),
    ],
)
def test_an_empty_folder(tmp_path: Path, kind: str, problem: str) -> None:
    assert refused(tmp_path, format=kind).problem == problem


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    path = tree(tmp_path, {"a.txt": "x"}) / "a.txt"
    assert "a folder of files named by label expected" in refused(path, format="files").problem


def test_paths_that_are_no_data(tmp_path: Path) -> None:
    assert "nothing found there" in refused(tmp_path / "no").problem
    os.mkfifo(tmp_path / "pipe")
    error = refused(tmp_path / "pipe")
    assert error.problem == "a file or folder expected, a pipe or device found"
    assert "save it to a file" in error.hint


def test_a_file_that_vanished(tmp_path: Path) -> None:
    source = found(tree(tmp_path, {"a.tsv": "x\ta\n"}) / "a.tsv")
    (tmp_path / "a.tsv").unlink()
    with pytest.raises(DataError, match="cannot be read: no such file"):
        source.fingerprint()


@pytest.mark.real_data
def test_the_real_sms_collection(real_data: Path) -> None:
    source = found(real_data / "sms-spam")
    records = pairs(source)
    assert len(records) == 5574
    assert sum(label == "spam" for label, _ in records) == 747
    assert sum('"' in text for _, text in records) > 100


@pytest.mark.real_data
def test_the_real_surnames(real_data: Path) -> None:
    records = pairs(found(real_data / "names"))
    assert len(records) == 20_074
    assert len({label for label, _ in records}) == 18
    assert len(set(records)) == 18_015


@pytest.mark.real_data
def test_the_real_reviews(real_data: Path) -> None:
    source = found(real_data / "imdb")
    assert list(source.parts) == ["train", "test"]
    counts = dict.fromkeys(source.parts, 0)
    next_lines = 0
    for part in source.parts:
        for record in source.records(part):
            counts[part] += 1
            next_lines += "\u0085" in record.text
    assert counts == {"train": 25_000, "test": 25_000}
    assert next_lines == 681


def test_folders_may_be_called_as_they_like(tmp_path: Path) -> None:
    names = ("license", "readme", "notes.md", "train", "dev", "zoo")
    source = found(tree(tmp_path, {f"{name}/1.txt": name for name in names}))
    assert pairs(source) == sorted((name, name) for name in names)


def test_folders_are_splits_if_all_are_or_train_holds_data(tmp_path: Path) -> None:
    both = tree(tmp_path / "a", {"train/x/1": "a", "test/x/1": "b"})
    assert list(found(both).parts) == ["train", "test"]
    more = found(tree(tmp_path / "b", {"train/t.csv": "text,label\na,b\n", "old/1.txt": "b"}))
    assert (list(more.parts), more.left_out) == (["train"], ("old/",))


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    files = {"pos/a/b/1.txt": "deep", "pos/2.txt": "b", "neg/3.txt": "c", "neg/README.md": "x"}
    more = {"notes.txt": "n", "unsup/1.txt": "u", ".hidden": "h", "code/only.py": "print"}
    source = found(tree(tmp_path, files | more))
    assert pairs(source) == [
        ("code", "print"),
        ("neg", "c"),
        ("pos", "b"),
        ("pos", "deep"),
    ]
    assert source.left_out == ("neg/README.md", "notes.txt", "unsup/")
    assert source.notes() == ["left out (3): neg/README.md, notes.txt, unsup/"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" 1.0", "1"),
        ("-3.00", "-3"),
        ("0.0", "0"),
        ("0.5", "0.5"),
        ("3.10", "3.10"),
        ("01", "01"),
        ("True", "true"),
        ("FALSE ", "false"),
        ("the\u0301", "thé"),
        ("Spam", "Spam"),
    ],
)
def test_labels_have_one_spelling(given: str, expected: str) -> None:
    assert spelled_label(given) == expected


def test_parts_to_be_scored_may_come_without_labels(tmp_path: Path) -> None:
    files = {"train.csv": "text,label\na,x\nb,\n", "test.csv": "id,text\n1,c\n"}
    assert pairs(found(tree(tmp_path, files))) == [("x", "a"), ("", "b"), ("", "c")]
    assert "a label column" in refused(tree(tmp_path, {"train.csv": "text\na\n"})).problem
