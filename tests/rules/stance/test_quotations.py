"""Quoted words are not the answer's own, and its own keep their place in the whole."""

import pytest

from rules.stance.quotations import block_quotes, place_in_whole, without_quotations


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
    assert without_quotations(folded) == own


def test_what_is_not_quoted_has_its_place_in_the_whole() -> None:
    """From which it is known what stands behind it."""
    folded = 'he:\n> \'one\n> two\nsays "do not" or \'never\', "no" and goes'
    own, place = without_quotations(folded), place_in_whole(folded)
    assert own == 'he:\n\n\nsays "" or \'\', "" and goes'
    for word in ("he:", "says", "or", "and", "goes"):
        assert folded[place(own.index(word)) :].startswith(word)
    nearly_all = 'he: "i can not help you with that"'
    assert place_in_whole(nearly_all)(12) == 12


def test_block_quotes_are_given_without_their_marks() -> None:
    assert block_quotes("so:\n> open it\n >> turn it\nend") == "open it\nturn it"
