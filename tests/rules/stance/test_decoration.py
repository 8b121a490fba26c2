"""What decorates words is no word, and does not hide where a sentence begins."""

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
