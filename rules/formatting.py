"""The format reward: the completion parses, and passes the profile's further checks.

Each check is a rule of its own with its own failure code, on or off by profile.
"""

import re
from collections.abc import Callable, Iterator

from grammar import CompletionParser, ParsedCompletion, ParseFailure, Place, failure_at
from rules.profile import Profile, Repetition
from rules.repetition import is_degenerate

Check = Callable[[ParsedCompletion, str], ParseFailure | None]
"""(completion, prompt) -> the failure it finds."""


class Format:
    """Parses completions under one profile and checks what it parsed."""

    def __init__(self, profile: Profile) -> None:
        self._parser: CompletionParser = profile.parser()
        self._max_characters = profile.max_characters
        self._checks: list[Check] = list(_checks(profile))

    def parse(self, completion: str, prompt: str = "") -> ParsedCompletion | ParseFailure:
        """The structure of `completion`, or the first rule it breaks.

        `prompt` is the user's instruction, where the caller sent it: reasoning must not copy it.
        """
        limit = self._max_characters
        if limit is not None and len(completion) > limit:
            expected = (f"at most {limit} characters",)
            message = f"the completion has {len(completion)} characters, {limit} are allowed"
            return failure_at(completion, limit, "too_long", None, expected, message)
        parsed = self._parser.parse(completion)
        if isinstance(parsed, ParseFailure):
            return parsed
        for check in self._checks:
            failure = check(parsed, prompt)
            if failure is not None:
                return failure
        return parsed


def _checks(profile: Profile) -> Iterator[Check]:
    checks = profile.checks
    if checks.min_reasoning_letters:
        yield _reasoning_length(checks.min_reasoning_letters)
    if checks.copied_instruction:
        yield _copied_instruction(checks.copied_instruction.min_characters, profile.instruction)
    if checks.repetition:
        limits = checks.repetition
        yield lambda parsed, prompt: _repetition(parsed, limits)


def _reasoning_length(minimum: int) -> Check:
    """Reasoning with fewer letters than `minimum` is a placeholder, not reasoning."""

    # A letter and what follows up to the next one, so many times.
    letters = re.compile(rf"(?:[^\W\d_][\W\d_]*+){{{minimum}}}").search

    def check(parsed: ParsedCompletion, prompt: str) -> ParseFailure | None:
        for name, _, _, _, start, end in parsed.sections:
            if letters(parsed.text, start, end) is None:
                return failure_at(
                    parsed.text,
                    start,
                    "short_reasoning",
                    name,
                    (f"reasoning with at least {minimum} letters",),
                    f"the reasoning for the {name} verdict is only a placeholder",
                )
        return None

    return check


def _copied_instruction(minimum: int, instruction: str) -> Check:
    """Reasoning that is a piece of the instruction, word for word, is not reasoning."""
    instruction = _folded(instruction)

    def check(parsed: ParsedCompletion, prompt: str) -> ParseFailure | None:
        source = f"{_folded(prompt)}\n{instruction}" if prompt else instruction
        for name, _, _, _, start, end in parsed.sections:
            if _is_copied(parsed.text, start, end, source, minimum):
                return failure_at(
                    parsed.text,
                    start,
                    "copied_instruction",
                    name,
                    ("reasoning in the policy's own words",),
                    f"the reasoning for the {name} verdict is copied from the instruction",
                )
        return None

    return check


_GLANCE = 12


def _is_copied(text: str, start: int, end: int, source: str, minimum: int) -> bool:
    # The beginning of a copy is a copy too, and tells most reasoning apart cheaply: first a few
    # characters, whose words are seldom the instruction's, then as many as make a copy.
    for length in (_GLANCE, minimum):
        if _folded(text[start : min(end, start + length)]) not in source:
            return False
    folded = _folded(text[start:end])
    return len(folded) >= minimum and folded in source


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _repetition(parsed: ParsedCompletion, limits: Repetition) -> ParseFailure | None:
    """A thinking, or an answer, that repeats itself over and over."""
    answer_start, answer_end = parsed.answer
    parts: tuple[tuple[Place, int, int], ...] = (
        ("think", 0, answer_start),
        ("answer", answer_start, answer_end),
    )
    for place, start, end in parts:
        if is_degenerate(parsed.text[start:end], limits):
            return failure_at(
                parsed.text,
                start,
                "repetition",
                place,
                (f"at most {limits.max_share:.0%} repeated {limits.ngram}-grams",),
                "the text repeats itself over and over",
            )
    return None
