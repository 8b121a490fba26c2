"""The format reward: the completion parses, and passes the profile's further checks.

Each check is a rule of its own with its own failure code, on or off by profile.
"""

from collections.abc import Callable, Iterator

from grammar import (
    ALL_PARTS_STAND,
    SECTION_NAMES,
    ParsedCompletion,
    ParseFailure,
    Place,
    content_end,
    failure_at,
)
from rules.copying import as_words, is_copied
from rules.profile import Profile
from rules.profile_sections import Repetition
from rules.reasoning import has_words, have_words_together
from rules.repetition import is_degenerate

Check = Callable[[ParsedCompletion, str], ParseFailure | None]
"""(completion, prompt) -> the failure it finds."""


class Format:
    """Parses completions under one profile and runs its checks."""

    def __init__(self, profile: Profile) -> None:
        self._parser = profile.parser()
        self._max_characters = profile.max_characters
        self._trailing = profile.trailing_tokens
        self._checks: list[Check] = list(_checks(profile))

    def parse(self, completion: str, prompt: str = "") -> ParsedCompletion | ParseFailure:
        """The structure of `completion`, or the first rule it breaks.

        `prompt` is the user's instruction if the caller sent it; reasoning must not copy it.
        """
        limit = self._max_characters
        length = len(completion)
        if limit is not None and length > limit:
            length = content_end(completion, self._trailing)
        if limit is not None and length > limit:
            expected = (f"at most {limit} characters",)
            message = f"the completion has {length} characters, {limit} are allowed"
            return failure_at(completion, limit, "too_long", None, expected, message)
        parsed = self._parser.parse(completion)
        if isinstance(parsed, ParseFailure):
            return parsed
        for check in self._checks:
            failure = check(parsed, prompt)
            if failure is not None:
                return failure._replace(standing=ALL_PARTS_STAND)
        return parsed


def _checks(profile: Profile) -> Iterator[Check]:
    checks = profile.checks
    if checks.min_reasoning_words:
        yield _reasoning_words(checks.min_reasoning_words)
    if checks.min_words_together:
        yield _words_together(checks.min_words_together)
    if checks.copied_instruction:
        yield _copied_instruction(checks.copied_instruction.min_characters, profile.instruction)
    if checks.repetition:
        limits = checks.repetition
        yield lambda parsed, prompt: _repetition(parsed, limits) or _same_reasoning(parsed)


def _reasoning_words(minimum: int) -> Check:
    """Each reasoning needs `minimum` different words, or it is a placeholder."""

    def check(parsed: ParsedCompletion, prompt: str) -> ParseFailure | None:
        for name, (start, end) in zip(SECTION_NAMES, parsed.reasonings, strict=True):
            if not has_words(parsed.text, start, end, minimum):
                return failure_at(
                    parsed.text,
                    start,
                    "short_reasoning",
                    name,
                    (f"reasoning of {minimum} or more words",),
                    f"the reasoning for the {name} verdict is only a placeholder",
                )
        return None

    return check


def _words_together(minimum: int) -> Check:
    """All three reasonings together need `minimum` different words, or they are placeholders."""

    def check(parsed: ParsedCompletion, prompt: str) -> ParseFailure | None:
        if have_words_together(parsed.text, parsed.reasonings, minimum):
            return None
        return failure_at(
            parsed.text,
            parsed.reasonings[0][0],
            "short_reasoning",
            "think",
            (f"reasonings of {minimum} or more different words together",),
            "the reasonings for the three verdicts are only placeholders",
        )

    return check


def _copied_instruction(minimum: int, instruction: str) -> Check:
    """Reasoning must not be copied from the instruction, up to one word."""
    instruction = as_words(instruction)

    def check(parsed: ParsedCompletion, prompt: str) -> ParseFailure | None:
        for name, (start, end) in zip(SECTION_NAMES, parsed.reasonings, strict=True):
            if is_copied(parsed.text, start, end, instruction, prompt, minimum):
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


_MAX_DIFFERENCE = 16
"""Most characters by which equal reasonings differ in length (numbers, punctuation)."""


def _same_reasoning(parsed: ParsedCompletion) -> ParseFailure | None:
    """The same reasoning for all three judgements, word for word, is no reasoning."""
    (start, end), (at, second_end), _ = parsed.reasonings
    if abs((end - start) - (second_end - at)) > _MAX_DIFFERENCE:
        return None
    visual, *others = (parsed.text[start:end] for start, end in parsed.reasonings)
    words = as_words(visual, numbers=False)
    if any(as_words(other, numbers=False) != words for other in others):
        return None
    message = "the same reasoning stands before all three verdicts"
    return failure_at(parsed.text, at, "repetition", "text", ("reasoning of its own",), message)


def _repetition(parsed: ParsedCompletion, limits: Repetition) -> ParseFailure | None:
    """The thinking or the answer must not be degenerate repetition."""
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
