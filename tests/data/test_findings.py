"""What is odd about labeled data is counted and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqcli.data.findings import Finding, label_line
from seqcli.data.labeled import LabeledData, load, with_labels
from seqcli.errors import DataError
from seqcli.readers import discover
from seqcli.settings.sections import LabeledText

ENOUGH = "".join(f"text {n},{'xy'[n % 2]}\n" for n in range(40))


def loaded(path: Path, data: LabeledText | None = None) -> LabeledData:
    data = data or LabeledText()
    return load(with_labels(discover(path, data)), data, seed=1)


def found(
    folder: Path, content: str, *, repeats: str = "group", **parts: str
) -> dict[str, Finding]:
    for name, text in {"train": content, **parts}.items():
        (folder / f"{name}.csv").write_text(f"text,label\n{text}")
    return {
        finding.name: finding for finding in loaded(folder, LabeledText(repeats=repeats)).findings
    }


def test_nothing_odd_is_nothing_said(tmp_path: Path) -> None:
    assert found(tmp_path, ENOUGH) == {}


@pytest.mark.parametrize(
    ("label", "said", "cure"),
    [
        (
            "it was really good film {}",
            "40 of 40 labels have one text each, and they look like",
            "swap",
        ),
        ("0.{}", "40 of 40 labels have one text each, and they look like figures", "classes"),
        ("2024-01-{}", "look like dates", "--label-column"),
        ("10{}", "look like numbers that identify", "--label-column"),
        ("a{}", "40 of 40 labels have one text each", "--label-column"),
    ],
)
def test_a_column_that_holds_no_labels(tmp_path: Path, label: str, said: str, cure: str) -> None:
    content = "".join(f"text {n},{label.format(n)}\n" for n in range(11, 51))
    finding = found(tmp_path, content)["labels"]
    assert said in finding.said
    assert cure in finding.advice
    assert finding.rows == (0, 1, 2, 3, 4)


def test_parts_that_share_texts(tmp_path: Path) -> None:
    test = "text 3,y\nother,x\n"
    assert "overlap" not in found(tmp_path, ENOUGH, test=test)  # not trained on: said as `shared`
    assert loaded(tmp_path).shared == 1
    finding = found(tmp_path, ENOUGH, repeats="keep", test=test)["overlap"]
    assert finding.said == "1 of 2 test texts stand in train as well"
    assert (finding.count, finding.rows) == (1, (40,))


def test_labels_that_nothing_is_learned_of(tmp_path: Path) -> None:
    finding = found(tmp_path, ENOUGH, test="new,z\nold,x\n")["labels-untrained"]
    assert finding.said == "labels without a text to train on (1): z 1"


def test_texts_with_two_labels_and_labels_alike(tmp_path: Path) -> None:
    more = "text 0,y\ntext 0,y\n" + "a,New  York\nb,new york\n" * 3
    named = found(tmp_path, ENOUGH + more)
    assert named["contradictions"].said == "1 text with more than one label each"
    assert named["labels-alike"].said.endswith("(1): New  York = new york")


def test_a_split_that_comes_out_empty(tmp_path: Path) -> None:
    assert found(tmp_path, "a,x\nb,y\n")["no-split"].said.startswith("no ")


def test_labels_in_a_line() -> None:
    assert label_line(("a", "b"), (3, 1400)) == "labels 2: b 1,400, a 3"
    many = label_line([f"l{n}" for n in range(30)], range(30))
    assert many == "labels 30: l29 29, l28 28, l27 27, l26 26, ..., l3 3, l2 2, l1 1, l0 0"


def test_rows_without_a_label(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nzero,\none,x\ntwo,y\nthree,\nfour,x\n")
    data = loaded(path, LabeledText(test=0, valid=0))
    assert data.splits["train"].rows.tolist() == [1, 2, 4]
    assert data.unlabeled == {"all": 2}
    with pytest.raises(DataError, match="line 2: a label expected, none found") as caught:
        loaded(path, LabeledText(skip_unlabeled=False))
    assert "--skip-unlabeled" in caught.value.hint
    path.write_text("text,label\nzero,\n")
    with pytest.raises(DataError, match="at least one labeled text expected, 1 without"):
        loaded(path)


def test_a_test_part_without_labels_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(f"text,label\n{ENOUGH}")
    (tmp_path / "test.csv").write_text("text,label\nsome,\nmore,\n")
    source = with_labels(discover(tmp_path, LabeledText()))
    assert (list(source.parts), source.left_out) == (["train"], ("test.csv (no labels)",))
    assert len(loaded(tmp_path).splits["test"]) == 8  # cut from train


def test_numbers_and_booleans_as_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    labels = ["10", 9, 1.0, '"1"', "true", '"True"', '"b"']
    path.write_text("".join(f'{{"text": "a", "label": {label}}}\n' for label in labels))
    data = LabeledText(repeats="keep", test=0, valid=0)
    assert loaded(path, data).labels == ("1", "9", "10", "b", "true")
    model = loaded(path, data)
    (tmp_path / "b.csv").write_text("text,label\na,9.0\n")
    source = discover(tmp_path / "b.csv", data)
    again = load(source, data, seed=1, vocab=model.vocab, labels=("b", "9.0"))
    assert (again.labels, again.splits["train"].labels.tolist()) == (("b", "9.0"), [1])
    with pytest.raises(DataError) as caught:
        load(source, data, seed=1, vocab=model.vocab, labels=("8", "19"))
    assert "did you mean" not in caught.value.hint
