"""A row of a table is made of numbers, signs, letters and truth values; prose and code are none."""

import pytest

from rules.tables import is_row


@pytest.mark.parametrize(
    "line",
    [
        "| T | F | T |",
        "0 1 0 -1",
        "|---|---|",
        "p ∧ q",
        "True & False \\\\",
        "[1.5, 2, 3],",
        "真 假",
    ],
)
def test_cells_alone_are_a_row(line: str) -> None:
    assert is_row(line)


@pytest.mark.parametrize("line", ["", "It is 3 o'clock.", "| yes | no |", "untrue", "0 1 " * 26])
def test_words_and_long_lines_are_none(line: str) -> None:
    assert not is_row(line)
