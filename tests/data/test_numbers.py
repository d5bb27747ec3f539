"""Recordings as arrays: scaling against NumPy, splits by label and by group, bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seqcli.data import scaling
from seqcli.data.frames import Frames
from seqcli.data.numbers import Known, NumbersData, load_numbers
from seqcli.errors import DataError
from seqcli.readers.series_source import discover_series
from seqcli.settings.sections import Series
from seqcli.text import growing

NUMBERS = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.integers(1, 3)),
    elements=st.one_of(st.floats(-1e30, 1e30), st.just(float("nan"))),
)


def write(path: Path, recordings: list[np.ndarray[Any, Any]], labels: list[str]) -> Path:
    offsets = np.cumsum([0, *map(len, recordings)])
    np.savez(path, values=np.concatenate(recordings), offsets=offsets, labels=np.array(labels))
    return path


def drawn(count: int = 40, channels: int = 2) -> tuple[list[Any], list[str]]:
    random = np.random.default_rng(3)
    rows = [random.normal(5, 3, (random.integers(3, 9), channels)) for _ in range(count)]
    return rows, ["ab"[number % 2] for number in range(count)]


def load(path: Path, known: Known | None = None, **settings: Any) -> NumbersData:
    given = {"whole": settings.pop("whole", False), "scratch": settings.pop("scratch", None)}
    source = discover_series(path, Series(**settings))
    return load_numbers(source, seed=1, known=known, **given)


def test_scaling_is_that_of_the_training_split(tmp_path: Path) -> None:
    rows, labels = drawn()
    data = load(write(tmp_path / "x.npz", rows, labels))
    train = np.concatenate([rows[number] for number in data.splits["train"].numbers])
    np.testing.assert_allclose(data.scaler.center, train.mean(0), rtol=1e-12)
    np.testing.assert_allclose(data.scaler.width, train.std(0), rtol=1e-12)
    for split in data.splits.values():
        for place, number in enumerate(split.numbers):
            expected = (rows[number] - train.mean(0)) / train.std(0)
            np.testing.assert_allclose(split.frames.row(split.rows[place]), expected, rtol=1e-5)
    assert sorted(np.concatenate([s.numbers for s in data.splits.values()])) == list(range(40))


def test_robust_scaling_does_not_see_outliers(tmp_path: Path) -> None:
    rows, labels = drawn(60)
    rows[0][:] = 1e6
    data = load(write(tmp_path / "x.npz", rows, labels), scale="robust", valid=0, test=0)
    every = np.concatenate(rows)
    low, middle, high = np.quantile(every, (0.25, 0.5, 0.75), axis=0)
    np.testing.assert_allclose(data.scaler.center, middle)
    np.testing.assert_allclose(data.scaler.width, 0.7413 * (high - low))


def test_a_recording_by_itself(tmp_path: Path) -> None:
    rows, labels = drawn()
    data = load(write(tmp_path / "x.npz", rows, labels), scale="recording")
    split = data.splits["train"]
    for place in split.rows:
        own = split.frames.row(place)
        np.testing.assert_allclose(own.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(own.std(0), 1, rtol=1e-4)


def test_a_recording_by_itself_with_its_channels_together(tmp_path: Path) -> None:
    rows, labels = drawn()
    rows[0][1, 0] = np.nan
    data = load(write(tmp_path / "x.npz", rows, labels), scale="whole", valid=0, test=0)
    split = data.splits["train"]
    for place, number in zip(split.rows, split.numbers, strict=True):
        row = rows[number]
        own = np.nan_to_num((row - np.nanmean(row)) / np.nanstd(row))
        np.testing.assert_allclose(split.frames.row(place), own, atol=1e-4)


def test_missing_numbers_are_the_center_and_told_beside(tmp_path: Path) -> None:
    rows, labels = drawn()
    rows[0][1, 0] = np.nan
    path = write(tmp_path / "x.npz", rows, labels)
    data = load(path, mask_channels=True, valid=0, test=0)
    own = data.splits["train"].frames.row(0)
    assert own.shape[1] == data.scaler.outputs == 4
    assert own[1, 0] == 0
    assert own[:, 2:].tolist() == [[0 if step == 1 else 1, 1] for step in range(len(own))]
    assert data.missing == pytest.approx(1 / sum(one.size for one in rows))


@given(
    NUMBERS, st.sampled_from(["standard", "robust", "recording", "whole", "none"]), st.booleans()
)
def test_whatever_is_scaled_is_finite(values: Any, how: str, mask: bool) -> None:
    scaler = scaling.fit(how, lambda: [values], values.shape[1], mask=mask)
    found = scaler(values)
    assert found.shape == (len(values), scaler.outputs)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= scaling.LIMIT
    assert (found[:, : values.shape[1]][np.isnan(values)] == 0).all()


@given(NUMBERS)
def test_blocks_give_what_the_whole_gives(values: Any) -> None:
    at = len(values) // 2
    center, width = scaling.moments(values)
    parts = scaling.fit("standard", lambda: [values[:at], values[at:]], values.shape[1], mask=False)
    scale = np.abs(np.nan_to_num(values)).max(initial=1)
    np.testing.assert_allclose(parts.center, center, atol=1e-9 * scale)
    np.testing.assert_allclose(parts.width, width, rtol=1e-6, atol=1e-6 * scale)


def test_a_constant_channel_is_zero_and_named(tmp_path: Path) -> None:
    rows, labels = drawn()
    for row in rows:
        row[:, 1] = 0.1
    data = load(write(tmp_path / "x.npz", rows, labels))
    assert data.constant == ("2",)
    assert data.scaler.width[1] == 1
    assert np.abs(data.splits["train"].frames.values[:, 1]).max() < 1e-12


def test_a_group_stands_on_one_side(tmp_path: Path) -> None:
    lines = ["id,who,x,label"]
    for number in range(60):
        who = f"p{number % 12}"
        lines += [f"{number},{who},{number}.{step},{'ab'[number % 2]}" for step in range(3)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines) + "\n")
    data = load(path, group="who", test=0.25, valid=0.25)
    people = {name: set((split.numbers % 12).tolist()) for name, split in data.splits.items()}
    assert people.keys() == {"train", "valid", "test"}
    assert set.union(*people.values()) == set(range(12))
    assert sum(map(len, people.values())) == data.groups == 12
    assert [len(people[name]) for name in ("test", "valid")] == [3, 2]


def test_equal_recordings_stay_together(tmp_path: Path) -> None:
    rows, labels = drawn(20)
    path = write(tmp_path / "x.npz", rows * 3, labels * 3)
    data = load(path)
    sides = [set((split.numbers % 20).tolist()) for split in data.splits.values()]
    assert sum(map(len, sides)) == 20
    assert load(path, repeats="drop").repeated == 40


def test_a_model_reads_with_what_it_learned(tmp_path: Path) -> None:
    rows, labels = drawn()
    path = write(tmp_path / "x.npz", rows, labels)
    data = load(path)
    known = Known(data.channels, data.labels, data.scaler)
    whole = load(path, known, whole=True).splits["all"]
    np.testing.assert_array_equal(whole.frames.values, data.splits["train"].frames.values)
    other = write(tmp_path / "y.npz", rows, ["a", "c"] * 20)
    with pytest.raises(DataError, match="'c' found"):
        load(other, known, whole=True)


def test_channels_go_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,x,y,label\n1,1,10,a\n2,2,20,b\n3,3,30,a\n")
    data = load(tmp_path / "x.csv", test=0, valid=0)
    known = Known(data.channels, data.labels, data.scaler)
    (tmp_path / "y.csv").write_text("label,y,id,x\na,10,1,1\n")
    turned = load(tmp_path / "y.csv", known, whole=True).splits["all"]
    np.testing.assert_array_equal(turned.frames.values, data.splits["train"].frames.values[:1])
    (tmp_path / "z.csv").write_text("id,x,z,label\n1,1,10,a\n")
    with pytest.raises(DataError, match="line 2: a channel 'y' expected, found: x, z"):
        load(tmp_path / "z.csv", known, whole=True)


def test_other_channels_are_named_with_their_line(tmp_path: Path) -> None:
    text = '{"values": [[1, 2]], "label": "a"}\n{"values": [[1]], "label": "b"}\n'
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(DataError, match=r"line 2: 2 channels expected, 1 found"):
        load(tmp_path / "x.jsonl")


def test_a_part_without_a_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "x_TRAIN.txt").write_text("a 1 2\nb 3 4\n")
    (tmp_path / "x_TEST.txt").write_text("\n")
    with pytest.raises(DataError, match=r"x_TEST\.txt: at least one recording expected"):
        load(tmp_path)


def test_much_lies_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = drawn()
    path = write(tmp_path / "x.npz", rows, labels)
    held = load(path).splits["train"].frames.values
    monkeypatch.setattr(growing, "MAPPED_BYTES", 100)
    mapped = load(path, scratch=tmp_path).splits["train"].frames.values
    assert isinstance(mapped.base, np.memmap)
    np.testing.assert_array_equal(mapped, held)


def test_rows_are_taken_in_any_order() -> None:
    rows = [np.full((length, 2), length, np.float32) for length in (3, 0, 5)]
    frames = Frames.of(rows, 2)
    taken = frames.take(np.array([2, 1, 2, 0]))
    assert taken.lengths.tolist() == [5, 0, 5, 3]
    padded = taken.padded
    assert padded.values.shape == (4, 8, 2)
    assert padded.values.sum(dim=(1, 2)).tolist() == [50, 0, 50, 18]
