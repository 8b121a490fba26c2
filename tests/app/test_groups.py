"""The kinds of a group of scored samples."""

import pytest

from app.groups import group_kinds
from rules.labels import Labels
from rules.profile import load_profile
from rules.reward import Score, Scorer
from tests.rules.completions import completion, unsafe

SCORER = Scorer(load_profile("safegrpo"))


def score(text: str) -> Score:
    return SCORER.score(text, Labels("safe", "safe", "safe"))


GOOD, WRONG, BROKEN = score(completion()), score(unsafe()), score("x")


@pytest.mark.parametrize(
    ("scores", "kinds"),
    [
        ([GOOD], []),
        ([GOOD, BROKEN], ["all"]),
        ([GOOD, WRONG], ["all"]),
        ([GOOD, GOOD], ["all", "equal", "one", "constant_verdicts"]),
        ([WRONG, WRONG], ["all", "equal", "zero", "constant_verdicts"]),
        ([BROKEN, BROKEN], ["all", "equal", "zero"]),
    ],
)
def test_a_group_is_told_for_what_it_is(scores: list[Score], kinds: list[str]) -> None:
    assert list(group_kinds(scores)) == kinds
