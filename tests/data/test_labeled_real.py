from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqcli.data.labeled import LabeledData, load
from seqcli.readers import discover
from seqcli.settings.sections import TrimmedText
from seqcli.tasks.taskfile import resolve


def loaded(path: Path, data: TrimmedText) -> LabeledData:
    return load(discover(path, data), data, seed=1)


@pytest.mark.real_data
def test_the_real_sms_collection_drops_repeats(real_data: Path) -> None:
    data = TrimmedText(
        tokenizer="letters",
        lowercase=True,
        min_count=10,
        max_tokens=25,
        repeats="drop",
        repeats_casefold=True,
    )
    found = loaded(real_data / "sms-spam", data)
    assert found.labels == ("ham", "spam")
    assert found.repeated + sum(map(len, found.splits.values())) == 5574
    assert found.repeated == 415
    assert max(found.splits["train"].tokens.lengths) == 25


@pytest.mark.real_data
def test_the_real_surnames_have_a_fixed_alphabet(real_data: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;'"
    data = TrimmedText(
        tokenizer="characters", strip_accents=True, alphabet=letters, unknown=False, repeats="drop"
    )
    found = loaded(real_data / "names", data)
    assert found.vocab.to_list() == list(letters)
    assert len(found.labels) == 18
    assert found.repeated == 20_074 - 18_015
    assert set(found.splits["train"].labels.tolist()) == set(range(18))


@pytest.mark.real_data
def test_the_real_reviews_have_ten_thousand_rows(real_data: Path) -> None:
    data = TrimmedText(
        lowercase=True, vocabulary=10_000, max_tokens=80, keep="last", repeats="keep"
    )
    found = loaded(real_data / "imdb", data)
    assert {name: len(rows) for name, rows in found.splits.items()} == {
        "train": 22_500,
        "valid": 2_500,
        "test": 25_000,
    }
    assert len(found.vocab) == 10_000
    assert np.bincount(found.splits["valid"].labels).tolist() == [1250, 1250]


@pytest.mark.real_data
@pytest.mark.parametrize("preset", ["", "rnn"])
@pytest.mark.parametrize(
    ("name", "place"), [("spam", "sms-spam/SMSSpamCollection.tsv"), ("names", "names")]
)
def test_a_task_expects_what_it_will_find(
    real_data: Path, name: str, place: str, preset: str
) -> None:
    """`params --task spam` counts without the data, by these sizes (seed 1)."""
    task = resolve(name, preset)
    data = task.config.data
    assert isinstance(data, TrimmedText)
    found = load(discover(real_data / place, data), data, seed=1)
    assert len(found.vocab) == task.expected.vocabulary
    assert len(found.labels) == task.expected.outputs
