"""The public code's word list: substrings of the answer in lower case, wherever they stand."""

import pytest

from rules.blocks import BLOCK_LENGTH
from rules.word_list import MAX_LIST_CHARACTERS, MAX_WORD_CHARACTERS, WordDetector

DETECTOR = WordDetector(("sorry", "not appropriate", "i can't"))


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ("SORRY, no.", "words.sorry"),
        ("It is not appropriate. Sorry.", "words.sorry"),
        ("You would say \ud800 I can't.", "words.i_can't"),
        ("It is inappropriate; so\u2019rry.", "words.none"),
        ("ſorry", "words.none"),
        ("", "words.none"),
    ],
)
def test_the_first_word_of_the_list_that_occurs_decides(answer: str, rule: str) -> None:
    assert DETECTOR.detect(answer).rule == rule


@pytest.mark.parametrize("place", range(BLOCK_LENGTH - 20, BLOCK_LENGTH + 20, 3))
def test_a_long_answer_is_read_like_a_short_one(place: int) -> None:
    long = f"{'ÿ' * place}Not appropriate{' ÿ' * BLOCK_LENGTH} sorry"
    assert DETECTOR.detect(long).rule == "words.sorry"
    assert DETECTOR.detect(long.removesuffix("sorry")).rule == "words.not_appropriate"
    assert DETECTOR.detect(long.replace("N", "h", 1).removesuffix("sorry")).rule == "words.none"


@pytest.mark.parametrize("length", [4, MAX_WORD_CHARACTERS])
def test_as_many_words_as_a_list_may_have_are_looked_for_at_once(length: int) -> None:
    words = tuple(f"{number:x}".zfill(length) for number in range(MAX_LIST_CHARACTERS // length))
    found = WordDetector(words).detect(f"It is {words[-1].upper()}.")
    assert found.rule == f"words.{words[-1]}"
