"""The detector that the tests of this folder share: to make one takes a second."""

from collections.abc import Iterator
from typing import Final

import pytest

from rules.stance import Stance, StanceDetector, StanceKind, matching, rule_set
from rules.stance.matching import Hit, Matcher, Pattern, matches
from rules.stance.text import Text

DETECTOR: Final = StanceDetector()


def kind(answer: str) -> StanceKind:
    """The stance of `answer`, without its rule."""
    return DETECTOR.detect(answer).kind


def detect_without(rule: str, answer: str) -> Stance:
    """The stance of `answer` to a detector that lacks the rule (`en.unwilling`)."""
    all_candidates = Matcher.candidates

    def others(matcher: Matcher, text: Text) -> list[Pattern]:
        return [pattern for pattern in all_candidates(matcher, text) if pattern.rule != rule]

    with pytest.MonkeyPatch.context() as lacking:
        lacking.setattr(Matcher, "candidates", others)
        return DETECTOR.detect(answer)


def rules_that_hit(answer: str) -> set[str]:
    """The rules that match, with no exception, in what the detector reads of `answer`."""
    found: set[str] = set()

    def noted(text: Text, pattern: Pattern, everywhere: bool = False) -> Iterator[Hit]:
        for hit in matches(text, pattern, everywhere):
            found.add(hit.rule)
            yield hit

    with pytest.MonkeyPatch.context() as watched:
        for module in (matching, rule_set):
            watched.setattr(module, "matches", noted)
        DETECTOR.detect(answer)
    return found
