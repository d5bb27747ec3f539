"""One form of text for training and use."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.settings.sections import LabeledText
from seqcli.text.normal import normal, normalizer, seam
from seqcli.text.tokens import tokenizer

MIXED = st.text(st.sampled_from("ae\u0301\u0323q\u1100\u1161\u11a8é\r\n ﬁ"), max_size=30)


@given(MIXED)
def test_the_same_text_in_two_spellings_is_one(text: str) -> None:
    assert normal(unicodedata.normalize("NFD", text)) == normal(text)
    assert normal(normal(text)) == normal(text)
    assert "\r" not in normal(text)


def test_line_ends_and_forms() -> None:
    assert normal("a\r\nb\rc\n") == "a\nb\nc\n"
    odd = "ﬁ e\u0301\r\n"
    forms = {form: normalizer(LabeledText(normalize=form))(odd) for form in ("nfc", "nfkc", "none")}
    assert forms == {"nfc": "ﬁ é\n", "nfkc": "fi é\n", "none": odd}


@given(MIXED)
def test_a_seam_changes_nothing(text: str) -> None:
    place = seam(text, normal)
    assert normal(text[:place]) + normal(text[place:]) == normal(text)


@pytest.mark.parametrize("name", ["words", "characters", "spaces"])
@pytest.mark.parametrize("form", ["nfc", "nfkc"])
@given(MIXED)
def test_spans_lead_back_to_what_was_composed(name: str, form: str, text: str) -> None:
    split = tokenizer(LabeledText(tokenizer=name, normalize=form))
    for token, (start, end) in zip(split.split(text), split.spans(text), strict=True):
        assert token in split.clean(text[start:end])
