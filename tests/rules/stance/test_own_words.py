"""Which of the words are the answer's own, and where the first of them is."""

import pytest

from rules.stance.own_words import (
    block_quotes,
    from_first_word,
    place_in_whole,
    undecorated,
    without_quotations,
)


@pytest.mark.parametrize(
    ("folded", "own"),
    [
        ('the sign says "do not enter" here', 'the sign says "" here'),
        ("the sign says 'don't enter' here", "the sign says '' here"),
        ("it's the dogs' place, isn't it", "it's the dogs' place, isn't it"),
        ("you said:\n> i can't\nbut i can", "you said:\n\nbut i can"),
        ("> i can't\nbut i can help you", "\nbut i can help you"),
        ("2 > 1 and 1 < 2", "2 > 1 and 1 < 2"),
        ('he: "i can not help you with that"', 'he: "i can not help you with that"'),
    ],
)
def test_what_is_quoted_is_left_out_unless_it_is_nearly_all(folded: str, own: str) -> None:
    assert without_quotations(folded, 1.0) == own


def test_what_is_not_quoted_has_its_place_in_the_whole() -> None:
    """From which it is known what stands behind it."""
    folded = 'he:\n> \'one\n> two\nsays "do not" or \'never\', "no" and goes'
    own, place = without_quotations(folded, 1.0), place_in_whole(folded, 1.0)
    assert own == 'he:\n\n\nsays "" or \'\', "" and goes'
    for word in ("he:", "says", "or", "and", "goes"):
        assert folded[place(own.index(word)) :].startswith(word)
    nearly_all = 'he: "i can not help you with that"'
    assert place_in_whole(nearly_all, 1.0)(12) == 12


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
    assert from_first_word(folded, 1.0) == rest


def test_block_quotes_are_given_without_their_marks() -> None:
    assert block_quotes("so:\n> open it\n >> turn it\nend", 1.0) == "open it\nturn it"


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
    assert undecorated(folded, 1.0) == parts
