"""Tagged sentences cut into splits, and long ones into pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import write_tagged

from seqcli.data.pieces import Pieces
from seqcli.data.tagged import load_tagged
from seqcli.errors import DataError
from seqcli.readers.tagged_source import discover_tagged
from seqcli.settings.sections import TaggedText
from seqcli.text.sequences import Sequences


def load(path: Path, **data: object) -> dict[str, list[str]]:
    source = discover_tagged(path, TaggedText(**data))  # type: ignore[arg-type]
    splits = load_tagged(source, seed=1).splits
    return {
        name: [
            " ".join(split.vocabulary[place] for place in split.words.row(row))
            for row in range(len(split))
        ]
        for name, split in splits.items()
    }


def test_one_file_is_cut_by_sentence(tmp_path: Path) -> None:
    path = write_tagged(tmp_path / "x.conll")
    found = load(path)
    assert {name: len(rows) for name, rows in found.items()} == {
        "train": 43,
        "valid": 5,
        "test": 12,
    }
    assert len({row for rows in found.values() for row in rows}) == 60
    assert load(path) == found


def test_equal_sentences_stand_on_one_side(tmp_path: Path) -> None:
    path = tmp_path / "x.conll"
    path.write_text("".join(f"w{n % 20}\tO\nOslo\tB-x\n\n" for n in range(60)))
    found = load(path)
    sides = [set(rows) for rows in found.values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 20
    kept = load(path, repeats="keep")
    assert sum(map(len, map(set, kept.values()))) > 20


def test_official_parts_stay_as_they_are(tmp_path: Path) -> None:
    for name, count in (("train", 9), ("devel", 3), ("test", 4)):
        (tmp_path / f"{name}.tsv").write_text("Thanks\tO\nOslo\tB-x\n\n" * count)
    (tmp_path / "README.md").write_text("no data")
    source = discover_tagged(tmp_path, TaggedText())
    data = load_tagged(source, seed=1)
    sizes = {name: len(split) for name, split in data.splits.items()}
    assert sizes == {"train": 9, "valid": 3, "test": 4}
    assert data.shared == 9


def test_parts_in_folders_of_two_files(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        folder = tmp_path / part
        folder.mkdir()
        (folder / "seq.in").write_text("play a song\nstop\n")
        (folder / "seq.out").write_text("O O B-x\nO\n")
        (folder / "label").write_text("Play\nStop\n")
    source = discover_tagged(tmp_path, TaggedText())
    assert (source.format, list(source.parts)) == ("aligned", ["train", "valid", "test"])
    before = source.fingerprint()
    (tmp_path / "train" / "label").write_text("other")
    assert source.fingerprint() == before
    (tmp_path / "train" / "seq.in").write_text("play a tune\nstop\n")
    assert source.fingerprint() != before


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "train, valid and test files expected, found: nothing"),
        ({"a.txt": "x\tO\n", "b.txt": "y\tO\n"}, "train, valid and test files expected"),
        ({"train.conll": "x\tO\n", "x-train.tsv": "x\tO\n"}, "one train part expected"),
        ({"train.conll": "x\tO\n", "test.jsonl": "{}\n"}, "parts of one format expected"),
        ({"train.conll": "\n\n"}, "at least one sentence expected"),
        ({"test.conll": "x\tO\n"}, "sentences to train on expected"),
    ],
)
def test_a_folder_that_is_no_data(files: dict[str, str], problem: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=problem):
        load(tmp_path)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=9), st.integers(16, 64))
def test_each_token_is_answered_for_once(lengths: list[int], most: int) -> None:
    pieces = Pieces.of(np.array(lengths, np.int64), most)
    rows = Sequences.from_rows([[row] * length for row, length in enumerate(lengths)])
    cut = pieces.cut(rows)
    assert len(cut) == len(pieces.rows)
    assert (cut.lengths <= most).all()
    answered = [0] * len(lengths)
    for number, row in enumerate(pieces.rows.tolist()):
        first, last = int(pieces.first[number]), int(pieces.last[number])
        assert pieces.starts[number] <= first <= last <= pieces.ends[number]
        assert first == answered[row]
        answered[row] = last
        assert set(cut.row(number).tolist()) <= {row}
    assert answered == lengths
