"""What a parse is: the sections, verdicts and answer of a completion, or a failure with its place.

Offsets count characters (Python `str` indices) from the start of the completion as it was given.
"""

from functools import partial
from typing import Literal, NamedTuple

Verdict = Literal["safe", "unsafe"]
Verdicts = tuple[Verdict | None, Verdict | None, Verdict | None]
"""The three verdicts, in the order of `SECTION_NAMES`."""
SectionName = Literal["visual", "text", "combined"]
Place = Literal["think", "visual", "text", "combined", "answer"]

SECTION_NAMES: tuple[SectionName, ...] = ("visual", "text", "combined")
VERDICTS: dict[str, Verdict] = {"safe": "safe", "unsafe": "unsafe"}
"""Verdicts by their text in lower case."""

FailureCode = Literal[
    "missing_section",
    "duplicate_section",
    "wrong_order",
    "unclosed_tag",
    "unexpected_tag",
    "empty_reasoning",
    "invalid_verdict",
    "missing_answer",
    "empty_answer",
    "trailing_text",
    "too_long",
    "timeout",
    # Checks that a profile may switch on beyond the grammar.
    "short_reasoning",
    "copied_instruction",
    "repetition",
]


class Span(NamedTuple):
    """A half-open range of characters, `text[start:end]`."""

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


Bounds = tuple[int, int]
"""A Span's (start, end), where many are made and few are looked at."""


class Section(NamedTuple):
    """One judgement: its verdict, where it stands with its tags, and the reasoning for it."""

    name: SectionName
    verdict: Verdict | None
    span: Span
    reasoning: Span


class ParsedCompletion(NamedTuple):
    """A completion that has the structure.

    `verdicts`, `tagged` (the span of each judgement, tags included) and `reasonings` are in the
    order of `SECTION_NAMES`. A verdict is None only under the official structure, which matches a
    few Unicode letters as their ASCII look-alikes and then finds the text neither safe nor unsafe.
    """

    text: str
    verdicts: Verdicts
    tagged: tuple[Bounds, Bounds, Bounds]
    reasonings: tuple[Bounds, Bounds, Bounds]
    answer: Span

    @property
    def sections(self) -> tuple[Section, ...]:
        """The judgements, for those who look at them one by one."""
        parts = zip(SECTION_NAMES, self.verdicts, self.tagged, self.reasonings, strict=True)
        return tuple(Section(n, verdict, Span(*at), Span(*why)) for n, verdict, at, why in parts)

    @property
    def answer_text(self) -> str:
        return self.answer.of(self.text)


new_span = partial(tuple.__new__, Span)
"""Makes a Span of its fields in a tuple, in half the time of the constructor, a Python call."""
new_completion = partial(tuple.__new__, ParsedCompletion)
"""The same for ParsedCompletion."""


class LenientReading(NamedTuple):
    """What the official structure reads of a completion that fails it."""

    verdicts: Verdicts
    answer: Span | None


ALL_PARTS_STAND = 5 / 6
"""`ParseFailure.standing` of a completion that lacks no part of the strict structure.

The parts are the three judgements, the end of the thinking and the answer; the sixth sixth is that
nothing else is amiss.
"""


class ParseFailure(NamedTuple):
    """Why a completion does not have the structure, and where.

    `offset` is 0-based, `line` and `column` are 1-based. `standing` is the share, 0 to below 1, of
    the structure that is in place all the same.
    """

    code: FailureCode
    section: Place | None
    offset: int
    line: int
    column: int
    expected: tuple[str, ...]
    message: str
    standing: float = 0.0
    lenient: LenientReading | None = None


def failure_at(
    text: str,
    offset: int,
    code: FailureCode,
    section: Place | None,
    expected: tuple[str, ...],
    message: str,
    *,
    standing: float = 0.0,
    lenient: LenientReading | None = None,
) -> ParseFailure:
    """A failure at `offset` of `text`, with its line and column worked out."""
    line = _line_at(text, offset)
    column = offset - text.rfind("\n", 0, offset)
    return _new_failure((code, section, offset, line, column, expected, message, standing, lenient))


_new_failure = partial(tuple.__new__, ParseFailure)
_FEW_LINES = 32


def _line_at(text: str, offset: int) -> int:
    """The line, from 1, of an offset. The few lines of a completion are found by hopping along."""
    at = -1
    for line in range(1, _FEW_LINES):
        at = text.find("\n", at + 1, offset)
        if at < 0:
            return line
    return _FEW_LINES + text.count("\n", at + 1, offset)
