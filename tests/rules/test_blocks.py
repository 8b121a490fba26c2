"""Long text is read a block at a time, as if it were read at once."""

import unicodedata

import pytest

from rules.blocks import LENGTH, blocks
from rules.stance.folding import fold


@pytest.mark.parametrize(
    "text", ["", "a", "a" * LENGTH, "a" * 3 * LENGTH, "word " * LENGTH, "e\u0301" * LENGTH]
)
def test_blocks_are_the_text_and_none_is_too_long(text: str) -> None:
    assert "".join(blocks(text)) == text
    assert all(len(block) <= LENGTH for block in blocks(text))


def test_a_block_ends_behind_a_space_where_there_is_one() -> None:
    assert [block[-1] for block in blocks("words " * LENGTH)][:-1] == [" "] * 6


@pytest.mark.parametrize("letter", ["é", "각", "ẩ"])
@pytest.mark.parametrize("offset", range(3))
def test_no_letter_is_cut_from_its_parts(letter: str, offset: int) -> None:
    parts = unicodedata.normalize("NFD", letter)
    assert fold("x" * offset + parts * LENGTH) == "x" * offset + letter * LENGTH


def test_endless_marks_are_cut_all_the_same() -> None:
    assert [len(block) for block in blocks("e" + "\u0301" * 2 * LENGTH)] == [LENGTH, LENGTH, 1]
