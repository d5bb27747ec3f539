from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import ConfigError
from seqcli.settings.sections import LabeledText
from seqcli.text import tokens
from seqcli.text.normal import normalizer
from seqcli.text.tokens import tokenizer


def split(text: str, **options: object) -> list[str]:
    return tokenizer(LabeledText(**options)).split(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't, really!", ["I", "don't", ",", "really", "!"]),
        ("he said 'hello'", ["he", "said", "'", "hello", "'"]),
        ("It’s £1.50 :-)", ["It’s", "£", "1", ".", "50", ":", "-", ")"]),
        ("call 09061701461 now!!", ["call", "09061701461", "now", "!", "!"]),
        ("snake_case\u0085next", ["snake", "_", "case", "next"]),
        ("ok 👍🏽 family 👨‍👩‍👧 go", ["ok", "👍🏽", "family", "👨‍👩‍👧", "go"]),
        ("🇩🇪🇫🇷 ❤️ 1️⃣", ["🇩🇪", "🇫🇷", "❤️", "1️⃣"]),
        ("cafe\u0301 bar", ["café", "bar"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("نمی‌خواهم", ["نمی‌خواهم"]),
        (" \t\n", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=127)))
def test_the_fast_pattern_for_ascii_says_what_the_general_one_says(text: str) -> None:
    assert tokens.ASCII_WORDS.findall(text) == tokens._unicode_words().findall(text)


@settings(deadline=None)
@given(st.text())
def test_words_lose_nothing_but_white_space(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)  # the Kelvin sign is a K
    assert "".join(split(text)) == "".join(composed.split())


def test_letters_are_runs_of_a_to_z_alone() -> None:
    assert split("Free entry, txt 2 4U naïve", tokenizer="letters", lowercase=True) == [
        "free",
        "entry",
        "txt",
        "u",
        "na",
        "ve",
    ]


@settings(deadline=None)
@given(st.text())
def test_characters_and_spaces_have_inverses(text: str) -> None:
    for normalize in ("nfc", "none"):
        data = LabeledText(tokenizer="characters", normalize=normalize)
        characters = tokenizer(data)
        assert characters.join(characters.split(text)) == normalizer(data)(text)
    data = LabeledText(tokenizer="spaces")
    spaces = tokenizer(data)
    assert spaces.join(spaces.split(text)) == " ".join(normalizer(data)(text).split())


def test_words_join_with_spaces() -> None:
    words = tokenizer(LabeledText())
    assert words.join(words.split("well, yes")) == "well , yes"


def test_cleaning_follows_the_reference_for_surnames() -> None:
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;'"
    options = {"tokenizer": "characters", "strip_accents": True, "alphabet": alphabet}
    assert "".join(split("Ślusàrski-1 O'Néàl", **options)) == "Slusarski O'Neal"


def test_an_alphabet_of_pattern_characters_is_taken_literally() -> None:
    assert split("a]b^c-d\\e", tokenizer="characters", alphabet="]^-\\") == ["]", "^", "-", "\\"]


@settings(deadline=None)
@given(st.text())
def test_no_mark_is_left_and_nothing_else_goes(text: str) -> None:
    bare = tokens.strip_accents(text)
    assert not any(unicodedata.category(char) == "Mn" for char in bare)
    whole = unicodedata.normalize("NFD", text)
    assert len(whole) - len(bare) == sum(unicodedata.category(char) == "Mn" for char in whole)


OPTIONS = st.fixed_dictionaries(
    {
        "tokenizer": st.sampled_from(sorted(tokens.SPLITTERS)),
        "lowercase": st.booleans(),
        "strip_accents": st.booleans(),
        "fold_digits": st.booleans(),
        "alphabet": st.sampled_from(["", "abc e'"]),
    }
)
ODD = st.text(st.characters() | st.sampled_from(" aBc1é'İΣß한👍🏽\u0301\u0085"), max_size=20)


@settings(deadline=None)
@given(ODD, OPTIONS)
def test_spans_lead_back_into_the_text(text: str, options: dict[str, object]) -> None:
    """As many as tokens, in order, and what stands there becomes the token when it is cleaned."""
    splitter = tokenizer(LabeledText(**options))  # type: ignore[arg-type]
    found, spans = splitter.split(text), splitter.spans(text)
    assert len(spans) == len(found)
    for token, (start, end) in zip(found, spans, strict=True):
        assert 0 <= start < end <= len(text)
        cleaned = splitter.clean(text[start:end]).replace("σ", "ς")
        if not options["strip_accents"]:  # which may put marks in another order
            assert token.replace("σ", "ς") in cleaned
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


def test_spans_of_a_text_that_cleaning_makes_shorter_and_longer() -> None:
    splitter = tokenizer(LabeledText(lowercase=True, strip_accents=True))
    text = "İe\u0301! ÀB  한"
    assert splitter.split(text) == ["ie", "!", "ab", *splitter.split("한")]
    assert [text[a:b] for a, b in splitter.spans(text)] == ["İe\u0301", "!", "ÀB", "한"]
    letters = tokenizer(LabeledText(tokenizer="characters", strip_accents=True, alphabet="ONeil'"))
    text = "O'Né-il"
    assert [text[a:b] for a, b in letters.spans(text)] == ["O", "'", "N", "é", "i", "l"]


def test_lower_case_comes_before_accents() -> None:
    assert split("İSTANBUL", lowercase=True, strip_accents=True) == ["istanbul"]


def test_every_choice_of_the_settings_has_a_splitter() -> None:
    choices = LabeledText.__dataclass_fields__["tokenizer"].metadata["choices"]
    assert set(choices) == {tokens.SUBWORDS, *tokens.SPLITTERS}


def test_an_unknown_tokenizer_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown tokenizer 'word'") as caught:
        tokenizer(LabeledText(tokenizer="word"))
    assert caught.value.hint == "did you mean 'words'?"
