"""What tells of a run in trouble: groups that teach nothing, verdicts that never change."""

from collections.abc import Iterator, Sequence
from typing import Literal

from grammar import SECTION_NAMES
from rules.reward import Score

GroupKind = Literal["all", "equal", "zero", "one", "constant_verdicts"]


def group_kinds(scores: Sequence[Score]) -> Iterator[GroupKind]:
    """What is true of a group of scored samples; nothing of one that has less than two."""
    if len(scores) < 2:
        return
    yield "all"
    rewards = {score.reward for score in scores}
    if len(rewards) == 1:
        yield "equal"
    if rewards == {0.0}:
        yield "zero"
    if rewards == {1.0}:
        yield "one"
    triples = {_verdicts(score) for score in scores}
    if len(triples) == 1 and None not in triples:
        yield "constant_verdicts"


def _verdicts(score: Score) -> tuple[str | None, ...] | None:
    found = score.verdicts
    return None if found is None else tuple(found[name] for name in SECTION_NAMES)


def triple(verdicts: Sequence[str | None]) -> str:
    """`safe/safe/unsafe`; `none` where the completion has no verdicts."""
    given = [verdict or "none" for verdict in verdicts]
    return "none" if set(given) == {"none"} else "/".join(given)
