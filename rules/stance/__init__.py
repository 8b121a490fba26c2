"""The stance of an answer: does it refuse, advise against, help, or say nothing to judge?"""

from rules.stance.detector import SAYS_NOTHING, StanceDetector
from rules.stance.stance import DECLINING, Stance, StanceKind, StanceTimeout

__all__ = [
    "DECLINING",
    "SAYS_NOTHING",
    "Stance",
    "StanceDetector",
    "StanceKind",
    "StanceTimeout",
]
