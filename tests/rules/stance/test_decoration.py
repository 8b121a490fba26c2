"""What decorates words is no word, and does not hide where a sentence begins."""

import random

import pytest

from rules.stance.decoration import from_first_word, split_at_marks


@pytest.mark.parametrize(
    ("folded", "rest"),
    [
        ("⚠️ warning: do not", "do not"),
        ("warning!\n## caution: do not", "do not"),
        ("внимание: нет", "нет"),
        ("warning signs: three", "warning signs: three"),
        ("do not: never", "do not: never"),
        ("⚠", "⚠"),
    ],
)
def test_signs_and_labels_of_a_warning_are_no_words(folded: str, rest: str) -> None:
    assert from_first_word(folded) == rest


@pytest.mark.parametrize(
    ("folded", "parts"),
    [
        ("i can't. | open it", "\nopen it"),
        ("i can't - open it # turn it", "\nopen it \nturn it"),
        ("- open it", ""),
        ("a well-known lid", ""),
    ],
)
def test_marks_before_words_begin_lines(folded: str, parts: str) -> None:
    assert split_at_marks(folded) == parts


def test_the_quick_search_for_marks_in_ascii_text_lets_all_through() -> None:
    """Text in other letters is searched at once, and these letters begin no part of their own."""
    random_ = random.Random(0)
    for _ in range(2000):
        text = "".join(random_.choices("ab 1.\n -|/#>`$*_()[]{}\"<\\+=~^'!,", k=8))
        at_once = split_at_marks(f"{text}\n.é")
        assert split_at_marks(text) == at_once.removesuffix("\n.é"), text
