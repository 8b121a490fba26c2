"""A sentence ends with its stop, or where a long one would."""

import pytest

from rules.stance.sentences import clause_end, sentence_end, sentence_start


@pytest.mark.parametrize(
    ("before", "sentence", "after"),
    [
        ("no. ", "do not do that!", " it is 3.5 volts"),
        ("", "it is 3.5 volts, see a.b.", "\nbye"),
        ("是。", "不要这样做。", "好"),
        ("so\n", "stop", "\n"),
    ],
)
def test_a_sentence_reaches_from_stop_to_stop(before: str, sentence: str, after: str) -> None:
    text = before + sentence + after
    within = len(before) + 1
    assert text[sentence_start(text, within) : sentence_end(text, within)].strip() == sentence


def test_a_clause_ends_before_its_stop_or_the_next_and() -> None:
    assert clause_end("do not, ever", 0) == len("do not")
    assert clause_end("stop it and rest", 0) == len("stop it ")


def test_text_without_a_stop_is_looked_at_so_far_and_no_further() -> None:
    text = "a" * 1000
    assert (sentence_start(text, 500), sentence_end(text, 500), clause_end(text, 500)) == (
        300,
        900,
        580,
    )
