"""Recordings in every format: the same numbers come out; what is wrong is named with its line."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqcli.errors import ConfigError, DataError
from seqcli.readers.recording import Recording, Wanted
from seqcli.readers.series_source import SERIES_READERS, discover_series
from seqcli.settings.sections import Series

NAN = float("nan")
ROWS = [  # (T, 2), of different lengths; a number is missing
    [[1.0, 2.0], [3.5, -4.0], [5.0, 6.0]],
    [[0.25, NAN], [7.0, 8.0]],
    [[9.0, 1e-3], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]],
]
LABELS = ["b", "a", "b"]


def columns(rows: list[list[float]]) -> list[list[str]]:
    return [
        ["?" if one != one else repr(one) for one in column] for column in zip(*rows, strict=True)
    ]


def write_ts(path: Path) -> Path:
    head = "@problemName x\n@timeStamps false\n@univariate false\n@classLabel true a b\n@data\n"
    lines = [
        ":".join([*(",".join(column) for column in columns(rows)), label])
        for rows, label in zip(ROWS, LABELS, strict=True)
    ]
    path.write_text(head + "\n".join(lines) + "\n")
    return path


def write_arff(path: Path) -> Path:
    head = "% a comment\n@relation x\n@attribute bag relational\n@attribute t1 numeric\n@end bag\n"
    head += "@attribute 'class' {a,b}\n@data\n"
    lines = [
        "'" + "\\n".join(",".join(column) for column in columns(rows)) + f"',{label}"
        for rows, label in zip(ROWS, LABELS, strict=True)
    ]
    path.write_text(head + "\n".join(lines) + "\n")
    return path


def table(gap: str) -> str:
    lines = [gap.join(("id", "time", "x", "y", "label"))]
    for name, (rows, label) in enumerate(zip(ROWS, LABELS, strict=True)):
        for step, row in enumerate(rows):
            cells = ["" if one != one else repr(one) for one in row]
            lines.append(gap.join((f"r{name}", str(step), *cells, label)))
    return "\n".join(lines) + "\n"


def write_jsonl(path: Path) -> Path:
    plain = [[[None if one != one else one for one in row] for row in rows] for rows in ROWS]
    rows = [{"values": v, "label": one} for v, one in zip(plain, LABELS, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_npz(path: Path) -> Path:
    flat = np.concatenate([np.array(rows) for rows in ROWS])
    offsets = np.cumsum([0, *map(len, ROWS)])
    np.savez(path, values=flat, offsets=offsets, labels=np.array(LABELS))
    return path


def write_npy(folder: Path) -> Path:
    for number, (rows, label) in enumerate(zip(ROWS, LABELS, strict=True)):
        (folder / "x" / label).mkdir(parents=True, exist_ok=True)
        np.save(folder / "x" / label / f"{number}.npy", np.array(rows))
    return folder / "x"


def write_parquet(path: Path) -> Path:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    rows = [
        {"id": number, "time": step, "x": row[0], "y": row[1], "label": label}
        for number, (steps, label) in enumerate(zip(ROWS, LABELS, strict=True))
        for step, row in enumerate(steps)
    ]
    pandas.DataFrame(rows).to_parquet(path)
    return path


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "ts": lambda folder: write_ts(folder / "x.ts"),
    "arff": lambda folder: write_arff(folder / "x.arff"),
    "csv": lambda folder: written(folder / "x.csv", table(",")),
    "tsv": lambda folder: written(folder / "x.tsv", table("\t")),
    "jsonl": lambda folder: write_jsonl(folder / "x.jsonl"),
    "npz": lambda folder: write_npz(folder / "x.npz"),
    "npy": write_npy,
    "parquet": lambda folder: write_parquet(folder / "x.parquet"),
}


def read(path: Path, wanted: Wanted = Wanted(), **settings: Any) -> list[Recording]:  # noqa: B008
    return list(discover_series(path, Series(**settings)).records(None, wanted))


def same(values: NDArray[np.float64], rows: list[list[float]]) -> None:
    np.testing.assert_array_equal(values, np.array(rows))


@pytest.mark.parametrize("form", [*FILES])
def test_each_format_gives_the_same_numbers(form: str, tmp_path: Path) -> None:
    path = FILES[form](tmp_path)
    assert discover_series(path, Series()).format == form
    found = read(path)
    order = (1, 0, 2) if form == "npy" else (0, 1, 2)  # by folder: a, then b
    for record, place in zip(found, order, strict=True):
        same(record.values, ROWS[place])
        assert record.label == LABELS[place]
        assert len(record.channels) == 2


def test_every_format_is_tried() -> None:
    assert {*FILES, "ucr", "wav"} == SERIES_READERS.keys()  # wav has tests of its own


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip), ("bz2", bz2), ("xz", lzma)])
@pytest.mark.parametrize("form", ["ts", "arff", "csv", "jsonl"])
def test_packed_files(form: str, ending: str, pack: Any, tmp_path: Path) -> None:
    path = FILES[form](tmp_path)
    packed = path.with_name(f"{path.name}.{ending}")
    packed.write_bytes(pack.compress(path.read_bytes()))
    path.unlink()
    same(read(packed)[1].values, ROWS[1])


@pytest.mark.parametrize("gap", ["\t", ",", "  "])
def test_ucr_has_its_label_first_and_pads_with_nan(gap: str, tmp_path: Path) -> None:
    text = gap.join(["1.0000000e+00", "2.5", "-3", "NaN"]) + "\n" + gap.join(["-1", "4", "5", "6"])
    ending = "tsv" if gap == "\t" else "txt"
    first, second = read(written(tmp_path / f"x.{ending}", text + "\n"))
    same(first.values, [[2.5], [-3.0]])
    assert (first.label, second.label, first.line, second.line) == ("1", "-1", 1, 2)


def test_official_parts_and_one_format_of_two(tmp_path: Path) -> None:
    (tmp_path / "Set_TEST.arff").write_bytes(write_arff(tmp_path / "other").read_bytes())
    (tmp_path / "other").unlink()
    write_ts(tmp_path / "Set_TRAIN.ts")
    write_ts(tmp_path / "Set_TEST.ts")
    source = discover_series(tmp_path, Series())
    assert source.format == "ts"
    assert [*source.parts] == ["train", "test"]
    assert source.left_out == ("Set_TEST.arff",)


def test_one_csv_a_recording_with_label_and_group_in_its_name(tmp_path: Path) -> None:
    for name in ("walk_ann_1", "run_ann_2", "run_bo_1"):
        (tmp_path / f"{name}.csv").write_text("x,y\n1,2\n3,4\n")
    found = read(tmp_path, label_pattern="^([a-z]+)_", group_pattern="_([a-z]+)_")
    told = [(one.name, one.label, one.group) for one in found]
    assert told == [
        ("run_ann_2", "run", "ann"),
        ("run_bo_1", "run", "bo"),
        ("walk_ann_1", "walk", "ann"),
    ]
    assert found[0].channels == ("x", "y")


def test_columns_by_name_or_number(tmp_path: Path) -> None:
    text = "a,who,x,z,kind\n1,p,5,6,u\n1,p,7,8,u\n2,q,1,1,v\n"
    path = written(tmp_path / "x.csv", text)
    given: dict[str, Any] = {
        "id_column": "a",
        "label_column": "5",
        "group": "who",
        "channels": ("z", "3"),
    }
    first, second = read(path, **given)
    same(first.values, [[6, 5], [8, 7]])
    assert (first.label, first.group, second.label) == ("u", "p", "v")
    assert first.channels == ("z", "x")


def test_a_table_without_a_header_needs_numbers_of_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "1,5,6\n1,7,8\n2,1,1\n")
    with pytest.raises(DataError, match="line 1: a header with the names of columns expected"):
        read(path)
    found = read(path, id_column="1", channels=("2", "3"), label_pattern="(x)")
    same(found[0].values, [[5, 6], [7, 8]])


def test_a_label_for_each_step(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "id,x,label\n1,5,u\n1,7,v\n2,1,\n")
    first, second = read(path, Wanted(each=True))
    assert (first.labels, second.labels) == (("u", "v"), ("",))


def test_missing_values(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "id,x,label\n1,?,u\n1,-999.0,u\n1,nan,u\n1,,u\n1,5,u\n")
    (found,) = read(path, missing="-999")
    same(found.values, [[NAN], [NAN], [NAN], [NAN], [5.0]])


def test_what_a_header_says_wrongly_is_told(tmp_path: Path) -> None:
    head = "@univariate true\n@equalLength true\n@missing false\n@classLabel true a\n@data\n"
    path = written(tmp_path / "x.ts", head + "1,2:3,4:a\n1,2,?:3,4,5:b\n")
    told: list[str] = []
    assert len(read(path, Wanted(tell=told.append))) == 2
    said = [words.removeprefix(f"{path}, ") for words in told]
    assert said == [
        "line 6: the header's @univariate is wrong: 2 channels",
        "line 7: the header's @equallength is wrong: lengths 2 and 3",
        "line 7: the header's @missing is wrong: missing numbers",
        "line 7: the header's @classlabel is wrong: a label 'b'",
    ]


def test_a_ts_file_without_a_header(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path / "x.ts", "1,2,3:up\n"))
    assert (found.label, found.values.shape) == ("up", (3, 1))


HEAD = "@classLabel true a b\n@data\n"
WRONG = [
    ("x.ts", "@timeStamps true\n@data\n", "line 1: no time stamps expected"),
    ("x.ts", f"{HEAD}(0,1),(1,2):a\n", "line 3: numbers expected, time stamps found"),
    ("x.ts", "@targetLabel true\n@data\n1,2:0.5\n", "line 1: labels expected"),
    ("x.ts", f"{HEAD}1,2:3,4:a\n1,2:a\n", "line 4: 2 channels and a label expected"),
    ("x.ts", f"{HEAD}1,2:3,4,5:a\n", "line 3: 2 numbers in channel 2 expected, 3 found"),
    ("x.ts", f"{HEAD}1,x:a\n", "line 3: a number expected, 'x' found"),
    ("x.ts", f"{HEAD}1,1e300:a\n", "line 3: a number up to 1e\\+30 expected, 1e\\+300 found"),
    ("x.ts", f"{HEAD}1,-inf:a\n", "line 3: a number up to"),
    ("x.ts", "@classLabel false\n@data\n1,2\n", "line 3: a label behind the last colon"),
    ("x.arff", "@attribute x numeric\n", "@data expected, none found"),
    ("x.arff", "@attribute x numeric\n@attribute c {a}\n@data\n1,2,a\n", "line 4: 2 values"),
    ("x.arff", "@attribute x numeric\n@attribute c {a}\n@data\n{0 1}\n", "a sparse row found"),
    ("x.arff", "@attribute x string\n@attribute c {a}\n@data\n", "'x' is string"),
    ("x.arff", "@attribute x numeric\n@data\n1\n", "line 2: an attribute label/class"),
    ("x.txt", "a\n", "line 1: a label and numbers expected"),
    ("x.txt", "a 1 z\n", "line 1: a number expected, 'z' found"),
    ("x.csv", "id,x,label\n1,2,a\n1,z,a\n", "line 3: a number expected in column 'x', 'z'"),
    ("x.csv", "id,x,label\n1,2,a\n1,3,b\n", "line 3: one label a recording expected, 'b'"),
    ("x.csv", "id,x,label\n1,2,a\n2,3,b\n1,3,a\n", "line 4: the rows of recording '1' together"),
    ("x.csv", "id,time,x,label\n1,5,2,a\n1,4,3,a\n", "line 3: times that rise expected"),
    ("x.csv", "id,time,x,label\n1,soon,2,a\n", "line 2: a time .* expected, 'soon' found"),
    ("x.csv", "id,x,label\n1,2\n", "line 2: 3 columns expected, 2 found"),
    ("x.csv", "", "an empty file found"),
    ("x.jsonl", '{"value": [1]}\n', "line 1: a key 'values' expected"),
    ("x.jsonl", '{"values": [[1, 2], [3]], "label": "a"}\n', "line 1: 2 numbers at step 2"),
    ("x.jsonl", '{"values": 3}\n', "line 1: a list of steps"),
    ("x.npy", "\x93NUMPYgarbage", "NumPy arrays of numbers expected"),
    ("x.npy", "PK\x03\x04garbage", "NumPy arrays of numbers expected"),
    ("x.npz", "\x00\x01\x02", "NumPy arrays of numbers expected"),
    ("x.wav", "RIFF", r"a wav file \(RIFF, WAVE\) expected"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "message"), WRONG)
def test_what_is_wrong_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        read(path)


def test_pickles_are_never_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        read(tmp_path / "x.npy")
    np.savez(tmp_path / "y.npz", values=np.array([None], object))
    with pytest.raises(DataError, match="Python objects"):
        read(tmp_path / "y.npz")


ARRAYS: list[tuple[dict[str, Any], str]] = [
    ({"values": np.zeros((5, 2)), "offsets": np.array([0, 9])}, "offsets that rise from 0 to 5"),
    ({"values": np.zeros((5, 2)), "offsets": np.array([0, 4, 2, 5])}, "offsets that rise"),
    ({"values": np.zeros((5, 2), complex)}, "numbers expected, found: complex128"),
    ({"values": np.zeros((2, 5, 2)), "labels": np.array(["a"])}, "2 labels expected"),
    ({"other": np.zeros(3)}, "an array called values expected, found: other"),
    ({"values": np.full((2, 5, 2), np.inf)}, "line 1: a number up to"),
]


@pytest.mark.parametrize(("arrays", "message"), ARRAYS)
def test_arrays_that_do_not_fit(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "x.npz")


@pytest.mark.parametrize("pattern", ["[", "no parentheses", "(a)(b)"])
def test_patterns_that_find_nothing_single(pattern: str, tmp_path: Path) -> None:
    path = write_ts(tmp_path / "x.ts")
    with pytest.raises(ConfigError, match="label_pattern"):
        read(path, label_pattern=pattern)
