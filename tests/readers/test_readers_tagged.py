"""Tagged sentences in every format: what is read, what is kept, and what is said of a fault."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import DataError
from seqcli.readers.sentence import Layout, Row, TaggedRecord, rewritten
from seqcli.readers.tagged import TAGGED_READERS, tagged_format

PLAIN = Layout()


def read(
    path: Path, text: str, name: str = "columns", layout: Layout = PLAIN
) -> list[TaggedRecord]:
    path.write_bytes(text.encode())
    return list(TAGGED_READERS[name](path, layout))


def said(path: Path, text: str, name: str = "columns", layout: Layout = PLAIN) -> str:
    with pytest.raises(DataError) as caught:
        read(path, text, name, layout)
    return str(caught.value).removeprefix(str(path))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.conll"


CONLL = """-DOCSTART- -X- O O

EU NNP I-NP B-ORG
rejects VBZ I-VP O

# NN O O
"""


def test_columns_by_number(file: Path) -> None:
    first, second = read(file, CONLL)
    assert first[:4] == (("EU", "rejects"), ("B-ORG", "O"), str(file), 3)
    assert second.tokens == ("#",)  # four columns, as the others: a word
    part_of_speech = read(file, CONLL, layout=Layout(tag=2))
    assert [record.tags for record in part_of_speech] == [("NNP", "VBZ"), ("NN",)]
    assert read(file, CONLL, layout=Layout(word="-4", tag="-2"))[0].tags == ("I-NP", "I-VP")


def test_columns_by_name(file: Path) -> None:
    text = "Word POS Tag\nit PRP O\n\nis VBZ B-x\n"
    records = read(file, text, layout=Layout(word="word", tag="TAG"))
    assert [record.tokens for record in records] == [("it",), ("is",)]
    assert [record.tags for record in records] == [("O",), ("B-x",)]
    assert "".join(line + "\n" for r in records for line in rewritten(r.rows, r.tags)) == text
    assert said(file, text, layout=Layout(tag="ner")) == (
        ", line 1: a column named 'ner' expected, found: word, pos, tag"
    )


def test_comments_before_a_sentence_and_words_that_look_like_one(file: Path) -> None:
    text = "# id = 1\n# a b c\nit O\n# O\n\n# newdoc\n# O\n"
    first, second = read(file, text)
    assert (first.tokens, first.line) == (("it", "#"), 3)
    assert second.tokens == ("#",)
    tabs = "# id = 1\n#tag\tO\n#\tO\n"
    assert read(file, tabs)[0].tokens == ("#tag", "#")
    assert read(file, "# O\nit O\n")[0].tokens == ("#", "it")


def test_blank_lines_of_any_kind_end_a_sentence_once(file: Path) -> None:
    text = "\n\na\tO\r\n\t\r\n \n\nb\tO"
    assert [record.tokens for record in read(file, text)] == [("a",), ("b",)]
    assert read(file, "\n \n# no = word\n") == []
    assert read(file, "") == []


def test_only_tabs_and_spaces_part_cells(file: Path) -> None:
    text = "a\u00a0b\u0085c O\n\u2028 B-x\n"
    assert read(file, text)[0].tokens == ("a\u00a0b\u0085c", "\u2028")
    tabs = "New York\tB-x\n"
    assert read(file, tabs)[0].tokens == ("New York",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a O\nb\n", ", line 2: 2 columns expected, as in line 1, 1 found"),
        ("a\tO\nb O\n", ", line 2: 2 columns expected, as in line 1, 1 found"),
        ("a\tO\nb\t\n", ", line 2: a tag expected, an empty cell found"),
        ("a\tO\n\tO\n", ", line 2: a word expected, an empty cell found"),
        ("a\n", ", line 1: a column of words and one of tags expected, 1 found"),
    ],
)
def test_faults_of_columns(file: Path, text: str, problem: str) -> None:
    assert said(file, text) == problem


def test_a_column_that_is_not_there(file: Path) -> None:
    problem = ", line 1: a column 3 expected, 2 columns found"
    assert said(file, "a O\n", layout=Layout(tag=3)) == problem
    assert said(file, "a O\n", layout=Layout(word=-3)).startswith(", line 1: a column -3 expected")


CONLLU_TEXT = """# newdoc id = d
# text = It's done.
1-2\tIt's\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tIt\tit\tPRON\tPRP\t_\t3\tnsubj\t_\t_
2\t's\tbe\tAUX\tVBZ\t_\t3\taux\t_\t_
2.1\tgone\tgo\tVERB\t_\t_\t_\t_\t_\t_
3\tdone\tdo\tVERB\tVBN\t_\t0\troot\t_\t_

# text = ok
1\tok\tok\tINTJ\tUH\t_\t0\troot\t_\t_

# at the end
"""


def test_conllu_skips_ranges_and_empty_nodes_and_keeps_them(file: Path) -> None:
    first, second = read(file, CONLLU_TEXT, "conllu")
    assert first[:4] == (("It", "'s", "done"), ("PRON", "AUX", "VERB"), str(file), 4)
    assert second.tags == ("INTJ",)
    assert read(file, CONLLU_TEXT, "conllu", Layout("lemma", "xpos"))[0][:2] == (
        ("it", "be", "do"),
        ("PRP", "VBZ", "VBN"),
    )
    changed = [*rewritten(first.rows, ["A", "B", "C"]), *rewritten(second.rows, ["D"])]
    expected = CONLLU_TEXT.replace("\tPRON\t", "\tA\t").replace("\tAUX\t", "\tB\t")
    expected = expected.replace("do\tVERB", "do\tC").replace("INTJ", "D")
    assert "".join(line + "\n" for line in changed) == expected


def test_conllu_faults_and_named_columns(file: Path) -> None:
    assert said(file, "1\ta\n", "conllu") == ", line 1: 10 columns expected, as in line 1, 2 found"
    bad = CONLLU_TEXT.replace("2\t's", "x\t's")
    assert said(file, bad, "conllu").startswith(", line 5: a token's number, 1-2 or 1.1 expected")
    plus = "# global.columns = ID FORM NER\n1\tOslo\tB-x\n"
    assert read(file, plus, "conllu", Layout(tag="ner"))[0].tags == ("B-x",)
    assert "a column named 'upos'" in said(file, plus, "conllu")


def test_json_lines(file: Path) -> None:
    text = '{"tokens": ["a", "b"], "tags": ["O", "B-x"], "id": 7}\n\n{"tokens": [], "tags": []}\n'
    (record,) = read(file, text, "jsonl")
    assert record[:4] == (("a", "b"), ("O", "B-x"), str(file), 1)
    assert '"id": 7' in record.rows[0].before
    other = '{"words": ["a"], "pos": ["X"]}'
    assert read(file, other, "jsonl", Layout("words", "pos"))[0].tags == ("X",)
    assert read(file, other, "jsonl", Layout("words", tagged=False))[0].tags == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"tokens": ["a"], "tags": []}', "as many tags as tokens expected, found: 0 and 1"),
        ('{"tokens": ["a"]}', "a field 'tags' expected, none found"),
        ('{"tokens": "a", "tags": ["O"]}', "a list of texts in 'tokens' expected"),
        ('{"tokens": ["a"], "tags": [1]}', "a list of texts in 'tags' expected"),
        ('{"tokens": [""], "tags": ["O"]}', "no empty text in 'tokens' expected, one found"),
        ("[1]", "a JSON object expected, a number found"),
    ],
)
def test_faults_of_json_lines(file: Path, text: str, problem: str) -> None:
    assert problem in said(file, "\n" + text, "jsonl")
    assert ", line 2" in said(file, "\n" + text, "jsonl")


def test_aligned_files(tmp_path: Path) -> None:
    (tmp_path / "seq.in").write_text("play it \n\nstop\n")
    with gzip.open(tmp_path / "seq.out.gz", "wt") as out:
        out.write("O B-x \n\nO\n")
    records = list(TAGGED_READERS["aligned"](tmp_path, PLAIN))
    assert [(r.tokens, r.tags, r.line) for r in records] == [
        (("play", "it"), ("O", "B-x"), 1),
        (("stop",), ("O",), 3),
    ]
    assert records[0].path == str(tmp_path / "seq.in")
    (tmp_path / "seq.in").write_text("play it now\n")
    with pytest.raises(DataError, match=r"seq\.out\.gz, line 1: 3 tags expected, .* 2 found"):
        list(TAGGED_READERS["aligned"](tmp_path, PLAIN))
    (tmp_path / "seq.in").write_text("play it\n")
    with pytest.raises(DataError, match=r"seq\.in, line 2: as many lines as in seq\.out"):
        list(TAGGED_READERS["aligned"](tmp_path, PLAIN))
    (tmp_path / "seq.in").rename(tmp_path / "other")
    with pytest.raises(DataError, match=r"a file seq\.in expected, found: other, seq\.out\.gz"):
        list(TAGGED_READERS["aligned"](tmp_path, PLAIN))


def test_words_with_slashes(file: Path) -> None:
    (record,) = read(file, "\n1/2/CD cup/NN\n", "slash")
    assert (record.tokens, record.tags, record.line) == (("1/2", "cup"), ("CD", "NN"), 2)
    assert said(file, "a/X b\n", "slash") == ", line 1: word/TAG expected, found: b"
    assert read(file, "a_X", "slash", Layout(separator="_"))[0].tags == ("X",)


def test_sentences_without_tags(file: Path) -> None:
    bare = Layout(tagged=False)
    (record,) = read(file, "it\nis\n", layout=bare)
    assert (record.tokens, record.tags) == (("it", "is"), ())
    assert list(rewritten(record.rows, ["A", "B"])) == ["it A", "is B"]
    (record,) = read(file, "1\tit\n", layout=Layout(word=2, tagged=False))
    assert list(rewritten(record.rows, ["A"])) == ["1\tit\tA"]
    (record,) = read(file, "it O\n", layout=Layout(tag=2, tagged=False))
    assert (record.tags, record.rows) == ((), (Row("it ", ""),))
    assert read(file, "it is", "slash", bare)[0].tokens == ("it", "is")
    assert read(file, CONLLU_TEXT, "conllu", bare)[1].tags == ()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.conllu.gz", "", "conllu"),
        ("a.jsonl", "", "jsonl"),
        ("a.txt", "a/X b/Y\n", "slash"),
        ("a.txt", "a X\n", "columns"),
        ("a.txt", "# sent = 1\n\n1/2 CD\n", "columns"),
        ("a.tsv", CONLLU_TEXT, "conllu"),
        ("a.txt", "# global.columns = ID FORM\n", "conllu"),
        ("a.conll", CONLL, "columns"),
        ("a.txt", "", "columns"),
    ],
)
def test_the_format_is_told_by_name_or_first_lines(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert tagged_format(path) == expected
    assert tagged_format(tmp_path) == "aligned"


words = st.text(
    st.characters(codec="utf-8", exclude_characters="\0 \t\r\n\ufeff"), min_size=1, max_size=5
)


@given(
    sentences=st.lists(st.lists(st.tuples(words, words), min_size=1, max_size=4), max_size=4),
    gap=st.sampled_from(["\t", " ", "  "]),
    breaks=st.integers(1, 3),
)
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    sentences: list[list[tuple[str, str]]],
    gap: str,
    breaks: int,
) -> None:
    file = tmp_path_factory.mktemp("tagged") / "data.conll"
    lines = ["\n".join(f"{word}{gap}{tag}" for word, tag in s) for s in sentences]
    text = ("\n" * breaks).join(line + "\n" for line in lines)
    if any(word.startswith(("#", "-DOCSTART-")) for s in sentences for word, _ in s):
        return
    records = read(file, text)
    assert [list(zip(r.tokens, r.tags, strict=True)) for r in records] == sentences
    again = "".join(line + "\n" for r in records for line in rewritten(r.rows, r.tags))
    assert again == text
