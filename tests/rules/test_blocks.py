"""Long text is read a block at a time, as if it were read at once."""

import unicodedata

import pytest

from rules.blocks import BLOCK_LENGTH, blocks
from rules.stance.folding import fold


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a" * BLOCK_LENGTH,
        "a" * 3 * BLOCK_LENGTH,
        "word " * BLOCK_LENGTH,
        "e\u0301" * BLOCK_LENGTH,
    ],
)
def test_blocks_are_the_text_and_none_is_too_long(text: str) -> None:
    assert "".join(blocks(text)) == text
    assert all(len(block) <= BLOCK_LENGTH for block in blocks(text))


def test_a_block_ends_behind_a_space_where_there_is_one() -> None:
    assert [block[-1] for block in blocks("words " * BLOCK_LENGTH)][:-1] == [" "] * 6


@pytest.mark.parametrize("letter", ["é", "각", "ẩ"])
@pytest.mark.parametrize("offset", range(3))
def test_no_letter_is_cut_from_its_parts(letter: str, offset: int) -> None:
    parts = unicodedata.normalize("NFD", letter)
    assert fold("x" * offset + parts * BLOCK_LENGTH) == "x" * offset + letter * BLOCK_LENGTH


def test_endless_marks_are_cut_all_the_same() -> None:
    lengths = [len(block) for block in blocks("e" + "\u0301" * 2 * BLOCK_LENGTH)]
    assert lengths == [BLOCK_LENGTH, BLOCK_LENGTH, 1]
