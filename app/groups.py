"""Kinds of groups: equal rewards teach nothing, and constant verdicts are a sign of collapse."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from app.schema import Sample
from grammar import SECTION_NAMES
from rules.reward import Score

GroupKind = Literal["all", "equal", "zero", "one", "constant_verdicts"]


def count_kinds(samples: Sequence[Sample], scores: Sequence[Score]) -> Mapping[GroupKind, int]:
    """How many groups of a batch are of each kind; samples that were not scored are left out."""
    groups: dict[str, list[Score]] = {}
    for sample, score in zip(samples, scores, strict=True):
        if sample.group is not None and score.reward is not None:
            groups.setdefault(sample.group, []).append(score)
    return Counter(kind for members in groups.values() for kind in group_kinds(members))


def group_kinds(scores: Sequence[Score]) -> Iterator[GroupKind]:
    """The kinds of one group of scored samples; none if it has fewer than two."""
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
