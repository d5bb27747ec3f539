"""Tables out: what is written is what our own readers read back."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.answers.parquet import same
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
        assert table.softened == 2  # said, not silent
        assert "null" in table.softness
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


def test_a_time_that_python_would_round_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    source = tmp_path / "in.parquet"
    parquet.write_table(pa.table({"at": pa.array([1], pa.time64("ns"))}), source)
    with (
        pytest.raises(SeqcliError, match="'at': of time64\\[ns\\]"),
        table_writer(tmp_path / "a.parquet", ("at",), {}, source),
    ):
        pass


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


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**53, 2**53 + 1, -(2**63), 2**63, 10**400])
    | st.floats()
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=5,
)
ROWS = st.lists(JSON, min_size=1, max_size=6) | st.lists(
    st.integers(-5, 5) | st.floats() | st.none(), min_size=1, max_size=30
)


@settings(max_examples=300, deadline=None)
@given(ROWS, st.integers(1, 40), st.sampled_from(["csv", "jsonl", "parquet"]), st.integers(1, 9))
def test_what_is_written_reads_back_or_is_refused_with_its_place(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], again: int, ending: str, at: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"mixed.{ending}"
    values = rows[:1] * again + rows  # a type may change after any number of rows
    try:
        with table_writer(path, ("x", "text"), {"prob": float}) as table:
            for start in range(0, len(values), at):
                table.write([[value, "t", 0.5] for value in values[start : start + at]])
    except SeqcliError as error:
        refused = error.message
    else:
        refused = ""
    if refused:
        assert ending == "parquet"
        assert re.search(r"column 'x', row [\d,]+: .", refused)
        return
    back = [row.cells[0] for row in open_table(path, LabeledText()).rows]
    if ending == "csv":
        assert [spelled(value) for value in values] == back
    elif ending == "jsonl":
        assert len(back) == len(values)
        changed = sum(old != new for old, new in zip(values, back, strict=True))
        assert changed == table.softened
    else:
        assert len(back) == len(values)
        assert all(map(same, back, values))
        assert {type(value) is bool for value in values if value is not None} == {
            type(value) is bool for value in back if value is not None
        }  # True is 1 to ==


def spelled(value: Any) -> str:
    """A cell as csv has it: text as it is, and what is no text as JSON."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    endless = isinstance(value, float) and math.isinf(value)
    return str(value) if endless else json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("values", "row", "why"),
    [
        ([1, 2, "x"], 3, "text after numbers"),
        ([True, None, 1], 3, "numbers after true or false"),
        ([[1], [1, "x"]], 2, "text after numbers"),
        ([{"a": {"b": 1}}, {"a": 1}], 2, "numbers after objects"),
        ([2**53 + 1, 0.5], 2, "rounded"),
        ([0.5, 2**53 + 1], 2, "rounded"),
        ([2**63], 1, "64 bits"),
        ([{}, None], 2, "without any key"),
        ([date(2026, 1, 2)], 1, "a date"),
        ([{str(n): n} for n in range(1001)], 1001, "1,000 different keys"),
        ([json.loads("[" * 31 + "]" * 31)], 1, "within each other"),
    ],
)
def test_what_parquet_cannot_hold(tmp_path: Path, values: list[Any], row: int, why: str) -> None:
    with pytest.raises(SeqcliError, match=f"column 'id', row {row:,}: .*{why}") as caught:
        fill(tmp_path / "a.parquet", values)
    assert "jsonl" in caught.value.hint
    assert not any(tmp_path.iterdir())


def test_parquet_widens_where_nothing_is_lost(tmp_path: Path) -> None:
    from pyarrow import parquet

    late = [{"a": 1}] * 40_000 + [{"a": 0.5, "b": ["x"]}, {}]
    fill(tmp_path / "a.parquet", late)
    found = parquet.read_table(tmp_path / "a.parquet")["id"]
    assert str(found.type) == "struct<a: double, b: list<element: string>>"
    assert found.to_pylist()[-3:] == [
        {"a": 1.0, "b": None},
        {"a": 0.5, "b": ["x"]},
        {"a": None, "b": None},
    ]


def fill(path: Path, values: Iterable[Any]) -> None:
    with table_writer(path, ("id",), {}) as table:
        for value in values:
            table.write([[value]])


def broken() -> Iterator[str]:
    yield "new"
    raise DataError("in.csv", 3, "broken")


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
