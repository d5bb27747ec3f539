"""Word vectors of several makers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from seqcli.data.vectors import find
from seqcli.errors import DataError
from seqcli.text.vocab import Vocab

VOCAB = Vocab(["<unk>", "cat", ".", "2000"])
ROWS = "cat 1 2\n. . . 3 4\nat me@example.org 5 6\n2000 7 8\n"


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        f"4 2\n{ROWS}",
        ROWS.replace("1 2", "1 2 ").replace("\n", " \n"),
        ROWS.replace(" 7 8", "\t7\t8").replace("cat ", "cat\t"),
        ROWS.replace("\n", "\r\n"),
        f"\ufeff{ROWS}cat 9 9\n",
    ],
)
def test_all_forms_are_read(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.vec"
    path.write_bytes(content.encode())
    vectors, found, more = find(path, VOCAB, 2)
    assert more == ()
    assert found.tolist() == [False, True, False, True]
    assert np.array_equal(vectors, [[0, 0], [1, 2], [0, 0], [7, 8]])


def test_what_is_written_so_counts_before_what_is_folded(tmp_path: Path) -> None:
    """Of Cat, CAT and cat the last; of 1999 and 2004, without a 0000, the first."""
    path = tmp_path / "a.vec"
    path.write_text("Cat 1 1\n1999 2 2\nThe 3 3\ncat 4 4\nCAT 5 5\nthe 6 6\n2004 7 7\nof 8 8\n")
    vocab = Vocab(["<unk>", "cat", "0000"])

    def fold(word: str) -> str:
        return re.sub(r"\d", "0", word.lower())

    vectors, found, more = find(path, vocab, 2, fold=fold, more=2)
    assert found.tolist() == [False, True, True]
    assert more == ("the", "of")
    assert vectors.tolist() == [[0, 0], [4, 4], [2, 2], [3, 3], [8, 8]]


@pytest.mark.parametrize(
    ("content", "problem", "hint"),
    [
        ("cat 1 2 3\n", "line 1: 2 numbers expected, 3 found", "--embed 3"),
        ("7 3\ncat 1 2 3\n", "line 1: 2 numbers expected, 3 found", "--embed 3"),
        ("dog 1 2\ncat 1\n", "line 2: 2 numbers expected, 1 found", "--embed 1"),
        ("dog 1 2\ncat 1 2 3\n", "line 2: 2 numbers expected, 3 found", "--embed 3"),
        ("dog 1 2\ncat 1 x\n", "line 2: numbers expected after 'cat', found: 1 x", "GloVe"),
        ("dog 1 2\ncat 1 nan\n", "line 2: finite numbers expected after 'cat'", "GloVe"),
        ("dog 1 2\n", "none of the vocabulary's 4 words found", "language"),
        ("only words\n", "line 1: 2 numbers expected, 0 found", "GloVe"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: str, problem: str, hint: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        find(path, VOCAB, 2)
    assert problem in caught.value.message
    assert hint in caught.value.hint


def test_the_hint_for_bad_bytes_names_no_option_that_would_not_help(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("dog 1 2\ncafé 1 2\n".encode("latin-1"))
    with pytest.raises(DataError, match="line 2: utf-8 text expected") as caught:
        find(path, VOCAB, 2)
    assert "--encoding" not in caught.value.hint
    assert "iconv" in caught.value.hint
