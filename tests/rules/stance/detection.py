"""The detector that the tests of this folder share: to make one takes a second."""

from typing import Final

import pytest

from rules.stance import Stance, StanceDetector, StanceKind
from rules.stance.matching import Matcher, Pattern
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
