"""A text that goes on in another language is told by its function words or its letters."""

from collections import Counter

import pytest

from rules.stance.language import function_words, leaves_language
from rules.stance.text import Text

TIMEOUT = 5.0


@pytest.mark.parametrize(
    ("letter", "enough"),
    [("я", 41), ("λ", 41), ("ح", 41), ("अ", 41), ("火", 11), ("물", 21), ("か", 21)],
)
def test_so_many_letters_of_another_script_are_an_answer_in_it(letter: str, enough: int) -> None:
    for between in ("", " ", "\nx"):
        answer = Text.of(f"i can't help.\n{between.join(letter * enough)}")
        term = Text.of(f"i can't help.\n{between.join(letter * (enough - 1))}")
        assert leaves_language(answer, Counter(), {"en"})
        assert not leaves_language(term, Counter(), {"en"})


def test_letters_of_a_language_that_declines_leave_nothing() -> None:
    assert not leaves_language(Text.of("я не могу помочь " * 20), Counter(), {"en", "ru"})


def test_function_words_are_counted_alike_in_plain_and_other_text() -> None:
    plain = "the cat and the dog, of the house: it's into-the wild"
    counts = function_words(Text.of(plain), TIMEOUT)
    assert counts["en"] == 8
    assert function_words(Text.of(f"{plain} 火"), TIMEOUT) == counts
