"""Folding makes equal what looks equal, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.stance.folding import fold, fold_pattern


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet="аеoΙ'’ \n\t\u200b\u0301Aß.ﬁیك無請乾隆著髮裡a", max_size=40))
def test_folding_is_idempotent_on_look_alikes(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet="aAe.! \n\t'\"’“”—–…\xa0″`«´", max_size=40))
def test_what_stands_beside_it_changes_nothing_in_typesetting(text: str) -> None:
    assert fold(f"a’{text}a") == fold(f"ж a’{text}a").removeprefix("ж ")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("I can’t", "i can't"),
        ("can\u200bnot", "cannot"),
        ("c\x00an\x7fnot", "cannot"),
        ("не\x7fт", "нет"),
        ("c\u180ban\U0001d173not", "cannot"),
        ("I\u3164can\u2800not\uffa0help", "i can not help"),
        ("“No” – never…", '"no" - never...'),
        ("ｎｏ", "no"),
        ("①❷➂➍⓹", "12345"),
        ("a \t b\r\nc", "a b\nc"),
        ("I саn't help with that", "i can't help with that"),
        ("I can`t", "i can't"),
        ("“Нет”, can`t `ls`", '"нет", can\'t `ls`'),
        ("\ud800no", "no"),
        ("أنا لا أستطيعُ", "انا لا استطيع"),
        ("很抱歉，我無法協助", "很抱歉,我无法协助"),
    ],
)
def test_what_looks_the_same_is_the_same(written: str, read: str) -> None:
    assert fold(written) == read


def test_letters_of_another_script_stay_in_its_own_words() -> None:
    assert fold("Я не могу помочь") == "я не могу помочь"
    assert fold("Δεν μπορώ") == "δεν μπορώ"


def test_accents_of_latin_letters_stay() -> None:
    assert fold("désolé, ñ, ü") == "désolé, ñ, ü"


def test_a_pattern_is_folded_like_an_answer_and_keeps_its_syntax() -> None:
    assert fold_pattern(r"can’t\b[^.]{0,4}") == r"can't\b[^.]{0,4}"
    assert fold_pattern("吗？") == r"吗\?"


@pytest.mark.parametrize(
    ("bare", "folded"),
    [
        ("I cant and I wont.", "i can't and i won't."),
        ("Please dont, it isnt safe.", "please don't, it isn't safe."),
        (
            "Le film dont je parle; significant, parents",
            "le film dont je parle; significant, parents",
        ),
    ],
)
def test_a_negation_without_its_apostrophe_gets_one(bare: str, folded: str) -> None:
    assert fold(bare) == folded
