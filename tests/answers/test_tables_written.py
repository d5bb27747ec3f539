"""Tables out: what is written is what our own readers read back."""

import json
import math
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.answers.tables import check_output, fresh_names, table_writer
from seqcli.errors import ConfigError, DataError, SeqcliError
from seqcli.readers import open_table
from seqcli.settings.sections import LabeledText

NASTY = ["", " ", 'a "b"', "a,b", "x\ry", "x\ny", "a\tb", "\u0085", "é😀", "null", "-1", "'"]


def written(path: Path, rows: list[list[Any]], kept: tuple[str, ...] = ("id", "text")) -> Any:
    """The rows as they are read back; each got label and prob."""
    full = [[*row, "ham", 0.75] for row in rows]
    with table_writer(path, kept, {"label": str, "prob": float}) as table:
        table.write(full[:2])
        table.write(full[2:])
    found = open_table(path, LabeledText())
    assert found.columns == (*kept, "label", "prob")
    return [row.cells for row in found.rows]


@pytest.mark.parametrize(
    "ending", ["csv", "csv.gz", "csv.bz2", "csv.xz", "jsonl", "jsonl.gz", "parquet"]
)
def test_text_comes_back(tmp_path: Path, ending: str) -> None:
    rows = [[str(number), text] for number, text in enumerate(NASTY)]
    prob = "0.75" if ending.startswith("csv") else 0.75
    assert written(tmp_path / f"a.{ending}", rows) == [[*row, "ham", prob] for row in rows]


def test_tsv_softens_what_it_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    with table_writer(path, ("text",), {"label": str}) as table:
        table.write([["a\tb\nc\rd", "ham"], ['a "b"\u0085', "x"], ["", ""]])
        assert table.softened == 1
    lines = path.read_bytes().decode().split("\n")
    assert lines == ["text\tlabel", "a b c d\tham", 'a "b"\u0085\tx', "\t", ""]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0")))))
def test_any_csv_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with table_writer(path, ("text",), {"label": str}) as table:
        table.write([[*row, "ham"] for row in rows])
    assert [row.cells for row in open_table(path, LabeledText()).rows] == [
        [*row, "ham"] for row in rows
    ]


def test_values_that_are_no_text(tmp_path: Path) -> None:
    values = [None, math.nan, True, 3, 0.5, {"a": [1, None]}, date(2026, 1, 2), b"\xff"]
    rows = [[value, "t"] for value in values]
    plain = ["", "", "true", "3", "0.5", '{"a": [1, null]}', "2026-01-02", "\\xff"]
    assert [row[0] for row in written(tmp_path / "a.csv", rows)] == plain
    kept = [None, None, True, 3, 0.5, {"a": [1, None]}, "2026-01-02", "\\xff"]
    assert [row[0] for row in written(tmp_path / "a.jsonl", rows)] == kept


def test_no_number_that_json_lacks(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with table_writer(path, ("x",), {"prob": float}) as table:
        table.write([[{"y": [math.inf]}, math.nan]])
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == {
        "x": {"y": [None]},
        "prob": None,
    }


def test_parquet_keeps_the_types_of_its_source(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(
        {
            "id": pa.array([None, 2], pa.int16()),
            "text": pa.array(["a", None], pa.large_string()),
            "day": pa.array([date(2026, 1, 2), None], pa.date32()),
        }
    )
    source, path = tmp_path / "in.parquet", tmp_path / "out.parquet"
    parquet.write_table(table, source)
    with table_writer(path, table.column_names, {"label": str, "prob": float}, source) as out:
        for row in table.to_pylist():
            out.write([[*row.values(), "ham", 0.5]])
    found = parquet.read_table(path)
    assert found.select(table.column_names).equals(table)
    assert found.schema.field("prob").type == pa.float64()
    assert found["label"].to_pylist() == ["ham", "ham"]


def test_parquet_without_rows_and_with_many(tmp_path: Path) -> None:
    from pyarrow import parquet

    assert written(tmp_path / "none.parquet", []) == []
    rows = [[None if row < 5 else str(row), "t"] for row in range(40_000)]
    with table_writer(tmp_path / "many.parquet", ("id", "text"), {}) as table:
        for at in range(0, len(rows), 1000):
            table.write(rows[at : at + 1000])
    found = parquet.ParquetFile(tmp_path / "many.parquet")
    assert found.metadata.num_row_groups == 3
    assert found.read()["id"].to_pylist() == [row[0] for row in rows]


def fill(path: Path, values: Iterable[Any]) -> None:
    with table_writer(path, ("id",), {}) as table:
        for value in values:
            table.write([[value]])


def broken() -> Iterator[str]:
    yield "new"
    raise DataError("in.csv", 3, "broken")


def test_a_parquet_column_of_two_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for values in ([1, "x"], ["x", 1], [2**70, 1]):
        with pytest.raises(SeqcliError, match="column 'id'") as caught:
            fill(path, values)
        assert "jsonl" in caught.value.hint
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["csv", "tsv.gz", "jsonl.xz", "parquet"])
def test_nothing_is_left_of_a_run_that_failed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"old")
    with pytest.raises(DataError):
        fill(path, broken())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_that_makes_no_sense(tmp_path: Path) -> None:
    for name in ("a", "a.txt", "a.parquet.gz", "a.gz", "a.xlsx"):
        with pytest.raises(ConfigError, match="names no table format") as caught:
            check_output(tmp_path / name, force=False)
        assert "jsonl" in caught.value.hint
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(SeqcliError, match="a folder"):
        check_output(tmp_path / "b.csv", force=True)
    (tmp_path / "c.csv").touch()
    with pytest.raises(SeqcliError, match="exists"):
        check_output(tmp_path / "c.csv", force=False)
    assert check_output(tmp_path / "c.csv", force=True) == "csv"
    assert check_output(tmp_path / "D.JSONL.GZ", force=False) == "jsonl"


@pytest.mark.parametrize(
    ("taken", "names"),
    [
        ((), ["label", "prob"]),
        (("text", "label"), ["predicted_label", "prob"]),
        (("label", "predicted_label"), ["predicted_label_2", "prob"]),
        (("prob", "label"), ["predicted_label", "predicted_prob"]),
    ],
)
def test_names_that_are_taken(taken: tuple[str, ...], names: list[str]) -> None:
    assert fresh_names(taken, ["label", "prob"]) == names
