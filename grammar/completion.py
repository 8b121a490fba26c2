"""The result of a parse: sections, verdicts and answer of a completion, or a failure and its place.

Offsets count characters (Python `str` indices) from the start of the original completion.
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
    # Of optional checks of a profile, beyond the grammar.
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
"""A Span as a plain tuple, where many are created and few are read."""


class Section(NamedTuple):
    """One judgement: its verdict, its span including the tags, and its reasoning."""

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
        """The judgements as objects."""
        parts = zip(SECTION_NAMES, self.verdicts, self.tagged, self.reasonings, strict=True)
        return tuple(Section(n, verdict, Span(*at), Span(*why)) for n, verdict, at, why in parts)

    @property
    def answer_text(self) -> str:
        return self.answer.of(self.text)


new_span = partial(tuple.__new__, Span)
"""A Span from a tuple of its fields, in half the time of the constructor."""
new_completion = partial(tuple.__new__, ParsedCompletion)
"""The same for ParsedCompletion."""


class LenientReading(NamedTuple):
    """What the official code's rewards read in a completion that fails its format."""

    verdicts: Verdicts
    answer: Span | None


ALL_PARTS_STAND = 5 / 6
"""`ParseFailure.standing` of a completion that has every part of the strict structure.

The five parts are the three judgements, the end of the thinking and the answer; the last sixth is
for the absence of other errors.
"""


class ParseFailure(NamedTuple):
    """Why a completion does not have the structure, and where.

    `offset` is 0-based, `line` and `column` are 1-based. `standing` is the share of the structure
    that is present nevertheless, in [0, 1).
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
    """A failure at `offset` of `text`, with its line and column."""
    line = _line_at(text, offset)
    column = offset - text.rfind("\n", 0, offset)
    return _new_failure((code, section, offset, line, column, expected, message, standing, lenient))


_new_failure = partial(tuple.__new__, ParseFailure)
_FEW_LINES = 32


def _line_at(text: str, offset: int) -> int:
    """The line of an offset, from 1; `find` beats `count` for the few lines of most completions."""
    at = -1
    for line in range(1, _FEW_LINES):
        at = text.find("\n", at + 1, offset)
        if at < 0:
            return line
    return _FEW_LINES + text.count("\n", at + 1, offset)
