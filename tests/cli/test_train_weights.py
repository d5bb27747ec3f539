"""`seqcli train` that starts from other weights: --init-from and --vectors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_runs import TINY, error, seqcli, train, write_data

from seqcli.modelfile import storage

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_init_from_takes_rows_by_token(here: Path) -> None:
    train()
    shown = train("--out", "b.pt", "--init-from", "tiny.pt", "--lr", "1e-30", "--epochs", "1")
    assert "6 of 6 tensors start from tiny.pt" in shown
    old, new = storage.load(here / "tiny.pt"), storage.load(here / "b.pt")
    assert all(new.tensors[name].equal(old.tensors[name]) for name in old.tensors)

    write_data(here / "data.tsv", 90, ("ham", "eggs"))  # other labels, another vocabulary
    shown = train("--out", "c.pt", "--init-from", "tiny.pt", "--lr", "1e-30", "--epochs", "1")
    assert "4 of 6 tensors start from tiny.pt" in shown
    other = storage.load(here / "c.pt")
    rows = {word: row for row, word in enumerate(old.description["learned"]["vocabulary"])}
    shared = 0
    for row, word in enumerate(other.description["learned"]["vocabulary"]):
        if word in rows:
            shared += 1
            mine = other.tensors["embedding.weight"][row]
            assert mine.equal(old.tensors["embedding.weight"][rows[word]])
    assert 10 < shared < len(rows)
    assert not other.tensors["dense.output.weight"].equal(old.tensors["dense.output.weight"])


def test_init_from_one_hot_tokens_goes_by_token_too(here: Path) -> None:
    flags = ("--embed", "0", "--lr", "1e-30", "--epochs", "1")
    train(*flags)
    lines = (here / "data.tsv").read_text().splitlines(keepends=True)
    (here / "data.tsv").write_text("".join(reversed(lines)))  # same words, other places
    train(*flags, "--out", "b.pt", "--init-from", "tiny.pt")
    old, new = storage.load(here / "tiny.pt"), storage.load(here / "b.pt")
    words, others = (
        old.description["learned"]["vocabulary"],
        new.description["learned"]["vocabulary"],
    )
    assert words != others
    name = "recurrent.layers.0.0.cell.weight_ih"
    for word in set(words) & set(others):
        column = new.tensors[name][:, others.index(word)]
        assert column.equal(old.tensors[name][:, words.index(word)])


def test_init_from_what_does_not_fit(here: Path) -> None:
    train("--epochs", "1")
    text = "".join(f"{label}\t{word}\n" for label, word in [("a", "x"), ("b", "y")] * 20)
    (here / "data.tsv").write_text(text)
    other = ("--cell", "gru", "--hidden", "9", "--set", "data.unknown=false")
    assert "none of its weights fit" in error(
        1, *TINY, "--init-from", "tiny.pt", "--out", "b.pt", *other
    )
    said = train("--init-from", "tiny.run/last.pt", "--out", "b.pt")
    assert "tensors start from tiny.run/last.pt" in said


def write_vectors(path: Path, rows: dict[str, list[float]]) -> None:
    text = "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in rows.items())
    path.write_text(text)


def test_word_vectors(here: Path) -> None:
    rows = {word: [n / 10] * 6 for n, word in enumerate(["the", "win", "nobodysaysthis"])}
    write_vectors(here / "glove.txt", rows)
    shown = train("--vectors", "glove.txt", "--freeze-vectors")
    found = re.search(r"word vectors found for 2 of (\d+) rows", shown)
    assert found is not None
    assert f"({6 * int(found[1]):,} frozen)" in shown
    saved = storage.load(here / "tiny.pt")
    assert len(saved.description["learned"]["vocabulary"]) == int(found[1])
    table = dict(
        zip(
            saved.description["learned"]["vocabulary"],
            saved.tensors["embedding.weight"],
            strict=True,
        )
    )
    assert table["win"].tolist() == pytest.approx([0.1] * 6)
    assert table["a"].tolist() == [0.0] * 6
    assert saved.description["config"]["model"]["vectors"] == str(here / "glove.txt")
    (here / "glove.txt").unlink()  # the model does not need it any more
    assert seqcli("eval", "--model", "tiny.pt").exit_code == 0
    train("--vectors", "glove.txt", "--freeze-vectors", "--resume")


def test_word_vectors_are_tuned_unless_frozen(here: Path) -> None:
    write_vectors(here / "glove.txt", {"the": [0.1] * 6})
    train("--vectors", "glove.txt", "--tune-vectors")
    saved = storage.load(here / "tiny.pt")
    row = saved.tensors["embedding.weight"][saved.description["learned"]["vocabulary"].index("the")]
    assert row.tolist() != pytest.approx([0.1] * 6)


def test_word_vectors_of_another_width(here: Path) -> None:
    write_vectors(here / "glove.txt", {"nobodysaysthis": [1.0] * 4, "the": [0.1] * 4})
    shown = error(1, *TINY, "--vectors", "glove.txt")
    assert "glove.txt, line 1: 6 numbers expected, 4 found" in shown
    assert "hint: --embed 4" in shown
