"""The detector that the tests of this folder share: to make one takes a second."""

from typing import Final

from rules.stance import StanceDetector, StanceKind

DETECTOR: Final = StanceDetector()


def kind(answer: str) -> StanceKind:
    """The stance of `answer`, without its rule."""
    return DETECTOR.detect(answer).kind
