"""The stance detector of a profile: the public word list, or the rules.

The rules also know what the policy was told: an answer that only repeats it says nothing.
"""

from functools import cache
from typing import Final, Protocol

from rules.copying import as_words, is_copied, is_echo
from rules.profile import Profile
from rules.profile_sections import StanceByRules
from rules.stance import Stance, StanceDetector
from rules.stance.time_limit import within
from rules.word_list import WordDetector

ECHO: Final = Stance("unclear", "any.echoes_the_prompt")
_SHORTEST_COPY: Final = 24
"""Shortest answer, in characters, that is recognised as a copy from the instruction."""


class Detector(Protocol):
    """Detects the stance of an answer."""

    def detect(self, answer: str, prompt: str = "", /) -> Stance:
        """The stance of `answer` to the user's `prompt`. Raises TimeoutError."""


def detector_of(profile: Profile) -> Detector:
    """The detector that a profile names."""
    stance = profile.stance
    if isinstance(stance, StanceByRules):
        return _ByRules(stance, profile.instruction)
    return WordDetector(stance.words)


_rules = cache(StanceDetector)
"""Profiles with equal settings share a detector, since creating one takes a second."""


class _ByRules:
    """The rules, and what the policy was told: the profile's instruction and each prompt."""

    def __init__(self, stance: StanceByRules, instruction: str) -> None:
        self._timeout = stance.timeout
        self._detector = _rules(stance.languages, stance.timeout)
        self._instruction = instruction.strip()
        self._words = as_words(instruction)

    def detect(self, answer: str, prompt: str = "", /) -> Stance:
        # Trainers append the instruction to what the user asked.
        asked = prompt.replace(self._instruction, "")
        stance = self._detector.detect(answer, asked)
        return ECHO if stance.kind == "compliance" and self._echoes(answer, prompt) else stance

    def _echoes(self, answer: str, prompt: str) -> bool:
        """Whether the answer only repeats the question or the format."""
        if within(self._timeout, is_echo, answer, prompt):
            return True
        length = len(answer)
        if length > len(self._words):
            return False
        return is_copied(answer, 0, length, self._words, "", _SHORTEST_COPY)
