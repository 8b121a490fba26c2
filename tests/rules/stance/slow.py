"""A pattern that takes for ever on any text of a few dozen characters."""

from typing import Final

from rules.stance.timed_pattern import TimedPattern

SLOW: Final = TimedPattern(r"(?s)(?:.|..)+(?=\A)")
