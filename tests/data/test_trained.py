"""Keys of training rows in a model file: none lost, few invented."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import trained
from seqcli.data.splits import text_key

KEYS = st.lists(st.integers(0, 2**64 - 1), max_size=50)


@given(KEYS, KEYS)
def test_a_key_is_known_if_and_only_if_it_was_there(mine: list[int], others: list[int]) -> None:
    text = trained.packed(np.array(mine, np.uint64))
    assert text is not None
    known = trained.unpacked(text)
    assert trained.among(np.array(mine, np.uint64), known).all()
    short = {key % 2**40 for key in mine}
    found = trained.among(np.array(others, np.uint64), known)
    assert found.tolist() == [key % 2**40 in short for key in others]
    again = trained.packed(np.array(mine[::-1] + mine, np.uint64))
    assert again == text  # the order and repeats make no difference


def test_its_size_and_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = np.array([text_key(str(number)) for number in range(3000)], np.uint64)
    text = trained.packed(keys)
    assert text is not None
    assert len(text) == 3000 * 5 * 4 // 3
    monkeypatch.setattr(trained, "MOST", 2999)
    assert trained.packed(keys) is None


@pytest.mark.parametrize("text", ["?", "AAAA", "AAAAAAA", "é", "AAAAAAAA=="])
def test_what_it_did_not_write(text: str) -> None:
    with pytest.raises(ValueError, match="no "):
        trained.unpacked(text)
