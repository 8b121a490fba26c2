"""Groups, the completions of one prompt: equal rewards teach nothing, one triple is collapse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from grammar import SECTION_NAMES
from rules.reward import Score

GroupKind = Literal["all", "equal", "zero", "one", "constant_verdicts"]


class Group(NamedTuple):
    """What the statistics want to know of some samples of a group."""

    members: int
    lowest: float
    highest: float
    triple: str | None
    """The verdicts that all members give, as `safe/safe/unsafe`; None if there are no such."""

    def plus(self, other: Group) -> Group:
        """The two as one."""
        return Group(
            self.members + other.members,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            self.triple if self.triple == other.triple else None,
        )

    def kinds(self) -> Iterator[GroupKind]:
        """What counts it; nothing if it has a single member."""
        if self.members < 2:
            return
        yield "all"
        if self.lowest == self.highest:
            yield "equal"
        if self.lowest == self.highest == 0:
            yield "zero"
        if self.lowest == self.highest == 1:
            yield "one"
        if self.triple is not None:
            yield "constant_verdicts"


def group_of(scores: Sequence[Score]) -> Group | None:
    """Some samples of a group. Those that were not scored are left out; None if that is all."""
    rewards = [score.reward for score in scores if score.reward is not None]
    if not rewards:
        return None
    triples = {_triple(score) for score in scores if score.reward is not None}
    same = triples.pop() if len(triples) == 1 else None
    return Group(len(rewards), min(rewards), max(rewards), same)


def _triple(score: Score) -> str | None:
    found = score.verdicts
    return None if found is None else "/".join(str(found[name]) for name in SECTION_NAMES)
