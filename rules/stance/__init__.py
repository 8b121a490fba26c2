"""Stance of an answer: does it refuse, advise against, help, or say nothing that can be judged?"""

from rules.stance.detector import Stance, StanceDetector, StanceKind, StanceTimeout
from rules.stance.lexicon import LexiconError

__all__ = ["LexiconError", "Stance", "StanceDetector", "StanceKind", "StanceTimeout"]
