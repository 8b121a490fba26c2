from pathlib import Path

import pytest

from app.audit import Runs, group_kinds
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


def test_workers_keep_the_same_runs(tmp_path: Path) -> None:
    one, other = (Runs(2, tmp_path / "runs") for _ in range(2))
    assert [one.label("a"), other.label("b\n"), one.label("c")] == ["a", "b\n", "other"]
    assert [[runs.label(name) for name in ("a", "b\n", "c", "d")] for runs in (one, other)] == [
        ["a", "b\n", "other", "other"]
    ] * 2
    assert [Runs(2, tmp_path / "runs").label(name) for name in ("d", "a")] == ["other", "a"]


def test_runs_beyond_the_bound_are_other() -> None:
    runs = Runs(2)
    assert [runs.label(name) for name in ("a", "b", "c", "a", None, "")] == [
        "a",
        "b",
        "other",
        "a",
        "none",
        "none",
    ]
