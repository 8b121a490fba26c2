"""What the scores of a group amount to."""

import pytest

from app.groups import group_of
from rules.labels import Labels
from rules.profile import load_profile
from rules.reward import Score, Scorer
from tests.rules.completions import completion, unsafe

SCORER = Scorer(load_profile("safegrpo"))


def score(text: str) -> Score:
    return SCORER.score(text, Labels("safe", "safe", "safe"))


GOOD, WRONG, BROKEN = score(completion()), score(unsafe()), score("x")
UNSCORED = GOOD._replace(reward=None, status="service_error", verdicts=None)


@pytest.mark.parametrize(
    ("scores", "kinds"),
    [
        ([GOOD], []),
        ([GOOD, UNSCORED], []),
        ([GOOD, BROKEN], ["all"]),
        ([GOOD, WRONG], ["all"]),
        ([GOOD, GOOD], ["all", "equal", "one", "constant_verdicts"]),
        ([GOOD, UNSCORED, GOOD], ["all", "equal", "one", "constant_verdicts"]),
        ([WRONG, WRONG], ["all", "equal", "zero", "constant_verdicts"]),
        ([BROKEN, BROKEN], ["all", "equal", "zero"]),
        ([BROKEN, WRONG], ["all", "equal", "zero"]),
    ],
)
def test_a_group_is_told_for_what_it_is(scores: list[Score], kinds: list[str]) -> None:
    group = group_of(scores)
    assert group is not None
    assert list(group.kinds()) == kinds


def test_nothing_is_known_of_a_group_that_was_not_scored() -> None:
    assert group_of([UNSCORED]) is None
