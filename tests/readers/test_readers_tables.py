from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import DataError
from seqcli.readers import Table, open_table
from seqcli.settings.sections import LabeledText

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
CELLS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5)


def opened(path: Path, content: str, **options: Any) -> Table:
    path.write_bytes(content.encode())
    return open_table(path, LabeledText(**options))


def read(path: Path, content: str, **options: Any) -> list[list[Any]]:
    return [row.cells for row in opened(path, content, **options).rows]


def texts(path: Path, content: str, **options: Any) -> list[str]:
    table = opened(path, content, **options)
    return list(map(table.getter("text"), table.rows))


def place(table: Table, field: str) -> int | None:
    return table.fields[field][0].cell if table.fields.get(field) else None


def labels(table: Table) -> list[str]:
    return list(map(table.getter("label"), table.rows))


def refused(path: Path, content: str, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        texts(path, content, **options)
    assert caught.value.message.startswith(str(path))
    return caught.value


@settings(deadline=None)
@given(CELLS)
def test_csv_gives_back_any_cell(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("text", "other"), *cells])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    assert read(path, out.getvalue()) == [list(pair) for pair in cells]


@settings(deadline=None)
@given(CELLS)
def test_json_lines_give_back_any_value(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    for plain in (True, False):
        rows = (json.dumps({"text": a, "n": b}, ensure_ascii=plain) for a, b in cells)
        assert read(path, "\n".join(rows)) == [list(pair) for pair in cells]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0\t\n\r", exclude_categories=["Cs"]))))
def test_tsv_gives_back_any_text(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    lines = "".join(f"l{n}\t{text}\n" for n, text in enumerate(texts))
    assert read(path, f"label\ttext\n{lines}") == [[f"l{n}", t] for n, t in enumerate(texts)]


def test_line_numbers_count_lines_inside_cells(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.csv", 'id,Text\n1,"two\nlines"\n\n2,one\n')
    text = table.getter("text")
    assert [(row.line, text(row)) for row in table.rows] == [(2, "two\nlines"), (5, "one")]
    assert (table.columns, table.header) == (("id", "Text"), 1)
    assert (place(table, "text"), place(table, "label")) == (1, None)


def test_tsv_marks_are_no_quotes(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.tsv", 'ham\tsay "hi\nspam\t"WIN" now\n')
    assert rows == [["ham", 'say "hi'], ["spam", '"WIN" now']]


def test_tsv_without_labels_is_one_text_a_line(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.tsv", "\nhello\n\nyou\n")
    assert table.columns == ("text",)
    assert list(map(table.getter("text"), table.rows)) == ["", "hello", "", "you"]


@pytest.mark.parametrize("name", ["message", "Sentence", "REVIEW", " text "])
def test_usual_names_make_a_header_in_any_case(tmp_path: Path, name: str) -> None:
    table = opened(tmp_path / "a.csv", f"id,{name},Category\n1,a,b\n")
    assert (place(table, "text"), place(table, "label")) == (1, 2)


def test_named_columns_come_before_usual_ones(tmp_path: Path) -> None:
    table = opened(
        tmp_path / "a.csv", "v1,v2,text,,\nham,hi,x,,\n", text_column="v2", label_column="v1"
    )
    assert (place(table, "text"), place(table, "label")) == (
        1,
        0,
    )  # columns without a name may repeat
    assert [row.cells for row in table.rows] == [["ham", "hi", "x", "", ""]]


def test_plain_text_is_one_text_a_line_empty_ones_too(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.txt", 'a,"b\n\nc\td\n')
    assert table.columns == ("text",)
    assert [row.cells for row in table.rows] == [['a,"b'], [""], ["c\td"]]


def test_stdin_takes_its_format_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, expected in (("auto", ["text", "a"]), ("csv", ["a"])):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"text\na\n")))
        table = open_table("-", LabeledText(format=kind))
        assert list(map(table.getter("text"), table.rows)) == expected


def test_values_of_json_keep_their_kind_and_read_as_text(tmp_path: Path) -> None:
    content = '{"text": 3, "label": true}\n\n{"text": null, "label": 0.5}\n'
    table = opened(tmp_path / "a.jsonl", content)
    rows = list(table.rows)
    assert [row.cells for row in rows] == [[3, True], [None, 0.5]]
    text, label = table.getter("text"), table.getter("label")
    assert [(row.line, text(row), label(row)) for row in rows] == [
        (1, "3", "true"),
        (3, "", "0.5"),
    ]


def test_half_a_surrogate_pair_becomes_the_replacement_character(tmp_path: Path) -> None:
    content = r'{"text": "cut \uD83D", "more": ["\ud83d\ude00"]}'
    assert read(tmp_path / "a.jsonl", content) == [["cut \ufffd", ["😀"]]]


def test_a_cell_above_the_csv_modules_limit(tmp_path: Path) -> None:
    long = "x" * 200_000
    assert read(tmp_path / "a.csv", f"text,label\n{long},b\n") == [[long, "b"]]


@pytest.mark.parametrize(
    ("name", "content", "line", "problem", "hint"),
    [
        ("a.csv", "", 0, "at least one row expected, an empty file found", ""),
        ("a.csv", "\n\n", 0, "an empty file found", ""),
        ("a.jsonl", "\n", 0, "an empty file found", ""),
        ("a.csv", "ham,hello you\n", 1, "found: ham, hello you", "--text-column"),
        ("a.csv", "label,txt\na,b\n", 1, "a text column text / sentence", "--text-column"),
        ("a.csv", "text,a,a\n", 1, "each column once expected, found twice: a", "rename"),
        ("a.csv", "text,n\nx,1\ny\n", 3, "2 columns (text, n) expected, 1 found", "quote it"),
        ("a.csv", "text\nx,1\n", 2, "1 column (text) expected, 2 found", "quote it"),
        ("a.csv", 'text,n\nx,1\n"y,2\n', 3, "a csv row expected, found: unexpected end", "double"),
        ("a.csv", 'text,n\n"x"y,1\n', 2, "a csv row expected, found: ',' expected", "double"),
        ("a.tsv", "ham\ta\nspam\tb\tc\n", 2, "2 columns (label, text) expected, 3 found", "tab"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', 2, "JSON expected, found: ", "whole JSON"),
        ("a.jsonl", '{"text": NaN}\n', 1, "found: NaN, which JSON does not have", "whole JSON"),
        ("a.jsonl", "[" * 100_000 + "\n", 1, "JSON expected, found: ", "whole JSON"),
        ("a.json", '[{"text": "a"}, [3]]\n', 1, "a JSON object expected, a list found", "an array"),
        ("a.json", '[{"text": "a"},\n\n {"text": ]', 3, "JSON expected, found: ", "an array"),
        ("a.json", '[{"text": "a"},\n', 2, "] expected at the end of the array", "cut short"),
        ("a.jsonl", "3\n", 1, "a JSON object expected, a number found", ""),
        ("a.jsonl", '{"text": [1]}\n', 1, "text in column 'text' expected, a list found", ""),
        ("a.jsonl", '{"text": {"b": 1}}\n', 1, "an object found", "named so: text.b"),
        ("a.jsonl", '{"text": "a"}\n{"txt": "a"}\n', 2, "key 'text' expected, found: txt", "key"),
        ("a.jsonl", '{"text": "a"}\n{"text": "a", "x": 1}\n', 2, "'x' found as well", "same keys"),
        ("a.parquet", "no such thing", 0, "a parquet table expected, found: ", "whole parquet"),
        ("a.parquet.gz", "", 0, "a plain parquet file expected", "compressed inside"),
    ],
)
def test_errors_name_file_and_line_and_the_cure(
    tmp_path: Path, name: str, content: str, line: int, problem: str, hint: str
) -> None:
    error = refused(tmp_path / name, content)
    assert problem in error.message
    assert error.line == line
    assert (f"{name}, line {line}: " if line else f"{name}: ") in error.message
    assert hint in error.hint


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    error = refused(tmp_path / "a.csv", "id,mesage\n1,a\n", text_column="message")
    assert error.problem == "a text column 'message' expected, found: id, mesage"
    assert error.hint == "did you mean --text-column 'mesage'?"
    other = refused(tmp_path / "a.tsv", "ham\thello\n", text_column="zz")
    assert other.problem == "a text column 'zz' expected, found: ham, hello"


def test_long_first_rows_are_cut_in_messages(tmp_path: Path) -> None:
    error = refused(tmp_path / "a.csv", "x" * 50 + ",b" * 30 + "\n")
    assert "x" * 37 + "..., b" in error.problem
    assert error.problem.endswith("b, ...")


def test_parquet_round_trip(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts = [f'text "{n}"\n\u0085' for n in range(3000)] + [None]
    table = pyarrow.table({"label": [0.5] * 3000 + [float("nan")], "Text": texts})
    parquet.write_table(table, tmp_path / "a.parquet")
    found = open_table(tmp_path / "a.parquet", LabeledText())
    rows = list(found.rows)
    assert found.columns == ("label", "Text")
    assert list(map(found.getter("text"), rows)) == [*texts[:-1], ""]
    assert [rows[0].line, rows[-1].line] == [1, 3001]
    assert list(map(found.getter("label"), (rows[0], rows[-1]))) == ["0.5", ""]


def test_a_damaged_parquet_block(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    table = pyarrow.table({"text": ["good", "word"]})
    parquet.write_table(table, path, compression="none", use_dictionary=False)
    path.write_bytes(
        path.read_bytes().replace(b"good\x04\0\0\0word", b"good\x04\0\0\0\xff\xff\xff\xff")
    )
    with pytest.raises(DataError, match="line 1: a row expected, found: ") as caught:
        list(open_table(path, LabeledText()).rows)
    assert "damaged" in caught.value.hint


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    error = refused(tmp_path / "a.parquet", "")
    assert error.message.endswith("pyarrow expected to read parquet, none found")
    assert error.hint == "pip install 'seqcli[parquet]'"


def test_a_missing_parquet_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a file or folder expected, nothing found there"):
        open_table(tmp_path / "no.parquet", LabeledText())


CELLS_OF = [["label", "text"], ["ham", "hi there, you"], ["spam", "win; now"]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("named", [False, True])
def test_csv_with_other_separators(tmp_path: Path, separator: str, named: bool) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(CELLS_OF)
    content = f"\ufeffsep={separator}\r\n" * named + out.getvalue()
    table = opened(tmp_path / "a.csv", content)
    assert [row.cells for row in table.rows] == CELLS_OF[1:]
    assert table.header == 1 + named


def test_a_semicolon_in_a_text_parts_nothing(tmp_path: Path) -> None:
    assert texts(tmp_path / "a.csv", "text\nhi; you\n") == ["hi; you"]
    assert texts(tmp_path / "a.csv", "id,text\n1,a;b|c\n") == ["a;b|c"]


def test_csv_with_line_ends_of_old_macs(tmp_path: Path) -> None:
    assert texts(tmp_path / "a.csv", 'id,text\r1,"a\nb"\r2,c\r') == ["a\nb", "c"]
    assert texts(tmp_path / "a.tsv", "x\ta\ry\tb\r") == ["a", "b"]


QUOTED = 'label\ttext\nx\t"say ""hi"" now"\ny\t"two\nlines"\nx\tplain\n'


def test_a_tsv_that_is_quoted_throughout(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.tsv", QUOTED)
    text = table.getter("text")
    found = [(row.line, text(row)) for row in table.rows]
    assert found == [(2, 'say "hi" now'), (3, "two\nlines"), (5, "plain")]
    every = '"label"\t"text"\n"x"\t"a"\n'
    assert texts(tmp_path / "a.tsv", every) == ["a"]
    late = "x\tplain\n" * 5000 + 'y\t"a ""b"""\n'
    assert texts(tmp_path / "a.tsv", late)[-1] == 'a "b"'


@pytest.mark.parametrize(
    "more",
    ['x\tsay "hi\n', 'x\t"WIN" now\n', 'x\t"open\n', 'x\t"one\ny\ttwo"\n', 'x\t5" and 6"\n'],
)
def test_a_tsv_with_one_mark_that_quotes_nothing_is_read_as_it_stands(
    tmp_path: Path, more: str
) -> None:
    content = 'x\t"a ""b"""\n' + more
    expected = [line.split("\t")[1] for line in content.splitlines()]
    assert texts(tmp_path / "a.tsv", content) == expected
    assert texts(tmp_path / "a.tsv", 'x\t"hello"\ny\tyou\n') == ['"hello"', "you"]


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_a_tsv_by_the_csv_module_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    cells = [tuple(cell.replace("\r", "") for cell in pair) for pair in cells]  # type: ignore[misc]
    cells = [("x", 'a "b"'), *cells]  # which needs its quotes
    out = io.StringIO(newline="")
    csv.writer(out, delimiter="\t", lineterminator="\n").writerows([("text", "other"), *cells])
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    if any("\n" in cell and "\t" in cell for pair in cells for cell in pair):
        return  # too much like rows by themselves
    assert read(path, out.getvalue()) == [list(pair) for pair in cells]


def test_columns_by_number_where_there_is_no_header(tmp_path: Path) -> None:
    options = {"text_column": "3", "label_column": "1"}
    table = opened(tmp_path / "a.csv", "3,x,one\n1,y,two\n", **options)
    assert (table.header, table.columns) == (0, ("1", "2", "3"))
    rows = list(table.rows)
    assert list(map(table.getter("text"), rows)) == ["one", "two"]
    assert list(map(table.getter("label"), rows)) == ["3", "1"]
    headed = opened(tmp_path / "a.csv", "id,class,body\n3,x,one\n", **options)
    assert list(map(headed.getter("text"), headed.rows)) == ["one"]
    pandas = opened(tmp_path / "a.csv", "0,1\nx,one\n", text_column="1", label_column="0")
    assert [row.cells for row in pandas.rows] == [["x", "one"]]
    backwards = texts(tmp_path / "a.tsv", "one\tx\n", text_column="1", label_column="2")
    assert backwards == ["one"]
    error = refused(tmp_path / "a.csv", "3,x,one\n", text_column="4", label_column="1")
    assert error.problem == "a text column '4' expected, found: 1, 2, 3"


def test_several_text_columns(tmp_path: Path) -> None:
    content = "title,body,label\nOil,it rose,x\n"
    assert texts(tmp_path / "a.csv", content, text_column="title,body") == ["Oil\nit rose"]
    assert texts(tmp_path / "a.csv", content, text_column="2, TITLE") == ["it rose\nOil"]
    assert texts(tmp_path / "a.csv", '"a,b",text\n1,2\n', text_column="a,b") == ["1"]
    error = refused(tmp_path / "a.csv", content, text_column="title,bdy")
    assert "'title,bdy' expected" in error.problem


def test_named_columns_in_any_case(tmp_path: Path) -> None:
    assert texts(tmp_path / "a.csv", "ID, Body \n1,a\n", text_column="body") == ["a"]
    assert texts(tmp_path / "a.csv", "body,Body\n1,a\n", text_column="Body") == ["a"]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_json_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None, size: int
) -> None:
    monkeypatch.setattr("seqcli.readers.jsonl.READ", size)
    rows = [{"text": f"a, [{n}] \u2028}}", "n": n} for n in range(30)]
    content = json.dumps(rows, indent=indent)
    assert read(tmp_path / "a.json", content) == [list(row.values()) for row in rows]
    one_behind_another = "\n".join(json.dumps(row, indent=2) for row in rows)
    table = opened(tmp_path / "a.json", one_behind_another)
    assert [row.line for row in table.rows] == [1 + 4 * n for n in range(30)]
    table = opened(tmp_path / "a.json", "\n\n" + one_behind_another)
    assert [row.line for row in table.rows] == [3 + 4 * n for n in range(30)]


def test_keys_inside_keys_and_lists_of_tokens(tmp_path: Path) -> None:
    content = '{"doc": {"body": {"t": "a"}}, "text": ["b", "c"]}\n{"doc": null, "text": []}\n'
    path = tmp_path / "a.jsonl"
    assert texts(path, content, text_column="doc.body.t") == ["a", ""]
    assert texts(path, content) == ["b c", ""]
    assert texts(path, content, text_column="text,doc.body.t") == ["b c\na", "\n"]
    error = refused(path, content, text_column="dok.body")
    assert "'dok.body' expected, found: doc, text" in error.problem


def test_text_and_label_are_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,b\n")
    with pytest.raises(DataError, match="another column for the label than for the text"):
        open_table(path, LabeledText(label_column="text"), ("text", "label"))
    assert open_table(path, LabeledText(label_column="text")).fields["label"]
